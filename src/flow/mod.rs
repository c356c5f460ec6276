//! What a flow can hold: the element table, views of stored flows, and owned flows.

pub(crate) mod accessors;
pub(crate) mod at;
pub(crate) mod builder;
pub(crate) mod bytes;
pub(crate) mod element;
pub(crate) mod field_value;
pub(crate) mod fields;
pub(crate) mod owned;
pub(crate) mod places;
pub(crate) mod record;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(feature = "filter")]
pub(crate) mod stored;
pub(crate) mod table;
pub(crate) mod view;
