//! What a scan owes to another process that has planned it: the same files, and a report of what is wrong with them.
//!
//! The report travels as metrics of the scan, because engines bring these back anyway.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::physical_plan::Metric;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricValue};
use nfdecode::{Error, ErrorKind, File};

use crate::table::damage::{Account, DamageLog, Findings, Part};

const LINE: &str = "nfcapd_line";
const OPENED: &str = "nfcapd_opened";
const REFUSED: &str = "nfcapd_refused";
const PART: &str = "nfcapd_part";
/// The label with the number of an account of the process that asked.
const ACCOUNT: &str = "account";
/// The label with a line or the sums of a part.
const TEXT: &str = "text";

/// Marks sessions whose plans are sent to other processes: conditions of DataFusion do not go with a scan.
#[derive(Debug)]
pub(crate) struct Travels;

/// Fails unless the file is the one for which another process made the plan.
///
/// A file that is missing here, or that has another size, is a mistake of the setup. As damage it would only be
/// counted, and the answer would lack its flows.
pub(crate) fn is_as_planned(
    opened: &std::result::Result<File, Error>,
    path: &Path,
    planned: u64,
) -> Result<()> {
    match opened {
        Ok(file) if file.header().file_size == planned => Ok(()),
        Ok(file) => Err(DataFusionError::Execution(format!(
            "{}: has {} bytes for this worker, but {planned} bytes where the query was planned: \
             all machines must see the same files",
            path.display(),
            file.header().file_size
        ))),
        Err(error) => match error.kind() {
            ErrorKind::Io | ErrorKind::Encrypted | ErrorKind::WrongKey | ErrorKind::OutOfMemory => {
                Err(DataFusionError::External(Box::new(error.clone())))
            }
            _ => Ok(()),
        },
    }
}

/// The log of a scan and the accounts of its files, with the numbers that they have in the process that asked.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    log: DamageLog,
    accounts: Arc<HashMap<u64, Arc<Account>>>,
    /// Any of the accounts: it leads to the log of the query.
    any: u64,
}

impl Report {
    /// A report about these files; `None` if there are none.
    pub(crate) fn new(log: DamageLog, accounts: HashMap<u64, Arc<Account>>) -> Option<Self> {
        let any = *accounts.keys().next()?;
        let accounts = Arc::new(accounts);
        Some(Self { log, accounts, any })
    }

    /// Adds to the metrics what was learned since the last time.
    pub(crate) fn write(&self, metrics: &ExecutionPlanMetricsSet) {
        let add = |name, account: u64, text: Option<String>, count: u64| {
            let mut metric =
                MetricBuilder::new(metrics).with_new_label(ACCOUNT, account.to_string());
            if let Some(text) = text {
                metric = metric.with_new_label(TEXT, text);
            }
            metric
                .global_counter(name)
                .add(usize::try_from(count).unwrap_or(usize::MAX));
        };
        let found = self.log.drain();
        for line in found.lines {
            add(LINE, self.any, Some(line), 1);
        }
        for (name, count) in [(OPENED, found.opened), (REFUSED, found.refused)] {
            if count != 0 {
                add(name, self.any, None, count);
            }
        }
        for (id, account) in self.accounts.iter() {
            if let Some(part) = account.drain() {
                add(PART, *id, Some(text_of(part)), 1);
            }
        }
    }
}

/// A piece of a report, with the number of the account that it is about.
#[derive(Debug)]
pub(crate) enum Reported {
    Findings(u64, Findings),
    Part(u64, Part),
}

impl Reported {
    /// Reads a metric; `None` if it is a metric like others.
    pub(crate) fn read(metric: &Metric) -> Option<Self> {
        let MetricValue::Count { name, count } = metric.value() else {
            return None;
        };
        let label = |name: &str| {
            let mut labels = metric.labels().iter();
            let found = labels.find(|label| label.name() == name);
            found.map(|label| label.value())
        };
        let account = label(ACCOUNT)?.parse().ok()?;
        let count = count.value() as u64;
        let mut found = Findings::default();
        match &**name {
            LINE => found.lines.push(label(TEXT)?.to_owned()),
            OPENED => found.opened = count,
            REFUSED => found.refused = count,
            PART => return Some(Self::Part(account, part_of(label(TEXT)?)?)),
            _ => return None,
        }
        Some(Self::Findings(account, found))
    }
}

fn text_of(part: Part) -> String {
    let Part {
        is_explained,
        blocks,
        records,
        stands_for,
        covered,
    } = part;
    format!(
        "{} {blocks} {records} {stands_for} {covered}",
        u64::from(is_explained)
    )
}

fn part_of(text: &str) -> Option<Part> {
    let numbers: Option<Vec<u64>> = text.split(' ').map(|number| number.parse().ok()).collect();
    match *numbers?.as_slice() {
        [explained, blocks, records, stands_for, covered] => Some(Part {
            is_explained: explained != 0,
            blocks,
            records,
            stands_for,
            covered,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_travel_as_text() {
        let part = Part {
            is_explained: true,
            blocks: 1,
            records: 20,
            stands_for: 300,
            covered: u64::MAX,
        };
        assert_eq!(part_of(&text_of(part)), Some(part));
        for other in ["", "1 2 3 4", "1 2 3 4 5 6", "1 2 3 4 x", "1 2 3 4 -5"] {
            assert_eq!(part_of(other), None, "{other}");
        }
    }
}
