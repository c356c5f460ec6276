//! Groups of flows: sums, rates and times by any key.
//!
//! A [`Grouping`] says what to group by, a [`Table`] holds the groups of the flows added to it. Tables of
//! the same grouping merge in any order, so that threads can share the work.
//!
//! ```
//! use nfdecode::aggregate::{Grouping, Key, Order};
//! let grouping = Grouping::builder()
//!     .key(Key::prefix("src_addr", 24, 64)?)
//!     .key(Key::field("proto")?)
//!     .build()?;
//! let mut table = grouping.table();
//! let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
//! for block in file.blocks() {
//!     table.add(&block?, None);
//! }
//! for group in table.groups().top(&Order::bytes(), 10) {
//!     println!("{:?} {} bytes", group.key(0), group.counters().bytes());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An absent value is a group of its own and never 0, unless [`Key::absent`] says otherwise.

pub(crate) mod bins;
pub(crate) mod counted;
pub(crate) mod counters;
pub(crate) mod dense;
pub(crate) mod distinct;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod flow_order;
pub(crate) mod group;
pub(crate) mod grouping;
pub(crate) mod having;
pub(crate) mod held;
pub(crate) mod intake;
pub(crate) mod key;
pub(crate) mod layout;
pub(crate) mod measure;
pub(crate) mod measures;
pub(crate) mod names;
pub(crate) mod order;
pub(crate) mod parallel;
pub(crate) mod plan;
pub(crate) mod quantile;
pub(crate) mod ranked;
pub(crate) mod runs;
pub(crate) mod series;
pub(crate) mod source;
pub(crate) mod spill;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod texts;

pub use bins::Bins;
pub use counters::Counters;
pub use error::{AggregateError, Result};
pub use flow_order::{FlowAdder, FlowOrder, FlowSorter, Origin};
pub use group::{Group, Groups};
pub use grouping::{Grouping, GroupingBuilder};
pub use having::Having;
pub use key::{Absent, Key};
pub use measures::{Measures, QuantileColumn};
pub use order::{Direction, Order, OrderBy, Side, Tie};
pub use parallel::{Adder, Collector};
pub use ranked::Overall;
pub use series::{Point, Series, Spread};
pub use table::Table;
