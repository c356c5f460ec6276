//! From blocks to batches of rows.

use crate::aggregate::counted::Counted;
use crate::aggregate::dense;
use crate::aggregate::extract::{BATCH, Batch};
use crate::aggregate::grouping::Inner;
use crate::aggregate::layout::{Narrow, counter};
use crate::aggregate::plan::{Pending, Plan};
use crate::file::block::Block;
use crate::flow::places::Places;
use crate::flow::view::Flow;
use crate::raw::{RawBlock, RawFlowRef, RawShape};

/// The record and number of each row of a batch, if the grouping keeps first flows.
pub(crate) type Records<'a> = [(&'a [u8], u64); BATCH];

/// Makes rows of flows; hands them on in batches.
#[derive(Debug)]
pub(crate) struct Intake {
    batch: Batch,
    /// All flows, each counted once; only if the sums of the groups are not that.
    pub(crate) totals: [u64; counter::COUNT],
    /// Flows without counters, if the grouping needs them.
    pub(crate) left_out: u64,
}

/// No flows.
pub(crate) const NOTHING: [u64; counter::COUNT] = {
    let mut nothing = [0; counter::COUNT];
    nothing[counter::FIRST] = u64::MAX;
    nothing
};

impl Intake {
    pub(crate) fn new(inner: &Inner) -> Self {
        Self {
            batch: Batch::new(
                inner.layout.words,
                inner.distinct.len(),
                inner.quantiles.len(),
            ),
            totals: NOTHING,
            left_out: 0,
        }
    }

    /// Makes rows of flows of a block, of which the first has this number, and hands them to `sink`.
    pub(crate) fn block(
        &mut self,
        inner: &Inner,
        block: &Block,
        selected: Option<&[u32]>,
        most: usize,
        number: u64,
        sink: impl FnMut(&Batch, &Records<'_>),
    ) {
        let Some(content) = block.content() else {
            return;
        };
        let mut feed = Feed {
            inner,
            intake: self,
            sink,
            plans: Vec::new(),
            content,
            shapes: content.shapes(),
            records: [(&[], 0); BATCH],
        };
        feed.plans
            .resize_with(content.shapes().len(), || Planned::Unknown);
        let data = content.data();
        let mut add = |(found, number)| {
            let found: &RawFlowRef = found;
            let at = found.offset as usize;
            let record = data.get(at..at + usize::from(found.size));
            feed.add(record.unwrap_or_default(), found, number);
        };
        match selected {
            None => content
                .flows()
                .iter()
                .take(most)
                .zip(number..)
                .for_each(add),
            Some(selected) => {
                for (index, number) in selected.iter().take(most).zip(number..) {
                    if let Some(found) = content.flows().get(*index as usize) {
                        add((found, number));
                    }
                }
            }
        }
        feed.flush();
    }

    /// Adds flows to the totals.
    pub(crate) fn add_totals(&mut self, inner: &Inner, more: &[u64; counter::COUNT]) {
        dense::add(&mut self.totals, more, inner.options.wrap);
    }
}

/// What is known of a shape.
enum Planned<'a> {
    Unknown,
    /// Flows wait until there are enough for a batch.
    Plan(Plan, Vec<Pending<'a>>),
    /// Its flows are read one by one.
    Slow,
}

/// Flows of one block.
struct Feed<'t, 'a, S> {
    inner: &'t Inner,
    intake: &'t mut Intake,
    sink: S,
    plans: Vec<Planned<'a>>,
    content: &'a RawBlock,
    shapes: &'a [RawShape],
    records: Records<'a>,
}

impl<'a, S: FnMut(&Batch, &Records<'_>)> Feed<'_, 'a, S> {
    #[inline]
    fn add(&mut self, record: &'a [u8], found: &'a RawFlowRef, number: u64) {
        let known = usize::from(found.shape);
        match self.plans.get_mut(known) {
            Some(Planned::Plan(_, pending)) => {
                // Made here and nowhere else: a value that another call is given too goes through memory, where
                // it is written in parts and waited for as a whole.
                pending.push(Pending {
                    record,
                    found,
                    number,
                });
                if pending.len() == BATCH {
                    self.drain(known);
                }
            }
            _ => self.add_unplanned(record, found, number),
        }
    }

    /// Adds a flow of a shape without a plan; makes the plan if there can be one.
    #[cold]
    #[inline(never)]
    fn add_unplanned(&mut self, record: &'a [u8], found: &'a RawFlowRef, number: u64) {
        let flow = Pending {
            record,
            found,
            number,
        };
        let known = usize::from(found.shape);
        if let (Some(shape), Some(planned)) = (self.shapes.get(known), self.plans.get_mut(known))
            && let Planned::Unknown = planned
        {
            *planned = match Plan::new(self.inner, shape) {
                Some(plan) => Planned::Plan(plan, vec![flow]),
                None => Planned::Slow,
            };
            if let Planned::Plan(..) = planned {
                return;
            }
        }
        let view = Flow::new(flow.record, Places::of(self.content, flow.found));
        self.add_slowly(&view, flow.number);
    }

