//! The passphrase of encrypted files and the keys derived from it.
//!
//! The cost of a key (64 MiB, three passes, one lane) is a constant of the format. It is never read from
//! a file, so no file can ask for more.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Memory of the key derivation in KiB.
const ARGON2_MEMORY: u32 = 65_536;

/// Number of passes over this memory.
const ARGON2_PASSES: u32 = 3;

/// Maximum number of remembered keys.
const KEYS_MAX: usize = 4096;

pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The passphrase of encrypted files. Wiped from memory when its last copy is dropped.
///
/// Each file has a key of its own; deriving it takes some tenths of a second and 64 MiB of memory. Copies
/// are cheap and share the derived keys, so that a file that is opened again opens at once.
#[derive(Clone)]
pub struct Passphrase(Arc<Secret>);

struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    /// By salt.
    keys: Mutex<HashMap<[u8; 16], Key>>,
}

impl Passphrase {
    /// Uses the bytes unchanged: a line end counts, too.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Secret {
            bytes: Zeroizing::new(bytes.into()),
            keys: Mutex::default(),
        }))
    }

    pub(crate) fn key(&self, salt: [u8; 16]) -> Result<Key> {
        // Locked while a key is derived, so that many threads do not use 64 MiB each.
        let mut keys = self.0.keys.lock().ok();
        if let Some(key) = keys.as_ref().and_then(|keys| keys.get(&salt)) {
            return Ok(key.clone());
        }
        let failed = |error| match error {
            argon2::Error::OutOfMemory => Error::new(
                ErrorKind::OutOfMemory,
                0,
                "not enough memory to make the key",
            ),
            _ => Error::new(
                ErrorKind::WrongKey,
                0,
                "no key can be made of this passphrase",
            ),
        };
        let mut key = Key::default();
        let params = Params::new(ARGON2_MEMORY, ARGON2_PASSES, 1, None).map_err(failed)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&self.0.bytes, &salt, key.as_mut_slice())
            .map_err(failed)?;
        if let Some(keys) = &mut keys {
            if keys.len() >= KEYS_MAX {
                keys.clear();
            }
            keys.insert(salt, key.clone());
        }
        Ok(key)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Passphrase {}
