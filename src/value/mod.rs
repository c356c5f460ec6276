//! Small typed values: addresses, labels, flags, event numbers, instants and time zones.
//!
//! Plain wrappers around what is stored. `Display` is for people; the output forms have writers of their own.

pub(crate) mod event;
pub(crate) mod flags;
pub(crate) mod mac;
pub(crate) mod mpls;
pub(crate) mod packet_filter;
pub(crate) mod protocol;
pub(crate) mod time;
#[cfg(feature = "output")]
pub(crate) mod zone;

pub use event::{NatEvent, NselEvent};
pub use flags::{IpFragment, TcpFlags};
pub use mac::{MacAddr, ParseMacAddrError};
pub use mpls::MplsLabel;
#[cfg(feature = "output")]
pub use zone::{TimeFormatter, Zone, ZoneError};
