//! `nfdecode info`: describes a file as `nfdump -I` and `-E` do, in more detail.

use std::fmt::Write as _;

use serde_json::{Value, json};

use nfdecode::File;
use nfdecode::Names;
use nfdecode::Timestamp;
use nfdecode::element;
use nfdecode::file::BlockCounts;
use nfdecode::file::Counters;
use nfdecode::file::Sampler;
use nfdecode::file::{Exporter, Statistics};
use nfdecode::value::TimeFormatter;
use nfdecode::value::Zone;

use crate::args::InfoArgs;
use crate::input::paths;
use crate::input::paths::{Input, Unfinished};
use crate::run::account::Account;
use crate::run::interrupt;
use crate::run::report::Report;
use crate::run::report::printable;
use crate::run::stop::Stop;
use crate::run::{account, env};

pub(crate) fn run(args: &InfoArgs, report: &Report) -> Result<(), Stop> {
    let inputs = paths::expand(&args.paths, Unfinished::Skipped, report)?;
    let options = args.key.options(false)?;
    let mut opened = 0_u64;
    let mut first = true;
    let mut sum = Sum::default();
    if args.json {
        env::print(b"[")?;
    }
    for input in &inputs {
        let file = match input.open(&options) {
            Ok(file) => file,
            Err(error) => {
                account::report_refused(report, &error);
                continue;
            }
        };
        opened += 1;
        let survey = Survey::new(&file, report)?;
        account::names_left_out(report, &survey.names);
        account::samplers_left_out(report, &file, &survey.names);
        sum.add(&survey);
        let text = if args.json {
            let object = serde_json::to_string_pretty(&survey.json(input)).map_err(Stop::failed)?;
            format!("{}{object}", if first { "\n" } else { ",\n" })
        } else {
            format!("{}{}", if first { "" } else { "\n" }, survey.text(input))
        };
        first = false;
        env::print(text.as_bytes())?;
    }
    if args.json {
        env::print(if first { b"]\n" } else { b"\n]\n" })?;
    }
    if opened > 1 && !args.json {
        env::print(sum.text(opened).as_bytes())?;
    }
    if opened == 0 {
        report.nothing_read();
    }
    Ok(())
}

