//! The requests of data sources for JSON and CSV over GET, as Grafana has them: times of the dashboard are put into the
//! URL as milliseconds since 1970, and each column of the answer is found by its name.

use serde_json::Value;

use crate::{fixtures, serve};

#[test]
fn a_time_series_panel_gets_rows() {
    let served = serve(&fixtures("archive"));
    let meta = served.when_read();
    let time = |name: &str| meta["time"][name].as_u64().expect("a time");
    // Grafana asks for more than there is, too.
    let (from, to) = (time("first") - 600_000, time("last") + 600_001);
    let window = format!("from={from}&to={to}");
    let chart = served.json(&format!("/api/v1/series?metric=bytes&{window}"));
    // An empty variable of a dashboard is an absent parameter.
    let rows = served.json(&format!(
        "/api/v1/series?format=rows&metric=bytes&{window}&filter=&split="
    ));
    let rows = rows.as_array().expect("rows");
    let chart = &chart["series"];
    assert_eq!(rows.len(), chart["times"].as_array().map_or(0, Vec::len));
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(row["time"], chart["times"][at]);
        for series in chart["series"].as_array().expect("series") {
            let label = series["label"].as_str().expect("a label");
            assert_eq!(row[label], series["values"][at]);
        }
    }
    assert!(rows.iter().any(|row| row["TCP"].as_f64() > Some(0.0)));

    let path =
        format!("/api/v1/series?format=csv&split=none&metric=flows&{window}&filter=proto%20tcp");
    let (status, head, body) =
        served.get_with(&path, "Accept: application/json;q=0.9,text/plain\r\n");
    assert!(
        status == 200 && head.contains("content-type: text/csv"),
        "{head}"
    );
    let text = String::from_utf8(body).expect("text");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("time,All"));
    let flows: f64 = lines
        .map(|line| line.split(',').nth(1).expect("a value"))
        .map(|value| value.parse::<f64>().expect("a number"))
        .sum();
    let seconds = chart["interval"].as_f64().expect("a number") / 1000.0;
    let expected = served.json("/api/v1/top?fields=proto&filter=proto+tcp");
    let expected = expected["top"]["totals"]["flows"]
        .as_f64()
        .expect("a number");
    assert!(
        (flows * seconds - expected).abs() < 1e-6,
        "{flows} {expected}"
    );
}

#[test]
fn tables_and_the_health_check_are_answered() {
    let served = serve(&fixtures("archive"));
    let meta = served.when_read();
    assert!(meta["files"]["count"].as_u64() > Some(0));
    let top = served.json("/api/v1/top?fields=src_addr,dst_port&n=3");
    let rows = top["top"]["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert!(row["key"].as_array().is_some_and(|key| key.len() == 2));
        assert!(row["bytes"].as_u64() >= Some(1), "{row}");
    }
    // Other data sources ask by POST, which is refused and not ignored.
    for path in ["/search", "/metrics", "/query"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
            served.address
        );
        let (status, head, body) = served.raw(request.as_bytes());
        let said: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(status, 405, "{head}");
        assert!(
            said["error"]
                .as_str()
                .is_some_and(|text| text.contains("GET"))
        );
    }
    assert_eq!(served.get("/api/v1/series?format=xml").0, 400);
}
