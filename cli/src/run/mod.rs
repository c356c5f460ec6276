//! What every command needs while it runs: messages, progress, interrupts, exit status.

pub(crate) mod account;
pub(crate) mod env;
pub(crate) mod gather;
pub(crate) mod interrupt;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod stop;
