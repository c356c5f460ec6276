//! A flow that owns its record.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::flow::view::Flow;

/// A flow that owns its record: keep it, send it, collect it.
///
/// As large in memory as in the file, plus three words. It has the accessors of [`Flow`]; each one
/// searches the record for its element, which for the usual records takes some ten steps.
///
/// ```
/// use nfdecode::{File, OwnedFlow};
/// let file = File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// let mut flows = file.flows().collect::<Result<Vec<OwnedFlow>, _>>()?;
/// flows.sort_by_key(|flow| std::cmp::Reverse(flow.in_bytes()));
/// let largest = flows.first().ok_or("no flow")?;
/// assert_eq!(largest.in_bytes(), Some(6997));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct OwnedFlow {
    record: Box<[u8]>,
    /// The elements of `record`, see [`Flow::elements`].
    present: u64,
}

/// Flows are equal when their stored records are.
impl PartialEq for OwnedFlow {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl Eq for OwnedFlow {}

impl Hash for OwnedFlow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record.hash(state);
    }
}

impl OwnedFlow {
    /// From a [`record`](Self::record) that was kept elsewhere. Other bytes do no harm: the flow then
    /// has what can be found in them.
    #[must_use]
    pub fn from_record(record: impl Into<Box<[u8]>>) -> Self {
        let record = record.into();
        let present = Flow::new(&record, None).elements();
        Self { record, present }
    }

    /// The view with all the accessors.
    #[must_use]
    pub fn view(&self) -> Flow<'_> {
        Flow::from_parts(&self.record, self.present)
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
            present: self.elements(),
        }
    }
}
