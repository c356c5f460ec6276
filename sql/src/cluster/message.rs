//! The bytes of a scan: a mark, then a message of Protocol Buffers.

use datafusion::common::{DataFusionError, Result};
use datafusion_proto::protobuf::FileScanExecConf;
use prost::Message;

/// Bytes that do not begin like this are another codec's.
const MARK: &[u8] = b"nfdecode-sql scan\n";

/// A scan of nfcapd files.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Scan {
    /// The version of this package; another one may read files in another way.
    #[prost(string, tag = "1")]
    pub(super) version: String,
    /// Schema, projection, files with their ranges.
    #[prost(message, optional, tag = "2")]
    pub(super) config: Option<FileScanExecConf>,
    /// DataFusion's own message has 32 bits for it.
    #[prost(uint64, optional, tag = "3")]
    pub(super) limit: Option<u64>,
    /// The filter in nfdump's language.
    #[prost(string, optional, tag = "4")]
    pub(super) filter: Option<String>,
    #[prost(bool, tag = "5")]
    pub(super) salvages: bool,
    /// Whether damage fails the query.
    #[prost(bool, tag = "6")]
    pub(super) fails: bool,
    /// One for each file of each group, in order.
    #[prost(message, repeated, tag = "7")]
    pub(super) files: Vec<ScanFile>,
    /// Files that planning left out, and their blocks.
    #[prost(uint64, tag = "8")]
    pub(super) skipped: u64,
    #[prost(uint64, tag = "9")]
    pub(super) skipped_blocks: u64,
}

/// What DataFusion's own message does not have of a file.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ScanFile {
    /// Absolute; not always UTF-8.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) path: Vec<u8>,
    /// Its value in the column `file`.
    #[prost(string, tag = "2")]
    pub(super) name: String,
    /// The account of the process that planned the query.
    #[prost(uint64, tag = "3")]
    pub(super) account: u64,
}

impl Scan {
    /// Appends mark and message.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(MARK);
        self.encode(bytes).map_err(failed)
    }

    /// The message, or `None` if the bytes are another codec's.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>> {
        bytes
            .strip_prefix(MARK)
            .map(|message| Self::decode(message).map_err(failed))
            .transpose()
    }
}

fn failed(error: impl std::fmt::Display) -> DataFusionError {
    DataFusionError::Execution(format!("the message of a scan is not readable: {error}"))
}
