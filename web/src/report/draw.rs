//! The charts of the page: from numbers to paths and labels.

use crate::report::result::Report;
use crate::survey::spread::{BYTES, DURATIONS, PACKETS, STEPS};
use crate::svg;
use crate::text::{self, Clock};

/// A way to look at traffic over time.
pub(crate) struct Measure {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The place in a point of the chart.
    place: usize,
    factor: f64,
    unit: &'static str,
    /// Paths of the classes of protocols, the largest sum first; each covers those behind it.
    pub(crate) paths: Vec<(usize, String)>,
    /// Lines across: distance from the top in percent, and what they mean.
    pub(crate) lines: Vec<(String, String)>,
    /// What is seen, in words.
    pub(crate) summary: String,
}

/// Names of the classes of protocols.
pub(crate) const CLASS_NAMES: [&str; 4] = ["TCP", "UDP", "ICMP", "Other"];

/// A label of the time axis: distance from the left in percent, text, and whether narrow screens leave it out.
pub(crate) type Tick = (String, String, bool);

/// Traffic over time as rates of bits, packets and flows.
pub(crate) fn measures(report: &Report, clock: &mut Clock) -> Vec<Measure> {
    [
        ("bits", "Bits per second", 2, 8.0, "bit/s"),
        ("packets", "Packets per second", 1, 1.0, "/s"),
        ("flows", "Flows per second", 0, 1.0, "/s"),
    ]
    .into_iter()
    .map(|(id, title, place, factor, unit)| {
        let mut measure = Measure {
            id,
            title,
            place,
            factor,
            unit,
            paths: Vec::new(),
            lines: Vec::new(),
            summary: String::new(),
        };
        measure.draw(report, clock);
        measure
    })
    .collect()
}

impl Measure {
    fn draw(&mut self, report: &Report, clock: &mut Clock) {
        let chart = &report.chart;
        let seconds = chart.length as f64 / 1000.0;
        let classes = CLASS_NAMES.len();
        // Sums from below: TCP alone, TCP and UDP, and so on.
        let stacked: Vec<Vec<f64>> = chart
            .points
            .iter()
            .map(|point| {
                let mut sum = 0.0;
                let rates = point.iter().map(|class| {
                    sum += class[self.place] as f64 * self.factor / seconds;
                    sum
                });
                rates.collect()
            })
            .collect();
        let all = |point: &Vec<f64>| point.get(classes - 1).copied().unwrap_or(0.0);
        let peak = stacked.iter().map(all).fold(0.0, f64::max);
        let step = svg::nice(peak / 4.0);
        let lines = (peak / step).ceil().max(1.0);
        let top = lines * step;
        for class in (0..classes).rev() {
            let values = stacked
                .iter()
                .map(|point| point.get(class).copied().unwrap_or(0.0));
            self.paths.push((class, svg::steps(values, top)));
        }
        for line in 0..=lines as u32 {
            let value = f64::from(line) * step;
            let place = 100.0 - value / top * 100.0;
            self.lines
                .push((format!("{place:.2}%"), text::short(value, self.unit)));
        }
        let at = stacked
            .iter()
            .position(|point| all(point) == peak)
            .unwrap_or(0) as u64;
        let mean = stacked.iter().map(all).sum::<f64>() / stacked.len().max(1) as f64;
        self.summary = format!(
            "average {}, peak {} in the {} from {}",
            text::short(mean, self.unit),
            text::short(peak, self.unit),
            text::duration(chart.length),
            clock.seconds(chart.start + at * chart.length)
        );
    }
}

