//! Records in the order of byte keys, with bounded memory.
//!
//! Records are collected up to a limit of memory, sorted, and written to a temporary file without a name as one
//! run; runs are merged at the end. With a limit of records only the first ones are kept, so that a short list out
//! of many records never reaches a file. Keys are compared as bytes, and must differ.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::aggregate::error::AggregateError;

/// Bytes in front of a record in memory and in files: the lengths of key and payload.
const HEAD: usize = 8;
/// Buffer of each run while runs are merged.
const BUFFER: usize = 1 << 16;
/// Runs that are merged at once at most, so that open files stay few.
const FAN_IN_MAX: usize = 256;
const FAN_IN_MIN: usize = 8;
/// Runs of a level that become one of the next level while records are still collected.
const LEVEL: usize = 64;
/// Records that are collected before those beyond the limit are dropped, at least.
const COLLECTED_MIN: usize = 1 << 10;

/// Collects records.
#[derive(Debug)]
pub(crate) struct Sorter {
    records: Records,
    runs: Vec<Run>,
    /// Bytes in memory at most.
    memory: usize,
    /// Records that are needed at most.
    most: usize,
    /// The key of the last record that is needed, once there are `most`.
    last: Option<Box<[u8]>>,
    directory: Option<PathBuf>,
}

/// A sorted run in a file.
#[derive(Debug)]
struct Run {
    file: File,
    records: u64,
    /// How often its records were merged.
    level: u32,
}

/// Records in memory.
#[derive(Debug, Default)]
struct Records {
    /// Lengths, key and payload of each.
    bytes: Vec<u8>,
    /// First bytes of the key, and where the record is.
    index: Vec<(u64, usize)>,
}

impl Records {
    fn push(&mut self, key: &[u8], payload: &[u8]) {
        self.index.push((prefix(key), self.bytes.len()));
        self.bytes.extend((key.len() as u32).to_le_bytes());
        self.bytes.extend((payload.len() as u32).to_le_bytes());
        self.bytes.extend(key);
        self.bytes.extend(payload);
    }

    fn memory(&self) -> usize {
        self.bytes.len() + self.index.len() * size_of::<(u64, usize)>()
    }

    /// Key and payload of the record at this offset.
    fn at(&self, offset: usize) -> (&[u8], &[u8]) {
        let (key, payload, rest) = self.lengths(offset);
        rest.get(..key + payload)
            .and_then(|rest| rest.split_at_checked(key))
            .unwrap_or_default()
    }

    fn lengths(&self, offset: usize) -> (usize, usize, &[u8]) {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        match rest.split_first_chunk::<HEAD>() {
            Some((head, rest)) => {
                let (key, payload) = lengths(*head);
                (key, payload, rest)
            }
            None => (0, 0, &[]),
        }
    }

    fn compare(&self, a: (u64, usize), b: (u64, usize)) -> std::cmp::Ordering {
        a.0.cmp(&b.0)
            .then_with(|| self.at(a.1).0.cmp(self.at(b.1).0))
    }

    fn sort(&mut self) {
        let mut index = std::mem::take(&mut self.index);
        index.sort_unstable_by(|a, b| self.compare(*a, *b));
        self.index = index;
    }

    /// Keeps the first `most` records. Returns the key of the last of them.
    fn keep_first(&mut self, most: usize) -> Option<Box<[u8]>> {
        if most == 0 || self.index.len() < most {
            return None;
        }
        let mut index = std::mem::take(&mut self.index);
        index.select_nth_unstable_by(most - 1, |a, b| self.compare(*a, *b));
        index.truncate(most);
        let last = index.last().map(|(_, at)| self.at(*at).0.into());
        let mut kept = Self::default();
        for (_, at) in index {
            let (key, payload) = self.at(at);
            kept.push(key, payload);
        }
        *self = kept;
        last
    }
}

fn prefix(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(bytes)
}

fn lengths(head: [u8; HEAD]) -> (usize, usize) {
    let [a, b, c, d, e, f, g, h] = head;
    (
        u32::from_le_bytes([a, b, c, d]) as usize,
        u32::from_le_bytes([e, f, g, h]) as usize,
    )
}

impl Sorter {
    /// Keeps about `memory` bytes in memory, and the first `most` records; files go to `directory`, `None` is that
    /// of the system.
    pub(crate) fn new(memory: usize, most: usize, directory: Option<&Path>) -> Self {
        Self {
            records: Records::default(),
            runs: Vec::new(),
            memory,
            most,
            last: None,
            directory: directory.map(Path::to_owned),
        }
    }

    /// Whether a record with this key may be among the first ones.
    #[inline]
    pub(crate) fn may_need(&self, key: &[u8]) -> bool {
        self.most != 0 && self.last.as_deref().is_none_or(|last| key < last)
    }