/// Totals of several files.
#[derive(Default)]
struct Sum {
    size: u64,
    flows: u64,
    /// From the statistics of the files.
    packets: u64,
    bytes: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Sum {
    fn add(&mut self, survey: &Survey<'_>) {
        self.size = self.size.saturating_add(survey.file.header().file_size);
        self.flows += survey.flows;
        if let Some(statistics) = survey.file.statistics() {
            self.packets = self.packets.saturating_add(statistics.total.packets);
            self.bytes = self.bytes.saturating_add(statistics.total.bytes);
        }
        let times = [self.first, survey.first].into_iter().flatten();
        self.first = times.min();
        self.last = self.last.max(survey.last);
    }

    fn text(&self, files: u64) -> String {
        let mut times = Times::new();
        let from = times.text(self.first);
        let to = times.text(self.last);
        let row = |label: &str, value: String| format!("{label:<13}{value}\n");
        format!(
            "\n{}{}{}{}",
            row("All files", format!("{files}, {} bytes", self.size)),
            row("Flows", format!("{}, from {from} to {to}", self.flows)),
            row(
                "Packets",
                format!("{} by the files' statistics", self.packets)
            ),
            row("Bytes", format!("{} by the files' statistics", self.bytes)),
        )
    }
}

/// Findings from reading a whole file.
struct Survey<'a> {
    file: &'a File,
    names: Names,
    flows: u64,
    blocks: u64,
    stored: u64,
    counts: BlockCounts,
    records: u64,
    /// Flows that have an element, by id.
    elements: [u64; 64],
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl<'a> Survey<'a> {
    fn new(file: &'a File, report: &Report) -> Result<Self, Stop> {
        let mut this = Self {
            file,
            names: Names::default(),
            flows: 0,
            blocks: 0,
            stored: 0,
            counts: BlockCounts::default(),
            records: 0,
            elements: [0; 64],
            first: None,
            last: None,
        };
        let mut account = Account::of(report, file);
        account.tell_unfinished(report, file);
        for block in file.blocks() {
            interrupt::check()?;
            let block = match block {
                Ok(block) => block,
                Err(error) => {
                    account.damage(report, &error);
                    continue;
                }
            };
            account.block(block.len() as u64, block.flow_count());
            if let Some(damage) = block.damage() {
                account.damage(report, damage);
            }
            this.names.collect(&block);
            this.blocks += 1;
            this.stored += u64::from(block.position().stored_size());
            let counts = block.counts();
            this.records += u64::from(counts.records);
            this.counts.decoded_bytes += counts.decoded_bytes;
            this.counts.unknown_elements += counts.unknown_elements;
            for flow in block.flows() {
                this.flows += 1;
                let mut left = flow.elements();
                while left != 0 {
                    this.elements[left.trailing_zeros() as usize] += 1;
                    left &= left - 1;
                }
                let known = |time: Option<Timestamp>| time.filter(|time| time.as_millis() != 0);
                if let Some(first) = known(flow.first()) {
                    this.first = Some(this.first.map_or(first, |known| known.min(first)));
                }
                this.last = this.last.max(known(flow.last()));
            }
        }
        account.close(report, file);
        Ok(this)
    }

    /// Elements that occur: id, name, flows.
    fn present(&self) -> impl Iterator<Item = (u8, &'static str, u64)> {
        element::elements().iter().filter_map(|element| {
            let flows = self.elements[usize::from(element.id)];
            (flows != 0).then_some((element.id, element.name, flows))
        })
    }

    /// Long: a list of what is printed, in order.
    fn text(&self, input: &Input) -> String {
        let header = self.file.header();
        let mut times = Times::new();
        let mut out = String::new();
        let mut row = |label: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{label:<13}{}", printable(&value));
        };
        row("File", input.name.clone());
        row("Size", format!("{} bytes", header.file_size));
        row(
            "Layout",
            format!(
                "{}, compression {}{}",
                header.layout,
                header.compression.name(),
                if header.encrypted { ", encrypted" } else { "" }
            ),
        );
        row(
            "Created",
            format!(
                "{} by {} ({})",
                times.seconds(header.created),
                header.creator_name(),
                header.writer_version_text()
            ),
        );
        row(
            "Ident",
            self.ident().unwrap_or_else(|| "none stored".to_owned()),
        );
        row(
            "Blocks",
            format!(
                "{} of {} announced, {} bytes stored, {} decoded",
                self.blocks, header.blocks, self.stored, self.counts.decoded_bytes
            ),
        );
        row(
            "Records",
            format!("{}, of which flows {}", self.records, self.flows),
        );
        if self.counts.unknown_elements != 0 {
            row(
                "Unknown",
                format!("{} elements of undefined ids", self.counts.unknown_elements),
            );
        }
        row(
            "Flows",
            format!(
                "from {} to {}",
                times.text(self.first),
                times.text(self.last)
            ),
        );
        match self.file.statistics() {
            None => row("Statistics", "none stored".to_owned()),
            Some(statistics) => {
                row(
                    "Statistics",
                    format!(
                        "from {} to {}",
                        times.text(statistics.first_seen),
                        times.text(statistics.last_seen)
                    ),
                );
                row(
                    "",
                    format!("{:<8}{:>14}{:>18}{:>22}", "", "flows", "packets", "bytes"),
                );
                for (label, counters) in groups(&statistics) {
                    let Counters {
                        flows,
                        packets,
                        bytes,
                    } = counters;
                    row("", format!("{label:<8}{flows:>14}{packets:>18}{bytes:>22}"));
                }
                row(
                    "",
                    format!("{} sequence failures", statistics.sequence_failures),
                );
            }
        }
        for exporter in self.names.exporters() {
            let Exporter {
                sysid,
                address,
                id,
                packets,
                flows,
                sequence_failures,
                ..
            } = exporter;
            row(
                "Exporter",
                format!(
                    "{sysid}: {address}, {}, id {id}, packets {packets}, flows {flows}, sequence failures {sequence_failures}",
                    exporter.version_name()
                ),
            );
            for sampler in self
                .names
                .samplers()
                .iter()
                .filter(|sampler| sampler.sysid == *sysid)
            {
                row("", format!("sampler {}", sampler_text(sampler)));
            }
        }
        let (applications, interfaces, vrfs) = self.names.name_counts();
        if applications + interfaces + vrfs != 0 {
            row(
                "Names",
                format!("{applications} applications, {interfaces} interfaces, {vrfs} VRFs"),
            );
        }
        for (at, (id, name, flows)) in self.present().enumerate() {
            row(
                if at == 0 { "Elements" } else { "" },
                format!("{id:>2} {name:<30}{flows:>12} flows"),
            );
        }
        out
    }

