//! What groups are measured and ordered by.

use nfdecode::aggregate::{Direction, Group, OrderBy, Side};

/// A measure of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure(OrderBy);

const NAMES: [(&str, OrderBy); 20] = [
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
    ("distinct:FIELD", OrderBy::Distinct(0)),
    ("p95:FIELD", OrderBy::Quantile(0, 950)),
];

/// What groups have beside counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    /// Fields whose different values are counted.
    pub(crate) distinct: Vec<String>,
    /// Numbers of flows whose distribution is kept.
    pub(crate) quantities: Vec<String>,
    /// Quantiles that are shown: place of the quantity, thousandths, name of the column.
    pub(crate) quantiles: Vec<(usize, u16, String)>,
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

impl Measure {
    /// Reads a name. What it needs beyond counters is added to `extras` unless it is there.
    pub(crate) fn parse(text: &str, extras: &mut Extras) -> Result<Self, String> {
        let text = text.trim();
        if let Some((what, field)) = text.split_once(':') {
            let (what, field) = (what.trim(), field.trim());
            if what == "distinct" {
                return Ok(Self(OrderBy::Distinct(place(&mut extras.distinct, field))));
            }
            if let Some(part) = thousandths(what) {
                let at = place(&mut extras.quantities, field);
                let quantile = (at, part, format!("{what}_{field}"));
                if !extras.quantiles.contains(&quantile) {
                    extras.quantiles.push(quantile);
                }
                return Ok(Self(OrderBy::Quantile(at, part)));
            }
        }
        let found = NAMES.iter().find(|(name, _)| *name == text);
        match found {
            Some((_, by)) => Ok(Self(*by)),
            None => {
                let names = NAMES.map(|(name, _)| name).join(", ");
                Err(format!("unknown measure `{text}`: use one of {names}"))
            }
        }
    }

    pub(crate) fn order(self) -> OrderBy {
        self.0
    }

    /// Keys and times from small to large, others from large to small.
    pub(crate) fn usual_direction(self) -> Direction {
        match self.0 {
            OrderBy::Key | OrderBy::First | OrderBy::Last => Direction::Ascending,
            _ => Direction::Descending,
        }
    }

    /// Its value for a group.
    pub(crate) fn of(self, group: &Group<'_>) -> u64 {
        group.sort_value(self.0)
    }
}
