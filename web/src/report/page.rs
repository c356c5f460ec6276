//! The page: from a report to HTML. All texts are escaped by the template; only paths and styles are put in as they are.

use askama::Template;
use sha2::{Digest as _, Sha256};

use crate::report::data;
use crate::report::draw::{self, CLASS_NAMES, Distribution, Measure, Tick};
use crate::report::result::{Report, Row, Rows, SPARK};
use crate::survey::files::Missing;
use crate::survey::findings::Finding;
use crate::svg;
use crate::text::{self, Clock};

/// Bytes of a page at most.
pub const SIZE_MAX: usize = 200_000;
/// Rows of a list that are seen at once; more can be opened.
const ROWS_OPEN: usize = 10;

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    policy: String,
    style: &'static str,
    script: &'static str,
    data: String,
    version: &'static str,
    paths: String,
    filter: Option<String>,
    range: String,
    zone: String,
    cards: Vec<(&'static str, String, String)>,
    notes: Vec<Note>,
    classes: Vec<(usize, &'static str, String)>,
    measures: Vec<Measure>,
    ticks: Vec<Tick>,
    columns: usize,
    interval: String,
    chart_notes: Vec<String>,
    series_command: String,
    findings: Vec<FoundView>,
    quiet: Vec<(&'static str, String)>,
    lists: Vec<ListView>,
    absent: Vec<&'static str>,
    distributions: Vec<Distribution>,
    exporters: Vec<[String; 4]>,
    exporters_beyond: usize,
    spark: usize,
    sparks: &'static str,
    is_short: bool,
}

/// Something that must be known to read the numbers.
struct Note {
    /// `bad`, `warn` or `good`.
    kind: &'static str,
    word: &'static str,
    text: String,
    details: Vec<String>,
}

struct FoundView {
    finding: Finding,
    count: String,
    commands: Vec<String>,
    beyond: Option<String>,
    watched: Option<String>,
}

struct ListView {
    id: &'static str,
    title: &'static str,
    head: &'static str,
    about: String,
    rows: Vec<RowView>,
    more: Vec<RowView>,
    command: String,
    has_sparks: bool,
}

struct RowView {
    label: String,
    whole: Option<String>,
    spark: String,
    bytes: String,
    percent: String,
    width: String,
    packets: String,
    flows: String,
}

impl Report {
    /// The page: a whole HTML file. Has at most [`SIZE_MAX`] bytes: long lists are cut, and say so.
    #[must_use]
    pub fn html(&self) -> String {
        let mut top = self.options.top;
        loop {
            let page = render(self, top);
            if page.len() <= SIZE_MAX || top <= 1 {
                return page;
            }
            top = (top * 4 / 5).max(1);
        }
    }
}

fn render(report: &Report, top: usize) -> String {
    let page = Page::new(report, top);
    // Writing to a String cannot fail.
    page.render().unwrap_or_default()
}

impl Page {
    fn new(report: &Report, top: usize) -> Self {
        let mut clock = Clock::new(&report.options.zone);
        let shown = |rows: &&Rows| rows.has_values();
        let (found, quiet): (Vec<&Finding>, Vec<_>) = report
            .findings
            .iter()
            .partition(|finding| finding.count != 0);
        let exporters = exporters(report);
        Self {
            title: report
                .options
                .title
                .clone()
                .unwrap_or_else(|| "Traffic report".to_owned()),
            policy: format!(
                "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
                hash(STYLE),
                hash(SCRIPT)
            ),
            style: STYLE,
            script: SCRIPT,
            data: data::json(report, top),
            version: nfdecode::VERSION,
            paths: text::cut(&report.options.paths.join(" "), 300),
            filter: report.options.filter.clone(),
            range: range(report, &mut clock),
            zone: zone(report, &mut clock),
            cards: cards(report),
            notes: notes(report),
            classes: classes(report),
            measures: draw::measures(report, &mut clock),
            ticks: draw::ticks(report, &mut clock),
            columns: report.chart.points.len().max(1),
            interval: text::duration(report.chart.length),
            chart_notes: chart_notes(report, &mut clock),
            series_command: series_command(report),
            findings: found
                .into_iter()
                .map(|finding| found_view(report, finding))
                .collect(),
            quiet: quiet
                .into_iter()
                .map(|finding| (finding.title, finding.rule.clone()))
                .collect(),
            lists: report
                .lists
                .iter()
                .filter(shown)
                .map(|rows| list_view(report, rows, top))
                .collect(),
            absent: report
                .lists
                .iter()
                .filter(|rows| !rows.has_values())
                .map(|rows| rows.list.title)
                .collect(),
            exporters_beyond: report.files.exporters.len() - exporters.len(),
            exporters,
            distributions: draw::distributions(report),
            spark: SPARK,
            sparks: if report.is_exact {
                ""
            } else {
                "Spark lines are drawn from a sample of 65,536 flows, large ones first; all numbers are exact."
            },
            is_short: top < report.options.top,
        }
    }
}

/// A hash as content security policies name it.
fn hash(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = "sha256-".to_owned();
    for group in Sha256::digest(text).chunks(3) {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at <= group.len() {
                digit as char
            } else {
                '='
            });
        }
    }
    encoded
}

