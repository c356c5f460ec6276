//! The numbers of the page as JSON, for scripts: in the page, so that it stays one file.

use serde_json::{Value, json};

use crate::report::draw::CLASS_NAMES;
use crate::report::result::{Report, Rows};
use crate::text;

/// Version of the form of the data.
const VERSION: u32 = 1;

/// The data, safe inside of a `script` element.
pub(crate) fn json(report: &Report, top: usize) -> String {
    let chart = &report.chart;
    let places = ["flows", "packets", "bytes"].into_iter().enumerate();
    let mut points = serde_json::Map::new();
    for (at, name) in places {
        let classes: Vec<Vec<u64>> = (0..CLASS_NAMES.len())
            .map(|class| chart.points.iter().map(|point| point[class][at]).collect())
            .collect();
        points.insert(name.to_owned(), json!(classes));
    }
    let lists: serde_json::Map<String, Value> = report
        .lists
        .iter()
        .filter(|rows| rows.has_values())
        .map(|rows| (rows.list.id.to_owned(), list(rows, top)))
        .collect();
    let [flows, packets, bytes] = [0, 1, 2].map(|at: usize| {
        let classes = report.sums.classes.iter();
        classes.fold(0, |sum: u64, class| sum.saturating_add(class[at]))
    });
    let data = json!({
        "version": VERSION,
        "flows": flows,
        "packets": packets,
        "bytes": bytes,
        "files": report.totals.files,
        "damage": report.files.damage.len() as u64 + report.files.damage_beyond,
        "missing_files": report.missing().1,
        "filter": report.options.filter,
        "time": {
            "start": chart.start,
            "interval": chart.length,
            "classes": CLASS_NAMES,
            "points": points,
            "flows_outside": chart.outside,
            "bytes_outside": chart.bytes_outside,
        },
        "lists": lists,
        "findings": report.findings.iter().filter(|finding| finding.count != 0).map(|finding| json!({
            "id": finding.id,
            "count": finding.count,
            "one_in": finding.one_in,
            "filters": finding.rows.iter().map(|row| &row.filter).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    // No tag or comment can begin or end in a script; the two separators are line ends for old scripts.
    data.to_string()
        .replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn list(rows: &Rows, top: usize) -> Value {
    let values = rows.rows.iter().take(top).map(|row| {
        json!([
            text::cut(&row.label, text::SHOWN_MAX),
            row.flows,
            row.packets,
            row.bytes,
            row.bps,
            row.first,
            row.last,
            row.filter,
        ])
    });
    json!({
        "keys": rows.list.keys,
        "only": rows.list.only(),
        "groups": rows.groups,
        "columns": ["key", "flows", "packets", "bytes", "bps", "first", "last", "filter"],
        "rows": values.collect::<Vec<_>>(),
    })
}