/// Labels of the time axis.
pub(crate) fn ticks(report: &Report, clock: &mut Clock) -> Vec<Tick> {
    const DISTANCES: [u64; 24] = [
        1,
        10,
        100,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        900_000,
        1_800_000,
        3_600_000,
        7_200_000,
        10_800_000,
        21_600_000,
        43_200_000,
        86_400_000,
        172_800_000,
        604_800_000,
    ];
    const TICKS_MAX: u64 = 8;
    let (start, end) = (report.chart.start, report.chart.end());
    let span = end.saturating_sub(start).max(1);
    let fits = |distance: &&u64| span / **distance <= TICKS_MAX;
    let distance = DISTANCES
        .iter()
        .find(fits)
        .copied()
        .unwrap_or(span.div_ceil(TICKS_MAX));
    let first = start.next_multiple_of(distance);
    (0..)
        .map(|number| first + number * distance)
        .take_while(|time| *time <= end)
        .enumerate()
        .map(|(number, time)| {
            let place = (time - start) as f64 * 100.0 / span as f64;
            let text = clock.exact(time);
            let shown = match distance {
                0..1_000 => text.get(11..),
                1_000..60_000 => text.get(11..19),
                60_000..86_400_000 if span < 86_400_000 => text.get(11..16),
                60_000..86_400_000 => text.get(5..16),
                _ => text.get(..10),
            };
            let shown = shown.unwrap_or(&text).to_owned();
            (format!("{place:.2}%"), shown, number % 2 == 1)
        })
        // Labels at the edges would be cut.
        .filter(|(place, _, _)| {
            (3.0..=97.0).contains(&place.trim_end_matches('%').parse().unwrap_or(0.0))
        })
        .collect()
}

/// A distribution: a class in words, flows, their part in percent, and the width of the bar.
pub(crate) struct Distribution {
    pub(crate) title: &'static str,
    pub(crate) head: &'static str,
    pub(crate) rows: Vec<(String, String, String, String)>,
}

/// The distributions of the page.
pub(crate) fn distributions(report: &Report) -> Vec<Distribution> {
    let found = &report.distributions;
    let spans: Vec<String> = DURATIONS.iter().map(|ms| text::duration(*ms)).collect();
    let sizes: Vec<String> = BYTES.iter().map(|bytes| text::bytes(*bytes)).collect();
    vec![
        distribution("Duration of flows", "Duration", &found.durations, |at| {
            between(&spans, at)
        }),
        distribution("Bytes of flows", "Bytes", &found.bytes, |at| {
            between(&sizes, at)
        }),
        distribution("Packets of flows", "Packets", &found.packets, whole),
    ]
}

/// A class of a distribution, from its lower bound to less than its upper one.
fn between(bounds: &[String], at: usize) -> String {
    match (
        at.checked_sub(1).and_then(|at| bounds.get(at)),
        bounds.get(at),
    ) {
        (None, Some(high)) => format!("less than {high}"),
        (Some(low), Some(high)) => format!("{low} to < {high}"),
        (Some(low), None) => format!("{low} and more"),
        (None, None) => "all".to_owned(),
    }
}

/// The same of whole numbers.
fn whole(at: usize) -> String {
    let low = at
        .checked_sub(1)
        .and_then(|at| PACKETS.get(at))
        .copied()
        .unwrap_or(0);
    match PACKETS.get(at).map(|high| high - 1) {
        Some(high) if high == low => text::count(low),
        Some(high) => format!("{} to {}", text::count(low), text::count(high)),
        None => format!("{} and more", text::count(low)),
    }
}

fn distribution(
    title: &'static str,
    head: &'static str,
    counts: &[u64; STEPS],
    class: impl Fn(usize) -> String,
) -> Distribution {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let all = counts
        .iter()
        .fold(0, |sum: u64, count| sum.saturating_add(*count));
    let used = |at: usize| counts.get(at).is_some_and(|count| *count != 0);
    let first = (0..STEPS).find(|at| used(*at)).unwrap_or(0);
    let last = (0..STEPS).rev().find(|at| used(*at)).unwrap_or(0);
    let rows = counts
        .iter()
        .enumerate()
        .filter(|(at, _)| (first..=last).contains(at));
    let rows = rows.map(|(at, count)| {
        let width = *count as f64 * 100.0 / most as f64;
        (
            class(at),
            text::count(*count),
            text::percent(*count, all),
            format!("{width:.1}%"),
        )
    });
    Distribution {
        title,
        head,
        rows: rows.collect(),
    }
}
