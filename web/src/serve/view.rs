//! Traffic over time, from the flows or from summaries alone, and top lists from the same pass.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use nfdecode::aggregate::{self, AggregateError, Bins, Collector, Key, Series, Spread};
use serde_json::{Map, Value, json};

use crate::serve::archive::List;
use crate::serve::params::{Params, Selection};
use crate::serve::problem::Problem;
use crate::serve::run::{self, Halt};
use crate::serve::service::Service;
use crate::serve::table;
use crate::serve::top::TopWish;
use crate::survey::seen::Seen;
use crate::survey::timeline::{Chart, Clip, Counts, Timeline, shown_length};

/// The kind of most answers.
const JSON: &str = "application/json";
/// Classes of protocols, as they are named.
const CLASSES: [&str; 4] = ["TCP", "UDP", "ICMP", "Other"];
/// Intervals of a chart, and at most.
const BINS: (usize, usize) = (150, 1000);
/// Series of a chart that is split by a field; the others are one.
const SPLITS_MAX: usize = 8;
/// Fields that a chart can be split by: those with few values.
pub(crate) const SPLITS: [&str; 12] = [
    "protocol",
    "none",
    "proto",
    "ip_version",
    "exporter_addr",
    "input_snmp",
    "output_snmp",
    "src_as",
    "dst_as",
    "tcp_flags",
    "src_tos",
    "fwd_status",
];
/// What charts show.
pub(crate) const METRICS: [&str; 3] = ["bytes", "packets", "flows"];
/// More bytes of files than this are not read if a somewhat coarser chart can do without.
const READ_GLADLY: u64 = 64 << 20;

/// A chart that is asked for.
struct ChartWish {
    split: &'static str,
    bins: usize,
    metric: Option<&'static str>,
}

