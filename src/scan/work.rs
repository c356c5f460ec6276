//! Work on the parts of a scan, on many threads, with results in order.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::file::block::BlockRef;
use crate::scan::input::ScanInput;
use crate::scan::memory::{self, Memory, Permit, Ticket};
use crate::scan::part::Part;
use crate::scan::pipeline::{self, Lane, Stages, Stopped};
use crate::scan::traverse::{self, Item, Numbers, Settings, Totals};

/// What is done with the parts of a scan.
pub trait Work: Sync {
    /// What a thread keeps, such as buffers.
    type Worker;
    /// What is kept in order, such as the output.
    type Tally: Send;

    /// Called once per thread.
    fn worker(&self) -> Self::Worker;

    /// Which parts are worked on together. Each block of usual size is alone unless overridden.
    fn grouping(&self) -> Grouping {
        Grouping::SMALL
    }

    /// Works on some parts, on any thread, and hands the results over with [`Lane::in_turn`].
    ///
    /// # Errors
    /// [`Stopped`] as returned by the lane.
    fn work(
        &self,
        worker: &mut Self::Worker,
        parts: Vec<Part>,
        lane: &mut Lane<'_, Self::Tally>,
    ) -> Result<(), Stopped>;
}

/// Flows and stored bytes of a group whose work takes about as long as to start a thread, some 0.3 ms.
const SMALL_FLOWS: u64 = 1_000;
const SMALL_BYTES: u64 = 64 * 1024;

/// Which parts are worked on together: a group is closed as soon as one of these limits is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grouping {
    /// Flows, as block headers announce them.
    pub flows: u64,
    /// Blocks. Limits memory: headers can announce anything.
    pub blocks: usize,
    /// Bytes that decoding its blocks may take, as their headers and the format say.
    pub bytes: u64,
    /// Files of which a group has parts, and places that cannot be read.
    pub files: usize,
    /// A group ends with its file.
    pub one_file: bool,
    /// The flows of a group are put into one list. Its memory is accounted for.
    pub lists_flows: bool,
}

impl Grouping {
    /// A block of usual size and what stands before it: threads hand results over to each other once for each group, which
    /// costs more than to read a block of a few flows.
    pub const SMALL: Self = Self {
        flows: 256,
        blocks: 16,
        bytes: 32 * 1024 * 1024,
        files: 16,
        one_file: true,
        lists_flows: false,
    };

    /// Groups of at least this many flows, from at most this many blocks, of up to 16 files. Their flows are put into
    /// one list.
    #[must_use]
    pub const fn new(flows: u64, blocks: usize) -> Self {
        Self {
            flows,
            blocks,
            bytes: u64::MAX,
            files: 16,
            one_file: false,
            lists_flows: true,
        }
    }

    /// Whether a group ends with its file.
    #[must_use]
    pub const fn one_file(mut self, wanted: bool) -> Self {
        self.one_file = wanted;
        self
    }
}

/// Runs the parts of these inputs through `work`, on `threads` threads. Blocks in work share `memory`.
pub(crate) fn run<W: Work>(
    inputs: impl Iterator<Item = ScanInput> + Send,
    settings: Arc<Settings>,
    (threads, memory): (NonZeroUsize, &Arc<Memory>),
    work: &W,
    tally: W::Tally,
) -> (Totals, W::Tally, Result<(), Stopped>) {
    let done = Arc::new(AtomicBool::new(false));
    let numbers = Numbers::new(&settings, Arc::clone(&done));
    let grouping = work.grouping();
    let stages = Traversal {
        settings: &settings,
        work,
        lists_flows: grouping.lists_flows,
    };
    let groups = Groups {
        items: traverse::items(inputs, Arc::clone(&settings), done),
        grouping,
        memory: Arc::clone(memory),
    };
    let outcome = pipeline::run(&stages, threads, groups, numbers, tally);
    (outcome.numbers.totals, outcome.tally, outcome.end)
}

/// Items, put together.
struct Groups<I> {
    items: I,
    grouping: Grouping,
    memory: Arc<Memory>,
}

