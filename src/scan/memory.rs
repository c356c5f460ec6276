//! A limit for the memory of the blocks that are in work, for all threads of a scan together.
//!
//! Memory is asked for before a block is decoded and given back after it has been worked on. A block that
//! does not fit waits, unless it belongs to the oldest group in work: that one is what all others wait for in
//! the end, so that there is no deadlock, and a block above the limit is read alone.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::file::block::{Block, BlockRef};
use crate::raw;

const MIB: u64 = 1024 * 1024;
/// The default limit: so much for each thread, within these bounds. No block of a known writer takes more.
const PER_THREAD: u64 = 32 * MIB;
const LEAST: u64 = 256 * MIB;
const MOST: u64 = 1024 * MIB;

/// Decoded bytes of a block that is in a group of its own, or the last one of its group.
const LARGE: u32 = 8 * 1024 * 1024;

/// The limit unless another one is set.
pub(crate) fn default_limit(threads: NonZeroUsize) -> u64 {
    let threads = u64::try_from(threads.get()).unwrap_or(u64::MAX);
    PER_THREAD.saturating_mul(threads).clamp(LEAST, MOST)
}

/// Tables of extension maps that a decoder of layout 1 has: 65,536 maps of 64 bytes, and how to convert flows of 1,024.
const MAPS: u64 = 5 * MIB;

/// Bytes of the buffers that decoding a block needs at most, apart from the index of its records.
pub(crate) fn needed(found: &BlockRef) -> u64 {
    let max = u64::from(raw::BLOCK_MAX);
    let stored = u64::from(found.stored_size());
    match found.0.layout {
        3 => {
            let max = u64::try_from(raw::LAYOUT3_BLOCK_MAX).unwrap_or(u64::MAX);
            let decoded = match found.0.decoded {
                0 => max,
                announced => announced.into(),
            };
            // Decompressed, and converted to records of up to twice the size.
            stored.min(max) + 3 * decoded
        }
        _ if is_layout2(found) => stored.min(max) + max,
        _ => stored.min(max) + 4 * max + MAPS,
    }
}

/// Whether the records of a block are used as they are decoded.
fn is_layout2(found: &BlockRef) -> bool {
    const LAYOUT1: u16 = 2;
    found.0.layout != 3 && found.block_type() != LAYOUT1
}

/// Bytes of the buffers of a decoded block, roughly. Where records are missing, what was decoded may be much more than
/// the flows that came of it.
pub(crate) fn held(block: &Block) -> u64 {
    let found = block.position();
    let most = needed(&found);
    let counts = block.counts();
    let is_complete = counts.skipped_records == 0 && counts.dropped_flows == 0;
    let shows_size = is_complete || is_layout2(&found);
    if found.0.layout == 3 || block.damage().is_some() || !shows_size {
        return most;
    }
    let maps = if is_layout2(&found) { 0 } else { MAPS };
    let data = counts.decoded_bytes.saturating_mul(2);
    most.min(data.saturating_add(found.stored_size().into()) + maps)
}

/// Bytes that a list of the flows of a large block takes, for work that makes one: 48 for each, as much again and the times
/// that it is sorted by while it is sorted. Flows of layout 3 have 24 bytes at least. Other blocks have few flows.
pub(crate) fn listed(found: &BlockRef) -> u64 {
    const FLOW: u64 = 24;
    const LISTED: u64 = 136;
    match is_large(found) {
        true => u64::from(found.0.decoded) / FLOW * LISTED,
        false => 0,
    }
}

/// Whether a block needs so much memory that no other one is put into the same group.
pub(crate) fn is_large(found: &BlockRef) -> bool {
    found.0.layout == 3 && found.0.decoded > LARGE
}

/// The memory of a scan.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    /// The highest value of `used`.
    peak: u64,
    /// Bytes of results that wait for the caller of an iterator; part of `used`.
    queued: u64,
    next: u64,
    /// The groups in work.
    groups: BTreeSet<u64>,
    /// The results are not needed: nothing waits any more.
    closed: bool,
}

impl State {
    fn add(&mut self, bytes: u64) {
        self.used = self.used.saturating_add(bytes);
        self.peak = self.peak.max(self.used);
    }
}

