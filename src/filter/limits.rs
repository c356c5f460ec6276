//! Limits on the text of a filter, and on the work that it may cause.

/// Longest text in bytes; included files count as often as they are included.
pub(crate) const TEXT_MAX: usize = 16 << 20;

/// Most open parentheses, as in nfdump.
pub(crate) const PARENTHESES_MAX: usize = 9_996;

/// Most operators and open parentheses that wait for an operand, as in nfdump.
pub(crate) const PENDING_MAX: usize = 9_997;

/// Most included files that are open at a time.
pub(crate) const INCLUDE_DEPTH_MAX: usize = 10;

/// Most `@include` in one filter: opening a file takes far longer than reading its name.
pub(crate) const INCLUDES_MAX: usize = 10_000;

/// Most addresses of one host name.
pub(crate) const HOST_ADDRESSES_MAX: usize = 1024;

/// Most items of all patterns and texts to find of a filter, repetitions written out.
///
/// A short pattern may need 1 MiB (`\w{5000}`), so that a filter of many could fill the memory. An
/// item needs about 120 bytes: 128 MiB together.
pub(crate) const PATTERN_ITEMS_MAX: usize = 1 << 20;

/// What each pattern counts in addition to its items: it needs a few KiB, however short it is.
pub(crate) const PATTERN_BASE: usize = 64;
