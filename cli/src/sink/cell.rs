//! Columns and values of answers.

use nfdecode::aggregate::Group;
use nfdecode::{FieldValue, Timestamp};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Float,
    Time,
}

/// How a table shows a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As it is.
    Key,
    /// With k, M, G.
    Count,
    /// Milliseconds, as h:mm:ss.
    Millis,
    /// With one decimal, and a bar.
    Percent,
    /// Not at all: only other forms have it.
    Detail,
}

#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Unit,
}

impl Column {
    pub(crate) fn new(name: &str, kind: Kind, unit: Unit) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            unit,
        }
    }
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Number(u64),
    Float(f64),
    Time(Timestamp),
}

impl Cell {
    /// The value of a key.
    pub(crate) fn key(group: &Group<'_>, at: usize) -> Self {
        let Some(value) = group.key(at) else {
            return Self::Null;
        };
        match (value, group.prefix_length(at)) {
            (FieldValue::Number(number), _) => Self::Number(number),
            (FieldValue::Time(time), _) => Self::Time(time),
            (value, Some(length)) => Self::Text(format!("{value}/{length}")),
            (value, None) => Self::Text(value.to_string()),
        }
    }
}