impl Memory {
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Only numbers are changed under this lock, each in one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, waits: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while !state.closed && waits(&state) {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// A place in the order of groups. Groups are numbered in the order of these calls.
    pub(crate) fn ticket(self: &Arc<Self>) -> Ticket {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.groups.insert(number);
        Ticket {
            memory: Arc::clone(self),
            number,
        }
    }

    /// Waits until results may be put into the queue of an iterator: the memory is within the limit, or the queue
    /// has none.
    pub(crate) fn queue(&self, bytes: u64) {
        let mut state = self.wait_while(|state| state.queued > 0 && state.used > self.limit);
        state.queued += bytes;
        state.add(bytes);
    }

    /// The caller of the iterator has the results: they are not counted any more.
    pub(crate) fn unqueue(&self, bytes: u64) {
        self.update(|state| {
            state.queued = state.queued.saturating_sub(bytes);
            state.used = state.used.saturating_sub(bytes);
        });
    }

    /// From now on nothing waits.
    pub(crate) fn close(&self) {
        self.update(|state| state.closed = true);
    }

    #[cfg(test)]
    pub(crate) fn peak(&self) -> u64 {
        self.lock().peak
    }
}

/// The place of a group of blocks in the order of the scan, for as long as it is in work.
#[derive(Debug)]
pub(crate) struct Ticket {
    memory: Arc<Memory>,
    number: u64,
}

impl Ticket {
    /// Memory for decoding a block, and for what is made of it. Waits until there is enough, or the group is the oldest
    /// one in work.
    pub(crate) fn permit(&self, found: &BlockRef, made: u64) -> Permit {
        let bytes = needed(found) + made;
        let limit = self.memory.limit;
        let mut state = self.memory.wait_while(|state| {
            let is_oldest = state.groups.first() == Some(&self.number);
            !is_oldest && state.used.saturating_add(bytes) > limit
        });
        state.add(bytes);
        Permit {
            memory: Arc::clone(&self.memory),
            bytes,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.memory.update(|state| {
            state.groups.remove(&self.number);
        });
    }
}

/// Memory of a block in work.
#[derive(Debug)]
pub(crate) struct Permit {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Permit {
    /// Gives back what the decoded block does not need.
    pub(crate) fn keep(&mut self, bytes: u64) {
        let rest = self.bytes.saturating_sub(bytes);
        self.bytes -= rest;
        self.memory
            .update(|state| state.used = state.used.saturating_sub(rest));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.keep(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpenOptions;
    use crate::scan::builder::Scan;
    use crate::scan::input::ScanInput;
    use crate::scan::part::Part;
    use crate::scan::pipeline::{Lane, Stopped};
    use crate::scan::traverse::Settings;
    use crate::scan::work::{self, Grouping, Work};
    use std::ops::ControlFlow;

    /// Flows in a large block, of 24 bytes each.
    const LARGE: u32 = 1 << 20;
    /// Bytes that a large block needs, apart from the stored ones.
    const NEEDED: u64 = 3 * (24 * LARGE as u64 + 32);

    /// A file of layout 3 without directory, with blocks of this many flows without elements.
    fn file(blocks: &[u32]) -> ScanInput {
        let mut bytes = vec![0x0C, 0xA5, 3, 0, 0, 0, 8, 0xD1];
        bytes.extend(1_700_000_000_u64.to_le_bytes());
        bytes.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        bytes.extend(4_194_304_u32.to_le_bytes());
        bytes.resize(48, 0);
        for flows in blocks {
            let mut content = flows.to_le_bytes().to_vec();
            content.resize(32, 0);
            let mut record = [0; 24];
            record[..4].copy_from_slice(&[16, 0, 24, 0]);
            content.extend(record.repeat(usize::try_from(*flows).expect("a block")));
            let payload = zstd::bulk::compress(&content, 1).expect("zstd");
            let length = u32::try_from(payload.len() + 24).expect("a small block");
            let size = u32::try_from(content.len() + 24).expect("a block");
            for number in [1, length, size, 5, 0, 0] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(payload);
        }
        let file = OpenOptions::new().partial(true).from_bytes(bytes);
        ScanInput::file(file.expect("a file"))
    }

    /// Collects the numbers of flows of blocks.
    struct Lengths(Grouping);

    impl Work for Lengths {
        type Worker = ();
        type Tally = Vec<u32>;

        fn worker(&self) {}

        fn grouping(&self) -> Grouping {
            self.0
        }

        fn work(
            &self,
            (): &mut (),
            parts: Vec<Part>,
            lane: &mut Lane<'_, Vec<u32>>,
        ) -> Result<(), Stopped> {
            for part in parts {
                let Part::Block(block) = &part else { continue };
                let flows = u32::try_from(block.len()).expect("a block");
                lane.in_turn(|tally| {
                    tally.push(flows);
                    ControlFlow::Continue(())
                })?;
            }
            Ok(())
        }
    }

    /// The peak for this file, read on 16 threads.
    fn peak(blocks: &[u32], limit: u64, grouping: Grouping) -> u64 {
        let memory = Memory::new(limit);
        let threads = NonZeroUsize::new(16).expect("not zero");
        let settings = Arc::new(Settings::default());
        let work = Lengths(grouping);
        let inputs = [file(blocks)].into_iter();
        let (_, found, end) = work::run(inputs, settings, (threads, &memory), &work, Vec::new());
        assert_eq!((found.as_slice(), end), (blocks, Ok(())), "in order");
        let state = memory.lock();
        assert_eq!(
            (state.used, state.groups.len()),
            (0, 0),
            "all is given back"
        );
        drop(state);
        memory.peak()
    }

    #[test]
    fn large_blocks_on_many_threads_stay_within_the_limit() {
        // A list of the flows where they are put into one.
        let listed = 136 * (u64::from(LARGE) + 1);
        for (grouping, list) in [(Grouping::SMALL, 0), (Grouping::new(1 << 20, 64), listed)] {
            let large = NEEDED + MIB + list;
            let blocks = (0..12).map(|at| LARGE - at).collect::<Vec<_>>();
            let found = peak(&blocks, 256 * MIB, grouping);
            // What is in work when the oldest block needs its memory, and that block.
            assert!(found > NEEDED && found <= 256 * MIB + large, "{found}");
            // No block fits: one at a time.
            let found = peak(&blocks[..6], MIB, grouping);
            assert!(found <= large, "{found}");
        }
        // Small blocks are not held up.
        assert!(peak(&[1 << 12; 40], 256 * MIB, Grouping::SMALL) < 256 * MIB);
    }

    #[test]
    fn the_default_does_not_grow_with_cores_without_end() {
        let of = |threads| default_limit(NonZeroUsize::new(threads).expect("not zero"));
        assert_eq!((of(1), of(16), of(64)), (256 * MIB, 512 * MIB, 1024 * MIB));
        assert_eq!(of(usize::MAX), 1024 * MIB);
    }

    #[test]
    fn a_caller_who_keeps_all_blocks_gets_all_blocks() {
        let path = "tests/fixtures/archive/nfcapd.202611241330";
        let scan = |threads| {
            Scan::new(std::iter::repeat_n(path, 40))
                .threads(NonZeroUsize::new(threads).expect("not zero"))
                .memory(1)
        };
        for threads in [1, 2, 16] {
            let blocks = scan(threads).blocks().collect::<Result<Vec<_>, _>>();
            let blocks = blocks.expect("sound files");
            let flows = blocks.iter().map(|block| block.len() as u64).sum::<u64>();
            assert_eq!(flows, scan(1).count().flows);
            let before = blocks.iter().map(|block| block.flows_before());
            assert!(before.is_sorted(), "in order");

            let mut kept = Vec::new();
            let keep = |block| {
                kept.push(block);
                ControlFlow::Continue(())
            };
            scan(threads).map_blocks(|block| block, keep);
            assert_eq!(kept.len(), blocks.len());

            // Dropped while results wait.
            let mut some = scan(threads).blocks();
            assert!(some.next().is_some_and(|block| block.is_ok()));
        }
    }
}
