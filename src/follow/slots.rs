//! Time slots by the names of files: the order of files, and slots that are missing.
//!
//! The length of a slot is learnt from the names, for each directory that a collector writes to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::value::zone::Zone;

/// Equal distances from which the length of a slot is learnt, at least; before, no slot is missing.
const SURE: u32 = 3;

/// The start of a file's slot, seconds since the epoch, if its name says so: `nfcapd.202601011200`.
#[must_use]
pub(crate) fn slot_of(path: &Path, zone: &Zone) -> Option<i64> {
    let name = path.file_name()?.to_str()?;
    let digits = name.rsplit_once('.')?.1;
    if !matches!(digits.len(), 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i8>().ok();
    let year: i16 = digits.get(..4)?.parse().ok()?;
    let date = (year, part(4, 6)?, part(6, 8)?.into());
    let second = if digits.len() == 14 { part(12, 14)? } else { 0 };
    zone.utc_second(date, (part(8, 10)?, part(10, 12)?, second))
}

/// The directory that a collector writes to: without directories named by date.
#[must_use]
pub(crate) fn source_of(path: &Path) -> &Path {
    let mut directory = path.parent().unwrap_or(path);
    let is_date = |directory: &Path| {
        let name = directory.file_name().unwrap_or_default().as_encoded_bytes();
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        !name.is_empty() && name.iter().all(is_part)
    };
    while is_date(directory) {
        let Some(parent) = directory.parent() else {
            break;
        };
        directory = parent;
    }
    directory
}

/// Slots that have no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) source: PathBuf,
    /// Start of the first one, seconds since the epoch.
    pub(crate) from: i64,
    pub(crate) count: u64,
}

/// What is known of the slots of one collector.
#[derive(Clone, Copy, Debug, Default)]
struct Rhythm {
    last: Option<i64>,
    /// Distance of slots, and how often it was seen in a row.
    length: Option<(i64, u32)>,
    /// Another distance that may become the length.
    other: Option<(i64, u32)>,
}

/// The slots of all collectors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots(BTreeMap<PathBuf, Rhythm>);

impl Slots {
    /// A file of this slot exists. Call it in the order of slots. Returns slots that were left out before it.
    pub(crate) fn add(&mut self, source: &Path, slot: i64) -> Option<Missing> {
        if !self.0.contains_key(source) {
            self.0.insert(source.to_owned(), Rhythm::default());
        }
        let rhythm = self.0.get_mut(source)?;
        let before = rhythm.last;
        rhythm.last = Some(before.map_or(slot, |before| before.max(slot)));
        let before = before.filter(|before| *before < slot)?;
        let distance = slot - before;
        let Some((length, times)) = rhythm.length else {
            rhythm.length = Some((distance, 1));
            return None;
        };
        if distance == length {
            rhythm.length = Some((length, times.saturating_add(1)));
            rhythm.other = None;
            return None;
        }
        // Shorter slots, or often enough longer ones: another length.
        let seen = rhythm.other.filter(|(other, _)| *other == distance);
        let seen = seen.map_or(1, |(_, seen)| seen + 1);
        rhythm.other = Some((distance, seen));
        if (distance < length && times < SURE) || seen >= SURE {
            rhythm.length = Some((distance, seen));
            rhythm.other = None;
            return None;
        }
        let count = distance / length - 1;
        (times >= SURE && count > 0).then(|| Missing {
            source: source.to_owned(),
            from: before + length,
            count: count.unsigned_abs(),
        })
    }

    /// The length of slots, in seconds, as far as it is known.
    pub(crate) fn length(&self, source: &Path) -> Option<i64> {
        let (length, times) = self.0.get(source)?.length?;
        (times >= SURE).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(slots: &[i64]) -> Vec<(i64, u64)> {
        let mut known = Slots::default();
        let found = slots
            .iter()
            .filter_map(|slot| known.add(Path::new("a"), *slot));
        found.map(|missing| (missing.from, missing.count)).collect()
    }

    #[test]
    fn a_hole_is_found_once_the_length_is_known() {
        assert_eq!(missing(&[0, 300, 600, 900, 1800, 2100]), [(1200, 2)]);
        // Too few to know.
        assert_eq!(missing(&[0, 300, 900]), []);
        // The first distance has the hole.
        assert_eq!(missing(&[0, 900, 1200, 1500, 1800, 2400]), [(2100, 1)]);
    }

    #[test]
    fn another_length_is_learnt() {
        let longer = [0, 60, 120, 180, 240, 540, 840, 1140, 1440, 1740];
        assert_eq!(missing(&longer), [(300, 4), (600, 4)]);
        let shorter = [0, 300, 600, 900, 1200, 1260, 1320, 1380, 1500];
        assert_eq!(missing(&shorter), [(1440, 1)]);
    }

    #[test]
    fn names_are_local_times() {
        let zone = Zone::named("Europe/Zurich").expect("a zone");
        let slot = |name: &str| slot_of(Path::new(name), &zone);
        assert_eq!(slot("a/nfcapd.202601011200"), Some(1_767_265_200));
        assert_eq!(slot("a/nfcapd.20260101120002"), Some(1_767_265_202));
        // The hour that does not exist in spring is no hole.
        assert_eq!(
            slot("nfcapd.202603290300").zip(slot("nfcapd.202603290155")),
            Some((1_774_746_000, 1_774_745_700))
        );
        for name in [
            "nfcapd.current.1234",
            "nfcapd.2026",
            "nfcapd.202613011200",
            "a",
        ] {
            assert_eq!(slot(name), None, "{name}");
        }
    }

    #[test]
    fn dates_are_no_sources() {
        for (path, source) in [
            ("x/2026/01/31/nfcapd.202601311200", "x"),
            ("x/live/2026-01-31/nfcapd.202601311200", "x/live"),
            ("x/nfcapd.202601311200", "x"),
        ] {
            assert_eq!(source_of(Path::new(path)), Path::new(source));
        }
    }
}
