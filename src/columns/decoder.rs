//! Record batches of a file whose bytes arrive in pieces.

use std::collections::VecDeque;
use std::fmt;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};

use crate::columns::batch::BatchBuilder;
use crate::columns::projection::Projection;
use crate::error::{Error, ErrorKind};
use crate::file::handle::File;

/// Bytes of a file header of layout 2, and of a block header.
const FILE_HEADER: usize = 40;
const BLOCK_HEADER: usize = 12;
/// Stored bytes of a block at most.
const STORED_MAX: u32 = nfdump_sys::NFDUMP_STORED_MAX;

/// Decodes the bytes of one nfcapd file of layout 2, in pieces of any size, into record batches.
///
/// [`decode`](Self::decode) accepts pieces, and [`flush`](Self::flush) returns batches. At most one block
/// is held. The column `ident` is null, because a file has its ident at the end.
///
/// Other layouts are rejected with an error of the kind [`Unsupported`](ErrorKind::Unsupported): blocks of
/// layout 1 need extension maps of earlier blocks, and files of layout 3 have the directory of their blocks at
/// the end. [`Reader`](super::Reader) reads all layouts, also from memory.
///
/// ```no_run
/// use std::io::Read;
/// use nfdecode::columns::{Decoder, Projection};
///
/// let mut decoder = Decoder::new(&Projection::standard());
/// let mut source = std::io::stdin().lock();
/// let mut piece = [0; 8192];
/// loop {
///     let read = source.read(&mut piece)?;
///     let mut rest = &piece[..read];
///     while !rest.is_empty() {
///         let decoded = decoder.decode(rest);
///         rest = &rest[decoded..];
///         while let Some(batch) = decoder.flush() {
///             println!("{} flows", batch?.num_rows());
///         }
///     }
///     if read == 0 {
///         decoder.finish()?;
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder {
    schema: SchemaRef,
    builder: BatchBuilder,
    state: State,
    /// The bytes of the current part that have arrived.
    held: Vec<u8>,
    /// The file header, changed to that of a file with one block.
    header: Vec<u8>,
    /// Bytes decoded so far.
    position: u64,
    /// Blocks decoded so far.
    blocks: u32,
    /// Blocks the header announces; `None` if the file is unfinished.
    announced: Option<u32>,
    ready: VecDeque<Result<RecordBatch, ArrowError>>,
}

/// The part of the file that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    FileHeader,
    BlockHeader,
    /// A block of this many stored bytes, without its header.
    Block(usize),
    /// Bytes that are ignored.
    Ended,
}

impl Decoder {
    /// A decoder that makes batches of these columns.
    #[must_use]
    pub fn new(projection: &Projection) -> Self {
        Self {
            schema: projection.schema(),
            builder: BatchBuilder::new(projection),
            state: State::FileHeader,
            held: Vec::new(),
            header: Vec::new(),
            position: 0,
            blocks: 0,
            announced: None,
            ready: VecDeque::new(),
        }
    }

