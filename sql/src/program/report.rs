//! Messages on standard error.

use std::io::{self, Write as _};

/// Prints a message, if anybody is there to read it.
pub(crate) fn report(message: &str) {
    let _ = writeln!(io::stderr(), "nfdecode: {message}");
}
