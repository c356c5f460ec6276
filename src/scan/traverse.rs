//! The one way from files to numbered, selected and limited blocks.
//!
//! Three steps: list the items of files in order (on one thread at a time), load an item (anywhere), number
//! it (in order). The pipeline runs them on many threads, an iterator on one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::file::block::{BlockRef, Pool};
use crate::file::handle::{IntoBlockRefs, Position};
use crate::file::names::Names;
use crate::file::options::OpenOptions;
use crate::scan::input::ScanInput;
use crate::scan::part::{FileEnd, Gap, Part, ScanBlock, ScanFile};
use crate::scan::select::Selection;

/// What a scan reads and selects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) options: OpenOptions,
    pub(crate) selection: Selection,
    pub(crate) collects_names: bool,
    pub(crate) limit: Option<u64>,
    /// Bytes of memory for blocks in work; `None`: the default.
    pub(crate) memory: Option<u64>,
}

/// A part of a file that has not been read.
pub(crate) enum Item {
    Start(Arc<ScanFile>),
    /// With the position of the next block.
    Block(Arc<ScanFile>, BlockRef, Position),
    Gap(Arc<ScanFile>, Error),
    /// With the position where reading stopped.
    End(Arc<ScanFile>, Position),
    Refused(Error),
}

/// Opens files one after the other and lists their items. After `done` is set no further block is listed
/// and no further file opened.
pub(crate) fn items(
    inputs: impl Iterator<Item = ScanInput>,
    settings: Arc<Settings>,
    done: Arc<AtomicBool>,
) -> impl Iterator<Item = Item> {
    let mut names = settings.collects_names.then(Arc::<Names>::default);
    // Without flows to select no file needs to be opened.
    let most = if settings.limit == Some(0) {
        0
    } else {
        usize::MAX
    };
    let is_done = Arc::clone(&done);
    // Many files may be open at a time, as in `follow`: buffers of their own would stay with each.
    let pool = Arc::<Pool>::default();
    inputs
        .take(most)
        .take_while(move |_| !is_done.load(Ordering::Relaxed))
        .flat_map(move |input| items_of(input, &settings, &pool, names.as_mut(), Arc::clone(&done)))
}

fn items_of(
    input: ScanInput,
    settings: &Settings,
    pool: &Arc<Pool>,
    names: Option<&mut Arc<Names>>,
    done: Arc<AtomicBool>,
) -> impl Iterator<Item = Item> + use<> {
    let mut unread = None;
    let (file, refused) = match input.open(&settings.options) {
        Ok(file) => {
            let file = file.with_buffers_of(pool);
            let names = names.map(|names| {
                let known = Arc::make_mut(names);
                file.collect_names(known);
                unread = known.take_unread();
                Arc::clone(names)
            });
            let is_skipped = !settings.selection.may_select(&file);
            let file = ScanFile {
                input,
                file,
                is_skipped,
                names,
            };
            (Some(Arc::new(file)), None)
        }
        Err(error) => (None, Some(Item::Refused(error))),
    };
    let parts = file.into_iter().flat_map(move |file| {
        let start = Item::Start(Arc::clone(&file));
        let unread = unread
            .take()
            .map(|error| Item::Gap(Arc::clone(&file), error));
        let done = Arc::clone(&done);
        let position = file.input.start().position;
        let mut refs = Some(file.file.clone().into_block_refs_from(position));
        let blocks = std::iter::from_fn(move || {
            let known = refs.as_mut()?;
            let is_over = file.is_skipped || done.load(Ordering::Relaxed);
            let found = if is_over { None } else { known.next() };
            let position = IntoBlockRefs::position(known);
            Some(match found {
                Some(Ok(found)) => Item::Block(Arc::clone(&file), found, position),
                Some(Err(error)) => Item::Gap(Arc::clone(&file), error),
                None => {
                    refs = None;
                    Item::End(Arc::clone(&file), position)
                }
            })
        });
        std::iter::once(start).chain(unread).chain(blocks)
    });
    refused.into_iter().chain(parts)
}

