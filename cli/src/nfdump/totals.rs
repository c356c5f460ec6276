//! What all selected flows add up to, and the lines about it at the end of a text.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nfdecode::aggregate::Counters;
use nfdecode::file::Statistics;
use nfdecode::output::TextBuffer;
use nfdecode::output::cells;
use nfdecode::value::{TimeFormatter, Zone};
use nfdecode::{Flow, Names, Timestamp};

/// Sums over flows, each counted once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals {
    /// Flows that the records stand for.
    pub(crate) flows: u64,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    first: u64,
    last: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            flows: 0,
            packets: 0,
            bytes: 0,
            first: u64::MAX,
            last: 0,
        }
    }
}

impl Totals {
    /// Those that a table of groups has added up.
    pub(crate) fn of(counters: &Counters) -> Self {
        let Some(first) = counters.first else {
            return Self::default();
        };
        Self {
            flows: counters.flows,
            packets: counters.in_packets.wrapping_add(counters.out_packets),
            bytes: counters.in_bytes.wrapping_add(counters.out_bytes),
            first: first.as_millis(),
            last: counters.last.map_or(0, Timestamp::as_millis),
        }
    }

    /// Adds a flow; one without counters and times adds nothing.
    #[inline]
    pub(crate) fn add(&mut self, flow: &Flow<'_>) {
        let Some(first) = flow.first() else {
            return;
        };
        self.flows = self.flows.wrapping_add(flow.flow_count());
        let packets = flow.in_packets().unwrap_or(0);
        self.packets = self.packets.wrapping_add(packets);
        self.bytes = self.bytes.wrapping_add(flow.in_bytes().unwrap_or(0));
        if flow.elements() >> 5 & 1 != 0 {
            let packets = flow.out_packets().unwrap_or(0);
            self.packets = self.packets.wrapping_add(packets);
            self.bytes = self.bytes.wrapping_add(flow.out_bytes().unwrap_or(0));
        }
        self.first = self.first.min(first.as_millis());
        self.last = self.last.max(flow.last().map_or(0, Timestamp::as_millis));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.flows = self.flows.wrapping_add(other.flows);
        self.packets = self.packets.wrapping_add(other.packets);
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }

    /// `Summary: …`
    fn line(&self, plain: bool, out: &mut TextBuffer) {
        let span = self.last.saturating_sub(self.first);
        let mean = self.bytes.checked_div(self.packets).unwrap_or(0);
        let rate = |count: u64| per_second(count, span);
        out.extend(b"Summary: total flows: ");
        out.extend(self.flows.to_string().as_bytes());
        for (name, number) in [
            (", total bytes: ", self.bytes),
            (", total packets: ", self.packets),
            (", avg bps: ", rate(self.bytes.wrapping_mul(8))),
            (", avg pps: ", rate(self.packets)),
            (", avg bpp: ", if span == 0 { 0 } else { mean }),
        ] {
            out.extend(name.as_bytes());
            number_text(number, plain, out);
        }
        out.push(b'\n');
    }
}

/// `count` in `milliseconds` by way of doubles, cut; what does not fit is 0, as in nfdump.
pub(crate) fn per_second(count: u64, milliseconds: u64) -> u64 {
    const TOO_MUCH: f64 = 18_446_744_073_709_551_616.0;
    if milliseconds == 0 {
        return 0;
    }
    let rate = count as f64 / (milliseconds as f64 / 1000.0);
    if rate < TOO_MUCH { rate as u64 } else { 0 }
}

/// A counter, in full or scaled.
pub(crate) fn number_text(number: u64, plain: bool, out: &mut TextBuffer) {
    if plain {
        out.extend(number.to_string().as_bytes());
    } else {
        cells::scaled(number, out);
    }
}

/// What reading has come to.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) totals: Totals,
    /// Flows that were worked on.
    pub(crate) processed: u64,
    /// Flows that were selected.
    pub(crate) passed: u64,
    /// Blocks that could not be read.
    pub(crate) skipped: u64,
    /// Decoded bytes of blocks that had something to say.
    pub(crate) bytes: u64,
    /// The earliest start and latest end of flows that files announce.
    first: u64,
    last: u64,
    /// The ident of the last file.
    pub(crate) ident: Option<Vec<u8>>,
    /// The names that all files together tell, if they were collected.
    pub(crate) names: Option<Arc<Names>>,
    /// How many flows came before each file.
    pub(crate) starts: Vec<(u64, Option<PathBuf>)>,
    began: Instant,
}

