//! Dissectors for the payload that a flow can carry: TLS hellos and DNS messages.

#[cfg(any(feature = "aggregate", feature = "filter"))]
pub(crate) mod dns;
pub mod tls;
