//! What groups are measured and ordered by.

use nfdecode::aggregate::{Direction, Group, OrderBy, Side};

/// A measure of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measure(OrderBy);

const NAMES: [(&str, OrderBy); 19] = [
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
];

impl Measure {
    /// Reads a name. A field whose different values are counted is added to `distinct` unless it is there.
    pub(crate) fn parse(text: &str, distinct: &mut Vec<String>) -> Result<Self, String> {
        let text = text.trim();
        if let Some(field) = text.strip_prefix("distinct:").map(str::trim) {
            let known = distinct.iter().position(|known| known == field);
            let at = known.unwrap_or_else(|| {
                distinct.push(field.to_owned());
                distinct.len() - 1
            });
            return Ok(Self(OrderBy::Distinct(at)));
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
