//! Answers that read no flows: what is served, whether a filter is right, which command gives the same.

use nfdecode::Timestamp;
use nfdecode::aggregate::Key;
use nfdecode::output::fields;
use nfdecode::value::TimeFormatter;
use serde_json::{Value, json};

use crate::serve::flows;
use crate::serve::params::{self, Params, Selection};
use crate::serve::problem::{Problem, mistake};
use crate::serve::service::Service;
use crate::serve::view::{METRICS, SPLITS};
use crate::survey::terms;

/// Exporters that are listed.
const EXPORTERS_MAX: usize = 500;

/// `/api/v1/meta`
pub(crate) fn meta(service: &Service, query: Option<&str>) -> Result<Value, Problem> {
    Params::read(query, &[])?;
    let list = service.archive.list();
    let overall = service.archive.overall();
    let chart = overall.chart();
    let files = &overall.files;
    let (missing, missing_count, step) = files.missing();
    let exporters = files.exporters.iter().take(EXPORTERS_MAX);
    let time = (!chart.points.is_empty()).then(|| {
        json!({
            "start": chart.start,
            "end": chart.end(),
            "first": chart.extremes.0,
            "last": chart.extremes.1,
        })
    });
    Ok(json!({
        "version": nfdecode::VERSION,
        "paths": service.settings.paths,
        "zone": service.settings.zone_name,
        "follows": service.settings.follow.is_some(),
        "files": {
            "count": list.entries.len(),
            "read": overall.done,
            "bytes": list.entries.iter().map(|entry| entry.identity.size).sum::<u64>(),
            "problem": service.archive.problem(),
        },
        "time": time,
        "flows": overall.totals[0],
        "packets": overall.totals[1],
        "bytes": overall.totals[2],
        "damage": files.damage,
        "damage_beyond": files.damage_beyond,
        "missing": {
            "count": missing_count,
            "minutes": step,
            "runs": missing.iter().map(|run| json!({
                "count": run.count,
                "after": run.after,
                "before": run.before,
            })).collect::<Vec<_>>(),
        },
        "idents": files.idents,
        "sampling": files.sampling,
        "sequence_failures": files.sequence_failures,
        "exporters": exporters.map(|(address, sums)| json!({
            "address": address.to_string(),
            "kinds": sums.kinds,
            "ids": sums.ids,
            "sampling": sums.sampling,
            "sequence_failures": sums.sequence_failures,
        })).collect::<Vec<_>>(),
        "exporters_count": files.exporters.len(),
    }))
}

/// `/api/v1/fields`
pub(crate) fn names(query: Option<&str>) -> Result<Value, Problem> {
    Params::read(query, &[])?;
    let words: serde_json::Map<String, Value> = terms::WORDS
        .iter()
        .map(|(field, words)| ((*field).to_owned(), json!(words)))
        .collect();
    Ok(json!({
        "fields": fields::all().map(|field| json!({
            "name": field.name,
            "kind": field.kind,
            "doc": field.doc,
        })).collect::<Vec<_>>(),
        "groups": Key::names().collect::<Vec<_>>(),
        "splits": SPLITS,
        "metrics": METRICS,
        "shown": flows::FIELDS,
        "words": words,
    }))
}

/// `/api/v1/filter`
pub(crate) fn filter(service: &Service, query: Option<&str>) -> Result<Value, Problem> {
    let params = Params::read(query, &["text"])?;
    let text = params.get("text").unwrap_or("any");
    Ok(match params::parse(text, &service.settings.zone) {
        Ok(filter) => {
            json!({ "valid": true, "filter": filter.to_string(), "tree": filter.explain() })
        }
        Err(error) => mistake(&error),
    })
}

/// `/api/v1/command`
pub(crate) fn command(service: &Service, query: Option<&str>) -> Result<Value, Problem> {
    let own = ["what", "fields", "by", "n", "split", "every", "format"];
    let params = Params::read(query, &[&Selection::NAMES[..], &own].concat())?;
    let selection = Selection::read(&params, &service.settings.zone)?;
    let what = params
        .word("what", &["top", "series", "read"])?
        .unwrap_or("read");
    let mut words = vec![what.to_owned()];
    let mut options: Vec<(&str, Option<String>)> = Vec::new();
    let given = |name: &str| params.get(name).map(str::to_owned);
    match what {
        "top" => {
            words.push(params.get("fields").unwrap_or("src_addr").to_owned());
            options.extend([("--by", given("by")), ("-n", given("n"))]);
        }
        "series" => {
            let every = params.number("every", 300_000, usize::MAX)?;
            let split = params.get("split").filter(|split| *split != "none");
            // The command has the protocols themselves.
            let split = split.map(|split| split.replace("protocol", "proto"));
            let seconds = (every / 1000).max(1).to_string();
            options.extend([("--every", Some(seconds)), ("--split", split)]);
        }
        _ => options.extend([("-f", given("format")), ("--fields", given("fields"))]),
    }
    for (name, value) in options {
        if let Some(value) = value {
            words.extend([name.to_owned(), value]);
        }
    }
    let mut times = TimeFormatter::new(nfdecode::value::Zone::utc());
    for (name, time) in [("--since", selection.from), ("--until", selection.to)] {
        if let Some(time) = time {
            let mut text = Vec::new();
            times.write_iso(Timestamp::from_millis(time), &mut text);
            let mut text = String::from_utf8_lossy(&text).into_owned();
            // Without an offset it would be a time of the zone of the command.
            if !text.ends_with('Z') {
                text.push('Z');
            }
            words.extend([name.to_owned(), text]);
        }
    }
    let command = service.command(&words, selection.text.as_deref());
    Ok(json!({ "command": command }))
}
