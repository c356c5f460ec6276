//! Captures in, one form that every `nfpcapd` reads alike out.
//!
//! The releases of nfpcapd differ in the captures they accept: some read no pcapng, no nanosecond
//! stamps and no gzip, some drop packets cut by the snap length, some stop with status 0 at what
//! they do not know. `scan` tells whether a file can be handed over as it is; `normalize`
//! rewrites anything else in one pass with bounded memory into a classic little-endian microsecond
//! capture of Ethernet frames.
//!
//! | file | does |
//! |---|---|
//! | `source` | plain, gzip and zstd input; counting, progress, cancellation |
//! | `read` | the packets of pcap and pcapng |
//! | `link` | any supported link type to Ethernet, tags to 0x8100 |
//! | `write` | the normal form |
//! | `normalize`, `scan` | the two passes |
//!
//! Nothing here runs nfpcapd, looks above the link layer, or reorders, merges or drops packets for
//! any other reason than an unsupported link layer or damage.

pub(crate) mod error;
pub(crate) mod link;
pub(crate) mod normalize;
pub(crate) mod read;
pub(crate) mod scan;
pub(crate) mod source;
pub(crate) mod write;

#[cfg(test)]
mod tests;

pub use error::{CaptureError, Damage};
pub use link::name as link_type_name;
pub use normalize::{Normalized, normalize};
pub use read::MAX_PACKET;
pub use scan::{Reason, Scan, scan};