/// Reads an item. Selects the flows of a block unless that depends on the blocks before.
pub(crate) fn load(item: Item, settings: &Settings) -> Part {
    match item {
        Item::Start(file) => Part::Start(file),
        Item::Block(file, found, next) => match file.file.load(found) {
            Ok(block) => {
                let selection = &settings.selection;
                let selected = match selection.counts_records() {
                    true => None,
                    false => selection.select(&block, file.file.ident(), 0),
                };
                Part::Block(Box::new(ScanBlock {
                    file,
                    block,
                    selected,
                    flows_before: 0,
                    flows_before_in_file: 0,
                    records_before: 0,
                    next,
                    take: 0,
                }))
            }
            Err(error) => Part::Gap(Gap {
                file,
                position: Some(found),
                error,
            }),
        },
        Item::Gap(file, error) => Part::Gap(Gap {
            file,
            position: None,
            error,
        }),
        Item::End(file, position) => Part::End(FileEnd {
            file,
            position,
            flows: 0,
            is_whole: false,
        }),
        Item::Refused(error) => Part::Refused(error),
    }
}

/// How much a scan has read and selected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Selected flows, at most the limit.
    pub flows: u64,
    /// Flows that were read, selected or not.
    pub read: u64,
    /// Files that were opened.
    pub files: u64,
    /// Files that could not be opened.
    pub refused: u64,
    /// Files that were opened but not read, since they cannot hold selected flows.
    pub skipped: u64,
    /// Places that cannot be read, and blocks that are damaged in part.
    pub damaged: u64,
}

/// The running numbers of a scan.
#[derive(Debug)]
pub(crate) struct Numbers {
    pub(crate) totals: Totals,
    flows_in_file: u64,
    records: u64,
    left: u64,
    done: Arc<AtomicBool>,
}

impl Numbers {
    pub(crate) fn new(settings: &Settings, done: Arc<AtomicBool>) -> Self {
        Self {
            totals: Totals::default(),
            flows_in_file: 0,
            records: 0,
            left: settings.limit.unwrap_or(u64::MAX),
            done,
        }
    }

    /// Whether the limit is reached and the last file has ended.
    pub(crate) fn is_over(&self, last: &Part) -> bool {
        self.left == 0 && matches!(last, Part::End(_))
    }

    /// Numbers a part. `false`: it is past the limit and does not belong to the scan, whether another thread
    /// has read it or not.
    pub(crate) fn number(&mut self, part: &mut Part, settings: &Settings) -> bool {
        match part {
            Part::Start(file) => {
                self.totals.files += 1;
                self.totals.skipped += u64::from(file.is_skipped);
                self.flows_in_file = file.input.start().flows;
            }
            Part::Block(block) if self.left != 0 => self.block(block, settings),
            Part::Gap(_) if self.left != 0 => self.totals.damaged += 1,
            Part::Block(_) | Part::Gap(_) => return false,
            Part::End(end) => {
                end.flows = self.flows_in_file;
                end.is_whole = self.left != 0 && !end.file.is_skipped;
            }
            Part::Refused(_) => self.totals.refused += 1,
        }
        true
    }

    fn block(&mut self, found: &mut ScanBlock, settings: &Settings) {
        let block = &found.block;
        if settings.selection.counts_records() {
            // Only here it is known how many records there are before.
            let ident = found.file.file.ident();
            found.selected = settings.selection.select(block, ident, self.records);
        }
        found.records_before = self.records;
        self.records = self.records.saturating_add(block.numbered_records());
        self.totals.read += block.len() as u64;
        self.totals.damaged += u64::from(block.damage().is_some());
        found.flows_before = self.totals.flows;
        found.flows_before_in_file = self.flows_in_file;
        let selected = found.selected.as_ref().map_or(block.len(), Vec::len);
        found.take = usize::try_from(self.left).map_or(selected, |left| selected.min(left));
        let take = found.take as u64;
        self.left -= take;
        self.flows_in_file += take;
        self.totals.flows += take;
        if self.left == 0 {
            self.done.store(true, Ordering::Relaxed);
        }
    }
}