fn sum(report: &Report, at: usize) -> u64 {
    report
        .sums
        .classes
        .iter()
        .fold(0, |sum: u64, class| sum.saturating_add(class[at]))
}

fn range(report: &Report, clock: &mut Clock) -> String {
    let (first, last) = report.chart.extremes;
    if report.chart.points.is_empty() {
        return "no flows with times".to_owned();
    }
    format!("{} to {}", clock.seconds(first), clock.seconds(last))
}

/// The zone as an offset from UTC at the start.
fn zone(report: &Report, clock: &mut Clock) -> String {
    let text = clock.exact(report.chart.start);
    let utc = Clock::new(&nfdecode::value::Zone::utc()).exact(report.chart.start);
    let minutes = |text: &str| {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
        Some((number(8..10)?, number(11..13)? * 60 + number(14..16)?))
    };
    let offset = minutes(&text)
        .zip(minutes(&utc))
        .map(|((day, here), (utc_day, there))| {
            let days = match day - utc_day {
                0 => 0,
                1 | ..=-2 => 1,
                _ => -1,
            };
            here - there + days * 1440
        });
    match offset.unwrap_or(0) {
        0 => "UTC".to_owned(),
        offset => format!(
            "UTC{}{:02}:{:02}",
            if offset < 0 { '−' } else { '+' },
            offset.abs() / 60,
            offset.abs() % 60
        ),
    }
}

fn cards(report: &Report) -> Vec<(&'static str, String, String)> {
    let [flows, packets, bytes] = [0, 1, 2].map(|at| sum(report, at));
    let inside: u64 = report
        .chart
        .points
        .iter()
        .flatten()
        .fold(0, |sum, class| sum.saturating_add(class[2]));
    let seconds = (report.chart.length * report.chart.points.len() as u64) as f64 / 1000.0;
    let rate = if seconds > 0.0 {
        inside as f64 * 8.0 / seconds
    } else {
        0.0
    };
    let per_packet = bytes.checked_div(packets).unwrap_or(0);
    vec![
        ("Flows", text::short(flows as f64, ""), text::count(flows)),
        (
            "Packets",
            text::short(packets as f64, ""),
            text::count(packets),
        ),
        ("Bytes", text::bytes(bytes), text::count(bytes)),
        (
            "Average rate",
            text::short(rate, "bit/s"),
            format!("over {}", text::duration((seconds * 1000.0) as u64)),
        ),
        (
            "Packet size",
            format!("{} B", text::count(per_packet)),
            "on average".to_owned(),
        ),
        (
            "Files",
            text::count(report.totals.files),
            format!("{} read", text::bytes(report.files.stored)),
        ),
    ]
}

fn classes(report: &Report) -> Vec<(usize, &'static str, String)> {
    let bytes = sum(report, 2);
    let classes = report.sums.classes.iter().zip(CLASS_NAMES).enumerate();
    classes
        .map(|(at, (class, name))| (at, name, text::percent(class[2], bytes)))
        .collect()
}

