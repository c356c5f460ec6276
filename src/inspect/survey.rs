//! What a file holds: counts of blocks, records, flows and elements, times, names.

use std::ops::ControlFlow;

use crate::error::Error;
use crate::file::block::BlockCounts;
use crate::file::handle::File;
use crate::file::names::Names;
use crate::flow::element;
use crate::value::time::Timestamp;

/// What reading a whole file has found.
///
/// ```
/// use std::ops::ControlFlow;
///
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let survey = nfdecode::inspect::Survey::of(&file, || ControlFlow::Continue(()));
/// assert_eq!((survey.flows, survey.blocks, survey.damage.len()), (113, 1, 0));
/// # Ok::<(), nfdecode::Error>(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// Exporters, samplers, and names of applications, interfaces and VRFs.
    pub names: Names,
    /// Flows that can be read.
    pub flows: u64,
    /// Flows that they represent: more with aggregated records.
    pub represented: u64,
    /// Blocks that can be read, completely or in part.
    pub blocks: u64,
    /// Bytes of them in the file.
    pub stored_bytes: u64,
    /// Bytes of them when decoded.
    pub decoded_bytes: u64,
    /// Records of all kinds.
    pub records: u64,
    /// Elements whose id is not defined.
    pub unknown_elements: u64,
    /// Flows that have an element, by its id.
    pub elements: Vec<u64>,
    /// The earliest start that is not 0.
    pub first: Option<Timestamp>,
    /// The latest end that is not 0.
    pub last: Option<Timestamp>,
    /// What cannot be read, in order.
    pub damage: Vec<Error>,
}

impl Survey {
    /// Reads the file. `next` is called before each block, and can end it.
    #[must_use]
    pub fn of(file: &File, mut next: impl FnMut() -> ControlFlow<()>) -> Self {
        let mut this = Self {
            elements: vec![0; 64],
            ..Self::default()
        };
        this.damage.extend(file.appendix_damage());
        for block in file.blocks() {
            if next().is_break() {
                break;
            }
            let block = match block {
                Ok(block) => block,
                Err(error) => {
                    this.damage.push(error);
                    continue;
                }
            };
            this.damage.extend(block.damage().cloned());
            this.names.collect(&block);
            this.blocks += 1;
            this.represented = this.represented.saturating_add(block.flow_count());
            this.stored_bytes += u64::from(block.position().stored_size());
            let BlockCounts {
                records,
                decoded_bytes,
                unknown_elements,
                ..
            } = block.counts();
            this.records += u64::from(records);
            this.decoded_bytes += decoded_bytes;
            this.unknown_elements += unknown_elements;
            for flow in block.flows() {
                this.flows += 1;
                let mut left = flow.elements();
                while left != 0 {
                    if let Some(count) = this.elements.get_mut(left.trailing_zeros() as usize) {
                        *count += 1;
                    }
                    left &= left - 1;
                }
                let known = |time: Option<Timestamp>| time.filter(|time| time.as_millis() != 0);
                if let Some(first) = known(flow.first()) {
                    this.first = Some(this.first.map_or(first, |known| known.min(first)));
                }
                this.last = this.last.max(known(flow.last()));
            }
        }
        this
    }

    /// Elements that occur: id, name, flows.
    pub fn present(&self) -> impl Iterator<Item = (u8, &'static str, u64)> + '_ {
        element::elements().iter().filter_map(|element| {
            let flows = *self.elements.get(usize::from(element.id))?;
            (flows != 0).then_some((element.id, element.name, flows))
        })
    }
}
