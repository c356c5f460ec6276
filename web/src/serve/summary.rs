//! What is kept of a file, so that it need not be read again for a chart: traffic over time by protocol, and what the
//! file says about itself.
//!
//! Traffic is kept as its timeline has it, in intervals of at least 10 s: charts whose intervals are multiples of these
//! are exact. In memory as on disk these are bytes, about 1 kB for a file of five minutes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use crate::serve::codec::{Decoder, Encoder};
use crate::survey::files::{ExporterSums, Files};
use crate::survey::seen::CLASSES;
use crate::survey::timeline::{Clip, Sums, Timeline};

/// The shortest interval, in ms.
pub(crate) const INTERVAL: u64 = 10_000;
/// Intervals of a file in which something happens, at most: they get longer if there are more.
const INTERVALS_MAX: usize = 64;

/// What is kept of a file.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// Length of an interval in ms.
    pub(crate) length: u64,
    /// Start of the first and end of the last interval in ms; `None` without flows that have times.
    pub(crate) span: Option<(u64, u64)>,
    /// Flows, packets, bytes.
    pub(crate) totals: [u64; 3],
    /// Not kept on disk: the file could not be read for a reason that may pass, or is encrypted.
    pub(crate) is_passing: bool,
    line: Box<[u8]>,
    about: Box<[u8]>,
}

impl Summary {
    /// Of a file that was read.
    pub(crate) fn new(mut line: Timeline, totals: [u64; 3], files: &Files) -> Self {
        line.shrink(INTERVALS_MAX);
        let length = line.length();
        let intervals = line.intervals();
        let ends = intervals.first().zip(intervals.last());
        let span = ends.map(|(first, last)| (first.0, last.0 + length));
        let start = span.map_or(0, |(start, _)| start);
        let mut out = Encoder::default();
        for (time, interval) in &intervals {
            for (class, sums) in interval.iter().enumerate() {
                if *sums == Sums::default() {
                    continue;
                }
                out.number((time - start) / length * CLASSES as u64 + class as u64);
                out.number(sums.flows);
                out.number(sums.ends);
                for at in 0..2 {
                    out.signed(sums.here[at]);
                    out.signed(sums.rates[at]);
                    // Relative to the interval these are small.
                    let moment = sums.rates[at].saturating_mul(i128::from(*time));
                    out.signed(sums.moments[at].saturating_sub(moment));
                }
            }
        }
        Self {
            length,
            span,
            totals,
            is_passing: false,
            line: out.finish().into(),
            about: about(files).into(),
        }
    }

    /// Hands over time, class and sums of each interval. `None`: the bytes are wrong.
    fn each(&self, mut found: impl FnMut(u64, usize, &Sums)) -> Option<()> {
        let (start, _) = self.span.unwrap_or_default();
        let mut read = Decoder(&self.line);
        while !read.is_empty() {
            let place = read.number()?;
            let class = (place % CLASSES as u64) as usize;
            let time = (place / CLASSES as u64)
                .checked_mul(self.length)?
                .checked_add(start)?;
            let mut sums = Sums {
                flows: read.number()?,
                ends: read.number()?,
                ..Sums::default()
            };
            for at in 0..2 {
                sums.here[at] = read.signed()?;
                sums.rates[at] = read.signed()?;
                let moment = sums.rates[at].saturating_mul(i128::from(time));
                sums.moments[at] = read.signed()?.saturating_add(moment);
            }
            found(time, class, &sums);
        }
        Some(())
    }

    /// Adds the traffic of the file to a chart whose intervals are multiples of ours.
    pub(crate) fn clip(&self, clip: &mut Clip) {
        // Wrong bytes were refused when they were read.
        let _ = self.each(|time, class, sums| clip.put(time, class, sums));
    }

    /// Adds the traffic of the file to a timeline.
    pub(crate) fn add_to(&self, line: &mut Timeline) {
        line.coarsen_to(self.length);
        let _ = self.each(|time, class, sums| line.put(time, class, sums));
    }

    /// What the file says about itself.
    pub(crate) fn files(&self, path: &Path) -> Files {
        let mut files = read_about(&self.about).unwrap_or_default();
        files.add_slot(Some(path));
        files
    }

    /// As bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.number(self.length);
        out.number(self.span.is_some().into());
        let (start, end) = self.span.unwrap_or_default();
        out.number(start);
        out.number(end);
        self.totals.iter().for_each(|total| out.number(*total));
        out.bytes(&self.line);
        out.bytes(&self.about);
        out.finish()
    }

    /// From bytes. `None` if they are none of ours.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut read = Decoder(bytes);
        let length = read.number().filter(|length| *length != 0)?;
        let has_span = read.number()? != 0;
        let (start, end) = (read.number()?, read.number()?);
        let totals = [read.number()?, read.number()?, read.number()?];
        let found = Self {
            length,
            span: has_span.then_some((start, end)),
            totals,
            is_passing: false,
            line: read.bytes()?.into(),
            about: read.bytes()?.into(),
        };
        found.each(|_, _, _| ())?;
        read_about(&found.about)?;
        read.is_empty().then_some(found)
    }
}

