//! One file per command.

pub(crate) mod check;
pub(crate) mod convert;
mod convert_page;
pub(crate) mod fields;
pub(crate) mod follow;
pub(crate) mod info;
pub(crate) mod read;
pub(crate) mod report;
pub(crate) mod rewrite;
pub(crate) mod series;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod top;
