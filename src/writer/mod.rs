//! Writes layout 2 files that every nfdump 1.7 reads, those with ZSTD from 1.7.3 on.
//!
//! | file | does |
//! |---|---|
//! | `flows` | [`Writer`]: flows of any source, written clean |
//! | `copies` | [`Recompressed`] and [`rename`]: a file of layout 2 with something about it changed |
//! | `encoding` | [`Encoding`], and the one way in which a block is stored |
//! | `records` | records that are not flows |
//! | `counts` | the statistics of a file |

pub(crate) mod copies;
pub(crate) mod counts;
pub(crate) mod encoding;
pub(crate) mod flows;
pub(crate) mod records;

pub use copies::{Recompressed, rename};
pub use encoding::Encoding;
pub use flows::{SysidMap, Writer};