fn about(files: &Files) -> Vec<u8> {
    let mut out = Encoder::default();
    out.number(files.opened);
    out.number(files.stored);
    out.number(files.sequence_failures);
    out.number(files.damage_beyond);
    texts(&mut out, files.damage.iter());
    texts(&mut out, files.idents.iter());
    numbers(&mut out, &files.sampling);
    out.number(files.exporters.len() as u64);
    for (address, sums) in &files.exporters {
        out.bytes(address.to_string().as_bytes());
        out.number(sums.ids);
        out.number(sums.sequence_failures);
        texts(&mut out, sums.kinds.iter());
        numbers(&mut out, &sums.sampling);
    }
    out.finish()
}

fn texts<'t>(out: &mut Encoder, texts: impl ExactSizeIterator<Item = &'t String>) {
    out.number(texts.len() as u64);
    texts.for_each(|text| out.bytes(text.as_bytes()));
}

fn numbers(out: &mut Encoder, numbers: &BTreeSet<u32>) {
    out.number(numbers.len() as u64);
    numbers
        .iter()
        .for_each(|number| out.number((*number).into()));
}

fn read_about(bytes: &[u8]) -> Option<Files> {
    let mut read = Decoder(bytes);
    let mut files = Files::default();
    files.opened = read.number()?;
    files.stored = read.number()?;
    files.sequence_failures = read.number()?;
    files.damage_beyond = read.number()?;
    files.damage = read_many(&mut read, Decoder::text)?;
    files.idents = read_many(&mut read, Decoder::text)?;
    files.sampling = read_many(&mut read, read_u32)?;
    files.exporters = read_many(&mut read, |read| {
        let address: IpAddr = read.text()?.parse().ok()?;
        let sums = ExporterSums {
            ids: read.number()?,
            sequence_failures: read.number()?,
            kinds: read_many(read, Decoder::text)?,
            sampling: read_many(read, read_u32)?,
        };
        Some((address, sums))
    })?;
    read.is_empty().then_some(files)
}

fn read_u32(read: &mut Decoder<'_>) -> Option<u32> {
    read.number()?.try_into().ok()
}

fn read_many<'a, T, C: FromIterator<T>>(
    read: &mut Decoder<'a>,
    mut one: impl FnMut(&mut Decoder<'a>) -> Option<T>,
) -> Option<C> {
    let count = read.number()?;
    // Ends with the bytes, whatever the count.
    (0..count).map(|_| one(read)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Summary {
        let mut line = Timeline::for_length(INTERVAL);
        let sums = |flows: u64| Sums {
            flows,
            ends: 1,
            here: [5 << 24, 1_000 << 24],
            rates: [0, 7],
            moments: [0, 7 * 1_800_000_012_345],
        };
        for at in 0..40 {
            line.put(
                1_800_000_000_000 + at * 10_000,
                (at % 4) as usize,
                &sums(at),
            );
        }
        let mut files = Files::default();
        (files.opened, files.stored) = (1, 77);
        files.damage.push("x: <broken>".to_owned());
        files.idents.insert("edge".to_owned());
        files.sampling.insert(100);
        let exporter = files.exporters.entry([192, 0, 2, 1].into()).or_default();
        exporter.ids = 2;
        exporter.kinds.insert("IPFIX".to_owned());
        Summary::new(line, [780, 200, 40_000], &files)
    }

    #[test]
    fn a_summary_is_read_as_it_was_written() {
        let one = example();
        let bytes = one.encode();
        assert!(bytes.len() < 2_500, "{}", bytes.len());
        let other = Summary::decode(&bytes).expect("ours");
        assert_eq!(
            (one.length, one.span, one.totals),
            (other.length, other.span, other.totals)
        );
        let points = |summary: &Summary| {
            let mut clip = Clip::new(1_800_000_000_000, 20_000, 30);
            summary.clip(&mut clip);
            clip.points()
        };
        assert_eq!(points(&one), points(&other));
        assert_eq!(
            points(&one)
                .iter()
                .flatten()
                .map(|class| class[0])
                .sum::<u64>(),
            780
        );
        let files = other.files(Path::new("nfcapd.202601010000"));
        assert_eq!(
            (files.damage.len(), files.exporters.len(), files.stored),
            (1, 1, 77)
        );
    }

    #[test]
    fn wrong_bytes_are_no_summary() {
        let bytes = example().encode();
        for cut in 0..bytes.len() {
            assert!(Summary::decode(&bytes[..cut]).is_none(), "{cut}");
        }
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x85;
            // Whatever is read of it, it is used without a panic.
            if let Some(summary) = Summary::decode(&wrong) {
                let mut clip = Clip::new(1_800_000_000_000, 20_000, 30);
                summary.clip(&mut clip);
                clip.points();
                summary.add_to(&mut Timeline::default());
            }
        }
    }
}
