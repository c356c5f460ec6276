//! [`Filter`]: an expression and its compiled program.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::file::block::Block;
use crate::file::facts::FileFacts;
use crate::file::handle::File;
use crate::filter::error::{FilterError, FilterErrorKind};
use crate::filter::expr::Expr;
use crate::filter::options::Options;
use crate::filter::parse::{lexer, parser};
use crate::filter::run::plan::{self, Plans, Start};
use crate::filter::run::program::Program;
use crate::filter::scope::{RecordNumbers, Scope};
use crate::flow::places::Places;
use crate::flow::view::Flow;
use crate::raw::RawFlowRef;

/// A filter: decides which flows are selected.
///
/// `Filter` is one pointer, `Clone`, `Debug`, `Send` and `Sync`: clone it freely for other threads.
/// Filters are equal if their expressions are.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    expr: Expr,
    program: Program,
}

impl Filter {
    /// Parses a filter in nfdump's language, at most 16 MiB of text.
    ///
    /// Times are in the zone of the process; for other zones, included files and host names see
    /// [`Options`]. Takes time and memory in proportion to the text.
    ///
    /// # Errors
    /// [`FilterError`] if the text is not a filter; `Display` shows the location.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Options::new().parse(text)
    }

    /// Compiles an expression.
    ///
    /// # Errors
    /// [`FilterError`] if no text could express it: a number out of range, a comparison that does
    /// not exist, text in both kinds of quotes or beyond printable ASCII, more than 16 MiB, nesting
    /// of more than 9,996 parentheses.
    pub fn build(expr: Expr) -> Result<Self, FilterError> {
        expr.check()?;
        Ok(Self::compile(expr))
    }

    fn compile(expr: Expr) -> Self {
        let program = Program::new(&expr);
        Self(Arc::new(Inner { expr, program }))
    }

    /// The expression of the filter, to combine it with others.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.0.expr
    }

    /// Whether the flow is selected.
    ///
    /// The terms `ident` and `count` see the first record of a file without ident; for others see
    /// [`matches_in`](Self::matches_in).
    #[must_use]
    pub fn matches(&self, flow: &Flow<'_>) -> bool {
        self.matches_in(flow, Scope::default(), 1)
    }

    /// Whether the flow is selected, given its file and the running number of its record.
    ///
    /// `number` counts from 1; `scope.records_before` is not added to it.
    #[must_use]
    pub fn matches_in(&self, flow: &Flow<'_>, scope: Scope<'_>, number: u64) -> bool {
        self.0.program.run(flow, scope, number)
    }

    /// Whether the filter has the term `count`.
    ///
    /// Then blocks must be passed to [`select`](Self::select) in order, with the correct
    /// [`Scope::records_before`].
    #[must_use]
    pub fn needs_count(&self) -> bool {
        self.0.program.counts()
    }

    /// Replaces `selected` by the indices of the selected flows of a block, in ascending order.
    ///
    /// `block.flows().nth(index)` is such a flow. Faster than [`matches`](Self::matches) for each
    /// flow: what depends only on the presence of elements is decided once per shape of flow.
    pub fn select(&self, block: &Block, scope: Scope<'_>, selected: &mut Vec<u32>) {
        selected.clear();
        let Some(content) = block.content() else {
            return;
        };
        let (data, shapes) = (content.data(), content.shapes());
        let mut plans = Plans::new(&self.0.program, shapes.len());
        let mut numbers = self
            .needs_count()
            .then(|| RecordNumbers::new(data, scope.records_before));
        let record = |found: &RawFlowRef| {
            let at = found.offset as usize;
            data.get(at..at + usize::from(found.size))
                .unwrap_or_default()
        };
        // A block has fewer flows than 2^32: its index counts them in 32 bits.
        let mut index = 0_u32;
        // Most flows have the shape of the flow before.
        for run in content.flows().chunk_by(|a, b| a.shape == b.shape) {
            let shape = run.first().and_then(|first| {
                let shape = shapes.get(usize::from(first.shape))?;
                Some((first.shape, shape))
            });
            let together = match shape {
                Some((_, shape)) if plan::has_one_case(shape) => run.len(),
                _ => 1,
            };
            for part in run.chunks(together) {
                let start = match (shape, part.first()) {
                    (Some((number, shape)), Some(first)) => {
                        let flow = Flow::new(record(first), Places::Shape(shape));
                        plans.start(number.into(), shape, flow.elements())
                    }
                    _ => Start::Unplanned,
                };
                let plan = match start {
                    Start::At(start) => Some(plans.at(start)),
                    Start::Unplanned => None,
                };
                for found in part {
                    let record = record(found);
                    let flow = || Flow::new(record, Places::of(content, found));
                    let at = found.offset as usize;
                    let number = numbers.as_mut().map_or(0, |numbers| numbers.of(at));
                    let is_selected = match plan {
                        Some(plan) => plan.selects(record, flow, scope, number),
                        None => self.0.program.run(&flow(), scope, number),
                    };
                    if is_selected {
                        selected.push(index);
                    }
                    index += 1;
                }
            }
        }
    }

    /// Whether a file may have selected flows, judged by its ident and its time statistics.
    ///
    /// If `false`, the file need not be read. Statistics are trusted to an hour, because collectors
    /// do not count the times of NAT events. They are ignored in files of layout 3, and if the first
    /// flow is not before the last one or both times are whole seconds: such writers are known to
    /// count otherwise.
    #[must_use]
    pub fn may_select(&self, file: &File) -> bool {
        self.may_be_in(file.counted_times(), file.ident())
    }

    /// As [`may_select`](Self::may_select), by what was kept of the file.
    #[must_use]
    pub fn may_select_by(&self, facts: &FileFacts) -> bool {
        self.may_be_in(facts.times, facts.ident.as_deref())
    }

    fn may_be_in(&self, times: Option<(u64, u64)>, ident: Option<&[u8]>) -> bool {
        const UNCOUNTED: u64 = 3_600_000;
        self.0.program.may_select(
            times.map(|(first, _)| first.saturating_sub(UNCOUNTED)),
            times.map(|(_, last)| last.saturating_add(UNCOUNTED)),
            ident,
        )
    }

    /// The expression as a tree: one term or operator per line, indented.
    #[must_use]
    pub fn explain(&self) -> String {
        self.0.expr.tree().to_string()
    }
}

/// The text of the filter. Parsed again, with times in UTC, it gives an equal filter.
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

impl TryFrom<Expr> for Filter {
    type Error = FilterError;

    /// As [`Filter::build`].
    fn try_from(expr: Expr) -> Result<Self, FilterError> {
        Self::build(expr)
    }
}

impl Options {
    /// Parses a filter with these options.
    ///
    /// # Errors
    /// [`FilterError`] if the text is not a filter.
    pub fn parse(&self, text: &str) -> Result<Filter, FilterError> {
        parser::parse(text.as_bytes(), self).map(Filter::compile)
    }

    /// Parses a filter from a regular file. As in nfdump the text ends at the first NUL.
    ///
    /// # Errors
    /// [`FilterError`] if the file cannot be read ([`FilterErrorKind::Include`]), or its text is not
    /// a filter.
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
        parser::parse(&text, &named).map(Filter::compile)
    }
}
