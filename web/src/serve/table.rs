//! A chart as a table: one row for each interval, one column for each series. That is what data sources for JSON and CSV
//! over GET read without an expression, such as Grafana's.

use serde_json::{Map, Value};

/// The rows of a chart as objects: `time` in ms, and the rate of each series by its label.
pub(crate) fn rows(series: &Value) -> Value {
    let columns = columns(series);
    let row = |(at, time): (usize, &Value)| {
        let mut row = Map::new();
        row.insert("time".to_owned(), time.clone());
        for (label, values) in &columns {
            let value = values.get(at).cloned().unwrap_or_default();
            row.insert((*label).to_owned(), value);
        }
        Value::Object(row)
    };
    times(series).iter().enumerate().map(row).collect()
}

/// The same as CSV, with a head.
pub(crate) fn csv(series: &Value) -> String {
    let columns = columns(series);
    let mut text = "time".to_owned();
    for (label, _) in &columns {
        text.push(',');
        text.push_str(&quoted(label));
    }
    text.push('\n');
    for (at, time) in times(series).iter().enumerate() {
        text.push_str(&time.to_string());
        for (_, values) in &columns {
            text.push(',');
            if let Some(value) = values.get(at) {
                text.push_str(&value.to_string());
            }
        }
        text.push('\n');
    }
    text
}

fn times(series: &Value) -> &[Value] {
    series["times"].as_array().map_or(&[], Vec::as_slice)
}

fn columns(series: &Value) -> Vec<(&str, &[Value])> {
    let all = series["series"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter_map(|one| Some((one["label"].as_str()?, one["values"].as_array()?.as_slice())))
        .collect()
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn charts_become_tables() {
        let series = json!({
            "times": [1000, 2000],
            "series": [
                { "label": "TCP", "values": [8.0, 0.5] },
                { "label": "a,\"b\"", "values": [1.0, 2.0] },
            ],
        });
        let expected = json!([
            { "time": 1000, "TCP": 8.0, "a,\"b\"": 1.0 },
            { "time": 2000, "TCP": 0.5, "a,\"b\"": 2.0 },
        ]);
        assert_eq!(rows(&series), expected);
        let expected = "time,TCP,\"a,\"\"b\"\"\"\n1000,8.0,1.0\n2000,0.5,2.0\n";
        assert_eq!(csv(&series), expected);
        assert_eq!(rows(&json!({ "times": [], "series": [] })), json!([]));
    }
}
