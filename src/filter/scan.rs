//! Filters and time ranges of scans.

use crate::file::block::Block;
use crate::file::handle::File;
use crate::filter::compiled::Filter;
use crate::filter::error::FilterError;
use crate::filter::expr::Expr;
use crate::filter::expr::term::Compare;
use crate::filter::scope::Scope;
use crate::filter::terms::Number;
use crate::scan::builder::Scan;
use crate::scan::select::Select;
use crate::value::time::Timestamp;

impl Select for Filter {
    fn select(
        &self,
        block: &Block,
        ident: Option<&[u8]>,
        records_before: u64,
        selected: &mut Vec<u32>,
    ) {
        let scope = Scope::new(ident).with_records_before(records_before);
        Self::select(self, block, scope, selected);
    }

    fn counts_records(&self) -> bool {
        self.needs_count()
    }

    fn may_select(&self, file: &File) -> bool {
        Self::may_select(self, file)
    }
}

impl Scan {
    /// Selects by a filter in nfdump's language. See [`Filter::parse`].
    ///
    /// # Errors
    /// [`FilterError`] if the text is not a filter.
    pub fn filter(self, text: &str) -> Result<Self, FilterError> {
        Filter::parse(text).map(|filter| self.select(filter))
    }

    /// Selects flows that end at this time or later.
    pub fn since(self, time: Timestamp) -> Self {
        let ends = Expr::time(Number::LastSeen, Compare::GreaterOrEqual, time);
        self.with_built(ends).needs_times(Some(time), None)
    }

    /// Selects flows that start before this time.
    pub fn until(self, time: Timestamp) -> Self {
        let starts = Expr::time(Number::FirstSeen, Compare::Less, time);
        self.with_built(starts).needs_times(None, Some(time))
    }

    fn with_built(self, expr: Expr) -> Self {
        match Filter::build(expr) {
            Ok(filter) => self.select(filter),
            // Every time can be compared.
            Err(_) => self,
        }
    }
}
