//! A flow that owns its record.

use std::fmt;

use crate::flow::view::Flow;

/// A flow that owns its record: keep it, send it, collect it.
///
/// Of the same size in memory as in the file, plus two words. Its fields are read through
/// [`view`](Self::view), which looks at the whole record: keep the view when reading several.
///
/// ```
/// use nfdecode::{File, OwnedFlow};
/// let file = File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let mut flows = file.flows().collect::<Result<Vec<OwnedFlow>, _>>()?;
/// flows.sort_by_key(|flow| std::cmp::Reverse(flow.view().in_bytes()));
/// let largest = flows.first().ok_or("no flow")?.view();
/// assert_eq!(largest.in_bytes(), Some(6997));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OwnedFlow {
    record: Box<[u8]>,
}

impl OwnedFlow {
    /// From a [`record`](Self::record) that was kept elsewhere. Other bytes do no harm: the flow then
    /// has what can be found in them.
    #[must_use]
    pub fn from_record(record: impl Into<Box<[u8]>>) -> Self {
        Self {
            record: record.into(),
        }
    }

    /// The view with all the accessors.
    #[must_use]
    pub fn view(&self) -> Flow<'_> {
        Flow::new(&self.record, None)
    }

    /// The stored record, header included.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        &self.record
    }
}

impl From<Flow<'_>> for OwnedFlow {
    fn from(flow: Flow<'_>) -> Self {
        flow.to_owned_flow()
    }
}

impl<'a> From<&'a OwnedFlow> for Flow<'a> {
    fn from(flow: &'a OwnedFlow) -> Self {
        flow.view()
    }
}

impl fmt::Debug for OwnedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl Flow<'_> {
    /// A copy that does not borrow the block.
    #[must_use]
    pub fn to_owned_flow(&self) -> OwnedFlow {
        OwnedFlow {
            record: self.record().into(),
        }
    }
}
