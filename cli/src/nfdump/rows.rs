//! Rows of aggregated flows, and flows in an order: `-a`, `-A`, `-b`, `-B`, `-O` and `-s record`.

use std::path::Path;

use nfdecode::aggregate::{
    AggregateError, Direction, Group, Grouping, Groups, OrderBy, Side, Table,
};
use nfdecode::output::{FlowContext, TextBuffer};
use nfdecode::writer::SysidMap;
use nfdecode::{FieldValue, OwnedFlow, Timestamp};

use crate::nfdump::context::Context;
use crate::nfdump::keys;
use crate::nfdump::keys::KeyList;
use crate::nfdump::mode::{Mode, Printer};
use crate::nfdump::options::Aggregation;
use crate::nfdump::order::{RecordOrder, RecordTables};
use crate::nfdump::plain;
use crate::nfdump::record::{Record, RowCounters};
use crate::nfdump::row_fields::{mask, write_family, write_field};
use crate::nfdump::totals::Account;
use crate::run::stop::Stop;
use crate::sink::target::Target;

/// What groups flows into rows.
pub(crate) fn grouping(aggregation: &Aggregation) -> Result<Grouping, AggregateError> {
    let builder = keys::builder().keep_first_flow(true);
    match aggregation {
        Aggregation::FiveTuple => keys::five_tuple(builder)?.build(),
        Aggregation::Keys(list) => list.add_to(builder)?.build(),
        Aggregation::Bidirectional(_) => keys::five_tuple(builder.both_directions(true))?.build(),
    }
}

/// What an order compares; sums and products keep 64 bits, as in nfdump.
pub(crate) fn sort_value(by: OrderBy, row: &RowCounters) -> u64 {
    let sided = |input: u64, output: u64, side: Side| match side {
        Side::Both => input.wrapping_add(output),
        Side::In => input,
        Side::Out => output,
    };
    let packets = |side| sided(row.in_packets, row.out_packets, side);
    let bytes = |side| sided(row.in_bytes, row.out_bytes, side);
    // A flow that ends before it starts is the longest of all.
    let duration = match row.last {
        0 => 0,
        last => last.wrapping_sub(row.first),
    };
    let rate = |count: u64, factor: u64| {
        count
            .wrapping_mul(factor)
            .checked_div(duration)
            .unwrap_or(0)
    };
    match by {
        OrderBy::Flows => row.flows,
        OrderBy::Packets(side) => packets(side),
        OrderBy::Bytes(side) => bytes(side),
        OrderBy::Pps(side) => rate(packets(side), 1000),
        OrderBy::Bps(side) => rate(bytes(side), 8000),
        OrderBy::Bpp(side) => bytes(side).checked_div(packets(side)).unwrap_or(0),
        OrderBy::First => row.first,
        OrderBy::Last => row.last,
        OrderBy::Duration => duration,
        _ => 0,
    }
}

/// The order of rows, for those of equal value too: with the largest first the later ones come first.
/// Without an order the last one comes first.
fn sort<T>(rows: &mut Vec<(u64, u64, T)>, direction: Direction, top: Option<u64>) {
    let compare = |a: &(u64, u64, T), b: &(u64, u64, T)| {
        let ordering = (a.0, a.1).cmp(&(b.0, b.1));
        match direction {
            Direction::Ascending => ordering,
            Direction::Descending => ordering.reverse(),
        }
    };
    let top = top.map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    if top < rows.len() && top > 0 {
        rows.select_nth_unstable_by(top - 1, compare);
        rows.truncate(top);
    }
    rows.sort_unstable_by(compare);
}

/// The groups of a table as rows.
pub(crate) struct Rows<'t> {
    groups: &'t Groups<'t>,
    /// Which of them have source and destination turned around.
    guesses: bool,
    list: Option<&'t KeyList>,
}

impl<'t> Rows<'t> {
    pub(crate) fn new(groups: &'t Groups<'t>, aggregation: &'t Aggregation) -> Self {
        Self {
            groups,
            guesses: *aggregation == Aggregation::Bidirectional(true),
            list: match aggregation {
                Aggregation::Keys(list) => Some(list),
                _ => None,
            },
        }
    }

    /// `-s record` never turns rows around.
    pub(crate) fn unturned(mut self) -> Self {
        self.guesses = false;
        self
    }