    fn json(&self, input: &Input) -> Value {
        let header = self.file.header();
        let counters = |counters: Counters| json!({ "flows": counters.flows, "packets": counters.packets, "bytes": counters.bytes });
        let ms = |time: Option<Timestamp>| time.map(Timestamp::as_millis);
        json!({
            "file": input.name,
            "size": header.file_size,
            "layout": header.layout,
            "compression": header.compression.name(),
            "creator": header.creator_name(),
            "writer_version": header.writer_version_text(),
            "created": header.created,
            "unfinished": header.unfinished,
            "encrypted": header.encrypted,
            "ident": self.ident(),
            "blocks": self.blocks,
            "announced_blocks": header.blocks,
            "stored_bytes": self.stored,
            "decoded_bytes": self.counts.decoded_bytes,
            "records": self.records,
            "flows": self.flows,
            "unknown_elements": self.counts.unknown_elements,
            "first_ms": ms(self.first),
            "last_ms": ms(self.last),
            "statistics": self.file.statistics().map(|statistics| json!({
                "total": counters(statistics.total),
                "tcp": counters(statistics.tcp),
                "udp": counters(statistics.udp),
                "icmp": counters(statistics.icmp),
                "other": counters(statistics.other),
                "first_ms": ms(statistics.first_seen),
                "last_ms": ms(statistics.last_seen),
                "sequence_failures": statistics.sequence_failures,
            })),
            "exporters": self.names.exporters().map(|exporter| json!({
                "sysid": exporter.sysid,
                "address": exporter.address.to_string(),
                "version": exporter.version_name(),
                "id": exporter.id,
                "packets": exporter.packets,
                "flows": exporter.flows,
                "sequence_failures": exporter.sequence_failures,
            })).collect::<Vec<_>>(),
            "samplers": self.names.samplers().iter().map(|sampler| json!({
                "sysid": sampler.sysid,
                "id": sampler.id,
                "algorithm": sampler.algorithm,
                "packet_interval": sampler.packet_interval,
                "packet_space": sampler.packet_space,
            })).collect::<Vec<_>>(),
            "elements": self.present().map(|(id, name, flows)| json!({ "id": id, "name": name, "flows": flows })).collect::<Vec<_>>(),
        })
    }

    fn ident(&self) -> Option<String> {
        self.file
            .ident()
            .map(|ident| String::from_utf8_lossy(ident).into_owned())
    }
}

fn groups(statistics: &Statistics) -> [(&'static str, Counters); 5] {
    [
        ("total", statistics.total),
        ("tcp", statistics.tcp),
        ("udp", statistics.udp),
        ("icmp", statistics.icmp),
        ("other", statistics.other),
    ]
}

fn sampler_text(sampler: &Sampler) -> String {
    let Sampler {
        id,
        algorithm,
        packet_interval,
        packet_space,
        ..
    } = *sampler;
    let kind = match id {
        -1 => "generic".to_owned(),
        -2 => "static default".to_owned(),
        -3 => "static overwrite".to_owned(),
        id => id.to_string(),
    };
    let total = u64::from(packet_interval) + u64::from(packet_space);
    format!("{kind}: algorithm {algorithm}, {packet_interval} of {total} packets")
}

/// Local times for people.
struct Times(TimeFormatter);

impl Times {
    fn new() -> Self {
        Self(TimeFormatter::new(Zone::from_env()))
    }

    fn text(&mut self, time: Option<Timestamp>) -> String {
        let Some(time) = time else {
            return "unknown".to_owned();
        };
        let mut out = Vec::new();
        self.0.write_spaced(time, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn seconds(&mut self, seconds: i64) -> String {
        let time = u64::try_from(seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1000));
        match time {
            Some(ms) => self
                .text(Some(Timestamp::from_millis(ms)))
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            None => "an unknown time".to_owned(),
        }
    }
}
