//! `nfdecode top`: the groups of flows with the most of something.

use nfdecode::aggregate::{
    AggregateError, Collector, Direction, Group, Grouping, Groups, Key, Order, OrderBy, Side, Table,
};

use crate::args::answer::TopArgs;
use crate::input::having::Having;
use crate::input::measure::Measure;
use crate::run::env;
use crate::run::gather;
use crate::run::report::Report;
use crate::run::stop::Stop;
use crate::sink::answer::Answer;
use crate::sink::cell::{Cell, Column, Kind, Unit};

/// Columns of counters, after the keys.
const COUNTERS: [(&str, Kind, Unit); 13] = [
    ("flows", Kind::Number, Unit::Count),
    ("packets", Kind::Number, Unit::Count),
    ("bytes", Kind::Number, Unit::Count),
    ("in_packets", Kind::Number, Unit::Detail),
    ("in_bytes", Kind::Number, Unit::Detail),
    ("out_packets", Kind::Number, Unit::Detail),
    ("out_bytes", Kind::Number, Unit::Detail),
    ("first", Kind::Time, Unit::Detail),
    ("last", Kind::Time, Unit::Detail),
    ("duration", Kind::Number, Unit::Millis),
    ("bps", Kind::Number, Unit::Count),
    ("pps", Kind::Number, Unit::Count),
    ("bpp", Kind::Number, Unit::Count),
];

/// What the arguments ask for.
struct Question {
    grouping: Grouping,
    /// The key that is the interval.
    has_bins: bool,
    keys: Vec<String>,
    distinct: Vec<String>,
    order: Order,
    having: Having,
    count: usize,
}

pub(crate) fn run(args: &TopArgs, report: &Report) -> Result<(), Stop> {
    let zone = env::zone_of(args.answer.tz.as_deref(), args.answer.utc)?;
    let question = Question::new(args)?;
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
    let answer = Answer::open(&args.answer, question.columns(), zone)?;
    let memory = args
        .answer
        .memory
        .map_or_else(env::memory_for_groups, |memory| {
            usize::try_from(memory).unwrap_or(usize::MAX)
        });
    let collector = Collector::new(&question.grouping, source.scan.thread_count())
        .with_memory(memory, std::env::var_os("TMPDIR").map(Into::into));
    let totals = source.run(
        || collector.adder(),
        |adder, block| collector.add(adder, block),
        report,
    )?;
    let table = question.finish(collector)?;
    if totals.files == 0 && totals.refused != 0 {
        report.nothing_read();
    }
    question.write(&table, answer)
}

impl Question {
    /// The groups that can be shown.
    fn finish(&self, collector: Collector) -> Result<Table, Stop> {
        let failed = |error: AggregateError| match error {
            AggregateError::Memory => Stop::failed(
                "not all groups fit into memory: show fewer with -n, or allow more with --memory",
            ),
            error => Stop::failed(error),
        };
        if self.count == usize::MAX || self.has_bins {
            return collector.finish().map_err(failed);
        }
        let passes = |group: &Group<'_>| self.having.holds(group);
        let top = collector.finish_top(&self.order, self.count, passes);
        top.map(|(table, _)| table).map_err(failed)
    }

