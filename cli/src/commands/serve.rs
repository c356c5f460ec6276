//! `nfdecode serve`: a local web application over an archive.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use nfdecode::Scan;
use nfdecode::scan::ScanInput;
use nfdecode_web::serve::{Server, Settings, random};

use crate::args::serve::ServeArgs;
use crate::input::paths::{self, Input, Unfinished};
use crate::run::account;
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::{Report, Wordiness, plural};
use crate::run::stop::Stop;

/// The variable with the token if `--token` has no file.
const VARIABLE: &str = "NFDECODE_TOKEN";
/// A token has at least this many characters.
const TOKEN_MIN: usize = 12;

pub(crate) fn run(args: &ServeArgs, report: &Report) -> Result<(), Stop> {
    let options = args.key.options(args.salvage)?;
    if !args.listen.ip().is_loopback() && args.token.is_none() {
        return Err(Stop::Usage(format!(
            "--listen {}: other machines reach this address: add --token",
            args.listen
        )));
    }
    let is_pipe = |path: &PathBuf| path.as_os_str() == "-";
    if args.follow.is_some() && args.paths.iter().any(is_pipe) {
        return Err(Stop::Usage(
            "--follow is for directories: standard input ends".to_owned(),
        ));
    }
    let token = args.token.as_ref().map(|file| token(file.as_deref()));
    let token = token.transpose()?;
    let zone = env::zone_of(args.tz.as_deref(), args.utc)?;
    let memory = env::memory(args.memory);
    let settings = Settings::new(args.paths.iter().map(|path| path.to_string_lossy()))
        .listen(args.listen)
        .token(token.clone())
        .hosts(args.host.clone())
        .arguments(arguments(args))
        .zone(zone, zone_name(args))
        .cache(cache(args))
        .follow(args.follow)
        .limits(args.timeout, args.queries.into())
        .memory(memory, env::temporary());
    let scan = Scan::default()
        .open_with(options.clone())
        .read_all(args.salvage)
        .threads(env::threads(args.jobs));
    let scan = match args.memory {
        Some(bytes) => scan.memory(bytes),
        None => scan,
    };
    report.salvaging(args.salvage);
    let inputs = list(args, report)?;
    // The page shows what is wrong with files, but a page about one file that cannot be opened shows nothing else.
    if let ([path], [_]) = (args.paths.as_slice(), inputs.as_slice())
        && args.follow.is_none()
        && path.is_file()
        && let Err(error) = options.open(path)
    {
        account::report_refused(report, &error);
        report.nothing_read();
        return Ok(());
    }
    let first = Mutex::new(Some(inputs.iter().map(Input::scan_input).collect()));
    // What is said about files is said once.
    let quiet = Report::new(Wordiness::Quiet, false);
    let lister = || match first.lock().ok().and_then(|mut first| first.take()) {
        Some(inputs) => Ok(inputs),
        None => match list(args, &quiet) {
            Ok(inputs) => Ok(inputs
                .iter()
                .map(Input::scan_input)
                .collect::<Vec<ScanInput>>()),
            Err(Stop::Failed(message) | Stop::Usage(message)) => Err(message),
            Err(_) => Err("the files cannot be listed".to_owned()),
        },
    };
    let server = Server::bind(settings, scan, Box::new(lister));
    let server = server.map_err(|error| failed(args, &error))?;
    let address = server.address().map_err(Stop::failed)?;
    let fragment = token.map(|token| format!("#token={token}"));
    let page = format!("http://{address}/{}", fragment.unwrap_or_default());
    env::print(format!("{page}\n").as_bytes())?;
    report.note(format!(
        "{} served until Ctrl-C",
        plural(inputs.len() as u64, "file")
    ));
    if args.open {
        open(&page, report);
    }
    server
        .run(interrupt::interrupted, |message| report.note(message))
        .map_err(Stop::failed)
}

fn failed(args: &ServeArgs, error: &io::Error) -> Stop {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => ": choose another port with --listen, or 0 for a free one",
        io::ErrorKind::AddrNotAvailable => ": --listen needs an address of this machine",
        io::ErrorKind::PermissionDenied => ": see --listen and --cache, or --no-cache",
        _ => "",
    };
    Stop::failed(format!("{}: {error}{hint}", args.listen))
}

fn list(args: &ServeArgs, report: &Report) -> Result<Vec<Input>, Stop> {
    let unfinished = Unfinished::when(args.salvage);
    match &args.dirs {
        Some(dirs) => paths::expand(&paths::below(dirs, &args.paths), unfinished, report),
        None => paths::expand(&args.paths, unfinished, report),
    }
}

/// The token: from a file, or the environment, or made here. Never from the command line, which others can see.
fn token(file: Option<&Path>) -> Result<String, Stop> {
    let (text, place) = match file {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Stop::Usage(format!("{}: {error}", file.display())))?;
            (text, file.display().to_string())
        }
        None => match std::env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => (text, VARIABLE.to_owned()),
            _ => {
                let made = random();
                return made.map_err(|error| Stop::failed(format!("no random token: {error}")));
            }
        },
    };
    let line = text.lines().next().unwrap_or_default().trim();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if line.len() < TOKEN_MIN || !line.bytes().all(is_plain) {
        return Err(Stop::Usage(format!(
            "{place}: a token has at least {TOKEN_MIN} letters, digits or -._~"
        )));
    }
    Ok(line.to_owned())
}

/// What a command needs to read the same files, apart from paths.
fn arguments(args: &ServeArgs) -> Vec<String> {
    let mut words = Vec::new();
    for (name, text) in [("--dirs", &args.dirs), ("--tz", &args.tz)] {
        if let Some(text) = text {
            words.extend([name.to_owned(), text.clone()]);
        }
    }
    for (name, given) in [("--utc", args.utc), ("--salvage", args.salvage)] {
        if given {
            words.push(name.to_owned());
        }
    }
    words
}

/// The name of the zone, for browsers.
fn zone_name(args: &ServeArgs) -> Option<String> {
    let local = || {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        let (_, name) = link.to_str()?.split_once("zoneinfo/")?;
        Some(name.to_owned())
    };
    match &args.tz {
        _ if args.utc => None,
        Some(name) => Some(name.clone()),
        None => std::env::var("TZ").ok().or_else(local),
    }
}

fn cache(args: &ServeArgs) -> Option<PathBuf> {
    if args.no_cache {
        return None;
    }
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    let usual = || {
        let cache = variable("XDG_CACHE_HOME").filter(|place| place.is_absolute());
        cache.or_else(|| Some(variable("HOME")?.join(".cache")))
    };
    let usual = || usual().map(|place| place.join("nfdecode"));
    args.cache.clone().or_else(usual)
}

/// Opens the page in the browser of the user.
fn open(page: &str, report: &Report) {
    let program = match cfg!(target_os = "macos") {
        true => "open",
        false => "xdg-open",
    };
    let started = Command::new(program)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        report.note(format!("{program}: {error}: open the address yourself"));
    }
}
