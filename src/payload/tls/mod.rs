//! TLS hello messages at the start of a captured payload: version, server name, JA3 and JA4.
//!
//! Parses what nfdump 1.7.10 parses, so that the fingerprints agree: one handshake record, with extension
//! bodies by their inner lengths. No reassembly, no decryption, no later messages. The caller checks that
//! the flow is TCP.
//!
//! Fingerprints follow nfdump also where it differs from the definitions of JA3 and JA4:
//! * the version is the hello's legacy version, `supported_versions` is not consulted (a TLS 1.3
//!   client shows as TLS 1.2);
//! * GREASE values are omitted from ciphers and extensions, but not from groups and signatures.
//!
//! They differ from nfdump in these cases:
//! * a server hello of TLS 1.1 or 1.2 gets that version, not 1.2 or 1.3;
//! * a client hello whose ciphers or extensions are all GREASE is printed (nfdump crashes). The
//!   hash of no ciphers is twelve zeros, as JA4 defines it; without extensions there is no JA4;
//! * JA4 is always printable and needs no quoting in JSON or CSV: if the first or last byte of the
//!   ALPN name is not printable ASCII, or one of `"`, `\`, `,`, the first and last hex digit of the
//!   name replace it, as JA4 defines for such names. nfdump copies the raw byte.

mod fingerprint;
mod hello;
mod reader;
#[cfg(test)]
mod tests;
mod version;

pub use fingerprint::JA4_LEN;
pub use hello::Hello;
pub use version::{Sender, Version};
