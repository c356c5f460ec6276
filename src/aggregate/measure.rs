//! Values that are computed from the counters and times of one flow.

use std::fmt;

use crate::aggregate::counted::Counted;
use crate::aggregate::counters::Counters;
use crate::aggregate::order::Side;
use crate::flow::view::Flow;

/// A name, and how its value is computed.
type Named = (&'static str, fn(&Counters) -> u64);

/// A value computed from counters.
#[derive(Clone, Copy)]
pub(crate) struct FlowMeasure(&'static Named);

static MEASURES: [Named; 7] = [
    ("bytes", Counters::bytes),
    ("packets", Counters::packets),
    ("flows", |counters| counters.flows),
    ("bps", |counters| counters.bps(Side::Both)),
    ("pps", |counters| counters.pps(Side::Both)),
    ("bpp", |counters| counters.bpp(Side::Both)),
    ("duration", Counters::duration_ms),
];

impl FlowMeasure {
    pub(crate) fn named(name: &str) -> Option<Self> {
        MEASURES.iter().find(|(known, _)| *known == name).map(Self)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        MEASURES.iter().map(|(name, _)| *name)
    }

    /// What is counted of one flow.
    pub(crate) fn counters(flow: &Flow<'_>) -> Counters {
        let counted = Counted::of(flow, false);
        counted.map_or_else(Counters::default, |counted| {
            Counters::of(&counted.counters, 0)
        })
    }

    pub(crate) fn of(self, counters: &Counters) -> u64 {
        (self.0.1)(counters)
    }
}

impl fmt::Debug for FlowMeasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.0)
    }
}