/// What was damaged, missing, left out or sampled: always said, also if it is nothing.
fn notes(report: &Report) -> Vec<Note> {
    let files = &report.files;
    let mut notes = vec![damage_note(report)];
    notes.extend(captures_note(report));
    let (missing, count, step) = report.missing();
    if count != 0 {
        let runs = missing.iter().map(|run| {
            let Missing {
                count,
                after,
                before,
            } = run;
            format!("{count} between nfcapd.{after} and nfcapd.{before}")
        });
        notes.push(Note {
            kind: "warn",
            word: "Missing",
            text: format!(
                "{} missing, judging by the names of the others, one each {step} min.",
                text::things(count, "file is", "files are")
            ),
            details: runs.collect(),
        });
    }
    if !files.sampling.is_empty() || report.sums.sampled != 0 {
        let rates: Vec<String> = files
            .sampling
            .iter()
            .take(8)
            .map(|one_of| format!("1 of {}", text::count((*one_of).into())))
            .collect();
        let rates = if rates.is_empty() {
            "an unknown rate".to_owned()
        } else {
            rates.join(", ")
        };
        notes.push(Note {
            kind: "warn",
            word: "Sampled",
            text: format!(
                "Packets are sampled: {rates}. {} of {} flows are marked as sampled. Small flows are missing; packets and bytes are scaled as far as the collector has done so; a single sampled packet of a connection can look like an attempt.",
                text::count(report.sums.sampled),
                text::count(report.totals.flows)
            ),
            details: Vec::new(),
        });
    }
    let failures: u64 = files.sequence_failures;
    if failures != 0 {
        notes.push(Note {
            kind: "warn",
            word: "Lost on the way",
            text: format!(
                "Collectors counted {} in sequence numbers: exported flows did not arrive.",
                text::things(failures, "gap", "gaps")
            ),
            details: Vec::new(),
        });
    }
    if files.skipped != 0 {
        notes.push(Note {
            kind: "good",
            word: "Left out",
            text: format!(
                "{} not read, since no selected flow can be there.",
                text::things(files.skipped, "file was", "files were")
            ),
            details: Vec::new(),
        });
    }
    notes
}

/// What must be done before the commands of the page can be run.
fn captures_note(report: &Report) -> Option<Note> {
    let captures = report.options.captures.as_ref()?;
    let directory = &captures.directory;
    let text = match captures.command {
        Some(_) => format!(
            "The flows are those of captures. The commands below read nfcapd files in {directory}; this one writes them:"
        ),
        None => format!(
            "The flows are those of captures. The commands below read the nfcapd files kept in {directory}."
        ),
    };
    Some(Note {
        kind: "good",
        word: "Converted",
        text,
        details: captures.command.iter().cloned().collect(),
    })
}

fn damage_note(report: &Report) -> Note {
    let files = &report.files;
    let count = files.damage.len() as u64 + files.damage_beyond;
    if count == 0 {
        return Note {
            kind: "good",
            word: "Whole",
            text: format!(
                "No damage found in {}.",
                text::things(report.totals.files, "file", "files")
            ),
            details: Vec::new(),
        };
    }
    let mut details: Vec<String> = files
        .damage
        .iter()
        .map(|message| text::cut(message, 240))
        .collect();
    if files.damage_beyond != 0 {
        details.push(format!("and {} more", text::count(files.damage_beyond)));
    }
    Note {
        kind: "bad",
        word: "Damaged",
        text: format!(
            "{} in the files: some flows may be missing from all numbers below.",
            text::things(count, "problem", "problems")
        ),
        details,
    }
}

fn chart_notes(report: &Report, clock: &mut Clock) -> Vec<String> {
    let chart = &report.chart;
    let mut notes = Vec::new();
    if chart.outside != 0 || chart.bytes_outside != 0 {
        let flows = sum(report, 0);
        notes.push(format!(
            "Not in the chart: {} flows ({}) that begin before {} or after {}, and {} ({}) outside of that time. The first flow begins at {}, the last one ends at {}.",
            text::count(chart.outside),
            text::percent(chart.outside, flows),
            clock.seconds(chart.start),
            clock.seconds(chart.end()),
            text::bytes(chart.bytes_outside),
            text::percent(chart.bytes_outside, sum(report, 2)),
            clock.seconds(chart.extremes.0),
            clock.seconds(chart.extremes.1)
        ));
    }
    if report.without_time != 0 {
        notes.push(format!(
            "{} flows have no times and are not in the chart.",
            text::count(report.without_time)
        ));
    }
    notes
}

