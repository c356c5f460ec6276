//! `nfdecode convert -f report`: what the page says of the captures, and how its commands read them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nfdecode::value::Zone;
use nfdecode_web::report::Survey;

use crate::args::{ConvertArgs, Format};
use crate::run::env;
use crate::run::stop::Stop;
use crate::sink::page::Shown;

/// Whether the output is a page. Fails for options that pages do not have.
pub(crate) fn is_wanted(args: &ConvertArgs) -> Result<bool, Stop> {
    let output = &args.output;
    if output.format != Some(Format::Report) {
        return Ok(false);
    }
    let without_meaning = [
        ("--fields", output.fields.is_some()),
        ("--delimiter", output.delimiter.is_some()),
        ("--header", output.header),
        ("--no-header", output.no_header),
        ("--count", args.select.count),
    ];
    match without_meaning.iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(Stop::Usage(format!(
            "{option} cannot be used with -f report"
        ))),
        None => Ok(true),
    }
}

/// Counts the flows of these captures.
pub(crate) fn survey(
    args: &ConvertArgs,
    captures: &[PathBuf],
    operand: Option<&str>,
    zone: Zone,
) -> Result<Survey, Stop> {
    let shown = Shown {
        paths: captures,
        select: &args.select,
        operand,
        tz: args.output.tz.as_deref(),
        utc: args.output.utc,
        limit: args.limit,
        memory: args.output.memory,
    };
    let options = shown.options(zone, Vec::new())?;
    let options = match &args.keep {
        Some(kept) => options.captures(kept.to_string_lossy(), None),
        None => {
            let directory = beside(captures);
            let words = keeping(args, captures, &directory);
            options.captures(directory, Some(&words))
        }
    };
    Survey::new(&options, env::threads(args.output.jobs)).map_err(Stop::failed)
}

/// A directory for the nfcapd files of captures, named after the first.
fn beside(captures: &[PathBuf]) -> String {
    let name = captures.first().and_then(|path| path.file_name());
    let name = name.unwrap_or_default().to_string_lossy();
    match name.split('.').next() {
        Some(stem) if !stem.is_empty() && stem != "-" => format!("{stem}-nfcapd"),
        _ => "capture-nfcapd".to_owned(),
    }
}

/// The arguments of a command that keeps the nfcapd files of these captures.
fn keeping(args: &ConvertArgs, captures: &[PathBuf], directory: &str) -> Vec<String> {
    let mut words = vec!["convert".to_owned()];
    words.extend(
        captures
            .iter()
            .map(|path| path.to_string_lossy().into_owned()),
    );
    words.extend(["--count", "--keep", directory].map(str::to_owned));
    let seconds = |time: Duration| format!("{}s", time.as_secs());
    let options = [
        (
            "--slot",
            Some(seconds(args.slot)).filter(|slot| slot != "300s"),
        ),
        ("--active-timeout", args.active_timeout.map(seconds)),
        ("--inactive-timeout", args.inactive_timeout.map(seconds)),
        ("--bpf", args.bpf.clone()),
        (
            "--nfpcapd",
            args.nfpcapd
                .as_deref()
                .map(Path::to_string_lossy)
                .map(Into::into),
        ),
    ];
    for (name, value) in options {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    }
    if args.payload {
        words.push("--payload".to_owned());
    }
    words
}
