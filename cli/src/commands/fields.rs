//! `nfdecode fields`: lists the names of fields and columns.

use std::fmt::Write as _;

use serde_json::json;

use nfdecode::output::csv;
use nfdecode::output::fields;

use crate::args::FieldsArgs;
use crate::run::env;
use crate::run::stop::Stop;

pub(crate) fn run(args: &FieldsArgs) -> Result<(), Stop> {
    let words: Vec<String> = args.words.iter().map(|word| word.to_lowercase()).collect();
    let is_asked_for = |texts: &[&str]| {
        let text = texts.join(" ").to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let chosen: Vec<_> = fields::all()
        .filter(|field| is_asked_for(&[field.name, field.key, field.doc]))
        .collect();
    if args.json {
        let objects: Vec<_> = chosen
            .iter()
            .map(|field| {
                json!({
                    "name": field.name,
                    "nfdump_key": Some(field.key).filter(|key| !key.is_empty()),
                    "type": field.kind,
                    "element": field.element,
                    "description": field.doc,
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&objects).map_err(Stop::failed)?;
        return env::print(format!("{text}\n").as_bytes());
    }
    let mut text = String::new();
    if !chosen.is_empty() {
        text.push_str("Fields, for --fields NAME,...\n\n");
    }
    // Writing to a String does not fail.
    for field in &chosen {
        let also = match field.key {
            "" => String::new(),
            key => format!(" (nfdump: {key})"),
        };
        let _ = writeln!(
            text,
            "{:<22} {:<12} {}{also}",
            field.name, field.kind, field.doc
        );
    }
    let tokens: Vec<_> = csv::tokens()
        .iter()
        .filter(|token| is_asked_for(&[token.name, token.header]))
        .collect();
    if !tokens.is_empty() {
        text.push_str("\nColumns of nfdump, for -f csv:%TOKEN,...\n\n");
    }
    for line in tokens.chunks(3) {
        let mut row = String::new();
        for token in line {
            let _ = write!(
                row,
                "{:<9} {:<17} ",
                format!("%{}", token.name),
                token.header
            );
        }
        let _ = writeln!(text, "{}", row.trim_end());
    }
    if text.is_empty() {
        return Err(Stop::failed(format!(
            "no field has {}: `nfdecode fields` lists all",
            args.words.join(" ")
        )));
    }
    env::print(text.trim_start_matches('\n').as_bytes())
}