    /// Whether the destination is the client: its port is below a limit that the other is not.
    fn is_turned(&self, group: &Group<'_>) -> bool {
        let number = |at: usize| match group.key(at) {
            Some(FieldValue::Number(number)) => number,
            _ => 0,
        };
        let (src, dst) = (number(2), number(3));
        self.guesses
            && matches!(number(4), 6 | 17)
            && [1024, 32768, 49152]
                .into_iter()
                .any(|limit| src < limit && dst >= limit)
    }

    fn counters(&self, group: &Group<'_>, turned: bool) -> RowCounters {
        let row = counters_of(group);
        match turned {
            false => row,
            true => RowCounters {
                in_packets: row.out_packets,
                in_bytes: row.out_bytes,
                out_packets: row.in_packets,
                out_bytes: row.in_bytes,
                ..row
            },
        }
    }

    /// The first rows in an order; without one, the last new row first.
    pub(crate) fn sorted(&self, order: Option<RecordOrder>, top: Option<u64>) -> Vec<Group<'_>> {
        let mut rows: Vec<(u64, u64, Group<'_>)> = self
            .groups
            .iter()
            .map(|group| {
                let value = order.map_or(0, |order| {
                    let turned = self.is_turned(&group);
                    sort_value(order.by.by, &self.counters(&group, turned))
                });
                (value, group.first_number().unwrap_or(0), group)
            })
            .collect();
        let direction = order.map_or(Direction::Descending, |order| order.direction);
        sort(&mut rows, direction, top);
        rows.into_iter().map(|(.., group)| group).collect()
    }

    /// The row as a flow: the first flow of the group with the counters of all.
    fn flow(&self, group: &Group<'_>) -> OwnedFlow {
        let first = group.first_flow();
        let turned = self.is_turned(group);
        let counters = self.counters(group, turned);
        let mut record = Record::copy_of(first.as_ref().map_or(&[], OwnedFlow::record));
        if turned {
            record.turn_around();
        }
        record.set_counters(&counters, Some(counters.flags));
        if let Some(list) = self.list {
            let elements = first.as_ref().map_or(0, |flow| flow.view().elements());
            // Of two families in a record the other one must not count for addresses of 0.
            for id in [2, 3] {
                if elements >> id & 1 == 0 {
                    record.hide(id);
                }
            }
            for second in [false, true] {
                mask(list, group, second, elements, &mut record);
            }
        }
        OwnedFlow::from_record(record.into_bytes())
    }

    /// The row as it is written to files by `-A`: its fields and its counters alone.
    fn written(&self, group: &Group<'_>) -> OwnedFlow {
        let Some(list) = self.list else {
            return self.flow(group);
        };
        let first = group.first_flow();
        let like = first.as_ref().map_or(&[][..], OwnedFlow::record);
        let counters = self.counters(group, false);
        let mut record = Record::without_elements(like);
        record.set_counters(&counters, Some(counters.flags));
        let received = first
            .as_ref()
            .and_then(|flow| flow.view().received())
            .map_or(0, Timestamp::as_millis);
        record.set(1, 48, 16, &received.to_le_bytes());
        for part in list.parts() {
            let value = list.key_of(part).and_then(|at| group.key(at));
            write_field(part.field.kind, value, &mut record);
        }
        for second in [false, true] {
            write_family(list, group, second, first.as_ref(), &mut record);
        }
        OwnedFlow::from_record(record.into_bytes())
    }
}

/// What a group has counted.
pub(crate) fn counters_of(group: &Group<'_>) -> RowCounters {
    let counters = group.counters();
    let ms = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis);
    RowCounters {
        first: ms(counters.first),
        last: ms(counters.last),
        in_packets: counters.in_packets,
        in_bytes: counters.in_bytes,
        out_packets: counters.out_packets,
        out_bytes: counters.out_bytes,
        flows: counters.flows,
        flags: counters.tcp_flags.0,
    }
}

/// Prints rows, and counts them.
pub(crate) struct RowPrinter<'c> {
    context: &'c Context,
    printer: Option<Printer>,
    file: FlowContext,
    pub(crate) printed: u64,
}

impl<'c> RowPrinter<'c> {
    pub(crate) fn new(context: &'c Context, account: &Account) -> Self {
        // Rows have the ident of the last file, as in nfdump.
        let mut file = FlowContext::new(account.ident.as_deref(), "");
        if let Some(names) = &account.names {
            file = file.with_names(names);
        }
        Self {
            context,
            printer: context.printer(),
            file,
            printed: 0,
        }
    }

