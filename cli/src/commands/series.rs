//! `nfdecode series`: traffic over time.

use std::sync::{Arc, Mutex, PoisonError};

use nfdecode::aggregate::{AggregateError, Bins, Key, Point, Series, Spread};

use crate::args::answer::{SeriesArgs, SpreadArg};
use crate::run::env;
use crate::run::gather;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::answer::Answer;
use crate::sink::cell::{Cell, Column, Kind, Unit};

pub(crate) fn run(args: &SeriesArgs, report: &Report) -> Result<(), Stop> {
    let usage = |error: AggregateError| Stop::Usage(error.to_string());
    let zone = env::zone_of(args.answer.tz.as_deref(), args.answer.utc)?;
    let interval = u64::try_from(args.every.as_millis()).unwrap_or(u64::MAX);
    let spread = match args.spread {
        SpreadArg::Even => Spread::Even,
        SpreadArg::Start => Spread::Start,
        SpreadArg::End => Spread::End,
    };
    let split = args.split.as_deref().map(Key::parse).transpose();
    let bins = Bins::every(interval).in_zone(&zone);
    let mut all = Series::new(bins, spread, split.map_err(usage)?).map_err(usage)?;
    let Some(source) = gather::source(
        &args.source,
        &args.paths,
        &(&args.answer).into(),
        &zone,
        report,
    )?
    else {
        return Ok(());
    };
    let answer = Answer::open(&args.answer, columns(args), zone)?;
    // A series for each thread.
    let series: Mutex<Vec<Arc<Mutex<Series>>>> = Mutex::default();
    let totals = source.run(
        || {
            let own = Arc::new(Mutex::new(all.another()));
            let mut known = series.lock().unwrap_or_else(PoisonError::into_inner);
            known.push(Arc::clone(&own));
            own
        },
        |own, block| {
            let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
            own.add_scanned(block);
        },
        report,
    )?;
    let series = series.into_inner().unwrap_or_else(PoisonError::into_inner);
    for own in series {
        let own = own.lock().unwrap_or_else(PoisonError::into_inner);
        all.merge(&own).map_err(Stop::failed)?;
    }
    if totals.files == 0 && totals.refused != 0 {
        report.nothing_read();
    }
    if all.without_time() != 0 {
        let count = all.without_time();
        report.note(format!(
            "{count} flows have no times and are in no interval"
        ));
    }
    write(args, &all, answer)
}

fn columns(args: &SeriesArgs) -> Vec<Column> {
    let mut columns = vec![Column::new("time", Kind::Time, Unit::Key)];
    if let Some(split) = &args.split {
        columns.push(Column::new(split, Kind::Text, Unit::Key));
    }
    for name in ["flows", "packets", "bytes", "bps", "pps"] {
        columns.push(Column::new(name, Kind::Number, Unit::Count));
    }
    columns
}

fn write(args: &SeriesArgs, series: &Series, mut answer: Answer) -> Result<(), Stop> {
    let points = series.points().map_err(|error| match error {
        AggregateError::TooMany(_) => Stop::failed(
            "too many intervals: use a longer one with --every, or a window with --since and --until",
        ),
        error => Stop::failed(error),
    })?;
    let shown = |point: &Point| match args.by.as_str() {
        "flows" => point.flows,
        "packets" => point.packets,
        _ => point.bytes,
    };
    let most = points.iter().map(shown).max().unwrap_or(0).max(1);
    answer.set_axis(&args.by, most);
    let labels = series.labels();
    let ms = args.every.as_millis().max(1);
    let rate = |count: u64, factor: u128| {
        let rate = u128::from(count) * factor * 1000 / ms;
        Cell::Number(u64::try_from(rate).unwrap_or(u64::MAX))
    };
    for point in &points {
        let mut cells = vec![Cell::Time(point.time)];
        if args.split.is_some() {
            let label = labels.get(point.series).cloned().flatten();
            cells.push(label.map_or(Cell::Null, Cell::Text));
        }
        cells.extend([
            Cell::Number(point.flows),
            Cell::Number(point.packets),
            Cell::Number(point.bytes),
            rate(point.bytes, 8),
            rate(point.packets, 1),
        ]);
        let bar = shown(point) as f64 * 100.0 / most as f64;
        answer.row_with_bar(&cells, Some(bar))?;
    }
    answer.finish()
}
