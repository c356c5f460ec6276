//! What a flow can hold: the element table, views of stored flows, and owned flows.

pub(crate) mod bytes;
pub(crate) mod field_value;
pub(crate) mod fields;
pub(crate) mod owned;
pub(crate) mod places;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(feature = "filter")]
pub(crate) mod stored;
pub(crate) mod table;
pub(crate) mod view;
