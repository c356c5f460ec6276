//! What users of nfdump type out of habit, and what to type instead.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;

use nfdecode::output::fmt::PREDEFINED;

/// Options of nfdump, and the command that does the same.
const OPTIONS: [(&str, &str); 27] = [
    ("-r", "files need no option: nfdecode read FILE"),
    (
        "-R",
        "ranges and directories need no option: nfdecode read FIRST..LAST, nfdecode read DIRECTORY",
    ),
    ("-s", "statistics: nfdecode top FIELD FILE"),
    ("-a", "aggregation: nfdecode top FIELD,FIELD FILE"),
    ("-A", "aggregation: nfdecode top FIELD,FIELD FILE"),
    ("-b", "both directions: nfdecode nfdump -b -r FILE"),
    ("-B", "both directions: nfdecode nfdump -B -r FILE"),
    ("-O", "sorting: nfdecode read --sort FIELD FILE"),
    ("-m", "sorting: nfdecode read --sort first FILE"),
    (
        "-n",
        "limits: nfdecode read FILE --limit N, nfdecode top FIELD FILE -n N",
    ),
    ("-c", "limits: nfdecode read FILE --limit N"),
    (
        "-P",
        "a filter on groups: nfdecode top FIELD FILE --having CONDITION",
    ),
    ("-q", "without a header: nfdecode read FILE --no-header"),
    (
        "-N",
        "numbers are plain in every form but lines: nfdecode read FILE -f csv",
    ),
    (
        "-6",
        "addresses are whole in every form but lines: nfdecode read FILE -f csv",
    ),
    ("-w", "nfcapd files: nfdecode rewrite FILE -o OUT"),
    (
        "-z",
        "compression: nfdecode rewrite FILE -o OUT --compress METHOD",
    ),
    (
        "-y",
        "compression: nfdecode rewrite FILE -o OUT --compress lz4",
    ),
    (
        "-J",
        "compression: nfdecode rewrite FILE -o OUT --compress METHOD",
    ),
    ("-i", "another ident: nfdecode nfdump -i IDENT -r FILE"),
    ("-I", "stored statistics: nfdecode info FILE"),
    ("-g", "stored statistics: nfdecode info FILE"),
    ("-E", "exporters: nfdecode info FILE"),
    ("-v", "the parts of a file: nfdecode check FILE"),
    (
        "-X",
        "the filter as it is understood: nfdecode read --explain --filter FILTER",
    ),
    (
        "-Z",
        "the filter as it is understood: nfdecode read --explain --filter FILTER",
    ),
    ("-W", "threads: nfdecode read -j N FILE"),
];

/// What to type instead of an option that is not known.
pub(crate) fn hint(
    error: &clap::Error,
    words: impl IntoIterator<Item = OsString>,
) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    // The option as the error has it: the first of those in one word, without its value.
    let context = error.get(clap::error::ContextKind::InvalidArg)?.to_string();
    let refused = context.get(..2)?;
    if context.starts_with("--") || words.into_iter().next()? == "nfdump" {
        return None;
    }
    let (option, instead) = OPTIONS.iter().find(|(option, _)| *option == refused)?;
    Some(format!(
        "{option} is an option of nfdump. {instead}\nAll of nfdump's options work after `nfdecode nfdump`."
    ))
}

/// Forms of output that nfdump takes after `-o`, beside its lines.
const FORMS: [&str; 6] = ["json", "ndjson", "csv", "csv-fast", "raw", "null"];
/// Those that are forms here.
const OURS: [&str; 7] = [
    "json", "ndjson", "csv", "csv-fast", "line", "long", "extended",
];

/// Says so if the name of a form is given as the name of a file.
pub(crate) fn form_as_file(output: Option<&Path>) -> Option<String> {
    let name = output?.to_str()?;
    let plain = name.strip_suffix('6').unwrap_or(name);
    let is_line = PREDEFINED.iter().any(|(known, _)| *known == plain);
    let is_list = name.starts_with("csv:") || name.starts_with("fmt:");
    if !is_line && !is_list && !FORMS.contains(&plain) {
        return None;
    }
    let form = if plain.starts_with("csv:") {
        name
    } else {
        plain
    };
    Some(if OURS.contains(&form) || form.starts_with("csv:") {
        format!(
            "-o {name}: -o names a file: use -f {form} for the form, or -o ./{name} for a file of that name"
        )
    } else {
        format!(
            "-o {name}: -o names a file: this form is for `nfdecode nfdump`; a file of that name is -o ./{name}"
        )
    })
}