    fn begin(&mut self, text: &mut TextBuffer) {
        if let Some(printer) = &mut self.printer {
            printer.begin(text);
        }
    }

    fn row(&mut self, flow: &OwnedFlow, text: &mut TextBuffer) {
        if !self.context.shows(flow) {
            return;
        }
        self.printed += 1;
        if let Some(printer) = &mut self.printer {
            printer.flow(self.printed, &flow.view(), &self.file, text);
        }
    }

    /// All rows of a table, without header and trailer.
    fn rows<'t>(
        &mut self,
        rows: &Rows<'t>,
        order: Option<RecordOrder>,
        target: &mut Target,
        text: &mut TextBuffer,
    ) -> Result<(), Stop> {
        for group in rows.sorted(order, self.context.top) {
            self.row(&rows.flow(&group), text);
            flush_above(PIECE, target, text)?;
        }
        Ok(())
    }
}

/// Text that is written at once.
const PIECE: usize = 256 << 10;

fn flush_above(limit: usize, target: &mut Target, text: &mut TextBuffer) -> Result<(), Stop> {
    if text.len() > limit {
        target.write(text.as_bytes())?;
        text.clear();
    }
    Ok(())
}

/// Prints the rows of one table: `-a`, `-A`, `-b`, `-B`.
pub(crate) fn print(
    context: &Context,
    aggregation: &Aggregation,
    table: &Table,
    order: Option<RecordOrder>,
    account: &Account,
) -> Result<(), Stop> {
    let mut target = Target::open(None)?;
    let mut text = TextBuffer::default();
    let groups = table.groups();
    let rows = Rows::new(&groups, aggregation);
    let mut printer = RowPrinter::new(context, account);
    printer.begin(&mut text);
    printer.rows(&rows, order, &mut target, &mut text)?;
    end(context, &mut printer, account, &mut target, text)
}

fn end(
    context: &Context,
    printer: &mut RowPrinter<'_>,
    account: &Account,
    target: &mut Target,
    mut text: TextBuffer,
) -> Result<(), Stop> {
    if matches!(context.mode, Mode::Json) && printer.printed == 0 {
        // What `begin` wrote is replaced by what `finish` writes.
        text.clear();
    }
    target.write(text.as_bytes())?;
    plain::finish(context, target, account, printer.printed)
}

/// Prints the tables of `-s record`.
pub(crate) fn print_tables(
    context: &Context,
    aggregation: &Aggregation,
    table: &Table,
    tables: &RecordTables,
    account: &Account,
    target: &mut Target,
) -> Result<(), Stop> {
    if table.is_empty() {
        return Ok(());
    }
    let mut text = TextBuffer::default();
    let groups = table.groups();
    let rows = Rows::new(&groups, aggregation).unturned();
    let is_json = matches!(context.mode, Mode::Json);
    let mut ndjson = 0;
    for order in tables.tables() {
        if matches!(context.mode, Mode::Fmt(..)) && !context.quiet {
            let top = context
                .top
                .map_or_else(String::new, |top| format!("{top} "));
            let name = order.by.name;
            text.extend(format!("Top {top}flows ordered by {name}:\n").as_bytes());
        }
        let mut printer = RowPrinter::new(context, account);
        if matches!(context.mode, Mode::Ndjson) {
            printer.printed = ndjson;
        }
        printer.begin(&mut text);
        printer.rows(&rows, Some(order), target, &mut text)?;
        ndjson = printer.printed;
        if is_json {
            text.extend(if printer.printed == 0 {
                b"\n\n]\n"
            } else {
                b"\n]\n"
            });
        }
        flush_above(0, target, &mut text)?;
    }
    Ok(())
}

/// Writes the rows to a file. Without rows there is none.
pub(crate) fn write(
    context: &Context,
    aggregation: &Aggregation,
    table: &Table,
    order: Option<RecordOrder>,
    account: &Account,
    path: &Path,
) -> Result<(), Stop> {
    let groups = table.groups();
    let rows = Rows::new(&groups, aggregation);
    let flows = rows.sorted(order, None).into_iter().map(|group| {
        let number = group.first_number().unwrap_or(0);
        (number, rows.written(&group))
    });
    let flows = flows.filter(|(_, flow)| context.shows(flow));
    let keeps_exporters = !matches!(aggregation, Aggregation::Keys(_));
    write_all(context, flows, keeps_exporters, account, path)
}

