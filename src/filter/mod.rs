//! Selecting flows: nfdump's whole filter language, and the same as Rust expressions.
//!
//! ```no_run
//! use nfdecode::filter::Filter;
//!
//! let filter = Filter::parse("proto tcp and dst port 443 and bytes > 1m")?;
//! let file = nfdecode::File::open("nfcapd.202601011200")?;
//! for block in file.blocks() {
//!     for flow in block?.flows().filter(|flow| filter.matches(flow)) {
//!         println!("{flow:?}");
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Filter::parse`] reads the text, [`Expr`] builds one without text, [`Filter::select`] goes through
//! a block at full speed, [`Filter::may_select`] tells of files that need not be read. The language is
//! described in `docs/filter.md`; where nfdump 1.7.10 is wrong, see `docs/deviations.md`.
//!
//! A filter from an untrusted source is safe: parsing takes time in proportion to the text, no depth
//! of nesting exhausts the stack, no file is read and no name resolved unless [`Options`] allow it,
//! patterns run in linear time.

mod dns;
mod error;
mod expr;
mod lexer;
mod names;
mod parser;
mod pattern;
pub mod primitive;
mod program;
mod sets;
mod times;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::block::Block;
use crate::file::File;
use crate::flow::{Flow, Places};
use crate::time::{Timestamp, Zone};

pub use error::{FilterError, FilterErrorKind};
pub use expr::{Compare, Expr, Mpls, PayloadSide};
pub use primitive::{MacSide, Number, Side};

use program::{Plans, Program, Start};

/// A filter: tells which flows are selected. Cheap to clone, and shared freely between threads.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    expr: Expr,
    program: Program,
}

/// Where the flows of a block stand: what the terms `ident` and `count` need to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// The ident of the file; without one it is `none`.
    pub ident: Option<&'a [u8]>,
    /// Records of all kinds in the blocks and files before, see [`records_in`].
    pub records_before: u64,
}

/// Finds the addresses of a host name.
pub type Resolver = Arc<dyn Fn(&str) -> std::io::Result<Vec<IpAddr>> + Send + Sync>;

/// Reads a time as filters have it: `2026-01-01T12:00:00.123`, with parts missing from the right.
///
/// # Errors
/// What is wrong with it.
pub fn parse_time(text: &str, zone: &Zone) -> Result<Timestamp, &'static str> {
    times::parse(text, zone)
}

/// Which files `@include` may read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Includes {
    /// None.
    #[default]
    Refuse,
    /// Those below a directory; names are relative to it.
    Below(PathBuf),
    /// All; names are relative to the working directory.
    Anywhere,
}

/// How to read the text of a filter.
#[derive(Clone, Default)]
pub struct Options {
    zone: Option<Zone>,
    includes: Includes,
    resolver: Option<Resolver>,
    name: Option<String>,
    unknown_places: bool,
}

impl Options {
    /// Times in the zone of the process, no files, no host names, databases needed for places.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The zone of times in the text.
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> Self {
        self.zone = Some(zone);
        self
    }

    /// Which files may be included.
    #[must_use]
    pub fn with_includes(mut self, includes: Includes) -> Self {
        self.includes = includes;
        self
    }

    /// Resolves host names, once, while the text is read.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// What messages call the text, such as the name of its file.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// As nfdump without databases: `geo CC` and `ip tor` select nothing instead of being errors.
    #[must_use]
    pub fn with_unknown_places(mut self) -> Self {
        self.unknown_places = true;
        self
    }

    fn zone(&self) -> Zone {
        self.zone.clone().unwrap_or_else(Zone::from_env)
    }

    /// Reads a filter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(&self, text: &str) -> Result<Filter, FilterError> {
        parser::parse(text.as_bytes(), self).map(Filter::of)
    }

    /// Reads a filter from a file. As in nfdump the text ends at the first NUL.
    ///
    /// # Errors
    /// The file cannot be read, or what is wrong with the filter.
    pub fn parse_file(&self, path: impl AsRef<Path>) -> Result<Filter, FilterError> {
        let path = path.as_ref();
        let text = lexer::read_text(path).map_err(|reason| {
            FilterError::new(
                FilterErrorKind::Include,
                format!("{}: {reason}", path.display()),
            )
        })?;
        let named = match &self.name {
            Some(_) => self.clone(),
            None => self.clone().with_name(path.display().to_string()),
        };
        parser::parse(&text, &named).map(Filter::of)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("includes", &self.includes)
            .field("resolver", &self.resolver.is_some())
            .finish_non_exhaustive()
    }
}

impl Filter {
    /// Reads a filter: nfdump's language. Times are in the zone of the process; for other zones,
    /// included files and host names see [`Options`].
    ///
    /// # Errors
    /// What is wrong with it; `Display` shows the place.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Options::new().parse(text)
    }

    /// Makes a filter of an expression.
    ///
    /// # Errors
    /// What a text could not say either: a number out of range, a comparison that does not exist.
    pub fn build(expr: Expr) -> Result<Self, FilterError> {
        expr.check()?;
        Ok(Self::of(expr))
    }

    fn of(expr: Expr) -> Self {
        let program = Program::new(&expr);
        Self(Arc::new(Inner { expr, program }))
    }

    /// The expression, to combine it with others.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.0.expr
    }

    /// Whether the flow is selected. For the terms `ident` and `count` a flow alone is the first
    /// record of a file without ident; see [`matches_in`](Self::matches_in).
    #[must_use]
    pub fn matches(&self, flow: &Flow<'_>) -> bool {
        self.matches_in(flow, Scope::default(), 1)
    }

    /// Whether the flow is selected, given its file and the running number of its record.
    #[must_use]
    pub fn matches_in(&self, flow: &Flow<'_>, scope: Scope<'_>, number: u64) -> bool {
        self.0.program.run(flow, scope, number)
    }

    /// Whether the term `count` is in it: then blocks must be selected from in order, with
    /// [`Scope::records_before`] right.
    #[must_use]
    pub fn needs_count(&self) -> bool {
        self.0.program.counts
    }

    /// Puts the indices of the selected flows of a block into `selected`, which is cleared first:
    /// `block.flows().nth(index)` is such a flow. Faster than asking for each flow, since what the
    /// presence of elements decides is decided once.
    pub fn select(&self, block: &Block, scope: Scope<'_>, selected: &mut Vec<u32>) {
        selected.clear();
        let Some(content) = block.content() else {
            return;
        };
        let mut plans = Plans::new(&self.0.program, content.shapes().len());
        let mut numbers = self
            .needs_count()
            .then(|| RecordNumbers::new(content.data(), scope.records_before));
        // Runs of flows of one shape are the rule.
        let mut last = (u16::MAX, Start::Unplanned);
        let (data, shapes) = (content.data(), content.shapes());
        for (index, found) in content.flows().iter().enumerate() {
            let at = found.offset as usize;
            let record = data
                .get(at..at + usize::from(found.size))
                .unwrap_or_default();
            let number = numbers.as_mut().map_or(0, |numbers| numbers.of(at));
            let shape = shapes.get(usize::from(found.shape));
            let flow = || Flow::new(record, Places::of(content, found));
            let start = match shape {
                Some(_) if last.0 == found.shape => last.1,
                Some(shape) if program::is_plain(shape) => {
                    let start = plans.start(found.shape.into(), shape, shape.present);
                    last = (found.shape, start);
                    start
                }
                Some(shape) => plans.start(found.shape.into(), shape, flow().elements()),
                None => Start::Unplanned,
            };
            let is_selected = match start {
                Start::At(start) => plans.run(start, record, flow, scope, number),
                Start::Unplanned => self.0.program.run(&flow(), scope, number),
            };
            if is_selected {
                // A block has fewer flows than 2^32: its index counts them in 32 bits.
                selected.push(index as u32);
            }
        }
    }

    /// Whether a file can have flows that are selected, by its ident and its statistics of times. If
    /// not, it need not be read. Trusts what the file's writer has counted, to an hour, since collectors do
    /// not count the times of NAT events; not in files of layout 3, nor where the first flow is not before the
    /// last one or both times are whole seconds, for writers of such are known to count otherwise.
    #[must_use]
    pub fn may_select(&self, file: &File) -> bool {
        const UNCOUNTED: u64 = 3_600_000;
        let times = file.counted_times();
        self.0.program.may_select(
            times.map(|(first, _)| first.saturating_sub(UNCOUNTED)),
            times.map(|(_, last)| last.saturating_add(UNCOUNTED)),
            file.ident(),
        )
    }

    /// The expression as a tree, one term or operator a line.
    #[must_use]
    pub fn explain(&self) -> String {
        self.0.expr.tree().to_string()
    }
}

/// The text of the filter, in a form that means the same; times are in UTC.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expr.fmt(f)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.to_string()).finish()
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.0.expr == other.0.expr
    }
}

impl Eq for Filter {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

/// How many records of a block the term `count` numbers, flows and others: what
/// [`Scope::records_before`] grows by.
#[must_use]
pub fn records_in(block: &Block) -> u64 {
    block.content().map_or(0, |content| {
        let mut numbers = RecordNumbers::new(content.data(), 0);
        numbers.of(content.data().len()) - 1
    })
}

/// Running numbers of records: all kinds count.
struct RecordNumbers<'a> {
    data: &'a [u8],
    position: usize,
    number: u64,
}

impl<'a> RecordNumbers<'a> {
    fn new(data: &'a [u8], before: u64) -> Self {
        Self {
            data,
            position: 0,
            number: before + 1,
        }
    }

    /// The number of the record at this place, which must not be before that of the last call.
    fn of(&mut self, at: usize) -> u64 {
        while self.position < at {
            let size = crate::element::u16_at(self.data, self.position + 2);
            // A record of no size is not passed by the index either.
            self.position += usize::from(size.max(1));
            self.number += 1;
        }
        self.number
    }
}