impl ChartWish {
    const NAMES: [&'static str; 3] = ["split", "bins", "metric"];

    fn read(params: &Params) -> Result<Self, Problem> {
        Ok(Self {
            split: params.word("split", &SPLITS)?.unwrap_or("protocol"),
            bins: params.number("bins", BINS.0, BINS.1)?,
            metric: params.word("metric", &METRICS)?,
        })
    }

    /// The key that flows are split by, beyond the classes of protocols.
    fn key(&self) -> Result<Option<Key>, Problem> {
        match self.split {
            "protocol" | "none" => Ok(None),
            field => Key::parse(field).map(Some).map_err(Problem::failed),
        }
    }
}

/// Where a chart is in time.
#[derive(Clone, Copy)]
struct Frame {
    start: u64,
    length: u64,
    count: usize,
}

impl Frame {
    fn new(from: u64, to: u64, length: u64) -> Self {
        let start = from / length * length;
        Self {
            start,
            length,
            count: to.saturating_sub(start).div_ceil(length).clamp(1, 100_000) as usize,
        }
    }
}

/// Traffic in intervals.
struct Drawn {
    start: u64,
    length: u64,
    /// Name, and flows, packets, bytes of each interval.
    series: Vec<(String, Vec<[u64; 3]>)>,
    /// Flows and bytes that are in no interval.
    outside: Option<(u64, u64)>,
    is_from_summaries: bool,
    /// Some files have not been read yet.
    is_partial: bool,
}

/// `/api/v1/series`: the kind of the body, and the body.
pub(crate) fn series(
    service: &Service,
    query: Option<&str>,
    halt: &Halt,
) -> Result<(&'static str, String), Problem> {
    let names = [&Selection::NAMES[..], &ChartWish::NAMES, &["format"]].concat();
    let params = Params::read(query, &names)?;
    let selection = Selection::read(&params, &service.settings.zone)?;
    let mut wish = ChartWish::read(&params)?;
    let format = params.word("format", &["json", "rows", "csv"])?;
    if matches!(format, Some("rows" | "csv")) {
        wish.metric = wish.metric.or(Some("bytes"));
    }
    let found = answer(service, &selection, Some(&wish), None, halt)?;
    Ok(match format {
        Some("rows") => (JSON, table::rows(&found["series"]).to_string()),
        Some("csv") => ("text/csv; charset=utf-8", table::csv(&found["series"])),
        _ => (JSON, found.to_string()),
    })
}

/// `/api/v1/top`
pub(crate) fn top(service: &Service, query: Option<&str>, halt: &Halt) -> Result<Value, Problem> {
    let names = [&Selection::NAMES[..], &TopWish::NAMES].concat();
    let params = Params::read(query, &names)?;
    let selection = Selection::read(&params, &service.settings.zone)?;
    answer(
        service,
        &selection,
        None,
        Some(&TopWish::read(&params)?),
        halt,
    )
}

/// `/api/v1/view`: both, from one pass.
pub(crate) fn view(service: &Service, query: Option<&str>, halt: &Halt) -> Result<Value, Problem> {
    let names = [&Selection::NAMES[..], &ChartWish::NAMES, &TopWish::NAMES].concat();
    let params = Params::read(query, &names)?;
    let selection = Selection::read(&params, &service.settings.zone)?;
    let (chart, top) = (ChartWish::read(&params)?, TopWish::read(&params)?);
    answer(service, &selection, Some(&chart), Some(&top), halt)
}

fn answer(
    service: &Service,
    selection: &Selection,
    chart: Option<&ChartWish>,
    top: Option<&TopWish>,
    halt: &Halt,
) -> Result<Value, Problem> {
    let list = service.archive.list();
    let entries = selection.entries(&list);
    let bytes = entries.iter().map(|entry| entry.identity.size).sum::<u64>();
    let mut found = Map::new();
    found.insert(
        "cost".to_owned(),
        json!({ "files": entries.len(), "bytes": bytes }),
    );
    let overall = service.archive.overall().chart();
    let frame = chart.and_then(|wish| frame(selection, wish, &overall));
    if let Some(wish) = chart
        && let Some(drawn) = from_summaries(&list, selection, wish, frame, &overall, bytes)
    {
        found.insert("series".to_owned(), drawn.json(wish));
        if top.is_none() {
            return Ok(Value::Object(found));
        }
    }
    let drawing = match chart.filter(|_| !found.contains_key("series")) {
        Some(wish) => Some(Drawing::new(wish, frame)?),
        None => None,
    };
    let counting = top.map(|wish| {
        let memory = service.settings.memory / service.settings.queries;
        let collector = Collector::new(wish.grouping(), service.scan.thread_count());
        collector.with_memory(memory, service.settings.temporary.clone())
    });
    let scan = selection.scan(&service.scan, &entries)?;
    run::each_block(
        &scan,
        halt,
        || {
            let pen = drawing.as_ref().map(Drawing::pen);
            (pen, counting.as_ref().map(Collector::adder))
        },
        |(pen, adder): &mut (Option<Pen>, Option<aggregate::Adder>), block| {
            if let Some(pen) = pen {
                pen.add(block);
            }
            if let (Some(collector), Some(adder)) = (&counting, adder) {
                collector.add(adder, block);
            }
        },
    )?;
    if let (Some(wish), Some(drawing)) = (chart, drawing) {
        found.insert("series".to_owned(), drawing.finish(wish)?.json(wish));
    }
    if let (Some(wish), Some(collector)) = (top, counting) {
        found.insert("top".to_owned(), wish.rows(collector)?);
    }
    Ok(Value::Object(found))
}

/// Where the chart of a selection is in time; `None` if nothing is known yet that says so.
fn frame(selection: &Selection, wish: &ChartWish, overall: &Chart) -> Option<Frame> {
    let known = (!overall.points.is_empty()).then(|| (overall.start, overall.end()));
    let from = selection.from.or(known.map(|(start, _)| start))?;
    let to = selection.to.or(known.map(|(_, end)| end))?;
    let to = to.max(from.saturating_add(1));
    Some(Frame::new(
        from,
        to,
        shown_length(to - from, 1, wish.bins as u64),
    ))
}

/// The chart without reading a file, if that is possible.
fn from_summaries(
    list: &List,
    selection: &Selection,
    wish: &ChartWish,
    frame: Option<Frame>,
    overall: &Chart,
    bytes: u64,
) -> Option<Drawn> {
    if !selection.is_unfiltered() || !matches!(wish.split, "protocol" | "none") {
        return None;
    }
    let is_whole = selection.from.is_none() && selection.to.is_none();
    let Some(frame) = frame else {
        // Nothing has been read yet; if nothing has times, reading would find none either.
        return Some(Drawn {
            start: 0,
            length: 1,
            series: classes(Vec::new(), wish),
            outside: None,
            is_from_summaries: true,
            is_partial: list
                .entries
                .iter()
                .any(|entry| entry.summary.get().is_none()),
        });
    };
    let fine = list.clip(frame.start, frame.length, frame.count);
    let (frame, (clip, is_partial)) = match fine {
        Some(found) => (frame, found),
        None => {
            let end = frame.start + frame.length * frame.count as u64;
            let span = end - frame.start;
            let summaries = list.within(Some(frame.start), Some(end)).into_iter();
            let lengths = summaries.filter_map(|entry| Some(entry.summary.get()?.length));
            let length = shown_length(span, lengths.max()?, wish.bins as u64);
            if bytes < READ_GLADLY || span / length < 20 {
                return None;
            }
            let frame = Frame::new(frame.start, end, length);
            (frame, list.clip(frame.start, length, frame.count)?)
        }
    };
    Some(Drawn {
        start: frame.start,
        length: frame.length,
        series: classes(clip.points(), wish),
        outside: is_whole.then_some((overall.outside, overall.bytes_outside)),
        is_from_summaries: true,
        is_partial,
    })
}

/// The classes of protocols as series, or all as one.
fn classes(points: Vec<Counts>, wish: &ChartWish) -> Vec<(String, Vec<[u64; 3]>)> {
    if wish.split == "none" {
        let sum = |point: &Counts| {
            [0, 1, 2].map(|kind: usize| {
                point
                    .iter()
                    .fold(0, |sum: u64, class| sum.saturating_add(class[kind]))
            })
        };
        return vec![("All".to_owned(), points.iter().map(sum).collect())];
    }
    let class = |(at, name): (usize, &&str)| {
        let values = points.iter().map(|point| point[at]);
        ((*name).to_owned(), values.collect())
    };
    CLASSES.iter().enumerate().map(class).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere ends the request; nothing is read after it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A chart that is being counted by several threads.
struct Drawing {
    frame: Option<Frame>,
    /// Without flows, for its kind.
    series: Option<Series>,
    pens: Mutex<Vec<Pen>>,
}

/// What a thread counts.
#[derive(Clone)]
enum Pen {
    Classes(Arc<Mutex<Timeline>>),
    Split(Arc<Mutex<Series>>),
}

impl Pen {
    fn add(&self, block: &nfdecode::scan::ScanBlock) {
        match self {
            Self::Classes(line) => {
                let mut line = lock(line);
                block
                    .flows()
                    .for_each(|flow| line.add(&Seen::amounts(&flow)));
            }
            Self::Split(series) => lock(series).add_scanned(block),
        }
    }
}

impl Drawing {
    fn new(wish: &ChartWish, frame: Option<Frame>) -> Result<Self, Problem> {
        let series = match (wish.key()?, frame) {
            (None, _) => None,
            (Some(key), Some(frame)) => Some(
                Series::new(Bins::every(frame.length), Spread::Even, Some(key))
                    .map_err(Problem::failed)?,
            ),
            (Some(_), None) => {
                return Err(Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "files are still being read: choose a time, or try again",
                ));
            }
        };
        Ok(Self {
            frame,
            series,
            pens: Mutex::default(),
        })
    }

    fn pen(&self) -> Pen {
        let pen = match (&self.series, self.frame) {
            (Some(series), _) => Pen::Split(Arc::new(Mutex::new(series.another()))),
            (None, Some(frame)) => {
                Pen::Classes(Arc::new(Mutex::new(Timeline::for_length(frame.length))))
            }
            (None, None) => Pen::Classes(Arc::default()),
        };
        lock(&self.pens).push(pen.clone());
        pen
    }

    fn finish(self, wish: &ChartWish) -> Result<Drawn, Problem> {
        let pens = self
            .pens
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut line = Timeline::default();
        let mut clip = self
            .frame
            .map(|frame| Clip::new(frame.start, frame.length, frame.count));
        let mut all = self.series;
        for pen in pens {
            match (pen, &mut clip, &mut all) {
                (Pen::Split(series), _, Some(all)) => {
                    all.merge(&lock(&series)).map_err(Problem::failed)?;
                }
                (Pen::Classes(own), Some(clip), _) => clip.put_all(&lock(&own)),
                (Pen::Classes(own), None, _) => line.merge(std::mem::take(&mut *lock(&own))),
                (Pen::Split(_), _, None) => {}
            }
        }
        match (self.frame, all, clip) {
            (Some(frame), Some(all), _) => split(frame, &all),
            (Some(frame), None, Some(clip)) => Ok(Drawn {
                start: frame.start,
                length: frame.length,
                series: classes(clip.points(), wish),
                outside: None,
                is_from_summaries: false,
                is_partial: false,
            }),
            _ => {
                let chart = line.chart();
                Ok(Drawn {
                    start: chart.start,
                    length: chart.length,
                    outside: Some((chart.outside, chart.bytes_outside)),
                    series: classes(chart.points, wish),
                    is_from_summaries: false,
                    is_partial: false,
                })
            }
        }
    }
}

/// The largest values of a field as series, and the others as one.
fn split(frame: Frame, all: &Series) -> Result<Drawn, Problem> {
    let points = all.points().map_err(|error| match error {
        AggregateError::TooMany(_) => {
            Problem::wrong("too many values or intervals: choose another field or a filter")
        }
        error => Problem::failed(error),
    })?;
    let labels = all.labels();
    let mut series = vec![vec![[0_u64; 3]; frame.count]; labels.len()];
    for point in points {
        let time = point.time.as_millis();
        let at = time
            .checked_sub(frame.start)
            .map(|after| after / frame.length);
        let to = at
            .and_then(|at| usize::try_from(at).ok())
            .and_then(|at| series.get_mut(point.series)?.get_mut(at));
        if let Some(to) = to {
            *to = [point.flows, point.packets, point.bytes];
        }
    }
    let names = labels
        .into_iter()
        .map(|label| label.unwrap_or_else(|| "none".to_owned()));
    let mut named: Vec<(String, Vec<[u64; 3]>)> = names.zip(series).collect();
    let bytes = |values: &[[u64; 3]]| {
        values
            .iter()
            .fold(0, |sum: u64, value| sum.saturating_add(value[2]))
    };
    named.sort_by_key(|(_, values)| std::cmp::Reverse(bytes(values)));
    if named.len() > SPLITS_MAX {
        let mut others = vec![[0_u64; 3]; frame.count];
        for (_, values) in named.drain(SPLITS_MAX - 1..) {
            for (to, value) in others.iter_mut().zip(values) {
                for (sum, more) in to.iter_mut().zip(value) {
                    *sum = sum.saturating_add(more);
                }
            }
        }
        named.push(("others".to_owned(), others));
    }
    Ok(Drawn {
        start: frame.start,
        length: frame.length,
        series: named,
        outside: None,
        is_from_summaries: false,
        is_partial: false,
    })
}

impl Drawn {
    fn json(&self, wish: &ChartWish) -> Value {
        let count = self.series.first().map_or(0, |(_, values)| values.len());
        let times = (0..count as u64).map(|at| self.start + at * self.length);
        let seconds = self.length.max(1) as f64 / 1000.0;
        let series = self.series.iter().map(|(label, values)| {
            let mut one = Map::new();
            one.insert("label".to_owned(), json!(label));
            for (at, name) in ["flows", "packets", "bytes"].into_iter().enumerate() {
                let numbers: Vec<u64> = values.iter().map(|value| value[at]).collect();
                one.insert(name.to_owned(), json!(numbers));
            }
            // What a time series data source shows as it is.
            let (at, factor) = match wish.metric {
                Some("flows") => (0, 1.0),
                Some("packets") => (1, 1.0),
                Some(_) => (2, 8.0),
                None => return Value::Object(one),
            };
            let rates: Vec<f64> = values
                .iter()
                .map(|value| value[at] as f64 * factor / seconds)
                .collect();
            one.insert("values".to_owned(), json!(rates));
            Value::Object(one)
        });
        let all = self.series.iter().flat_map(|(_, values)| values);
        let totals = all.fold([0_u64; 3], |sums, value| {
            [0, 1, 2].map(|at: usize| sums[at].saturating_add(value[at]))
        });
        json!({
            "start": self.start,
            "interval": self.length,
            "end": self.start + count as u64 * self.length,
            "times": times.collect::<Vec<_>>(),
            "unit": wish.metric.map(|metric| match metric {
                "flows" => "flows/s",
                "packets" => "packets/s",
                _ => "bit/s",
            }),
            "series": series.collect::<Vec<_>>(),
            "totals": { "flows": totals[0], "packets": totals[1], "bytes": totals[2] },
            "outside": self.outside.map(|(flows, bytes)| json!({ "flows": flows, "bytes": bytes })),
            "from_summaries": self.is_from_summaries,
            "partial": self.is_partial,
        })
    }
}
