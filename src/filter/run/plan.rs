//! A program cut down to the shapes of flows in one block.
//!
//! The flows of a block come in few shapes (the same elements at the same offsets). For each shape
//! the list of tests is reduced to those whose elements exist, with their offsets filled in: a test
//! is then a load and a comparison.

use crate::filter::run::program::Program;
use crate::filter::run::sets::{IpSet, NumberSet};
use crate::filter::run::test::{Range, Test, address6, known, read};
use crate::filter::run::tree::{FIRST, Jump, NO, YES};
use crate::filter::scope::Scope;
use crate::flow::bytes::{u8_at, u16_at, u32_at, u64_at};
use crate::flow::stored::{HEADER, Stored, Width};
use crate::flow::view::Flow;
use crate::raw::RawShape;

/// A test with the offset of its number in the record, or a test to ask in full.
#[derive(Clone, Copy, Debug)]
enum Op<'p> {
    One(u16, Range),
    Two(u16, Range),
    Four(u16, Range),
    Eight(u16, Range),
    Bits1(u16, u8, u8),
    Bits4(u16, u32, u32),
    /// Mask and value.
    Bits6(u16, &'p u128, &'p u128),
    Set4(u16, &'p IpSet),
    Set6(u16, &'p IpSet),
    /// A list of ports.
    In2(u16, &'p NumberSet),
    In(u16, Width, &'p NumberSet),
    Ask(&'p Test),
}

#[derive(Clone, Copy, Debug)]
struct Step<'p> {
    op: Op<'p>,
    jump: Jump,
}

/// The plans for the shapes of one block.
pub(crate) struct Plans<'p> {
    program: &'p Program,
    steps: Vec<Step<'p>>,
    /// Tests looked at so far.
    work: usize,
    /// For each shape and combination of address families: where to start, plus one; 0 is unknown.
    starts: Vec<u32>,
}

/// Most operations for one block: bounds memory. Flows of further shapes are tested in full.
const STEPS_MAX: usize = 1 << 18;
/// Most tests to look at for one block while planning: bounds the work for blocks of many shapes.
const WORK_MAX: usize = 1 << 20;
/// In a record with both address families, which one counts differs from flow to flow.
const IPV4: u64 = 1 << known::SRC_IPV4.element;
const IPV6: u64 = 1 << known::SRC_IPV6.element;
const FAMILIES: u64 = IPV4 | IPV6;
/// Combinations of the two families.
const CASES: usize = 4;

/// Where the run of a flow starts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    At(u32),
    /// There is no plan for this shape.
    Unplanned,
}

impl<'p> Plans<'p> {
    pub(crate) fn new(program: &'p Program, shapes: usize) -> Self {
        Self {
            program,
            steps: Vec::new(),
            work: 0,
            starts: vec![0; shapes * CASES],
        }
    }

    /// The start for flows of a shape that have these elements.
    #[inline]
    pub(crate) fn start(&mut self, number: usize, shape: &RawShape, present: u64) -> Start {
        let families = usize::from(present & IPV4 != 0) + 2 * usize::from(present & IPV6 != 0);
        let slot = number * CASES + families;
        match self.starts.get(slot) {
            Some(0) => {}
            Some(start) => return Start::At(start - 1),
            None => return Start::Unplanned,
        }
        let length = self.program.len();
        if self.steps.len() + length > STEPS_MAX || self.work + length > WORK_MAX {
            return Start::Unplanned;
        }
        self.work += length;
        let start = self.plan(shape, present);
        if let Some(known) = self.starts.get_mut(slot) {
            *known = start + 1;
        }
        Start::At(start)
    }

    /// Appends the tests that the presence of elements does not decide; returns where they start.
    fn plan(&mut self, shape: &RawShape, present: u64) -> u32 {
        let mut target = Vec::with_capacity(self.program.len() + FIRST as usize);
        target.extend([NO, YES]);
        for (test, jump) in self.program.steps() {
            let go = |target: &[u32], to: u32| target.get(to as usize).copied().unwrap_or(NO);
            let jump = Jump {
                yes: go(&target, jump.yes),
                no: go(&target, jump.no),
            };
            let known = match (test.needs(), test) {
                (Some((element, absent)), _) if present >> element & 1 == 0 => Some(absent),
                (_, Test::Has(_)) => Some(true),
                _ => None,
            };
            let here = match known {
                Some(true) => jump.yes,
                Some(false) => jump.no,
                None if jump.yes == jump.no => jump.yes,
                None => {
                    let at = self.steps.len() as u32 + FIRST;
                    self.steps.push(Step {
                        op: operation(test, shape),
                        jump,
                    });
                    at
                }
            };
            target.push(here);
        }
        target
            .get(self.program.start() as usize)
            .copied()
            .unwrap_or(NO)
    }

    /// The plan that starts there. Ask for it once for many flows: it has all that a run needs.
    #[inline]
    pub(crate) fn at(&self, start: u32) -> Plan<'_> {
        Plan {
            steps: &self.steps,
            start,
        }
    }
}

