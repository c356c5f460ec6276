//! What a run does with the flows it reads.

use std::path::Path;

use nfdecode::OwnedFlow;
use nfdecode::aggregate::{
    AggregateError, Collector, Direction, Group, Grouping, Groups, Order, OrderBy, Table,
};
use nfdecode::output::TextBuffer;
use nfdecode::scan::ScanBlock;
use nfdecode::value::Zone;

use crate::nfdump::context::Context;
use crate::nfdump::mode::Mode;
use crate::nfdump::options::{Aggregation, Options};
use crate::nfdump::order::{By, ElementTables};
use crate::nfdump::quit::{Quit, tell};
use crate::nfdump::read::Reader;
use crate::nfdump::rows::Sorted;
use crate::nfdump::table::{Form, TablePrinter};
use crate::nfdump::totals::{Account, Totals};
use crate::nfdump::{files, plain, rows};
use crate::run::stop::Stop;
use crate::sink::target::Target;

/// Reads flows, and prints or writes what the options say.
pub(crate) fn run(options: &Options) -> Result<(), Quit> {
    let zone = Zone::from_env();
    let mut context = Context::new(options, zone.clone())?;
    let files = files::list(options)?;
    let needs_names = context.mode.needs_names() && options.write.is_none();
    let mut reader = Reader::new(options, files, &zone, needs_names)?;
    context.window = reader.window.clone();
    if let Some(path) = &options.write {
        let inputs = reader.files.iter().map(AsRef::as_ref);
        crate::input::paths::refuse_as_output(inputs, path)?;
    }
    if !options.elements.is_empty() || options.records.is_some() {
        return statistics(options, &mut context, &mut reader);
    }
    let write_to = options.write.as_deref();
    let has_rows = options.aggregation.is_some() || options.order.is_some();
    if options.post_filter.is_some() && !has_rows {
        tell("-P has no effect without -a, -A, -b, -B, -O or -s record");
    }
    match (&options.aggregation, options.order, write_to) {
        (Some(aggregation), order, write_to) => {
            let grouping = rows::grouping(aggregation).map_err(failed)?;
            let (mut tables, account) = count(&mut reader, &[grouping])?;
            let Some(table) = tables.pop() else {
                return Ok(());
            };
            match write_to {
                None => rows::print(&context, aggregation, &table, order, &account)?,
                Some(path) => {
                    rows::write(&context, aggregation, &table, order, &account, path)?;
                }
            }
        }
        (None, Some(order), write_to) => {
            let top = if write_to.is_some() {
                None
            } else {
                context.top
            };
            let mut sorted = Sorted::new(order, top);
            let key = Sorted::new(order, top);
            let account = reader.run(
                || (),
                |(), block: Box<ScanBlock>| -> Vec<(u64, u64, OwnedFlow)> {
                    let flows = block.flows().zip(block.flows_before()..);
                    flows
                        .filter_map(|(flow, number)| {
                            let (value, number) = key.keyed(number, &flow)?;
                            Some((value, number, flow.to_owned_flow()))
                        })
                        .collect()
                },
                |flows| {
                    sorted.add(flows);
                    Ok(())
                },
            )?;
            sorted.finish(&context, &account, write_to)?;
        }
        (None, None, Some(path)) => plain::write(&context, &reader, path)?,
        (None, None, None) => plain::print(&context, &reader)?,
    }
    Ok(())
}

fn failed(error: AggregateError) -> Quit {
    Quit::failed(error.to_string())
}

/// Counts all flows in tables, one for each grouping.
fn count(reader: &mut Reader, groupings: &[Grouping]) -> Result<(Vec<Table>, Account), Quit> {
    // The tables add up the same sums.
    reader.sums = groupings.is_empty();
    let reader = &*reader;
    let collectors: Vec<Collector> = groupings
        .iter()
        .map(|grouping| Collector::new(grouping, reader.threads()))
        .collect();
    let mut account = reader.run(
        || collectors.iter().map(Collector::adder).collect::<Vec<_>>(),
        |adders, block: Box<ScanBlock>| {
            for (collector, adder) in collectors.iter().zip(adders) {
                collector.add(adder, &block);
            }
        },
        |()| Ok(()),
    )?;
    let tables: Result<Vec<Table>, AggregateError> =
        collectors.into_iter().map(Collector::finish).collect();
    let tables = tables.map_err(failed)?;
    if let Some(table) = tables.first() {
        account.totals = Totals::of(&table.totals());
    }
    Ok((tables, account))
}

