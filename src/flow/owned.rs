//! A flow that owns its record.

use std::fmt;
use std::hash::{Hash, Hasher};

use crate::flow::places::{self, Places};
use crate::flow::view::Flow;
use crate::raw::ListWord;

/// A flow that owns its record: keep it, send it, collect it.
///
/// Its size in memory is that of the record, plus 8 bytes and 4 for each of its elements, which say where
/// these lie. It has the accessors of [`Flow`].
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
    /// The record, then its list of places.
    bytes: Box<[u8]>,
    /// Length of the record.
    length: usize,
}

impl OwnedFlow {
    /// From a [`record`](Self::record) that was kept elsewhere. Other bytes do no harm: the flow then
    /// has what can be found in them.
    #[must_use]
    pub fn from_record(record: impl Into<Box<[u8]>>) -> Self {
        let mut bytes = record.into().into_vec();
        let length = bytes.len();
        let mut list = Vec::new();
        places::append_list(&bytes, &mut list);
        bytes.extend(list);
        Self {
            bytes: bytes.into(),
            length,
        }
    }

    /// The view with all the accessors.
    #[must_use]
    pub fn view(&self) -> Flow<'_> {
        let (record, list) = self.parts();
        Flow::new(record, Places::List(list))
    }

    fn parts(&self) -> (&[u8], &[ListWord]) {
        let (record, list) = self.bytes.split_at_checked(self.length).unwrap_or_default();
        (record, list.as_chunks().0)
    }

    /// The stored record, header included.
    #[must_use]
    pub fn record(&self) -> &[u8] {
        self.parts().0
    }
}

/// Flows are equal when their records are.
impl PartialEq for OwnedFlow {
    fn eq(&self, other: &Self) -> bool {
        self.record() == other.record()
    }
}

impl Eq for OwnedFlow {}

impl Hash for OwnedFlow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.record().hash(state);
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
        let (record, places) = (self.record(), self.places());
        let mut bytes = Vec::with_capacity(record.len() + places.list_size());
        bytes.extend_from_slice(record);
        places.append_to(&mut bytes);
        OwnedFlow {
            bytes: bytes.into(),
            length: record.len(),
        }
    }
}