    /// Adds a record.
    pub(crate) fn push(&mut self, key: &[u8], payload: &[u8]) -> io::Result<()> {
        if !self.may_need(key) {
            return Ok(());
        }
        self.records.push(key, payload);
        if self.records.index.len() >= self.most.saturating_mul(2).max(COLLECTED_MIN)
            && let Some(last) = self.records.keep_first(self.most)
        {
            self.last = Some(last);
        }
        if self.records.memory() > self.memory {
            self.spill()?;
        }
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let mut records = std::mem::take(&mut self.records);
        records.sort();
        let mut out = RunWriter::new(self.directory.as_deref())?;
        for (_, at) in &records.index {
            let (key, payload) = records.at(*at);
            out.write(key, payload)?;
        }
        self.runs.push(out.finish(0)?);
        self.merge_levels()?;
        // The memory is used again.
        records.bytes.clear();
        records.index.clear();
        self.records = records;
        Ok(())
    }
}

impl Sorter {
    /// Merges the last runs while there are many of one level.
    fn merge_levels(&mut self) -> io::Result<()> {
        while let Some(start) = self.runs.len().checked_sub(LEVEL)
            && let Some([first, .., last]) = self.runs.get(start..)
            && first.level == last.level
        {
            let level = first.level + 1;
            let runs = self.runs.split_off(start);
            let longer = merge(runs, self.most, self.directory.as_deref(), level)?;
            self.runs.push(longer);
        }
        Ok(())
    }
}

struct RunWriter {
    file: BufWriter<File>,
    records: u64,
}

impl RunWriter {
    fn new(directory: Option<&Path>) -> io::Result<Self> {
        let file = match directory {
            Some(directory) => tempfile::tempfile_in(directory)?,
            None => tempfile::tempfile()?,
        };
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER, file),
            records: 0,
        })
    }

    fn write(&mut self, key: &[u8], payload: &[u8]) -> io::Result<()> {
        self.file.write_all(&(key.len() as u32).to_le_bytes())?;
        self.file.write_all(&(payload.len() as u32).to_le_bytes())?;
        self.file.write_all(key)?;
        self.file.write_all(payload)?;
        self.records += 1;
        Ok(())
    }

    fn finish(self, level: u32) -> io::Result<Run> {
        let mut file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Run {
            file,
            records: self.records,
            level,
        })
    }
}

/// The records of one or more sorters in the order of their keys.
#[derive(Debug)]
pub(crate) struct Sorted {
    heads: BinaryHeap<Head>,
    left: usize,
}

/// The next record of a source. The greatest is the one with the smallest key.
#[derive(Debug)]
struct Head {
    key: Vec<u8>,
    payload: Vec<u8>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memory(Records, usize),
    File(BufReader<File>, u64),
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.key.cmp(&self.key)
    }
}

impl Head {
    fn new(source: Source) -> io::Result<Option<Self>> {
        let mut head = Self {
            key: Vec::new(),
            payload: Vec::new(),
            source,
        };
        Ok(head.advance()?.then_some(head))
    }

    /// Reads the next record. Returns whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        match &mut self.source {
            Source::Memory(records, next) => {
                let Some((_, at)) = records.index.get(*next) else {
                    return Ok(false);
                };
                let (key, payload) = records.at(*at);
                self.key.clear();
                self.key.extend(key);
                self.payload.clear();
                self.payload.extend(payload);
                *next += 1;
            }
            Source::File(_, 0) => return Ok(false),
            Source::File(file, left) => {
                let mut head = [0; HEAD];
                file.read_exact(&mut head)?;
                let (key, payload) = lengths(head);
                self.key.resize(key, 0);
                file.read_exact(&mut self.key)?;
                self.payload.resize(payload, 0);
                file.read_exact(&mut self.payload)?;
                *left -= 1;
            }
        }
        Ok(true)
    }
}

impl Sorted {
    /// Of the same limits.
    pub(crate) fn of(sorters: Vec<Sorter>) -> io::Result<Self> {
        let Some(first) = sorters.first() else {
            return Ok(Self {
                heads: BinaryHeap::new(),
                left: 0,
            });
        };
        let (most, memory) = (first.most, first.memory.saturating_mul(sorters.len()));
        let directory = first.directory.clone();
        let (mut runs, mut memories) = (Vec::new(), Vec::new());
        for mut sorter in sorters {
            runs.append(&mut sorter.runs);
            sorter.records.sort();
            memories.push(Source::Memory(sorter.records, 0));
        }
        // More runs than can be read at once become longer ones.
        let fan_in = (memory / BUFFER).clamp(FAN_IN_MIN, FAN_IN_MAX);
        while runs.len() > fan_in {
            let rest = runs.split_off(fan_in);
            let first = std::mem::replace(&mut runs, rest);
            let longer = merge(first, most, directory.as_deref(), 0)?;
            runs.push(longer);
        }
        let files = runs.into_iter().map(Run::into_source);
        let mut heads = BinaryHeap::new();
        for source in memories.into_iter().chain(files) {
            heads.extend(Head::new(source)?);
        }
        Ok(Self { heads, left: most })
    }