fn series_command(report: &Report) -> String {
    let seconds = report.chart.length.div_ceil(1000).max(1);
    let every = format!("{seconds}s");
    report
        .options
        .command(&["series", "--split", "proto", "--every", &every], None)
}

fn found_view(report: &Report, finding: &Finding) -> FoundView {
    let watched = (finding.one_in > 1).then(|| {
        format!(
            "There were too many to watch all: one in {} was watched.",
            text::count(finding.one_in)
        )
    });
    FoundView {
        commands: finding
            .rows
            .iter()
            .map(|row| report.options.command(&["read"], Some(&row.filter)))
            .collect(),
        count: text::count(finding.count as u64),
        beyond: match finding.count - finding.rows.len() {
            0 => None,
            _ if finding.rows.is_empty() => Some("Too common here to be listed.".to_owned()),
            beyond => Some(format!("and {} more", text::count(beyond as u64))),
        },
        finding: finding.clone(),
        watched,
    }
}

fn list_view(report: &Report, rows: &Rows, top: usize) -> ListView {
    let list = rows.list;
    let view = |row: &Row| row_view(row, rows);
    let mut views: Vec<RowView> = rows.rows.iter().take(top).map(view).collect();
    let more = views.split_off(views.len().min(ROWS_OPEN));
    let groups = text::count(rows.groups);
    let shown = views.len() + more.len();
    let about = match list.only() {
        Some(_) if shown < top => format!("all {shown}, by bytes"),
        Some(_) => format!("first {shown}, by bytes"),
        None if shown as u64 == rows.groups => format!("all {groups}, by bytes"),
        None => format!("first {shown} of {groups}, by bytes"),
    };
    let keys = list.keys.join(",");
    let count = report.options.top.to_string();
    ListView {
        id: list.id,
        title: list.title,
        head: list.head,
        about,
        rows: views,
        more,
        command: report
            .options
            .command(&["top", &keys, "-n", &count], list.only()),
        has_sparks: list.marks.is_some(),
    }
}

fn row_view(row: &Row, rows: &Rows) -> RowView {
    let label = text::cut(&row.label, text::SHOWN_MAX);
    let width = row.bytes as f64 * 100.0 / rows.bytes.max(1) as f64;
    RowView {
        whole: (label != row.label).then(|| text::cut(&row.label, 300)),
        label,
        spark: if row.spark.is_empty() {
            String::new()
        } else {
            svg::spark(&row.spark)
        },
        bytes: text::bytes(row.bytes),
        percent: text::percent(row.bytes, rows.bytes),
        width: format!("{:.1}%", width.min(100.0)),
        packets: text::brief(row.packets),
        flows: text::brief(row.flows),
    }
}

/// Exporters as the files name them: address, protocol, ids, sampling and gaps.
fn exporters(report: &Report) -> Vec<[String; 4]> {
    const ROWS: usize = 30;
    let mut all: Vec<_> = report.files.exporters.iter().collect();
    all.sort_by_key(|(address, sums)| (std::cmp::Reverse(sums.sequence_failures), **address));
    let rows = all.into_iter().take(ROWS).map(|(address, sums)| {
        let kinds: Vec<&str> = sums.kinds.iter().map(String::as_str).collect();
        let sampling: Vec<String> = sums
            .sampling
            .iter()
            .map(|one_of| format!("1 of {one_of}"))
            .collect();
        [
            address.to_string(),
            kinds.join(", "),
            if sampling.is_empty() {
                "not announced".to_owned()
            } else {
                sampling.join(", ")
            },
            text::count(sums.sequence_failures),
        ]
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_policies() {
        assert_eq!(
            hash(""),
            "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }
}
