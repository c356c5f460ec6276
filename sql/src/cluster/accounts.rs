//! The accounts of files whose parts other processes read.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use datafusion::common::Result;
use datafusion::physical_plan::metrics::MetricsSet;
use nfdecode::OpenOptions;

use crate::error::external;
use crate::table::damage::Account;
use crate::table::elsewhere::Reported;
use crate::table::flow_file::FlowFile;
use crate::table::options::TableOptions;

/// The accounts by their numbers, which travel with the plans. `Clone` shares them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    accounts: HashMap<u64, Entry>,
    /// The number of accounts at which those of queries that ended are removed.
    limit: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    account: Weak<Account>,
    path: PathBuf,
    open: OpenOptions,
    fails: bool,
}

impl Accounts {
    /// Remembers the account of a file for as long as its plan exists. Returns its number.
    pub(super) fn remember(&self, file: &FlowFile, options: &TableOptions, fails: bool) -> u64 {
        /// Fewer accounts than this take too little memory to be worth a search.
        const LEAST: usize = 1_000;
        let id = file.account.id();
        let mut known = self.lock();
        if known.accounts.len() > known.limit.max(LEAST) {
            known
                .accounts
                .retain(|_, entry| entry.account.strong_count() != 0);
            known.limit = known.accounts.len() * 2;
        }
        known.accounts.entry(id).or_insert_with(|| Entry {
            account: Arc::downgrade(&file.account),
            path: file.path.clone(),
            open: options.open(),
            fails,
        });
        id
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds reports among the metrics to the accounts, and returns the other metrics.
    ///
    /// # Errors
    /// Flows of a file are missing, and damage fails the query.
    pub(crate) fn absorb(&self, metrics: &MetricsSet) -> Result<MetricsSet> {
        let mut others = MetricsSet::new();
        for metric in metrics.iter() {
            match Reported::read(metric) {
                Some(reported) => self.add(reported)?,
                None => others.push(Arc::clone(metric)),
            }
        }
        Ok(others)
    }

    fn add(&self, reported: Reported) -> Result<()> {
        let (Reported::Findings(id, _) | Reported::Part(id, _)) = &reported;
        let Some((account, entry)) = self.get(*id) else {
            // The query is over.
            return Ok(());
        };
        match reported {
            // Where damage fails the query, the worker has failed already.
            Reported::Findings(..) if entry.fails => {}
            Reported::Findings(_, findings) => account.log().absorb(findings),
            Reported::Part(_, part) => {
                let file = entry.open.open(&entry.path).map_err(external)?;
                account.absorb(&file, part);
                if entry.fails && account.is_damaged() {
                    return Err(account.failure());
                }
            }
        }
        Ok(())
    }

    fn get(&self, id: u64) -> Option<(Arc<Account>, Entry)> {
        let entry = self.lock().accounts.get(&id)?.clone();
        Some((entry.account.upgrade()?, entry))
    }
}
