//! Capture errors, which leave nothing to convert, and damage, which ends the conversion early.

use std::io;

use crate::convert::capture::format::{Kind, PREFIX};
use crate::convert::capture::link_types::link_type_name;

/// Why a capture could not be read or rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// Reading the capture or writing the rewritten one failed.
    #[error("{context}: {source}")]
    Io {
        /// The failed action, with the path where there is one.
        context: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The input has no bytes (after decompression).
    #[error("the capture is empty")]
    Empty,
    /// The input has an unknown format.
    #[error("not a capture: neither pcap nor pcapng, begins with \"{}\"", .start.escape_ascii())]
    NotACapture {
        /// The first bytes (after decompression), at most 16.
        start: Vec<u8>,
    },
    /// The input ends inside the header of the capture.
    #[error("the capture ends inside its header, after {length} bytes")]
    HeaderCut {
        /// Length of the input (after decompression).
        length: u64,
    },
    /// The input is a flow file already.
    #[error("not a capture but an nfcapd flow file: use `nfdecode read`")]
    NfcapdFile,
    /// The input has an unsupported compression.
    #[error("the capture is compressed with {format}: decompress it first")]
    Compressed {
        /// The name of the compression.
        format: &'static str,
    },
    /// The compressed data or the first block is broken, so that no packet can be read.
    #[error("the capture is damaged at its beginning: {reason}")]
    Damaged {
        /// What is wrong, as a phrase.
        reason: String,
    },
    /// Every packet has an unsupported link type.
    #[error("no packet could be used: {}", unsupported(.link_types))]
    Unsupported {
        /// Link type and number of its packets, in ascending order.
        link_types: Vec<(u16, u64)>,
    },
    /// The observer requested a stop.
    #[error("cancelled")]
    Cancelled,
}

impl CaptureError {
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io { context, source }
    }

    /// The error for an input that begins with `start` and is of a `kind` without packets.
    pub(crate) fn refused(kind: Kind, start: &[u8]) -> Self {
        match kind {
            _ if start.is_empty() => Self::Empty,
            Kind::Nfcapd => Self::NfcapdFile,
            Kind::Other(format) => Self::Compressed { format },
            Kind::Gzip | Kind::Zstd => Self::Compressed {
                format: "gzip or zstd too many times over",
            },
            _ => Self::NotACapture {
                start: start.iter().take(PREFIX).copied().collect(),
            },
        }
    }
}

fn unsupported(link_types: &[(u16, u64)]) -> String {
    let each = link_types.iter().map(|&(link_type, packets)| {
        let name = link_type_name(link_type).map_or(String::new(), |name| format!(" ({name})"));
        format!("{packets} of the unsupported link type {link_type}{name}")
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Position and cause of an early end of reading. All packets before it are used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CaptureDamage {
    /// Offset in bytes, after decompression, of the unreadable record or block.
    pub offset: u64,
    /// Number of the unreadable packet; the first packet is 1.
    pub packet: u64,
    /// What is wrong, as a phrase without a final stop.
    pub reason: String,
}
