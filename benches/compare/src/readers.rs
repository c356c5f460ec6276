//! The readers that are not programs of their own: each sums `in_bytes` over all flows of a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use nfdump::record::RecordKind;

/// The result that all readers must agree on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub flows: u64,
    pub bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.flows += 1;
        self.bytes = self.bytes.wrapping_add(bytes);
    }
}

type Outcome = Result<Sum, Box<dyn std::error::Error>>;

/// This project's library.
pub fn nfdecode(path: &Path, threads: NonZeroUsize) -> Outcome {
    let mut total = Sum::default();
    let mut failed = None;
    nfdecode::Scan::new([path]).threads(threads).map_blocks(
        |block| {
            block.map(|block| {
                let mut sum = Sum::default();
                for flow in block.flows() {
                    sum.add(flow.in_bytes().unwrap_or(0));
                }
                sum
            })
        },
        |sum| match sum {
            Ok(sum) => {
                total.flows += sum.flows;
                total.bytes = total.bytes.wrapping_add(sum.bytes);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        },
    );
    failed.map_or(Ok(total), |error| Err(error.into()))
}

/// Record batches of this project's library: of these columns, or without any of all that the flows
/// of the first block have values for.
pub fn columns(path: &Path, threads: NonZeroUsize, names: &[&str]) -> Outcome {
    use nfdecode::columns::Projection;
    let projection = if names.is_empty() {
        let file = nfdecode::File::open(path)?;
        let block = file.blocks().next().ok_or("no block")??;
        let elements = block.flows().fold(0, |set, flow| set | flow.elements());
        Projection::all().filled_by(elements)
    } else {
        Projection::from_names(names)?
    };
    let mut sum = Sum::default();
    for batch in nfdecode::Scan::new([path]).threads(threads).columns(&projection) {
        let batch = batch?;
        sum.flows += batch.num_rows() as u64;
        sum.bytes += batch.get_array_memory_size() as u64;
    }
    println!("{} columns", projection.columns().len());
    Ok(sum)
}

/// The crate `nfdump`.
pub fn crate_nfdump(path: &Path) -> Outcome {
    let mut reader = nfdump::NfFileReader::new(BufReader::new(File::open(path)?))
        .map_err(|error| format!("{error:?}"))?;
    let mut sum = Sum::default();
    while let Ok(record) = reader.read_record() {
        if let RecordKind::RecordV3(flow) = record {
            sum.add(flow.generic_flow.map_or(0, |generic| generic.in_bytes));
        }
    }
    Ok(sum)
}

/// The way without a library: nfdump's ndjson through a pipe, one member read with serde.
pub fn pipe(nfdump: &Path, path: &Path) -> Outcome {
    #[derive(serde::Deserialize)]
    struct Line {
        in_bytes: u64,
    }
    let mut child = Command::new(nfdump)
        .args(["-W", "1", "-C", "none", "-G", "none", "-o", "ndjson", "-r"])
        .arg(path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut lines = BufReader::with_capacity(1 << 20, child.stdout.take().ok_or("no pipe")?);
    let mut sum = Sum::default();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        if line.starts_with(b"{") {
            sum.add(serde_json::from_slice::<Line>(&line)?.in_bytes);
        }
        line.clear();
    }
    child.wait()?;
    Ok(sum)
}
