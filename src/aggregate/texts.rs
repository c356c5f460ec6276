//! Texts of keys by number, shared by all tables of a grouping.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers for texts. The same text has the same number in all threads.
#[derive(Debug, Default)]
pub(crate) struct Texts(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    numbers: HashMap<Arc<[u8]>, u32>,
    texts: Vec<Arc<[u8]>>,
    bytes: usize,
}

impl Texts {
    /// The number of a text; a new one if it is new.
    pub(crate) fn number(&self, text: &[u8]) -> u32 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = inner.numbers.get(text) {
            return *number;
        }
        // More than 2^32 texts do not fit into memory: each takes 64 bytes or more.
        let number = inner.texts.len() as u32;
        let text: Arc<[u8]> = text.into();
        inner.bytes += text.len() + 64;
        inner.texts.push(Arc::clone(&text));
        inner.numbers.insert(text, number);
        number
    }

    /// All texts by number, for reading without locks.
    pub(crate) fn all(&self) -> Vec<Arc<[u8]>> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.texts.clone()
    }

    /// Memory that the texts take, about.
    pub(crate) fn bytes(&self) -> usize {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.bytes
    }
}