    /// Hands over the records in order, each as key and payload.
    pub(crate) fn for_each<E: From<io::Error>>(
        mut self,
        mut take: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.left != 0
            && let Some(mut head) = self.heads.peek_mut()
        {
            take(&head.key, &head.payload)?;
            self.left -= 1;
            if !head.advance()? {
                PeekMut::pop(head);
            }
        }
        Ok(())
    }
}

impl Run {
    fn into_source(self) -> Source {
        Source::File(BufReader::with_capacity(BUFFER, self.file), self.records)
    }
}

/// One run of several.
fn merge(runs: Vec<Run>, most: usize, directory: Option<&Path>, level: u32) -> io::Result<Run> {
    let mut heads = BinaryHeap::new();
    for run in runs {
        heads.extend(Head::new(run.into_source())?);
    }
    let mut out = RunWriter::new(directory)?;
    let sorted = Sorted { heads, left: most };
    sorted.for_each(|key, payload| out.write(key, payload))?;
    out.finish(level)
}

/// Who ended a walk over sorted records.
pub(crate) enum Failed<E> {
    Ours(AggregateError),
    Theirs(E),
}

impl<E> From<io::Error> for Failed<E> {
    fn from(error: io::Error) -> Self {
        Self::Ours(error.into())
    }
}

impl<E: From<AggregateError>> Failed<E> {
    pub(crate) fn into_theirs(self) -> E {
        match self {
            Self::Ours(error) => error.into(),
            Self::Theirs(error) => error,
        }
    }
}

/// Appends bytes that compare as `value` does.
pub(crate) fn put_number(value: u64, out: &mut Vec<u8>) {
    out.extend(value.to_be_bytes());
}

/// Appends bytes that compare as `text` does, whatever follows.
pub(crate) fn put_text(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        out.push(*byte);
        if *byte == 0 {
            out.push(1);
        }
    }
    out.extend([0, 0]);
}

/// Turns the order of the bytes from `from` on around.
pub(crate) fn reverse(out: &mut [u8], from: usize) {
    let bytes = out.get_mut(from..).unwrap_or_default();
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(memory: usize, most: usize, sorters: usize, count: u64) -> Vec<(u64, Vec<u8>)> {
        let mut all: Vec<Sorter> = (0..sorters)
            .map(|_| Sorter::new(memory, most, None))
            .collect();
        for number in 0..count {
            // Each number once, in no order.
            let value = number.wrapping_mul(7_919) % count;
            let at = number as usize % sorters;
            let payload = vec![value as u8; value as usize % 40];
            let sorter = all.get_mut(at).expect("a sorter");
            sorter.push(&value.to_be_bytes(), &payload).expect("room");
        }
        let mut found = Vec::new();
        let sorted = Sorted::of(all).expect("runs");
        sorted
            .for_each(|key, payload| {
                found.push((
                    u64::from_be_bytes(key.try_into().expect("8")),
                    payload.to_vec(),
                ));
                Ok::<(), io::Error>(())
            })
            .expect("records");
        found
    }

    #[test]
    fn records_come_in_order_whatever_the_memory() {
        let expected = |count: u64| -> Vec<(u64, Vec<u8>)> {
            let payload = |value: u64| vec![value as u8; value as usize % 40];
            (0..count).map(|value| (value, payload(value))).collect()
        };
        for memory in [1, 100, 1_000, 100_000, usize::MAX] {
            for sorters in [1, 3] {
                assert_eq!(sorted(memory, usize::MAX, sorters, 500), expected(500));
                for most in [0, 1, 10, 499, 500, 501] {
                    let first = expected(most.min(500) as u64);
                    assert_eq!(sorted(memory, most, sorters, 500), first, "{memory} {most}");
                }
                assert_eq!(sorted(memory, 3, sorters, 5_000), expected(3));
            }
        }
        assert!(sorted(1, usize::MAX, 2, 0).is_empty());
    }

    #[test]
    fn bytes_compare_as_values_do() {
        let texts: [&[u8]; 7] = [b"", b"\0", b"\0\0", b"\0a", b"a", b"a\0", b"ab"];
        for (a, left) in texts.iter().enumerate() {
            for (b, right) in texts.iter().enumerate() {
                let (mut one, mut other) = (Vec::new(), Vec::new());
                put_text(left, &mut one);
                put_text(right, &mut other);
                // Whatever follows makes no difference.
                one.push(if a < b { 255 } else { 0 });
                other.push(if a < b { 0 } else { 255 });
                if a != b {
                    assert_eq!(one.cmp(&other), a.cmp(&b), "{left:?} {right:?}");
                    reverse(&mut one, 0);
                    reverse(&mut other, 0);
                    assert_eq!(one.cmp(&other), b.cmp(&a), "{left:?} {right:?}");
                }
            }
        }
    }
}
