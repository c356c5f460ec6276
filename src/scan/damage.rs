//! What iterators over a scan do with errors.

use std::iter::FusedIterator;

/// What iterators over a scan do with errors: files that do not open, blocks that cannot be read, damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnDamage {
    /// Report each error in its place, and read on.
    #[default]
    Report,
    /// Report the first error, then end.
    Stop,
    /// Read on without reporting anything.
    Ignore,
}

/// Results under a policy for errors.
#[derive(Debug)]
pub(crate) struct Gated<I> {
    results: Option<I>,
    on_damage: OnDamage,
}

impl<I> Gated<I> {
    pub(crate) fn new(results: I, on_damage: OnDamage) -> Self {
        Self {
            results: Some(results),
            on_damage,
        }
    }
}

impl<T, E, I: Iterator<Item = Result<T, E>>> Iterator for Gated<I> {
    type Item = Result<T, E>;

    fn next(&mut self) -> Option<Result<T, E>> {
        loop {
            match (self.results.as_mut()?.next(), self.on_damage) {
                (Some(Err(_)), OnDamage::Ignore) => {}
                (Some(Err(error)), OnDamage::Stop) => {
                    self.results = None;
                    return Some(Err(error));
                }
                (None, _) => {
                    self.results = None;
                    return None;
                }
                (result, _) => return result,
            }
        }
    }
}

impl<T, E, I: Iterator<Item = Result<T, E>>> FusedIterator for Gated<I> {}
