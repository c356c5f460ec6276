//! A finished report: numbers without a form.

use std::collections::HashMap;

use nfdecode::Timestamp;
use nfdecode::aggregate::{AggregateError, Collector, Group, Side};
use nfdecode::scan::Totals;

use crate::report::options::Options;
use crate::survey::files::{Files, Missing};
use crate::survey::findings::Finding;
use crate::survey::lists::{self, List, Pair};
use crate::survey::sample::Drawn;
use crate::survey::spread::Distributions;
use crate::survey::sums::Sums;
use crate::survey::timeline::{Chart, Timeline};

/// Points of a spark line.
pub(crate) const SPARK: usize = 30;

/// A finished report.
pub struct Report {
    pub(crate) options: Options,
    pub(crate) totals: Totals,
    pub(crate) sums: Sums,
    pub(crate) chart: Chart,
    pub(crate) without_time: u64,
    pub(crate) distributions: Distributions,
    pub(crate) lists: Vec<Rows>,
    pub(crate) files: Files,
    pub(crate) findings: Vec<Finding>,
    /// Spark lines are drawn from all flows rather than from a sample.
    pub(crate) is_exact: bool,
}

/// What all threads have counted.
pub(crate) struct Counted {
    pub(crate) timeline: Timeline,
    pub(crate) distributions: Distributions,
    pub(crate) sums: Sums,
}

/// The first groups of a list.
pub(crate) struct Rows {
    pub(crate) list: &'static List,
    /// How many groups there are in all.
    pub(crate) groups: u64,
    pub(crate) bytes: u64,
    pub(crate) rows: Vec<Row>,
}

/// A group.
pub(crate) struct Row {
    pub(crate) label: String,
    /// It is the group of flows without any of the keys.
    is_absent: bool,
    pub(crate) filter: Option<String>,
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) bps: u64,
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
    /// Bytes in equal intervals of the chart's range; empty without spark lines.
    pub(crate) spark: Vec<f64>,
    pair: Pair,
}

impl Row {
    fn of(list: &List, group: &Group<'_>) -> Self {
        let counters = group.counters();
        Self {
            label: list.label(group),
            is_absent: list.is_absent(group),
            filter: list.filter(group),
            flows: counters.flows,
            packets: counters.packets(),
            bytes: counters.bytes(),
            bps: counters.bps(Side::Both),
            first: counters.first.map(Timestamp::as_millis),
            last: counters.last.map(Timestamp::as_millis),
            spark: Vec::new(),
            pair: lists::pair(group),
        }
    }
}

impl Rows {
    /// The first groups that a collector has found.
    pub(crate) fn new(
        list: &'static List,
        collector: Collector,
        top: usize,
    ) -> Result<Self, AggregateError> {
        let mut rows = Vec::new();
        let is_listed = |group: &Group<'_>| list.lists(group);
        let overall = collector.for_each_ranked(&List::order(), top, is_listed, |group, _| {
            rows.push(Row::of(list, group));
            Ok::<(), AggregateError>(())
        })?;
        Ok(Self {
            list,
            groups: overall.groups,
            bytes: overall.totals.bytes(),
            rows,
        })
    }

    /// Whether the files have such values.
    pub(crate) fn has_values(&self) -> bool {
        self.rows.iter().any(|row| !row.is_absent)
    }

    fn draw(&mut self, sample: &[(Drawn, f64)], (start, end): (u64, u64)) {
        let Some(marks) = self.list.marks else {
            return;
        };
        let places = self.rows.iter().enumerate().map(|(at, row)| (row.pair, at));
        let places: HashMap<Pair, usize> = places.collect();
        for row in &mut self.rows {
            row.spark = vec![0.0; SPARK];
        }
        for (drawn, bytes) in sample {
            let row = places
                .get(&marks(&drawn.marks))
                .and_then(|at| self.rows.get_mut(*at));
            if let Some(row) = row {
                spread(&mut row.spark, (start, end), drawn.times, *bytes);
            }
        }
    }
}

/// Spreads bytes over the part of a flow's life that is in the range.
fn spread(points: &mut [f64], (start, end): (u64, u64), (first, last): (u64, u64), bytes: f64) {
    let (range, count) = (end.saturating_sub(start).max(1) as f64, points.len() as f64);
    let place = |time: u64| (time as f64 - start as f64) / range * count;
    let (from, to) = (place(first), place(last.max(first + 1)));
    if to <= 0.0 || from >= count {
        return;
    }
    let rate = bytes / (to - from);
    let begin = from.max(0.0) as usize;
    for (at, point) in points.iter_mut().enumerate().skip(begin) {
        let (low, high) = ((at as f64).max(from), (at as f64 + 1.0).min(to));
        if high <= low {
            break;
        }
        *point += rate * (high - low);
    }
}

impl Report {
    pub(crate) fn new(
        options: Options,
        totals: Totals,
        (counted, mut lists): (Counted, Vec<Rows>),
        (files, findings): (Files, Vec<Finding>),
        (sample, is_exact): (Vec<(Drawn, f64)>, bool),
    ) -> Self {
        let chart = counted.timeline.chart();
        for rows in &mut lists {
            rows.draw(&sample, (chart.start, chart.end()));
        }
        Self {
            options,
            totals,
            sums: counted.sums,
            chart,
            without_time: counted.timeline.without_time,
            distributions: counted.distributions,
            lists,
            files,
            findings,
            is_exact,
        }
    }

    /// As [`Files::missing`]: nothing for captures, of which times without packets have no file.
    pub(crate) fn missing(&self) -> (Vec<Missing>, u64, u64) {
        match self.options.captures {
            Some(_) => (Vec::new(), 0, 0),
            None => self.files.missing(),
        }
    }

    /// Selected flows in the report.
    #[must_use]
    pub fn flows(&self) -> u64 {
        self.totals.flows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spread_within_the_range() {
        let mut points = [0.0; 4];
        spread(&mut points, (1000, 1400), (1050, 1250), 200.0);
        assert_eq!(points, [50.0, 100.0, 50.0, 0.0]);
        spread(&mut points, (1000, 1400), (0, 500), 1e9);
        spread(&mut points, (1000, 1400), (1400, 1500), 1e9);
        assert_eq!(points, [50.0, 100.0, 50.0, 0.0]);
        spread(&mut points, (1000, 1400), (900, 1100), 200.0);
        assert_eq!(points, [150.0, 100.0, 50.0, 0.0]);
        spread(&mut points, (1000, 1400), (1300, 1300), 7.0);
        assert!((points[3] - 7.0).abs() < 1e-9);
    }
}
