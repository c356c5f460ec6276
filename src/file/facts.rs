//! What the choice of files needs to know of one. Does not choose.

use crate::file::handle::File;
use crate::value::time::Timestamp;

/// How far the times of file names, and of files' statistics, may be off: names carry local times of an
/// unknown zone, and the length of a slot is unknown. In ms.
pub(crate) const SLACK: u64 = 48 * 3_600_000;

/// What tells whether a file can have flows that are wanted, without the file.
///
/// Programs that choose among the same files again and again keep this, and open only files that have changed. It is
/// true as long as the content of the file is what it was: telling that is up to who keeps it.
///
/// ```
/// use nfdecode::{File, Filter};
///
/// let facts = File::open("tests/fixtures/archive/nfcapd.202611241330")?.facts();
/// let filter = Filter::parse("ident other")?;
/// assert!(!filter.may_select_by(&facts));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    pub(crate) times: Option<(u64, u64)>,
    pub(crate) ident: Option<Box<[u8]>>,
}

impl FileFacts {
    /// Whether there may be flows that end at `from` or later, and start at `to` or before. Files without
    /// [reliable times](File::counted_times) may have any, and times are trusted to two days.
    #[must_use]
    pub fn may_have(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> bool {
        self.times.is_none_or(|times| {
            is_near(
                times,
                from.map(Timestamp::as_millis),
                to.map(Timestamp::as_millis),
            )
        })
    }
}

impl File {
    /// What tells whether the file can have flows that are wanted.
    #[must_use]
    pub fn facts(&self) -> FileFacts {
        FileFacts {
            times: self.counted_times(),
            ident: self.ident().map(Into::into),
        }
    }
}

/// Whether times of the first and the last flow are in a range, give or take [`SLACK`]. All in ms.
pub(crate) fn is_near((first, last): (u64, u64), from: Option<u64>, to: Option<u64>) -> bool {
    from.is_none_or(|from| last.saturating_add(SLACK) >= from)
        && to.is_none_or(|to| first <= to.saturating_add(SLACK))
}
