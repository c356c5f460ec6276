//! Raw bindings to libnfdump, an independent C decoder for nfcapd flow files.
//!
//! Declarations only: what each function does, which pointers live how long and what may run in
//! parallel is said in `libnfdump/include/nfdump.h`. The crate `nfdecode` is the safe interface.
//!
//! The bindings are generated beforehand, so building needs a C compiler but no libclang. With
//! the feature `bindgen` they are generated anew from the header.
#![no_std]
#![allow(non_camel_case_types, non_upper_case_globals)]

// The codec libraries that libnfdump calls; named so that they are linked.
extern crate bzip2_sys as _;
extern crate lz4_sys as _;
extern crate zstd_sys as _;

#[cfg(not(feature = "bindgen"))]
mod bindings;
#[cfg(not(feature = "bindgen"))]
pub use bindings::*;

#[cfg(feature = "bindgen")]
mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
#[cfg(feature = "bindgen")]
pub use bindings::*;
