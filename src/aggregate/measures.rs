//! Measures of groups by their names, and what these need beside counters.

use crate::aggregate::error::{AggregateError, Result};
use crate::aggregate::grouping::GroupingBuilder;
use crate::aggregate::key::Key;
use crate::aggregate::order::{Direction, OrderBy, Side};
use crate::suggest;

/// Names of the measures that need only counters.
const NAMES: [(&str, OrderBy); 18] = [
    ("flows", OrderBy::Flows),
    ("packets", OrderBy::Packets(Side::Both)),
    ("bytes", OrderBy::Bytes(Side::Both)),
    ("bps", OrderBy::Bps(Side::Both)),
    ("pps", OrderBy::Pps(Side::Both)),
    ("bpp", OrderBy::Bpp(Side::Both)),
    ("in_packets", OrderBy::Packets(Side::In)),
    ("out_packets", OrderBy::Packets(Side::Out)),
    ("in_bytes", OrderBy::Bytes(Side::In)),
    ("out_bytes", OrderBy::Bytes(Side::Out)),
    ("in_bps", OrderBy::Bps(Side::In)),
    ("out_bps", OrderBy::Bps(Side::Out)),
    ("in_pps", OrderBy::Pps(Side::In)),
    ("out_pps", OrderBy::Pps(Side::Out)),
    ("duration", OrderBy::Duration),
    ("first", OrderBy::First),
    ("last", OrderBy::Last),
    ("key", OrderBy::Key),
];

/// A quantile of a number of flows, for each group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantileColumn {
    /// The place of the number among those of the grouping.
    pub place: usize,
    /// Which quantile, in thousandths: 950 for `p95`.
    pub thousandths: u16,
    /// Its name, such as `p95_duration`.
    pub name: String,
}

/// Measures that were asked for by name, and the distinct counts and quantiles that these need.
///
/// A name is one of `flows`, `packets`, `bytes`, `bps`, `pps`, `bpp` (also with `in_` and `out_`, but `bpp`), `duration`
/// (milliseconds), `first`, `last`, `key`; or `distinct:FIELD`, `median:FIELD`, `p95:FIELD`, `p99.9:FIELD`.
///
/// ```
/// use nfdecode::aggregate::{Grouping, Having, Key, Measures, Order};
/// let mut measures = Measures::default();
/// let by = measures.order_by("distinct:dst_port")?;
/// let having = Having::parse("flows >= 10 and bytes < 1m", &mut measures)?;
/// let grouping = measures.extend(Grouping::builder().key(Key::field("src_addr")?))?.build()?;
/// let mut table = grouping.table();
/// let file = nfdecode::File::open("tests/fixtures/archive/nfcapd.202611241330")?;
/// for block in file.blocks() {
///     table.add(&block?, None);
/// }
/// let order = Order::new(by, Measures::usual_direction(by));
/// for group in table.groups().top(&order, 10).iter().filter(|group| having.holds(group)) {
///     println!("{:?}: {:?} ports", group.key(0), group.distinct(0));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Measures {
    distinct: Vec<String>,
    quantities: Vec<String>,
    quantiles: Vec<QuantileColumn>,
}

