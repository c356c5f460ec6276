//! Tables as bytes: partial results to keep, send and merge; and groups that do not fit into memory.
//!
//! A stored table begins with a line that names format and version, then a description of its grouping, texts,
//! totals and groups; all numbers are little-endian. It is read back with the same grouping. Memory while reading is
//! bounded by the bytes that are really there.

use std::io::{self, Read, Write};

use crate::aggregate::distinct::Distinct;
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::grouping::{Grouping, Inner};
use crate::aggregate::held::{Extra, Held};
use crate::aggregate::intake::Intake;
use crate::aggregate::layout::{counter, counters_of};
use crate::aggregate::quantile::Quantiles;
use crate::aggregate::source::{Shape, Stored};
use crate::aggregate::table::Table;

/// Name and version of the format.
const MAGIC: &[u8] = b"nfdecode groups 2\n";
/// Bytes of a text or record at most: nothing in a flow is longer.
const PIECE_MAX: usize = u16::MAX as usize;
/// Bytes of a description of a grouping at most.
const SIGNATURE_MAX: usize = 1 << 20;
/// Bytes of a stored distinct count at most: a count and the registers of a sketch.
const DISTINCT_MAX: usize = 4 + 4096;

impl Table {
    /// Writes the table, to be [read back](Self::read) and merged elsewhere.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let inner = &*self.grouping.0;
        out.write_all(MAGIC)?;
        piece(out, inner.signature().as_bytes())?;
        let texts = inner.texts.all();
        out.write_all(&(texts.len() as u64).to_le_bytes())?;
        texts.iter().try_for_each(|text| piece(out, text))?;
        for word in self.intake.totals {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&(self.len() as u64).to_le_bytes())?;
        let none = Extra::default();
        let mut bytes = Vec::new();
        for part in &self.parts {
            for (row, extra) in part.groups(&none) {
                bytes.clear();
                encode(inner, row, extra, &mut bytes);
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    }

    /// Reads a table that was [written](Self::write) with an equal grouping: the same keys, distinct counts and
    /// options. Anything else is refused.
    ///
    /// # Errors
    /// [`AggregateError::Stored`], [`AggregateError::OtherGrouping`], [`AggregateError::Io`].
    pub fn read(grouping: &Grouping, from: &mut impl Read) -> Result<Self> {
        let inner = &*grouping.0;
        let mut magic = [0; MAGIC.len()];
        fill(from, &mut magic)?;
        if magic != MAGIC {
            return Err(AggregateError::Stored("another format or version"));
        }
        if read_piece(from, SIGNATURE_MAX)? != inner.signature().as_bytes() {
            return Err(AggregateError::OtherGrouping);
        }
        let mut numbers = Vec::new();
        for _ in 0..word(from)? {
            numbers.push(inner.texts.number(&read_piece(from, PIECE_MAX)?));
        }
        let mut intake = Intake::new(inner);
        for to in &mut intake.totals {
            *to = word(from)?;
        }
        let mut held = Held::new(inner);
        for _ in 0..word(from)? {
            let (mut row, extra) = decode(inner, from)?;
            renumber(inner, &mut row, &numbers)?;
            held.absorb_one(inner, &row, inner.hash(&row), &extra);
        }
        Ok(Self::of(grouping, vec![held], intake))
    }
}

/// Replaces numbers of texts in a row by those of this process.
fn renumber(inner: &Inner, row: &mut [u64], numbers: &[u32]) -> Result<()> {
    for place in &inner.layout.places {
        let stored = place.get(row);
        if place.shape != Shape::Text || stored.tag == 0 {
            continue;
        }
        let number = numbers.get(stored.words[1] as usize);
        let number = number.ok_or(AggregateError::Stored("a text is missing"))?;
        place.replace(row, Stored::number((*number).into()));
    }
    Ok(())
}

/// Appends a group.
pub(crate) fn encode(inner: &Inner, row: &[u64], extra: &Extra, out: &mut Vec<u8>) {
    let (key, stored) = row
        .split_at_checked(inner.layout.key_words)
        .unwrap_or_default();
    key.iter().for_each(|word| out.extend(word.to_le_bytes()));
    if stored.len() == counter::NARROW {
        let counters = counters_of(stored);
        counters
            .iter()
            .for_each(|word| out.extend(word.to_le_bytes()));
    } else {
        stored
            .iter()
            .for_each(|word| out.extend(word.to_le_bytes()));
    }
    if inner.options.keep_first {
        out.extend((extra.first.len() as u32).to_le_bytes());
        out.extend(&extra.first);
    }
    let none = Distinct::default();
    for at in 0..inner.distinct.len() {
        extra.distinct.get(at).unwrap_or(&none).store(out);
    }
    let none = Quantiles::default();
    for at in 0..inner.quantiles.len() {
        extra.quantiles.get(at).unwrap_or(&none).store(out);
    }
}

/// Reads a group.
pub(crate) fn decode(inner: &Inner, from: &mut impl Read) -> Result<(Vec<u64>, Extra)> {
    let mut row = Vec::with_capacity(inner.layout.words);
    for _ in 0..inner.layout.words {
        row.push(word(from)?);
    }
    let mut extra = Extra::default();
    if inner.options.keep_first {
        extra.first = read_piece(from, PIECE_MAX)?.into();
    }
    let mut distinct = Vec::with_capacity(inner.distinct.len());
    for _ in 0..inner.distinct.len() {
        distinct.push(read_distinct(from)?);
    }
    extra.distinct = distinct.into();
    let mut quantiles = Vec::with_capacity(inner.quantiles.len());
    for _ in 0..inner.quantiles.len() {
        let restored = Quantiles::restore(|| {
            let mut bytes = [0; 4];
            fill(from, &mut bytes).map(|()| u32::from_le_bytes(bytes))
        })?;
        quantiles.push(restored.ok_or(AggregateError::Stored("a distribution is damaged"))?);
    }
    extra.quantiles = quantiles.into();
    Ok((row, extra))
}

fn read_distinct(from: &mut impl Read) -> Result<Distinct> {
    let mut count = [0; 4];
    fill(from, &mut count)?;
    let wrong = || AggregateError::Stored("a distinct count is damaged");
    let size = Distinct::stored_size(u32::from_le_bytes(count)).ok_or_else(wrong)?;
    let mut bytes = vec![0; size.min(DISTINCT_MAX)];
    let (head, rest) = bytes.split_at_mut_checked(4).ok_or_else(wrong)?;
    head.copy_from_slice(&count);
    fill(from, rest)?;
    Distinct::restore(&mut bytes.as_slice()).ok_or_else(wrong)
}

/// Counters of a stored group that a merge relies on are whatever they are: sums of them stay within 64 bits.
const _: () = assert!(counter::COUNT == 8);

fn piece(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(bytes)
}

fn read_piece(from: &mut impl Read, most: usize) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    fill(from, &mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > most {
        return Err(AggregateError::Stored("a length is too large"));
    }
    let mut bytes = vec![0; length];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

fn word(from: &mut impl Read) -> Result<u64> {
    let mut bytes = [0; 8];
    fill(from, &mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn fill(from: &mut impl Read, to: &mut [u8]) -> Result<()> {
    from.read_exact(to).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => AggregateError::Stored("it ends early"),
        _ => AggregateError::Io(error),
    })
}