    /// Sets the name of the file, for the column `file`.
    #[must_use]
    pub fn with_file_name(mut self, name: &str) -> Self {
        self.builder.set_file(name, None);
        self
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Decodes bytes up to the end of a block, and returns how many of them.
    ///
    /// Pass the rest again. 0 while there are batches to [`flush`](Self::flush). After the last block all bytes
    /// are accepted and ignored.
    pub fn decode(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while self.ready.is_empty() && !rest.is_empty() {
            let wanted = match self.state {
                State::FileHeader => FILE_HEADER,
                State::BlockHeader => BLOCK_HEADER,
                State::Block(stored) => BLOCK_HEADER + stored,
                State::Ended => {
                    self.position = self.position.saturating_add(rest.len() as u64);
                    return bytes.len();
                }
            };
            let (part, after) = rest
                .split_at_checked(wanted.saturating_sub(self.held.len()))
                .unwrap_or((rest, &[]));
            self.held.extend(part);
            self.position = self.position.saturating_add(part.len() as u64);
            rest = after;
            if self.held.len() >= wanted {
                self.complete();
            }
        }
        bytes.len() - rest.len()
    }

    /// The next batch, if one is ready.
    ///
    /// An error reports damage at its place. Decoding continues after it, unless the file cannot be read.
    pub fn flush(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        self.ready.pop_front()
    }

    /// Checks, after the last piece, that the file is complete.
    ///
    /// # Errors
    /// The bytes end before the file does.
    pub fn finish(&self) -> Result<(), Error> {
        let ends = match self.state {
            State::Ended => true,
            State::BlockHeader => self.held.is_empty() && self.announced.is_none(),
            State::FileHeader | State::Block(_) => false,
        };
        if ends {
            return Ok(());
        }
        let block = (self.state != State::FileHeader).then_some(self.blocks);
        Err(Error::new(
            ErrorKind::Truncated,
            self.position,
            "the bytes end before the file does",
        )
        .at(block, None))
    }

    /// Handles a part of which all bytes have arrived.
    fn complete(&mut self) {
        match self.state {
            State::FileHeader => {
                self.header = std::mem::take(&mut self.held);
                // Other layouts have a longer header, or one that needs the end of the file.
                if matches!(self.header.get(..4), Some([0x0C, 0xA5, 1 | 3, 0])) {
                    self.state = self.refuse(Error::new(
                        ErrorKind::Unsupported,
                        0,
                        "only files of layout 2 can be read in pieces",
                    ));
                    return;
                }
                let opened = File::from_partial_bytes(self.header.clone());
                self.state = match opened.map(|file| file.header()) {
                    Ok(header) => {
                        let to_the_end = header.blocks == 0 && header.unfinished;
                        self.announced = (!to_the_end).then_some(header.blocks);
                        announce_one_block(&mut self.header);
                        self.next_block()
                    }
                    Err(error) => self.refuse(error),
                };
            }
            State::BlockHeader => {
                let size = self.held.get(4..8).and_then(|bytes| bytes.first_chunk());
                let size = u32::from_le_bytes(size.copied().unwrap_or_default());
                if size == 0 || size > STORED_MAX {
                    let error = Error::new(
                        ErrorKind::ImpossibleSize,
                        self.position - BLOCK_HEADER as u64,
                        "impossible block size",
                    );
                    let error = error.with_numbers(size.into(), STORED_MAX.into());
                    self.state = self.refuse(error.at(Some(self.blocks), None));
                } else {
                    self.state = State::Block(size as usize);
                }
            }
            State::Block(stored) => {
                self.block(stored);
                self.held.clear();
                self.blocks += 1;
                self.state = self.next_block();
            }
            State::Ended => {}
        }
    }

    fn next_block(&self) -> State {
        match self.announced {
            Some(announced) if self.blocks >= announced => State::Ended,
            _ => State::BlockHeader,
        }
    }

    /// Reports that the file cannot be read any further.
    fn refuse(&mut self, error: Error) -> State {
        self.ready.push_back(Err(external(error)));
        self.held = Vec::new();
        State::Ended
    }

    /// Decodes the held block as the only one of a file.
    fn block(&mut self, stored: usize) {
        let mut bytes = self.header.clone();
        bytes.extend(&self.held);
        let start = self.position.saturating_sub((BLOCK_HEADER + stored) as u64);
        let moved = start.saturating_sub(FILE_HEADER as u64);
        let number = self.blocks;
        let block = File::from_bytes(bytes).and_then(|file| {
            let found = file.block_refs().next().unwrap_or_else(|| {
                Err(Error::new(ErrorKind::Count, 0, "no block").at(Some(number), None))
            });
            let mut found = found?;
            found.0.index = number;
            file.load(found)
        });
        match block {
            Ok(block) => {
                match self.builder.block(&block) {
                    Ok(batches) => self.ready.extend(batches.into_iter().map(Ok)),
                    Err(error) => self.ready.push_back(Err(error)),
                }
                let damage = block.damage().cloned();
                self.ready
                    .extend(damage.map(|damage| Err(external(damage.moved(moved)))));
            }
            Err(error) => self.ready.push_back(Err(external(error.moved(moved)))),
        }
    }
}

/// Changes the header of a file to that of a finished file with one block and no appendix.
///
/// The places are those of the number and position of appendix blocks, and of the number of blocks.
fn announce_one_block(header: &mut [u8]) {
    for (place, value) in [
        (18..20, &[0; 2][..]),
        (24..32, &[0; 8]),
        (36..40, &[1, 0, 0, 0]),
    ] {
        if let Some(field) = header.get_mut(place) {
            field.copy_from_slice(value);
        }
    }
}

fn external(error: Error) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .field("position", &self.position)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}
