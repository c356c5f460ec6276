//! A filter ready to run: parsed or built, then compiled.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::file::block::Block;
use crate::file::handle::File;
use crate::filter::error::{FilterError, FilterErrorKind};
use crate::filter::expr::Expr;
use crate::filter::options::Options;
use crate::filter::parse::{lexer, parser, times};
use crate::filter::run::program::{self, Plans, Program, Start};
use crate::filter::scope::{RecordNumbers, Scope};
use crate::flow::places::Places;
use crate::flow::view::Flow;
use crate::value::time::Timestamp;
use crate::value::zone::Zone;

/// A filter: tells which flows are selected. Cheap to clone, and shared freely between threads.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    expr: Expr,
    program: Program,
}

/// Reads a time as filters have it: `2026-01-01T12:00:00.123`, with parts missing from the right.
///
/// # Errors
/// What is wrong with it.
pub fn parse_time(text: &str, zone: &Zone) -> Result<Timestamp, &'static str> {
    times::parse(text, zone)
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

impl Options {
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