impl Account {
    pub(crate) fn new() -> Self {
        Self {
            totals: Totals::default(),
            processed: 0,
            passed: 0,
            skipped: 0,
            bytes: 0,
            first: u64::MAX,
            last: 0,
            ident: None,
            names: None,
            starts: Vec::new(),
            began: Instant::now(),
        }
    }

    /// Takes note of what a file says of itself.
    pub(crate) fn file(&mut self, statistics: Option<Statistics>, ident: Option<&[u8]>) {
        self.ident = ident.map(<[u8]>::to_vec);
        let ms = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
        if let Some(statistics) = statistics {
            // A first time that is not stored counts as 0, as in nfdump.
            if statistics.last_seen.is_some() {
                self.first = self.first.min(ms(statistics.first_seen));
            }
            self.last = self.last.max(ms(statistics.last_seen));
        }
    }

    /// The last lines. `window` narrows the time window.
    pub(crate) fn trailer(
        &self,
        window: &Range<u64>,
        plain: bool,
        zone: &Zone,
        out: &mut TextBuffer,
    ) {
        self.totals.line(plain, out);
        let (first, last) = (self.first.max(window.start), self.last.min(window.end));
        let mut times = TimeFormatter::new(zone.clone());
        out.extend(b"Time window: ");
        if self.last == 0 || self.first > self.last {
            out.extend(b"<unknown>\n");
        } else {
            if first == 0 {
                out.extend(b"Time Window unknown");
            } else {
                spaced(&mut times, first, out);
                out.extend(b" - ");
                spaced(&mut times, last, out);
            }
            out.extend(b", Duration:");
            duration(last.saturating_sub(first), false, out);
            out.push(b'\n');
        }
        out.extend(
            format!(
                "Total records processed: {}, passed: {}, Blocks skipped: {}, Bytes read: {}\n",
                self.processed, self.passed, self.skipped, self.bytes
            )
            .as_bytes(),
        );
        let wall = self.began.elapsed();
        let (system, user) = process_times();
        let per_second = self.processed as f64 / wall.as_secs_f64().max(1e-6);
        out.extend(
            format!(
                "Sys: {:.4}s User: {:.4}s Wall: {:.4}s flows/second: {per_second:.1} Runtime: {:.4}s\n",
                system.as_secs_f64(),
                user.as_secs_f64(),
                wall.as_secs_f64(),
                wall.as_secs_f64(),
            )
            .as_bytes(),
        );
    }
}

/// A duration in 16 columns: in seconds if numbers are `plain`.
pub(crate) fn duration(ms: u64, plain: bool, out: &mut TextBuffer) {
    const WIDTH: usize = 16;
    let mut text = TextBuffer::default();
    if plain {
        text.extend(format!("{:.3}", ms as f64 / 1000.0).as_bytes());
    } else {
        cells::duration(ms, &mut text);
    }
    right(text.as_bytes(), WIDTH, out);
}

/// `YYYY-MM-DD hh:mm:ss.mmm`
pub(crate) fn spaced(times: &mut TimeFormatter, ms: u64, out: &mut TextBuffer) {
    let mut text = Vec::with_capacity(32);
    times.write_spaced(Timestamp::from_millis(ms), &mut text);
    out.extend(&text);
}

/// `YYYY-MM-DDThh:mm:ss.mmm`
pub(crate) fn iso(times: &mut TimeFormatter, ms: u64, out: &mut TextBuffer) {
    let mut text = Vec::with_capacity(32);
    times.write_iso(Timestamp::from_millis(ms), &mut text);
    out.extend(&text);
}

/// Text right-aligned.
pub(crate) fn right(text: &[u8], width: usize, out: &mut TextBuffer) {
    for _ in text.len()..width {
        out.push(b' ');
    }
    out.extend(text);
}

/// Time of the processor for this process, in the system and outside of it.
fn process_times() -> (Duration, Duration) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold anything; fields 14 and 15 are in ticks of 1/100 s.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        let ticks = fields.get(at).and_then(|field| field.parse::<u64>().ok());
        Duration::from_millis(10 * ticks.unwrap_or(0))
    };
    (ticks(12), ticks(11))
}
