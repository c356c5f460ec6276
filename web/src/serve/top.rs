//! Top lists: what is asked for, and groups as rows.

use nfdecode::aggregate::{
    self, AggregateError, Collector, Direction, Group, Grouping, Key, Measures, Order, OrderBy,
    Side,
};
use nfdecode::{FieldValue, Timestamp};
use serde_json::{Map, Value, json};

use crate::serve::params::Params;
use crate::serve::problem::Problem;
use crate::survey::terms;

/// Rows of a top list, and at most.
const ROWS: (usize, usize) = (10, 1000);
/// What groups are ordered by.
const ORDERS: [&str; 7] = ["bytes", "packets", "flows", "bps", "pps", "bpp", "duration"];

/// A top list that is asked for.
pub(crate) struct TopWish {
    names: Vec<String>,
    grouping: Grouping,
    by: &'static str,
    order: OrderBy,
    count: usize,
}

impl TopWish {
    /// The names of its parameters.
    pub(crate) const NAMES: [&'static str; 3] = ["fields", "by", "n"];

    /// Reads the parameters.
    pub(crate) fn read(params: &Params) -> Result<Self, Problem> {
        let fields = params.get("fields").unwrap_or("src_addr");
        let names: Vec<String> = fields
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect();
        let mut builder = Grouping::builder();
        for name in &names {
            let key = Key::parse(name).map_err(|error| Problem::wrong(error.to_string()))?;
            builder = builder.key(key);
        }
        let grouping = builder.build();
        let by = params.word("by", &ORDERS)?.unwrap_or("bytes");
        let order = Measures::default().order_by(by);
        Ok(Self {
            names,
            grouping: grouping.map_err(|error| Problem::wrong(error.to_string()))?,
            by,
            order: order.map_err(|error| Problem::wrong(error.to_string()))?,
            count: params.number("n", ROWS.0, ROWS.1)?,
        })
    }

    /// What is grouped by.
    pub(crate) fn grouping(&self) -> &Grouping {
        &self.grouping
    }

    /// The first groups of all that were counted, and their sums.
    pub(crate) fn rows(&self, collector: Collector) -> Result<Value, Problem> {
        let order = Order::new(self.order, Direction::Descending);
        let mut rows = Vec::new();
        let visit = |group: &Group<'_>, overall: &aggregate::Overall| {
            rows.push(row(self, group, overall));
            Ok::<(), AggregateError>(())
        };
        let overall = collector
            .for_each_ranked(&order, self.count, |_| true, visit)
            .map_err(Problem::failed)?;
        let totals = overall.totals;
        Ok(json!({
            "fields": self.names,
            "by": self.by,
            "rows": rows,
            "groups": overall.groups,
            "totals": { "flows": totals.flows, "packets": totals.packets(), "bytes": totals.bytes() },
        }))
    }
}

fn row(wish: &TopWish, group: &Group<'_>, overall: &aggregate::Overall) -> Value {
    let mut row = Map::new();
    let mut keys = Vec::new();
    for at in 0..wish.names.len() {
        let value = match (group.key(at), group.prefix_length(at)) {
            (None, _) => Value::Null,
            (Some(FieldValue::Number(number)), _) => json!(number),
            (Some(FieldValue::Time(time)), _) => json!(time.as_millis()),
            (Some(value), Some(length)) => json!(format!("{value}/{length}")),
            (Some(value), None) => json!(value.to_string()),
        };
        keys.push(value);
    }
    row.insert("key".to_owned(), Value::Array(keys));
    let counters = group.counters();
    let (part, whole) = match wish.by {
        "flows" => (counters.flows, overall.totals.flows),
        "packets" | "pps" => (counters.packets(), overall.totals.packets()),
        _ => (counters.bytes(), overall.totals.bytes()),
    };
    let numbers = [
        ("flows", counters.flows),
        ("packets", counters.packets()),
        ("bytes", counters.bytes()),
        ("in_packets", counters.in_packets),
        ("in_bytes", counters.in_bytes),
        ("out_packets", counters.out_packets),
        ("out_bytes", counters.out_bytes),
        ("duration", counters.duration_ms()),
        ("bps", counters.bps(Side::Both)),
        ("pps", counters.pps(Side::Both)),
        ("bpp", counters.bpp(Side::Both)),
    ];
    for (name, number) in numbers {
        row.insert(name.to_owned(), json!(number));
    }
    for (name, time) in [("first", counters.first), ("last", counters.last)] {
        row.insert(name.to_owned(), json!(time.map(Timestamp::as_millis)));
    }
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    row.insert("percent".to_owned(), json!(percent));
    row.insert(
        "filter".to_owned(),
        json!(terms::of_group(&wish.names, group)),
    );
    Value::Object(row)
}
