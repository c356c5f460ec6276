//! A file as the scan is told of it. Does not open it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::table::damage::Account;

/// A file of a scan, carried by DataFusion's description of it.
#[derive(Clone, Debug)]
pub(crate) struct FlowFile {
    pub(crate) path: PathBuf,
    /// Its value in the column `file`.
    pub(crate) name: Arc<str>,
    pub(crate) account: Arc<Account>,
}
