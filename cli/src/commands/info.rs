//! `nfdecode info`: describes a file as `nfdump -I` and `-E` do, in more detail.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use serde_json::{Value, json};

use nfdecode::File;
use nfdecode::Timestamp;
use nfdecode::file::Counters;
use nfdecode::file::Sampler;
use nfdecode::file::{Exporter, Statistics};
use nfdecode::inspect::Survey;
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
        let read = Read::new(&file, report)?;
        account::names_left_out(report, &read.survey.names);
        account::samplers_left_out(report, &file, &read.survey.names);
        sum.add(&read);
        let text = if args.json {
            let object = serde_json::to_string_pretty(&read.json(input)).map_err(Stop::failed)?;
            format!("{}{object}", if first { "\n" } else { ",\n" })
        } else {
            format!("{}{}", if first { "" } else { "\n" }, read.text(input))
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
    fn add(&mut self, read: &Read<'_>) {
        self.size = self.size.saturating_add(read.file.header().file_size);
        self.flows += read.survey.flows;
        if let Some(statistics) = read.file.statistics() {
            self.packets = self.packets.saturating_add(statistics.total.packets);
            self.bytes = self.bytes.saturating_add(statistics.total.bytes);
        }
        let times = [self.first, read.survey.first].into_iter().flatten();
        self.first = times.min();
        self.last = self.last.max(read.survey.last);
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

/// A file, and what reading all of it has found.
struct Read<'a> {
    file: &'a File,
    survey: Survey,
}

impl<'a> Read<'a> {
    fn new(file: &'a File, report: &Report) -> Result<Self, Stop> {
        let mut account = Account::of(report, file);
        account.tell_unfinished(report, file);
        let survey = Survey::of(file, || match interrupt::interrupted() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        interrupt::check()?;
        account.survey(report, file, &survey);
        account.close(report, file);
        Ok(Self { file, survey })
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
                self.survey.blocks,
                header.blocks,
                self.survey.stored_bytes,
                self.survey.decoded_bytes
            ),
        );
        row(
            "Records",
            format!(
                "{}, of which flows {}",
                self.survey.records, self.survey.flows
            ),
        );
        if self.survey.unknown_elements != 0 {
            row(
                "Unknown",
                format!("{} elements of undefined ids", self.survey.unknown_elements),
            );
        }
        row(
            "Flows",
            format!(
                "from {} to {}",
                times.text(self.survey.first),
                times.text(self.survey.last)
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
        for exporter in self.survey.names.exporters() {
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
                .survey
                .names
                .samplers()
                .iter()
                .filter(|sampler| sampler.sysid == *sysid)
            {
                row("", format!("sampler {}", sampler_text(sampler)));
            }
        }
        let (applications, interfaces, vrfs) = self.survey.names.name_counts();
        if applications + interfaces + vrfs != 0 {
            row(
                "Names",
                format!("{applications} applications, {interfaces} interfaces, {vrfs} VRFs"),
            );
        }
        for (at, (id, name, flows)) in self.survey.present().enumerate() {
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
            "blocks": self.survey.blocks,
            "announced_blocks": header.blocks,
            "stored_bytes": self.survey.stored_bytes,
            "decoded_bytes": self.survey.decoded_bytes,
            "records": self.survey.records,
            "flows": self.survey.flows,
            "unknown_elements": self.survey.unknown_elements,
            "first_ms": ms(self.survey.first),
            "last_ms": ms(self.survey.last),
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
            "exporters": self.survey.names.exporters().map(|exporter| json!({
                "sysid": exporter.sysid,
                "address": exporter.address.to_string(),
                "version": exporter.version_name(),
                "id": exporter.id,
                "packets": exporter.packets,
                "flows": exporter.flows,
                "sequence_failures": exporter.sequence_failures,
            })).collect::<Vec<_>>(),
            "samplers": self.survey.names.samplers().iter().map(|sampler| json!({
                "sysid": sampler.sysid,
                "id": sampler.id,
                "algorithm": sampler.algorithm,
                "packet_interval": sampler.packet_interval,
                "packet_space": sampler.packet_space,
            })).collect::<Vec<_>>(),
            "elements": self.survey.present().map(|(id, name, flows)| json!({ "id": id, "name": name, "flows": flows })).collect::<Vec<_>>(),
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