/// What the flows of one shape are tested for.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'p> {
    steps: &'p [Step<'p>],
    start: u32,
}

impl Plan<'_> {
    /// Whether a flow is selected. `flow` makes a view of the record, for tests that need one.
    #[inline(always)]
    pub(crate) fn selects<'a>(
        self,
        record: &'a [u8],
        flow: impl Fn() -> Flow<'a>,
        scope: Scope<'_>,
        number: u64,
    ) -> bool {
        let mut at = self.start;
        while at >= FIRST {
            let Some(step) = self.steps.get((at - FIRST) as usize) else {
                return false;
            };
            let yes = match step.op {
                Op::One(at, range) => range.contains(u8_at(record, at.into()).into()),
                Op::Two(at, range) => range.contains(u16_at(record, at.into()).into()),
                Op::Four(at, range) => range.contains(u32_at(record, at.into()).into()),
                Op::Eight(at, range) => range.contains(u64_at(record, at.into())),
                Op::Bits1(at, mask, value) => u8_at(record, at.into()) & mask == value,
                Op::Bits4(at, mask, value) => u32_at(record, at.into()) & mask == value,
                Op::Bits6(at, mask, value) => address6(record, at.into()) & mask == *value,
                Op::Set4(at, set) => set.contains_v4(u32_at(record, at.into())),
                Op::Set6(at, set) => set.contains_v6(address6(record, at.into())),
                Op::In2(at, set) => set.contains(u16_at(record, at.into()).into()),
                Op::In(at, width, set) => set.contains(read(record, at.into(), width)),
                Op::Ask(test) => test.ask(&flow(), scope, number),
            };
            at = if yes { step.jump.yes } else { step.jump.no };
        }
        at == YES
    }
}

/// The cheapest operation for a test on flows of a shape.
fn operation<'p>(test: &'p Test, shape: &RawShape) -> Op<'p> {
    /// Bytes of an IPv6 address.
    const ADDRESS6: u16 = 16;
    let found = match test {
        Test::Range { stored, range, .. } => {
            offset(shape, *stored, stored.width.bytes()).and_then(|at| match stored.width {
                Width::One => Some(Op::One(at, *range)),
                Width::Two => Some(Op::Two(at, *range)),
                Width::Four => Some(Op::Four(at, *range)),
                Width::Eight => Some(Op::Eight(at, *range)),
                Width::Other => None,
            })
        }
        Test::Bits {
            stored,
            mask,
            value,
        } => offset(shape, *stored, stored.width.bytes()).and_then(|at| match stored.width {
            Width::One => Some(Op::Bits1(at, *mask as u8, *value as u8)),
            Width::Four => Some(Op::Bits4(at, *mask as u32, *value as u32)),
            _ => None,
        }),
        Test::Bits6 {
            stored,
            mask,
            value,
        } => offset(shape, *stored, ADDRESS6).map(|at| Op::Bits6(at, mask, value)),
        Test::Set6 { stored, set } => offset(shape, *stored, ADDRESS6).map(|at| Op::Set6(at, set)),
        Test::Set4 { stored, set } => {
            offset(shape, *stored, stored.width.bytes()).map(|at| Op::Set4(at, set))
        }
        Test::In { stored, set, .. } => {
            offset(shape, *stored, stored.width.bytes()).map(|at| match stored.width {
                Width::Two => Op::In2(at, set),
                width => Op::In(at, width, set),
            })
        }
        _ => None,
    };
    found.unwrap_or(Op::Ask(test))
}

/// The offset of a number in records of a shape; `None` if not all its bytes are there.
fn offset(shape: &RawShape, stored: Stored, bytes: u16) -> Option<u16> {
    if stored.element == HEADER {
        return Some(stored.offset);
    }
    let start = *shape.offset.get(usize::from(stored.element))?;
    let length = *shape.length.get(usize::from(stored.element))?;
    if stored.nat_layout || stored.offset + bytes > length {
        return None;
    }
    start.checked_add(stored.offset)
}

/// Whether all flows of this shape have the same elements.
#[inline]
pub(crate) fn has_one_case(shape: &RawShape) -> bool {
    shape.present & FAMILIES != FAMILIES
}
