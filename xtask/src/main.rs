//! The steps that check and regenerate this repository, each by its name.
#![forbid(unsafe_code)]

fn main() {}