    /// Makes rows of the flows of a shape that wait.
    fn drain(&mut self, known: usize) {
        let (inner, content) = (self.inner, self.content);
        // Rows of flows that were read one by one come first.
        flush(inner, &mut self.intake.batch, &self.records, &mut self.sink);
        let Some(Planned::Plan(plan, pending)) = self.plans.get_mut(known) else {
            return;
        };
        // What a start of 0 means depends on other elements.
        let shape = self.shapes.get(known);
        let has_event = shape.is_some_and(|shape| shape.present & (1 << 19 | 1 << 25) != 0);
        let view = |flow: &Pending<'a>| Flow::new(flow.record, Places::of(content, flow.found));
        let words = plan.width(inner);
        let mut protos = [0; BATCH];
        let mut others = 0;
        // What flows count is in their rows already, from the combination before.
        let mut is_counted = false;
        for (at, variant) in plan.variants().iter().enumerate() {
            let Intake { batch, totals, .. } = &mut *self.intake;
            batch.width = words;
            let Some(rows) = batch.rows.get_mut(..pending.len() * words) else {
                continue;
            };
            if !is_counted && (at == 0 || variant.is_some()) {
                others = plan.count_all(inner, pending, has_event, (rows, words), &mut protos);
            }
            if at == 0 && inner.options.separate_totals {
                sum_up(inner, (rows, words), others, totals);
            }
            let Some(variant) = variant else { continue };
            let left_out = others | variant.keys(inner, at, pending, view, (rows, words), &protos);
            is_counted = left_out == 0 && !inner.options.both_directions;
            if left_out == 0 && !inner.has_values() {
                // The usual case: each flow has its row where it belongs.
                batch.count = pending.len();
                if inner.options.keep_first {
                    for (to, flow) in self.records.iter_mut().zip(pending.iter()) {
                        *to = (flow.record, flow.number);
                    }
                }
                flush(inner, batch, &self.records, &mut self.sink);
                continue;
            }
            for (place, flow) in pending.iter().enumerate() {
                if left_out >> place & 1 != 0 {
                    continue;
                }
                let count = batch.count;
                if count != place {
                    let from = place * words;
                    batch.rows.copy_within(from..from + words, count * words);
                }
                if inner.has_extras() {
                    batch.add_values(inner, &view(flow));
                    if let Some(to) = self.records.get_mut(count) {
                        *to = (flow.record, flow.number);
                    }
                }
                batch.count += 1;
            }
            flush(inner, batch, &self.records, &mut self.sink);
        }
        let mut waiting = std::mem::take(pending);
        for (place, flow) in waiting.iter().enumerate() {
            if others >> place & 1 != 0 {
                self.add_slowly(&view(flow), flow.number);
            }
        }
        waiting.clear();
        if let Some(Planned::Plan(_, pending)) = self.plans.get_mut(known) {
            *pending = waiting;
        }
    }

    #[cold]
    #[inline(never)]
    fn add_slowly(&mut self, flow: &Flow<'a>, number: u64) {
        let inner = self.inner;
        let Some(counted) = Counted::of(flow, inner.options.need_counters) else {
            self.intake.left_out += 1;
            return;
        };
        if inner.options.separate_totals {
            self.intake.add_totals(inner, &counted.counters);
        }
        let words = inner.layout.words;
        for variant in 0..inner.variants.len() {
            let batch = &mut self.intake.batch;
            batch.width = words;
            let at = batch.count * words;
            let Some(row) = batch.rows.get_mut(at..at + words) else {
                return;
            };
            if inner.row(variant, flow, &counted, number, row) {
                if inner.has_extras() {
                    batch.add_values(inner, flow);
                    if let Some(to) = self.records.get_mut(batch.count) {
                        *to = (flow.record(), number);
                    }
                }
                batch.count += 1;
                if batch.is_full() {
                    flush(inner, batch, &self.records, &mut self.sink);
                }
            }
        }
    }

    fn flush(&mut self) {
        for known in 0..self.plans.len() {
            if let Some(Planned::Plan(_, pending)) = self.plans.get(known)
                && !pending.is_empty()
            {
                self.drain(known);
            }
        }
        let batch = &mut self.intake.batch;
        flush(self.inner, batch, &self.records, &mut self.sink);
    }
}

/// Adds what rows of so many words have counted, but for those with a bit in `others`.
fn sum_up(
    inner: &Inner,
    (rows, width): (&[u64], usize),
    others: u64,
    totals: &mut [u64; counter::COUNT],
) {
    let rows = rows.chunks_exact(width).enumerate();
    let rows = rows.filter(|(place, _)| others >> place & 1 == 0);
    let counters = rows.filter_map(|(_, row)| row.get(inner.layout.key_words..));
    if width != inner.layout.key_words + counter::NARROW {
        return counters.for_each(|counters| dense::add(totals, counters, inner.options.wrap));
    }
    let mut sums = Narrow::pack(&NOTHING);
    for counters in counters.filter_map(|counters| counters.first_chunk()) {
        // The flows of a batch always fit.
        Narrow::add(&mut sums, counters, inner.options.wrap);
    }
    dense::add(totals, &Narrow::unpack(&sums), inner.options.wrap);
}

fn flush(
    inner: &Inner,
    batch: &mut Batch,
    records: &Records<'_>,
    sink: &mut impl FnMut(&Batch, &Records<'_>),
) {
    if batch.count == 0 {
        return;
    }
    let hashes = batch.hashes.get_mut(..batch.count).unwrap_or_default();
    inner.hash_all(&batch.rows, batch.width, hashes);
    sink(batch, records);
    batch.count = 0;
}
