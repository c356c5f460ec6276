//! From flows to files and standard output.

pub(crate) mod answer;
pub(crate) mod answer_table;
pub(crate) mod arrow_ipc;
pub(crate) mod cell;
pub(crate) mod columns;
pub(crate) mod keep;
pub(crate) mod ledger;
pub(crate) mod merge;
pub(crate) mod output;
pub(crate) mod page;
pub(crate) mod parquet;
pub(crate) mod partition;
pub(crate) mod small;
pub(crate) mod sorted;
pub(crate) mod target;
pub(crate) mod text;
pub(crate) mod text_format;