/// Writes flows, given the number of the flow that each comes from.
fn write_all(
    context: &Context,
    flows: impl Iterator<Item = (u64, OwnedFlow)>,
    keeps_exporters: bool,
    account: &Account,
    path: &Path,
) -> Result<(), Stop> {
    let failed = |error: std::io::Error| plain::failed(path, &error);
    let mut flows = flows.peekable();
    if flows.peek().is_some() {
        let mut target = Target::open(Some(path))?;
        let ident = account.ident.as_deref();
        let mut writer = plain::create(&mut target, path, context.encoding, ident)?;
        let mut maps = Vec::new();
        for (start, file) in &account.starts {
            let opened = file.as_ref().map(nfdecode::File::open);
            let map = match opened {
                Some(Ok(file)) if keeps_exporters => {
                    writer.write_names(&file.names(), &file).map_err(failed)?
                }
                _ => SysidMap::default(),
            };
            maps.push((*start, map));
        }
        let none = SysidMap::default();
        for (number, flow) in flows {
            let at = maps.partition_point(|(start, _)| *start <= number);
            let map = at.checked_sub(1).and_then(|at| maps.get(at));
            let map = map.map_or(&none, |(_, map)| map);
            writer.write_flow(&flow.view(), map).map_err(failed)?;
        }
        writer.finish().map_err(failed)?;
        target.finish()?;
    } else if path.exists() {
        // An older file must not be taken for the rows of this run.
        std::fs::remove_file(path).map_err(failed)?;
    }
    let mut text = TextBuffer::default();
    if matches!(context.mode, Mode::Csv(..) | Mode::CsvFast)
        && let Some(mut printer) = context.printer()
    {
        printer.begin(&mut text);
    }
    plain::no_match(context, account, &mut text);
    if matches!(context.mode, Mode::Json) {
        text.extend(b"[\n\n]\n");
    }
    Target::open(None)?.write(text.as_bytes())
}

/// Flows in an order, without aggregation.
pub(crate) struct Sorted {
    order: RecordOrder,
    top: Option<u64>,
    flows: Vec<(u64, u64, OwnedFlow)>,
}

/// Flows kept beyond those that are wanted, before the others are thrown away.
const SPARE: usize = 16_384;

impl Sorted {
    pub(crate) fn new(order: RecordOrder, top: Option<u64>) -> Self {
        Self {
            order,
            top,
            flows: Vec::new(),
        }
    }

    /// The flow as it is sorted; `None` without counters.
    pub(crate) fn keyed(&self, number: u64, flow: &nfdecode::Flow<'_>) -> Option<(u64, u64)> {
        flow.first()?;
        let counters = RowCounters::of(flow);
        Some((sort_value(self.order.by.by, &counters), number))
    }

    /// Adds flows.
    pub(crate) fn add(&mut self, flows: impl IntoIterator<Item = (u64, u64, OwnedFlow)>) {
        self.flows.extend(flows);
        let Some(top) = self.top.and_then(|top| usize::try_from(top).ok()) else {
            return;
        };
        if self.flows.len() > top.saturating_add(SPARE) {
            sort(&mut self.flows, self.order.direction, self.top);
        }
    }

    /// Prints them, or writes them to a file.
    pub(crate) fn finish(
        mut self,
        context: &Context,
        account: &Account,
        write_to: Option<&Path>,
    ) -> Result<(), Stop> {
        sort(&mut self.flows, self.order.direction, self.top);
        if let Some(path) = write_to {
            let flows = self
                .flows
                .into_iter()
                .map(|(_, number, flow)| (number, flow))
                .filter(|(_, flow)| context.shows(flow));
            return write_all(context, flows, true, account, path);
        }
        let mut target = Target::open(None)?;
        let mut text = TextBuffer::default();
        let mut printer = RowPrinter::new(context, account);
        printer.begin(&mut text);
        for (_, _, flow) in &self.flows {
            printer.row(flow, &mut text);
            flush_above(PIECE, &mut target, &mut text)?;
        }
        end(context, &mut printer, account, &mut target, text)
    }
}
