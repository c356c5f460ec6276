//! `nfdecode check`: whether a file is intact, what is damaged, and how much can be read.

use std::fmt::Write as _;

use serde_json::{Value, json};

use nfdecode::Error;
use nfdecode::inspect::{Check, Verdict};

use crate::args::CheckArgs;
use crate::input::paths;
use crate::input::paths::{Input, Unfinished};
use crate::run::env;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::report::{plural, printable};
use crate::run::stop::Stop;

pub(crate) fn run(args: &CheckArgs, report: &Report) -> Result<(), Stop> {
    let inputs = paths::expand(&args.paths, Unfinished::Skipped, report)?;
    let threads = env::threads(args.jobs);
    let options = args.key.options(false)?;
    let mut readable = false;
    let mut sum = Sum::default();
    if args.json {
        env::print(b"[")?;
    }
    for (at, input) in inputs.iter().enumerate() {
        let found = Check::of(
            &input.scan_input(),
            &options,
            (threads, args.memory),
            interrupt::interrupted,
        );
        interrupt::check()?;
        readable |= found.verdict() != Verdict::Unreadable;
        sum.add(&found);
        if found.verdict() != Verdict::Intact {
            report.damaged();
        }
        let text = if args.json {
            let object =
                serde_json::to_string_pretty(&json(&found, input)).map_err(Stop::failed)?;
            format!("{}\n{object}", if at == 0 { "" } else { "," })
        } else {
            text(&found, input)
        };
        env::print(text.as_bytes())?;
    }
    if args.json {
        env::print(b"\n]\n")?;
    }
    if inputs.len() > 1 && !args.json {
        env::print(sum.text().as_bytes())?;
    }
    if !readable {
        report.nothing_read();
    }
    Ok(())
}

/// Totals of several files.
#[derive(Default)]
struct Sum {
    files: [u64; 4],
    flows: u64,
}

impl Sum {
    fn add(&mut self, found: &Check) {
        let at = VERDICTS.iter().position(|one| *one == found.verdict());
        if let Some(count) = at.and_then(|at| self.files.get_mut(at)) {
            *count += 1;
        }
        self.flows += found.flows;
    }

    fn text(&self) -> String {
        let all = self.files.iter().sum();
        let counts = VERDICTS.iter().zip(self.files);
        let counts = counts.filter(|(_, count)| *count != 0);
        let counts: Vec<String> = counts
            .map(|(verdict, count)| format!("{count} {}", verdict.name()))
            .collect();
        format!(
            "{}: {}; {}\n",
            plural(all, "file"),
            counts.join(", "),
            plural(self.flows, "flow")
        )
    }
}

/// All verdicts, the best first.
const VERDICTS: [Verdict; 4] = [
    Verdict::Intact,
    Verdict::Damaged,
    Verdict::Unknown,
    Verdict::Unreadable,
];

fn text(found: &Check, input: &Input) -> String {
    let mut out = format!("{}: {}", printable(&input.name), found.verdict().name());
    if found.refused.is_none() {
        // Writing to a String cannot fail.
        let flows = plural(found.flows, "flow");
        let _ = write!(out, ", {flows} in {}", plural(found.blocks, "block"));
    }
    out.push('\n');
    let errors = found
        .refused
        .iter()
        .chain(&found.damage)
        .map(Error::without_file);
    for line in errors.chain(found.remarks.iter().cloned()) {
        let _ = writeln!(out, "    {line}");
    }
    out
}

fn json(found: &Check, input: &Input) -> Value {
    let place = |error: &Error| {
        json!({
            "kind": format!("{:?}", error.kind()),
            "block": error.block(),
            "record": error.record(),
            "offset": error.offset(),
            "reason": error.without_file(),
        })
    };
    json!({
        "file": input.name,
        "verdict": found.verdict().name(),
        "flows": found.flows,
        "announced_flows": found.announced_flows,
        "dropped_flows": found.dropped_flows,
        "records": found.records,
        "blocks": found.blocks,
        "announced_blocks": found.announced_blocks,
        "damage": found.refused.iter().chain(&found.damage).map(place).collect::<Vec<_>>(),
        "remarks": found.remarks,
    })
}
