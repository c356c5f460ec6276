//! `nfdecode top`: the groups of flows with the most of something.

use nfdecode::aggregate::{
    AggregateError, Bins, Collector, Direction, Group, Grouping, Having, Key, Measures, Order,
    OrderBy, Side,
};
use nfdecode::value::Zone;

use crate::args::answer::TopArgs;
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
    measures: Measures,
    order: Order,
    having: Having,
    count: usize,
}

pub(crate) fn run(args: &TopArgs, report: &Report) -> Result<(), Stop> {
    let zone = env::zone_of(args.answer.tz.as_deref(), args.answer.utc)?;
    let question = Question::new(args, &zone)?;
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
    let memory = env::memory(args.answer.memory);
    let collector = Collector::new(&question.grouping, source.scan.thread_count())
        .with_memory(memory, env::temporary());
    let totals = source.run(
        || collector.adder(),
        |adder, block| collector.add(adder, block),
        report,
    )?;
    if totals.files == 0 && totals.refused != 0 {
        report.nothing_read();
    }
    question.write(collector, answer)
}

impl Question {
    fn new(args: &TopArgs, zone: &Zone) -> Result<Self, Stop> {
        let usage = |error: nfdecode::aggregate::AggregateError| Stop::Usage(error.to_string());
        let mut builder = Grouping::builder();
        let mut keys = Vec::new();
        if let Some(every) = args.every {
            let interval = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
            let bins = Bins::every(interval).in_zone(zone);
            let key = Key::every("first", bins).map_err(usage)?;
            builder = builder.key(key.named("time"));
            keys.push("time".to_owned());
        }
        for name in args.fields.split(',').map(str::trim) {
            builder = builder.key(Key::parse(name).map_err(usage)?);
            keys.push(name.to_owned());
        }
        let mut measures = Measures::default();
        for name in &args.distinct {
            measures.distinct_of(name);
        }
        let wrong =
            |option: &str, error: &dyn std::fmt::Display| Stop::Usage(format!("{option}: {error}"));
        for name in &args.quantile {
            let order = measures.order_by(name);
            match order.map_err(|error| wrong("--quantile", &error))? {
                OrderBy::Quantile(..) => {}
                _ => {
                    let error = format!("`{name}` is none, such as `p95:duration`");
                    return Err(wrong("--quantile", &error));
                }
            }
        }
        let by = measures.order_by(&args.by);
        let by = by.map_err(|error| wrong(&format!("--by {}", args.by), &error))?;
        let having = Having::parse(args.having.as_deref().unwrap_or_default(), &mut measures);
        let having = having.map_err(|error| wrong("--having", &error))?;
        let builder = measures.extend(builder).map_err(usage)?;
        let direction = match args.ascending {
            true => Direction::Ascending,
            false => Measures::usual_direction(by),
        };
        let order = Order::new(by, direction);
        Ok(Self {
            grouping: builder.build().map_err(usage)?,
            has_bins: args.every.is_some(),
            keys,
            measures,
            // Intervals in order of time, in each the first groups.
            order: match args.every {
                Some(_) => order.within(0),
                None => order,
            },
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
        for name in self.measures.distinct() {
            let name = format!("distinct_{name}");
            columns.push(Column::new(&name, Kind::Number, Unit::Count));
        }
        for quantile in self.measures.quantiles() {
            let unit = match quantile.name.ends_with("_duration") {
                true => Unit::Millis,
                false => Unit::Count,
            };
            columns.push(Column::new(&quantile.name, Kind::Number, unit));
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

    fn write(&self, collector: Collector, mut answer: Answer) -> Result<(), Stop> {
        let passes = |group: &Group<'_>| self.having.holds(group);
        let ended = collector.for_each_ranked(&self.order, self.count, passes, |group, overall| {
            let total = match self.order.by() {
                OrderBy::Flows => overall.totals.flows,
                OrderBy::Packets(_) => overall.totals.packets(),
                _ => overall.totals.bytes(),
            };
            answer.row(&self.cells(group, total)).map_err(Ended)
        });
        ended.map_err(|Ended(stop)| stop)?;
        answer.finish()
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
        for at in 0..self.measures.distinct().len() {
            cells.push(number(group.distinct(at).map_or(0, |(count, _)| count)));
        }
        for column in self.measures.quantiles() {
            let quantile = group.quantile(column.place, column.thousandths);
            cells.push(quantile.map_or(Cell::Null, |(value, _)| number(value)));
        }
        let part = match self.order.by() {
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

/// Why a walk over groups ended.
struct Ended(Stop);

impl From<AggregateError> for Ended {
    fn from(error: AggregateError) -> Self {
        Self(match error {
            AggregateError::Memory => Stop::failed(
                "the texts that flows are grouped by need more memory than allowed: allow more with --memory",
            ),
            error => Stop::failed(error),
        })
    }
}