    fn new(args: &TopArgs) -> Result<Self, Stop> {
        let usage = |error: nfdecode::aggregate::AggregateError| Stop::Usage(error.to_string());
        let mut builder = Grouping::builder();
        let mut keys = Vec::new();
        if let Some(every) = args.every {
            let interval = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            let key = Key::every("first", interval, 0).map_err(usage)?;
            builder = builder.key(key.named("time"));
            keys.push("time".to_owned());
        }
        for name in args.fields.split(',').map(str::trim) {
            builder = builder.key(Key::parse(name).map_err(usage)?);
            keys.push(name.to_owned());
        }
        let mut distinct: Vec<String> = args.distinct.clone();
        let by = Measure::parse(&args.by, &mut distinct)
            .map_err(|error| Stop::Usage(format!("--by {}: {error}", args.by)))?;
        let having = Having::parse(args.having.as_deref().unwrap_or_default(), &mut distinct)
            .map_err(|error| Stop::Usage(format!("--having: {error}")))?;
        for name in &distinct {
            builder = builder.distinct(Key::parse(name).map_err(usage)?);
        }
        let direction = if args.ascending {
            Direction::Ascending
        } else {
            by.usual_direction()
        };
        Ok(Self {
            grouping: builder.build().map_err(usage)?,
            has_bins: args.every.is_some(),
            keys,
            distinct,
            order: Order::new(by.order(), direction),
            having,
            count: match args.groups {
                0 => usize::MAX,
                count => count,
            },
        })
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns: Vec<Column> = Vec::new();
        for (at, name) in self.keys.iter().enumerate() {
            let kind = match at {
                0 if self.has_bins => Kind::Time,
                _ => self.kind_of_key(at),
            };
            columns.push(Column::new(name, kind, Unit::Key));
        }
        let counters = COUNTERS.iter();
        columns.extend(counters.map(|(name, kind, unit)| Column::new(name, *kind, *unit)));
        for name in &self.distinct {
            let name = format!("distinct_{name}");
            columns.push(Column::new(&name, Kind::Number, Unit::Count));
        }
        columns.push(Column::new("percent", Kind::Float, Unit::Percent));
        columns
    }

    fn kind_of_key(&self, at: usize) -> Kind {
        let key = self.grouping.keys().nth(at);
        match key {
            Some(key) if key.is_number() => Kind::Number,
            Some(key) if key.is_time() => Kind::Time,
            _ => Kind::Text,
        }
    }

    fn write(&self, table: &Table, mut answer: Answer) -> Result<(), Stop> {
        let groups = table.groups();
        let shown = self.shown(&groups);
        let totals = table.totals();
        let total = match self.order_by() {
            OrderBy::Flows => totals.flows,
            OrderBy::Packets(_) => totals.packets(),
            _ => totals.bytes(),
        };
        for group in &shown {
            answer.row(&self.cells(group, total))?;
        }
        answer.finish()
    }

    fn order_by(&self) -> OrderBy {
        self.order.by()
    }

    /// The groups to show, in order.
    fn shown<'g>(&self, groups: &'g Groups<'_>) -> Vec<Group<'g>> {
        let passes = |group: &Group<'_>| self.having.holds(group);
        if !self.has_bins {
            return groups.top_of(&self.order, self.count, passes);
        }
        // Intervals in order of time, in each the first groups.
        let mut sorted = groups.top_of(&self.order, usize::MAX, passes);
        sorted.sort_by_key(|group| bin_of(group));
        let (mut bin, mut place) = (None, 0);
        sorted.retain(|group| {
            let this = Some(bin_of(group));
            place = if this == bin { place + 1 } else { 0 };
            bin = this;
            place < self.count
        });
        sorted
    }

    fn cells(&self, group: &Group<'_>, total: u64) -> Vec<Cell> {
        let mut cells = Vec::with_capacity(self.keys.len() + COUNTERS.len() + 2);
        for at in 0..self.keys.len() {
            cells.push(Cell::key(group, at));
        }
        let counters = group.counters();
        let number = |value: u64| Cell::Number(value);
        let time = |time: Option<nfdecode::Timestamp>| time.map_or(Cell::Null, Cell::Time);
        cells.extend([
            number(counters.flows),
            number(counters.packets()),
            number(counters.bytes()),
            number(counters.in_packets),
            number(counters.in_bytes),
            number(counters.out_packets),
            number(counters.out_bytes),
            time(counters.first),
            time(counters.last),
            number(counters.duration_ms()),
            number(counters.bps(Side::Both)),
            number(counters.pps(Side::Both)),
            number(counters.bpp(Side::Both)),
        ]);
        for at in 0..self.distinct.len() {
            cells.push(number(group.distinct(at).map_or(0, |(count, _)| count)));
        }
        let part = match self.order_by() {
            OrderBy::Flows => counters.flows,
            OrderBy::Packets(_) => counters.packets(),
            _ => counters.bytes(),
        };
        cells.push(match total {
            0 => Cell::Float(0.0),
            _ => Cell::Float(part as f64 * 100.0 / total as f64),
        });
        cells
    }
}

/// The interval of a group, absent first.
fn bin_of(group: &Group<'_>) -> Option<u64> {
    match group.key(0) {
        Some(nfdecode::FieldValue::Time(time)) => Some(time.as_millis()),
        _ => None,
    }
}
