//! `nfdecode follow`: from a collector's directories to standard output, Parquet or commands.

pub(crate) mod compact;
pub(crate) mod exec;
pub(crate) mod lake;
pub(crate) mod metrics;
pub(crate) mod service;
pub(crate) mod stream;
pub(crate) mod tell;
pub(crate) mod text;
