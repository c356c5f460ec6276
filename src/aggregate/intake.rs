//! From blocks to batches of rows.

use crate::aggregate::dense;
use crate::aggregate::extract::{BATCH, Batch, Counted};
use crate::aggregate::grouping::Inner;
use crate::aggregate::layout::counter;
use crate::aggregate::plan::Plan;
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
            batch: Batch::new(inner.layout.words, inner.distinct.len()),
            totals: NOTHING,
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
enum Planned {
    Unknown,
    Plan(Plan),
    /// Its flows are read one by one.
    Slow,
}

/// Flows of one block.
struct Feed<'t, 'a, S> {
    inner: &'t Inner,
    intake: &'t mut Intake,
    sink: S,
    plans: Vec<Planned>,
    content: &'a RawBlock,
    shapes: &'a [RawShape],
    records: Records<'a>,
}

impl<'a, S: FnMut(&Batch, &Records<'_>)> Feed<'_, 'a, S> {
    #[inline]
    fn add(&mut self, record: &'a [u8], found: &'a RawFlowRef, number: u64) {
        let (inner, content) = (self.inner, self.content);
        let known = usize::from(found.shape);
        let (Some(shape), Some(Planned::Plan(plan))) =
            (self.shapes.get(known), self.plans.get(known))
        else {
            return self.add_unplanned(record, found, number);
        };
        let flow = || Flow::new(record, Places::of(content, found));
        // What a start of 0 means depends on other elements.
        let has_event = || shape.present & (1 << 19 | 1 << 25) != 0;
        let mut counters = [0; counter::COUNT];
        let Some(proto) = plan.count(record, has_event, &mut counters) else {
            return self.add_slowly(&flow(), number);
        };
        if inner.options.separate_totals {
            dense::add(&mut self.intake.totals, &counters, inner.options.wrap);
        }
        let counted = Counted { counters, proto };
        for (at, variant) in plan.variants().iter().enumerate() {
            let Some(variant) = variant else { continue };
            let batch = &mut self.intake.batch;
            let rest = batch.rows.get_mut(batch.count * inner.layout.words..);
            let row = rest.and_then(|rest| rest.split_at_mut_checked(inner.layout.key_words));
            let Some((key, row)) = row else { return };
            if !variant.key(inner, at, record, flow, &counted, key) {
                continue;
            }
            if let Some(to) = row.first_chunk_mut() {
                *to = counters;
            }
            if inner.options.numbered
                && let Some(to) = row.get_mut(counter::NUMBER)
            {
                *to = number << 1;
            }
            if inner.has_extras() {
                batch.add_values(inner, &flow());
                if let Some(to) = self.records.get_mut(batch.count) {
                    *to = (record, number);
                }
            }
            batch.count += 1;
            if batch.is_full() {
                flush(inner, batch, &self.records, &mut self.sink);
            }
        }
    }

    /// Adds a flow of a shape without a plan; makes the plan if there can be one.
    #[cold]
    #[inline(never)]
    fn add_unplanned(&mut self, record: &'a [u8], found: &'a RawFlowRef, number: u64) {
        let known = usize::from(found.shape);
        let flow = Flow::new(record, Places::of(self.content, found));
        let shape = self.shapes.get(known);
        let (Some(shape), Some(planned)) = (shape, self.plans.get_mut(known)) else {
            return self.add_slowly(&flow, number);
        };
        if let Planned::Unknown = planned {
            let plan = Plan::new(self.inner, shape);
            *planned = plan.map_or(Planned::Slow, Planned::Plan);
            if let Planned::Plan(_) = planned {
                return self.add(record, found, number);
            }
        }
        self.add_slowly(&flow, number);
    }

    #[cold]
    #[inline(never)]
    fn add_slowly(&mut self, flow: &Flow<'a>, number: u64) {
        let inner = self.inner;
        let Some(counted) = Counted::of(flow, inner.options.need_counters) else {
            return;
        };
        if inner.options.separate_totals {
            self.intake.add_totals(inner, &counted.counters);
        }
        let words = inner.layout.words;
        for variant in 0..inner.variants.len() {
            let batch = &mut self.intake.batch;
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
        let batch = &mut self.intake.batch;
        flush(self.inner, batch, &self.records, &mut self.sink);
    }
}

fn flush(
    inner: &Inner,
    batch: &mut Batch,
    records: &Records<'_>,
    sink: &mut impl FnMut(&Batch, &Records<'_>),
) {
    let hashes = batch.hashes.get_mut(..batch.count).unwrap_or_default();
    inner.hash_all(&batch.rows, hashes);
    sink(batch, records);
    batch.count = 0;
}
