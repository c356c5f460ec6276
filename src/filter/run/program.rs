//! A compiled filter that runs on any flow.

use crate::filter::expr::Expr;
use crate::filter::run::test::{Computed, Test, known};
use crate::filter::run::tree::{self, Code, FIRST, Jump, YES};
use crate::filter::scope::Scope;
use crate::flow::view::Flow;

/// A filter ready to run: tests, each with the jumps for yes and no.
#[derive(Debug)]
pub(crate) struct Program(Code);

impl Program {
    pub(crate) fn new(expr: &Expr) -> Self {
        Self(tree::compile(expr))
    }

    /// Whether a test needs the number of the record.
    pub(crate) fn counts(&self) -> bool {
        self.0.counts
    }

    pub(crate) fn start(&self) -> u32 {
        self.0.start
    }

    /// The tests with their jumps. Targets are at earlier tests.
    pub(crate) fn steps(
        &self,
    ) -> impl DoubleEndedIterator<Item = (&Test, Jump)> + ExactSizeIterator {
        self.0.tests.iter().zip(self.0.jumps.iter().copied())
    }

    /// Whether a flow of any shape is selected.
    pub(crate) fn run(&self, flow: &Flow<'_>, scope: Scope<'_>, number: u64) -> bool {
        let mut at = self.0.start;
        while at >= FIRST {
            let index = (at - FIRST) as usize;
            let (Some(test), Some(jump)) = (self.0.tests.get(index), self.0.jumps.get(index))
            else {
                return false;
            };
            at = if test.ask(flow, scope, number) {
                jump.yes
            } else {
                jump.no
            };
        }
        at == YES
    }

    pub(crate) fn len(&self) -> usize {
        self.0.tests.len()
    }

    /// Whether a run can end with yes, if `answer` is the known answer of a test for all flows.
    fn possible(&self, answer: impl Fn(&Test) -> Option<bool>) -> bool {
        let mut reachable = vec![false; self.len() + FIRST as usize];
        if let Some(start) = reachable.get_mut(self.0.start as usize) {
            *start = true;
        }
        for (index, (test, jump)) in self.steps().enumerate().rev() {
            if !reachable.get(index + FIRST as usize).is_some_and(|r| *r) {
                continue;
            }
            let known = answer(test);
            for (target, wanted) in [(jump.yes, true), (jump.no, false)] {
                if known.is_none_or(|known| known == wanted)
                    && let Some(reached) = reachable.get_mut(target as usize)
                {
                    *reached = true;
                }
            }
        }
        reachable.get(YES as usize).is_some_and(|reached| *reached)
    }

    /// Whether a file can have selected flows: none starts before `first` or ends after `last`.
    pub(crate) fn may_select(
        &self,
        first: Option<u64>,
        last: Option<u64>,
        ident: Option<&[u8]>,
    ) -> bool {
        self.possible(|test| match test {
            Test::Always => Some(true),
            Test::Ident(name) => Some(Scope::ident_or_none(ident) == name.as_bytes()),
            Test::Computed(Computed::FirstSeen, range) => {
                let end = range.low.checked_add(range.span)?;
                (end < first?).then_some(false)
            }
            Test::Range { stored, range, .. } if *stored == known::LAST => {
                (range.low > last?).then_some(false)
            }
            _ => None,
        })
    }
}