/// `-s`
fn statistics(options: &Options, context: &mut Context, reader: &mut Reader) -> Result<(), Quit> {
    let aggregation = options
        .aggregation
        .clone()
        .unwrap_or(Aggregation::FiveTuple);
    if options.aggregation.is_some() && options.records.is_none() {
        tell("-a, -A, -b and -B have no effect on statistics other than -s record");
    }
    if options.post_filter.is_some() && !options.elements.is_empty() {
        tell("-P has no effect on statistics other than -s record");
    }
    if options.output.is_none() && matches!(aggregation, Aggregation::Bidirectional(_)) {
        context.mode = Mode::predefined("biline");
    }
    let mut groupings = Vec::new();
    if options.records.is_some() {
        groupings.push(rows::grouping(&aggregation).map_err(failed)?);
    }
    for tables in &options.elements {
        let grouping = tables.statistic.grouping(tables.by_protocol);
        groupings.push(grouping.map_err(failed)?);
    }
    if options.write.is_some() {
        context.quiet = true;
    }
    let (counted, account) = count(reader, &groupings)?;
    let mut counted = counted.iter();
    let mut target = Target::open(None)?;
    let mut text = TextBuffer::default();
    // The lists of `csv:` do not matter for tables, so that an empty result has no line of names either.
    plain::no_match(context, &account, &mut text);
    target.write(text.as_bytes())?;
    text.clear();
    if let (Some(tables), Some(table)) = (
        &options.records,
        options.records.as_ref().and_then(|_| counted.next()),
    ) {
        rows::print_tables(context, &aggregation, table, tables, &account, &mut target)?;
    }
    for (tables, table) in options.elements.iter().zip(counted) {
        element_tables(context, tables, table, &account, &mut target)?;
    }
    if options.write.is_none() {
        context.trailer(&account, &mut text);
    }
    target.write(text.as_bytes())?;
    match &options.write {
        Some(path) => write_nothing(context, &account, path).map_err(Quit::from),
        None => Ok(()),
    }
}

/// The tables of one `-s NAME`.
fn element_tables(
    context: &Context,
    tables: &ElementTables,
    table: &Table,
    account: &Account,
    target: &mut Target,
) -> Result<(), Stop> {
    let form = match context.mode {
        Mode::Fmt(..) | Mode::Raw => Form::Text,
        Mode::Csv(..) | Mode::CsvFast => Form::Csv,
        Mode::Json | Mode::Ndjson => Form::Json,
        Mode::Null => return Ok(()),
    };
    let mut printer = TablePrinter::new(form, context.zone.clone());
    printer.quiet = context.quiet;
    printer.plain = context.fmt.plain_numbers;
    printer.long_addresses = context.fmt.long_addresses;
    printer.tagged = context.fmt.tagged;
    let groups = table.groups();
    let top = context
        .top
        .map_or(usize::MAX, |top| usize::try_from(top).unwrap_or(usize::MAX));
    let mut text = TextBuffer::default();
    for (by, direction) in tables.tables() {
        printer.header(tables, by, context.top, &mut text);
        for group in sorted(&groups, by, direction, top) {
            printer.row(tables, by, &group, &account.totals, &mut text);
        }
    }
    target.write(text.as_bytes())
}

/// The first groups in an order, by the sums that tables show: those of both directions start again at 0
/// beyond 64 bits.
fn sorted<'t>(groups: &'t Groups<'_>, by: By, direction: Direction, top: usize) -> Vec<Group<'t>> {
    let exceeds = |group: &Group<'_>| {
        let counters = group.counters();
        let packets = counters.in_packets.checked_add(counters.out_packets);
        let bytes = counters.in_bytes.checked_add(counters.out_bytes);
        packets.is_none() || bytes.is_none()
    };
    if !groups.iter().any(|group| exceeds(&group)) {
        return groups.top(&Order::new(by.by, direction), top);
    }
    let by_key = Order::new(OrderBy::Key, Direction::Ascending);
    let mut all = groups.sorted(&by_key);
    all.sort_by_cached_key(|group| {
        let value = rows::sort_value(by.by, &rows::counters_of(group));
        match direction {
            Direction::Ascending => value,
            Direction::Descending => u64::MAX - value,
        }
    });
    all.truncate(top);
    all
}

/// The file of `-w` beside statistics: it has no flows, as nfdump has it.
fn write_nothing(context: &Context, account: &Account, path: &Path) -> Result<(), Stop> {
    tell("-w beside -s writes a file without flows: run once with -s and once with -w");
    let mut target = Target::open(Some(path))?;
    let ident = account.ident.as_deref();
    let writer = plain::create(&mut target, path, context.encoding, ident)?;
    writer
        .finish()
        .map_err(|error| plain::failed(path, &error))?;
    target.finish()
}
