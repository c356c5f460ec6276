//! Captures in, one form that every `nfpcapd` reads alike out.
//!
//! The releases of nfpcapd differ in the captures they accept: some read no pcapng, no nanosecond
//! stamps and no gzip, some drop packets cut by the snap length, some stop with status 0 at unknown
//! input. [`inspect()`] finds out whether a file can be used as it is; [`normalize()`]
//! rewrites anything else in one pass with bounded memory into a classic little-endian microsecond
//! capture of Ethernet frames.
//!
//! | file | does |
//! |---|---|
//! | `format`, `link_types`, `error` | magic numbers, byte order, names, errors |
//! | `input` | chunks of plain, gzip and zstd input; progress, cancellation |
//! | `window` | whole records over chunks |
//! | `packets`, `pcapng` | the packets of pcap and pcapng |
//! | `link` | any supported link type to Ethernet, tags to 0x8100 |
//! | `write` | the normal form |
//! | `normalize`, `inspect` | the two passes |
//!
//! Nothing here runs nfpcapd, or reorders, merges or drops packets for any other reason than an
//! unsupported link layer or damage.

pub(crate) mod error;
pub(crate) mod format;
pub(crate) mod input;
pub(crate) mod inspect;
pub(crate) mod link;
pub(crate) mod link_types;
pub(crate) mod normalize;
pub(crate) mod packets;
pub(crate) mod pcapng;
pub(crate) mod window;
pub(crate) mod write;

#[cfg(test)]
mod tests;

pub use error::{CaptureDamage, CaptureError};
pub use format::MAX_PACKET;
pub use inspect::{Inspection, RewriteReason, inspect};
pub use link_types::link_type_name;
pub use normalize::{Normalized, normalize};
