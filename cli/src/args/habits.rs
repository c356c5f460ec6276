//! What users of nfdump type out of habit, and what to type instead.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;

/// Options of nfdump, and the command that does the same.
const OPTIONS: [(&str, &str); 11] = [
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
    ("-w", "nfcapd files: nfdecode rewrite FILE -o OUT"),
    ("-c", "limits: nfdecode read FILE --limit N"),
    ("-I", "stored statistics: nfdecode info FILE"),
];

/// What to type instead of an option that is not known.
pub(crate) fn hint(
    error: &clap::Error,
    words: impl IntoIterator<Item = OsString>,
) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let words: Vec<OsString> = words.into_iter().collect();
    let found = words.iter().find_map(|word| {
        let found = OPTIONS.iter().find(|(option, _)| word == option);
        found.map(|(option, instead)| (option, instead))
    });
    let (option, instead) = found?;
    Some(format!(
        "{option} is an option of nfdump. {instead}\nAll of nfdump's options work after `nfdecode nfdump`."
    ))
}

/// Forms of output that nfdump takes after `-o`.
const FORMS: [&str; 9] = [
    "json", "ndjson", "csv", "csv-fast", "line", "long", "extended", "raw", "null",
];

/// Says so if the name of a form is given as the name of a file.
pub(crate) fn form_as_file(output: Option<&Path>) -> Option<String> {
    let name = output?.to_str()?;
    let is_form = FORMS.contains(&name) || name.starts_with("csv:") || name.starts_with("fmt:");
    is_form.then(|| match name {
        "raw" | "null" => format!("-o {name}: -o names a file; this form is for `nfdecode nfdump`"),
        _ if name.starts_with("fmt:") => {
            format!("-o {name}: -o names a file; this form is for `nfdecode nfdump`")
        }
        _ => format!(
            "-o {name}: -o names a file: use -f {name} for the form, or -o ./{name} for a file of that name"
        ),
    })
}
