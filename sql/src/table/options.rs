//! How the files of a table are read.

use nfdecode::OpenOptions;

use crate::table::damage::DamageLog;

/// What a query over damaged files does.
#[derive(Clone, Debug, Default)]
pub enum OnDamage {
    /// The query fails with the first error.
    #[default]
    Fail,
    /// The query answers from what is readable, and the log says what was not.
    Log(DamageLog),
}

/// How the files of a [`FlowTable`](crate::FlowTable) are read.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    pub(crate) on_damage: OnDamage,
    pub(crate) open: OpenOptions,
    pub(crate) salvages: bool,
    /// Whether another process has chosen the files.
    #[cfg(feature = "cluster")]
    pub(crate) is_planned_elsewhere: bool,
    pub(crate) trusts_statistics: bool,
}

impl TableOptions {
    /// Files that are whole and not encrypted; damage fails the query.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a query over damaged files does.
    #[must_use]
    pub fn on_damage(mut self, on_damage: OnDamage) -> Self {
        self.on_damage = on_damage;
        self
    }

    /// Sets how files are opened, as with a passphrase.
    #[must_use]
    pub fn open_with(mut self, open: OpenOptions) -> Self {
        self.open = open;
        self
    }

    /// Whether to read what is readable in files that are unfinished, truncated or damaged.
    #[must_use]
    pub fn salvage(mut self, salvages: bool) -> Self {
        self.salvages = salvages;
        self
    }

    /// Whether the statistics of the files answer `count(*)`, `min(first)` and `max(last)` of a whole table, so that
    /// nothing is read.
    ///
    /// Only files that a collector finished are believed. Damage of their blocks is not noticed, and collectors do not
    /// count the times of NAT and firewall events. Without this, answers come from the flows that are readable.
    #[must_use]
    pub fn trust_statistics(mut self, trusts: bool) -> Self {
        self.trusts_statistics = trusts;
        self
    }

    /// How files are opened.
    pub(crate) fn open(&self) -> OpenOptions {
        self.open.clone().salvage(self.salvages)
    }

    /// The log for damage; a new one, which is discarded, if damage fails the query.
    pub(crate) fn log(&self) -> DamageLog {
        match &self.on_damage {
            OnDamage::Fail => DamageLog::new(),
            OnDamage::Log(log) => log.clone(),
        }
    }
}
