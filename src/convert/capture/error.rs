//! What can be wrong with a capture: errors, that leave nothing to convert, and damage, that ends
//! the conversion early.

use std::io;

use crate::convert::capture::link;

/// Why a capture could not be read or rewritten at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Reading the capture or writing the rewritten one failed.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, with the path where there is one.
        context: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// There is not a single byte (after decompression).
    #[error("the capture is empty")]
    Empty,
    /// The input is no capture format known here.
    #[error("not a capture: neither pcap nor pcapng, begins with \"{}\"", .start.escape_ascii())]
    NotACapture {
        /// The first bytes (after decompression), at most 16.
        start: Vec<u8>,
    },
    /// The input ends inside the header of the capture.
    #[error("the capture ends inside its header, after {length} bytes")]
    HeaderCut {
        /// Bytes there are (after decompression).
        length: u64,
    },
    /// The input is a flow file already.
    #[error("not a capture but an nfcapd flow file: use `nfdecode read`")]
    NfcapdFile,
    /// The input is compressed in a way that is not read here.
    #[error("the capture is compressed with {format}: decompress it first")]
    Compressed {
        /// The name of the compression.
        format: &'static str,
    },
    /// Compressed data that do not decompress as far as the header, or a broken first block.
    #[error("the capture is damaged at its beginning: {reason}")]
    Damaged {
        /// What is wrong, as a phrase.
        reason: String,
    },
    /// Every packet has a link type that is not read here.
    #[error("no packet could be used: {}", unsupported(.link_types))]
    Unsupported {
        /// Link type and number of its packets, in ascending order.
        link_types: Vec<(u16, u64)>,
    },
    /// The observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl CaptureError {
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io { context, source }
    }
}

fn unsupported(link_types: &[(u16, u64)]) -> String {
    let each = link_types.iter().map(|&(link_type, packets)| {
        let name = link::name(link_type).map_or(String::new(), |name| format!(" ({name})"));
        format!("{packets} of the unsupported link type {link_type}{name}")
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Where and why reading ended before the end. Every packet before it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset in bytes, after decompression, of the record or block that could not be read.
    pub offset: u64,
    /// The number of the packet that could not be read; the first packet is 1.
    pub packet: u64,
    /// What is wrong, as a phrase without a final stop.
    pub reason: String,
}
