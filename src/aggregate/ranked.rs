//! Groups in order, whether they fit into memory or not.
//!
//! What does not fit is sorted in runs in temporary files, so that memory stays at the limit of the collector
//! however many groups there are.

use crate::aggregate::counters::Counters;
use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::group::{Group, Shared, Within};
use crate::aggregate::grouping::Grouping;
use crate::aggregate::held::Held;
use crate::aggregate::intake::Intake;
use crate::aggregate::order::Order;
use crate::aggregate::parallel::Collector;
use crate::aggregate::runs::{Failed, Sorted, Sorter};
use crate::aggregate::spill::{Limit, Part};
use crate::aggregate::store;
use crate::aggregate::table::Table;

/// What all flows of a [`Collector`] are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overall {
    /// The sums over all flows, each counted once whatever its keys.
    pub totals: Counters,
    /// How many groups there are, shown or not.
    pub groups: u64,
}

impl Collector {
    /// Hands over the first `count` groups in this order of those for which `passes` returns true. Groups beyond
    /// the [limit of memory](Self::with_memory) are sorted in temporary files, so that all groups (`usize::MAX`) need
    /// no more memory than a few.
    ///
    /// # Errors
    /// [`AggregateError::Io`], [`AggregateError::Memory`] if the texts of keys alone exceed the limit, and what
    /// `visit` returns.
    pub fn for_each_ranked<E: From<AggregateError>>(
        self,
        order: &Order,
        count: usize,
        passes: impl Fn(&Group<'_>) -> bool,
        mut visit: impl FnMut(&Group<'_>, &Overall) -> std::result::Result<(), E>,
    ) -> std::result::Result<Overall, E> {
        let (grouping, parts, totals, limit) = self.into_parts()?;
        if !parts.iter().any(Part::is_spilled) {
            let held = parts.into_iter().map(|part| part.held).collect();
            let table = Table::of(&grouping, held, totals);
            let overall = table.overall(table.len() as u64);
            let groups = table.groups();
            let shown = groups.top_of(order, count, passes);
            shown.iter().try_for_each(|group| visit(group, &overall))?;
            return Ok(overall);
        }
        let spilled = Spilled {
            grouping,
            parts,
            totals,
        };
        let (sorted, table, overall) = spilled.sort(order, count, passes, &limit)?;
        let shared = Shared::new(&table);
        let mut within = order.within.map(|at| Within::new(at, count));
        let walked = sorted.for_each(|_, mut payload| {
            let (row, extra) =
                store::decode(&table.grouping.0, &mut payload).map_err(Failed::Ours)?;
            let group = Group::of(&shared, &row, &extra);
            let is_shown = within.as_mut().is_none_or(|within| within.keeps(&group));
            if !is_shown {
                return Ok(());
            }
            visit(&group, &overall).map_err(Failed::Theirs)
        });
        walked.map_err(Failed::into_theirs)?;
        Ok(overall)
    }
}

/// Groups that are in files in part.
struct Spilled {
    grouping: Grouping,
    parts: Vec<Part>,
    totals: Intake,
}

impl Spilled {
    /// The groups that may be shown, sorted, and a table with nothing but totals.
    fn sort(
        self,
        order: &Order,
        count: usize,
        passes: impl Fn(&Group<'_>) -> bool,
        limit: &Limit,
    ) -> Result<(Sorted, Table, Overall)> {
        let Self {
            grouping,
            mut parts,
            totals,
        } = self;
        let inner = &*grouping.0;
        // All memory is free for what follows.
        for part in &mut parts {
            part.spill(inner, limit)?;
        }
        let is_nested = order.within.is_some();
        let most = if is_nested { usize::MAX } else { count };
        let mut sorter = Sorter::new(limit.bytes / 2, most, limit.directory.as_deref());
        let mut result = Table::of(&grouping, vec![Held::new(inner)], totals);
        let (mut groups, mut rank, mut bytes) = (0, Vec::new(), Vec::new());
        for part in parts {
            part.drain(inner, limit, |held| {
                groups += held.len() as u64;
                let table = Table::of(&grouping, vec![held], Intake::new(inner));
                if !inner.options.separate_totals {
                    result.intake.add_totals(inner, &table.sums());
                }
                let mut push = |group: &Group<'_>| {
                    group.rank(order, &mut rank);
                    if !sorter.may_need(&rank) {
                        return Ok(());
                    }
                    bytes.clear();
                    store::encode(inner, group.row, group.extra, &mut bytes);
                    sorter.push(&rank, &bytes).map_err(AggregateError::Io)
                };
                let found = table.groups();
                if is_nested && count != usize::MAX {
                    // Of each value of the outer key only the first groups of a piece can be among the first of all.
                    let first = found.top_of(order, count, &passes);
                    return first.iter().try_for_each(push);
                }
                let mut shown = found.iter().filter(|group| passes(group));
                shown.try_for_each(|group| push(&group))
            })?;
        }
        result.has_totals = true;
        let overall = result.overall(groups);
        Ok((Sorted::of(vec![sorter])?, result, overall))
    }
}

impl Table {
    fn overall(&self, groups: u64) -> Overall {
        Overall {
            totals: self.totals(),
            groups,
        }
    }
}