impl Measures {
    /// The order of a name. What it needs beside counters is added unless it is there.
    ///
    /// # Errors
    /// [`AggregateError::UnknownMeasure`]. Whether the field of a distinct count or quantile exists is only known to
    /// [`extend`](Self::extend).
    pub fn order_by(&mut self, name: &str) -> Result<OrderBy> {
        let name = name.trim();
        if let Some((what, field)) = name.split_once(':') {
            let (what, field) = (what.trim(), field.trim());
            if what == "distinct" {
                return Ok(OrderBy::Distinct(self.distinct_of(field)));
            }
            if let Some(thousandths) = thousandths(what) {
                let place = place(&mut self.quantities, field);
                let quantile = QuantileColumn {
                    place,
                    thousandths,
                    name: format!("{what}_{field}"),
                };
                if !self.quantiles.contains(&quantile) {
                    self.quantiles.push(quantile);
                }
                return Ok(OrderBy::Quantile(place, thousandths));
            }
        }
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, by)| *by).ok_or_else(|| {
            let near = suggest::closest(name, NAMES.iter().map(|(known, _)| *known));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "use one of {}",
                    Self::names().collect::<Vec<_>>().join(", ")
                ),
            };
            AggregateError::UnknownMeasure(name.to_owned(), hint)
        })
    }

    /// Counts the different values of a field, unless that is asked for already. Returns the place of the count, see
    /// [`Group::distinct`](crate::aggregate::Group::distinct).
    pub fn distinct_of(&mut self, field: &str) -> usize {
        place(&mut self.distinct, field)
    }

    /// Adds the distinct counts and quantiles to a grouping that has none of its own.
    ///
    /// # Errors
    /// As [`Key::parse`] and [`GroupingBuilder::quantiles`].
    pub fn extend(&self, mut builder: GroupingBuilder) -> Result<GroupingBuilder> {
        for name in &self.distinct {
            builder = builder.distinct(Key::parse(name)?);
        }
        for name in &self.quantities {
            builder = builder.quantiles(name)?;
        }
        Ok(builder)
    }

    /// Fields whose different values are counted, in the order of their places.
    pub fn distinct(&self) -> impl ExactSizeIterator<Item = &str> {
        self.distinct.iter().map(String::as_str)
    }

    /// Quantiles that were asked for.
    #[must_use]
    pub fn quantiles(&self) -> &[QuantileColumn] {
        &self.quantiles
    }

    /// Keys and times from small to large, others from large to small.
    #[must_use]
    pub fn usual_direction(by: OrderBy) -> Direction {
        match by {
            OrderBy::Key | OrderBy::First | OrderBy::Last => Direction::Ascending,
            _ => Direction::Descending,
        }
    }

    /// The names of measures, for messages; `FIELD` stands for the name of any field.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let of_fields = ["distinct:FIELD", "p95:FIELD"];
        NAMES.iter().map(|(name, _)| *name).chain(of_fields)
    }
}

/// The place of a name; it is added if it is not there.
fn place(names: &mut Vec<String>, name: &str) -> usize {
    let known = names.iter().position(|known| known == name);
    known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

/// `median`, `p95`, `p99.9`.
fn thousandths(text: &str) -> Option<u16> {
    if text == "median" {
        return Some(500);
    }
    let (whole, tenths) = match text.strip_prefix('p')?.split_once('.') {
        Some((whole, tenths)) if tenths.len() == 1 => (whole, tenths.parse::<u16>().ok()?),
        Some(_) => return None,
        None => (text.strip_prefix('p')?, 0),
    };
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 100)?;
    Some(whole * 10 + tenths).filter(|thousandths| *thousandths <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_twice_is_there_once() {
        let mut measures = Measures::default();
        for name in [
            "distinct:dst_port",
            "p95:duration",
            "distinct:dst_port",
            "p95:duration",
            "p99.9:duration",
        ] {
            measures.order_by(name).expect("a measure");
        }
        assert_eq!(measures.distinct().collect::<Vec<_>>(), ["dst_port"]);
        let names: Vec<_> = measures
            .quantiles()
            .iter()
            .map(|column| (column.place, column.thousandths, column.name.as_str()))
            .collect();
        assert_eq!(
            names,
            [(0, 950, "p95_duration"), (0, 999, "p99.9_duration")]
        );
    }

    #[test]
    fn a_near_miss_is_suggested() {
        for wrong in ["byte", "p101:duration", "p9.99:duration", "mean:bytes", ""] {
            let error = Measures::default().order_by(wrong).expect_err("no measure");
            assert_eq!(
                error.to_string().contains("did you mean `bytes`"),
                wrong == "byte",
                "{error}"
            );
        }
    }
}
