//! Following the directories of collectors: every flow once, also over restarts and renames.
//!
//! [`Follower`] joins the parts: a [`Lister`] looks at directories, a [`Tracker`] decides what to read, a [`State`]
//! file remembers it, a [`Wake`] says when to look again. The tracker is a state machine without clock and files:
//! it can be tested, and used, with listings from anywhere. Reading is a [`Scan`](crate::Scan) of the
//! [inputs](Opened::input) that a follower opens.
//!
//! ```no_run
//! use std::time::Duration;
//! use nfdecode::follow::{Follower, Options};
//!
//! let mut follower = Follower::new(["/var/cache/nfdump"], Options::new().live(true))?;
//! loop {
//!     for event in follower.look() {
//!         eprintln!("{event}");
//!     }
//!     while let Some(opened) = follower.open_next() {
//!         let (mut progress, path) = (opened.progress(), opened.path().to_owned());
//!         for block in nfdecode::Scan::new([opened.input()]).blocks() {
//!             let Ok(block) = block else { continue };
//!             println!("{} flows of {}", block.len(), path.display());
//!             progress.add(&block);
//!         }
//!         follower.finish(&opened, &progress);
//!     }
//!     follower.wait(Duration::from_secs(1));
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), std::io::Error>(())
//! ```

pub(crate) mod entry;
pub(crate) mod follower;
pub(crate) mod identity;
pub(crate) mod listing;
pub(crate) mod rules;
pub(crate) mod slots;
pub(crate) mod state;
pub(crate) mod tracker;
pub(crate) mod wake;

pub use entry::{Job, Progress};
pub use follower::{Follower, Opened, Options};
pub use identity::{Fingerprint, Identity};
pub use listing::{Lister, Listing, Seen};
pub use rules::{Begin, Event, Rules};
pub use state::{State, StateError};
pub use tracker::Tracker;
pub use wake::Wake;