/// Items that are worked on together, and their place in the order.
struct Group {
    items: Vec<Item>,
    ticket: Ticket,
}

/// The parts of a group. What is held for it is given back when all of it has been worked on.
struct Loaded {
    parts: Vec<Part>,
    permits: Vec<Permit>,
    ticket: Ticket,
}

impl<I: Iterator<Item = Item>> Iterator for Groups<I> {
    type Item = Group;

    fn next(&mut self) -> Option<Group> {
        // In this order: the ticket is given when the group is complete, which may take a while.
        let items = self.next_items()?;
        let ticket = self.memory.ticket();
        Some(Group { items, ticket })
    }
}

impl<I: Iterator<Item = Item>> Groups<I> {
    fn next_items(&mut self) -> Option<Vec<Item>> {
        let limits = &self.grouping;
        let (mut flows, mut blocks, mut bytes, mut files) = (0_u64, 0, 0_u64, 0);
        let mut group = Vec::new();
        while flows < limits.flows
            && blocks < limits.blocks
            && bytes < limits.bytes
            && files < limits.files
        {
            let Some(item) = self.items.next() else { break };
            let is_end = matches!(item, Item::End(..));
            let is_large = matches!(&item, Item::Block(_, found, _) if memory::is_large(found));
            match &item {
                Item::Block(_, found, _) => {
                    flows = flows.saturating_add(found.announced_records().into());
                    blocks += 1;
                    bytes = bytes.saturating_add(memory::needed(found));
                }
                Item::Start(_) | Item::Gap(..) | Item::Refused(_) => files += 1,
                Item::End(..) => {}
            }
            group.push(item);
            if (is_end && limits.one_file) || is_large {
                break;
            }
        }
        (!group.is_empty()).then_some(group)
    }
}

/// The traversal as stages of the pipeline.
struct Traversal<'a, W> {
    settings: &'a Settings,
    work: &'a W,
    /// See [`Grouping::lists_flows`].
    lists_flows: bool,
}

impl<W: Work> Stages for Traversal<'_, W> {
    type Item = Group;
    type Loaded = Loaded;
    type Worker = W::Worker;
    type Numbers = Numbers;
    type Tally = W::Tally;

    fn worker(&self) -> W::Worker {
        self.work.worker()
    }

    fn is_small(&self, group: &Group) -> bool {
        let (mut flows, mut bytes) = (0_u64, 0_u64);
        for item in &group.items {
            if let Item::Block(_, found, _) = item {
                flows = flows.saturating_add(found.announced_records().into());
                bytes = bytes.saturating_add(found.stored_size().into());
            }
        }
        flows <= SMALL_FLOWS && bytes <= SMALL_BYTES
    }

    fn load(&self, group: Group) -> Loaded {
        let mut permits = Vec::new();
        let ticket = group.ticket;
        let load = |item| {
            let made = |found: &BlockRef| match self.lists_flows {
                true => memory::listed(found),
                false => 0,
            };
            let permit = match &item {
                Item::Block(_, found, _) => Some(ticket.permit(found, made(found))),
                _ => None,
            };
            let part = traverse::load(item, self.settings);
            if let (Some(mut permit), Part::Block(block)) = (permit, &part) {
                permit.keep(memory::held(block.block()) + made(&block.position()));
                permits.push(permit);
            }
            part
        };
        Loaded {
            parts: group.items.into_iter().map(load).collect(),
            permits,
            ticket,
        }
    }

    fn number(&self, loaded: &mut Loaded, numbers: &mut Numbers) -> ControlFlow<()> {
        let mut is_over = false;
        loaded.parts.retain_mut(|part| {
            let belongs = !is_over && numbers.number(part, self.settings);
            is_over |= belongs && numbers.is_over(part);
            belongs
        });
        if is_over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn work(
        &self,
        worker: &mut W::Worker,
        loaded: Loaded,
        lane: &mut Lane<'_, W::Tally>,
    ) -> Result<(), Stopped> {
        let result = self.work.work(worker, loaded.parts, lane);
        drop(loaded.permits);
        drop(loaded.ticket);
        result
    }
}
