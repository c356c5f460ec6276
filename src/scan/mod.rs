//! From many files to ordered blocks: file sets, selection and the parallel pipeline.

pub(crate) mod fileset;
pub(crate) mod pipeline;

pub use fileset::{Files, Found, SetBlocks, is_magic, search};
pub use pipeline::{Lane, Stages, Stopped, map_blocks, run};
