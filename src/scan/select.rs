//! Which flows and files a scan selects.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::file::block::Block;
use crate::file::facts::is_near;
use crate::file::handle::File;
use crate::value::time::Timestamp;

/// Selects flows of blocks, and files that can hold such flows.
///
/// [`Filter`](crate::filter) is the usual one. Called from any number of threads.
pub trait Select: fmt::Debug + Send + Sync {
    /// Writes the ascending indices of the selected flows of `block` to `selected`, which is empty.
    ///
    /// `ident` is the ident of the block's file. `records_before` is the number of records in all blocks
    /// before; it is 0 unless [`counts_records`](Self::counts_records).
    fn select(
        &self,
        block: &Block,
        ident: Option<&[u8]>,
        records_before: u64,
        selected: &mut Vec<u32>,
    );

    /// Whether `select` needs `records_before`. Blocks are then selected from in order.
    fn counts_records(&self) -> bool {
        false
    }

    /// Whether a file can hold selected flows. The blocks of others are not read.
    fn may_select(&self, _file: &File) -> bool {
        true
    }
}

/// The selection of a scan: any number of [`Select`]s, all of which must agree, and a time range.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    selects: Vec<Arc<dyn Select>>,
    /// Flows outside of this range are not needed, in ms since the epoch.
    range: (Option<u64>, Option<u64>),
    reads_all: bool,
}

impl Selection {
    pub(crate) fn add(&mut self, select: Arc<dyn Select>) {
        self.selects.push(select);
    }

    pub(crate) fn narrow(&mut self, from: Option<Timestamp>, to: Option<Timestamp>) {
        let (known_from, known_to) = self.range;
        let from = from.map(Timestamp::as_millis);
        let to = to.map(Timestamp::as_millis);
        self.range = (
            known_from.max(from),
            [known_to, to].into_iter().flatten().min(),
        );
    }

    pub(crate) fn read_all(&mut self, wanted: bool) {
        self.reads_all = wanted;
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.selects.is_empty()
    }

    /// Whether selecting needs the running numbers of records, which count over all files.
    pub(crate) fn counts_records(&self) -> bool {
        self.selects.iter().any(|select| select.counts_records())
    }

    /// Whether a file of this name can hold selected flows. Only files that are days away are left out.
    pub(crate) fn may_be_in(&self, path: &Path) -> bool {
        let start = path.file_name().and_then(slot_of);
        self.skips_none() || start.is_none_or(|start| self.is_near(start, start))
    }

    /// Whether an open file can hold selected flows.
    pub(crate) fn may_select(&self, file: &File) -> bool {
        if self.skips_none() {
            return true;
        }
        let seen = file.counted_times();
        seen.is_none_or(|(first, last)| self.is_near(first, last))
            && self.selects.iter().all(|select| select.may_select(file))
    }

    /// The indices of the selected flows; `None` if all are.
    pub(crate) fn select(
        &self,
        block: &Block,
        ident: Option<&[u8]>,
        records_before: u64,
    ) -> Option<Vec<u32>> {
        let (first, others) = self.selects.split_first()?;
        let mut selected = Vec::new();
        first.select(block, ident, records_before, &mut selected);
        let mut other = Vec::new();
        for select in others {
            other.clear();
            select.select(block, ident, records_before, &mut other);
            selected.retain(|index| other.binary_search(index).is_ok());
        }
        Some(selected)
    }

    fn skips_none(&self) -> bool {
        self.reads_all || self.counts_records()
    }

    fn is_near(&self, first: u64, last: u64) -> bool {
        let (from, to) = self.range;
        is_near((first, last), from, to)
    }
}

/// Start of the slot in the name `nfcapd.YYYYMMDDhhmm`, with or without seconds, read as UTC, in ms.
fn slot_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("nfcapd.")?;
    if !matches!(digits.len(), 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u32>().ok();
    Timestamp::from_civil(
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?,
    )
    .map(Timestamp::as_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_read_from_file_names() {
        let slot = |name: &str| slot_of(OsStr::new(name));
        assert_eq!(slot("nfcapd.202311142213"), Some(1_699_999_980_000));
        assert_eq!(slot("nfcapd.20231114221320"), Some(1_699_999_980_000));
        for name in [
            "nfcapd.current",
            "nfcapd.2023111422",
            "x.202311142213",
            "nfcapd.202399142213",
            "nfcapd.202302302213",
        ] {
            assert_eq!(slot(name), None, "{name}");
        }
    }

    #[test]
    fn ranges_narrow() {
        let at = |secs| Some(Timestamp::from_secs(secs));
        let mut selection = Selection::default();
        selection.narrow(at(5), None);
        selection.narrow(at(3), at(20));
        selection.narrow(None, at(10));
        assert_eq!(selection.range, (Some(5_000), Some(10_000)));
    }
}
