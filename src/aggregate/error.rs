//! Errors of aggregation.

use std::fmt;

/// Why a grouping cannot be made, or cannot go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum AggregateError {
    /// No key field has this name; the second text is the closest name that exists, or empty.
    UnknownField(String, String),
    /// No measure of groups has this name; the second text is a hint: the closest name, or all names.
    UnknownMeasure(String, String),
    /// A condition on groups cannot be read, and why.
    Condition(String),
    /// The field has no prefix length, or the length is too long for its address family.
    Prefix(String),
    /// The field is not a time, or the interval is 0.
    Interval(String),
    /// The fields of one [`Key::any_of`](crate::aggregate::Key::any_of) have different types.
    MixedTypes(String),
    /// Flows cannot be ordered by this.
    Order(String),
    /// The field has no numbers, which quantiles need.
    NoNumber(String),
    /// More keys, values or combinations than a grouping may have.
    TooMany(&'static str),
    /// Both directions were requested for a key without its counterpart.
    OneSided(String),
    /// Two tables of different groupings were merged.
    OtherGrouping,
    /// The groups need more memory than allowed, and no directory for temporary files is set.
    Memory,
    /// A stored table is damaged or of another version.
    Stored(&'static str),
    /// A temporary file or a stored table cannot be read or written.
    Io(std::io::Error),
    /// Flows cannot be read.
    Read(crate::Error),
}

impl fmt::Display for AggregateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField(name, near) if near.is_empty() => {
                write!(f, "unknown field `{name}`")
            }
            Self::UnknownField(name, near) => {
                write!(f, "unknown field `{name}`: did you mean `{near}`?")
            }
            Self::UnknownMeasure(name, hint) => write!(f, "unknown measure `{name}`: {hint}"),
            Self::Condition(reason) => f.write_str(reason),
            Self::Prefix(name) => write!(
                f,
                "`{name}`: a prefix length needs an address, at most /32 for IPv4 and /128 for IPv6"
            ),
            Self::Interval(name) => write!(f, "`{name}`: intervals need a time, and must not be 0"),
            Self::MixedTypes(name) => write!(f, "`{name}`: its fields have different types"),
            Self::Order(what) => write!(
                f,
                "`{what}`: an order is one field or measure, perhaps with `:asc` or `:desc`"
            ),
            Self::NoNumber(name) => write!(f, "`{name}`: its values are no numbers"),
            Self::TooMany(what) => write!(f, "too many {what}"),
            Self::OneSided(name) => write!(f, "`{name}` has no counterpart in the other direction"),
            Self::OtherGrouping => f.write_str("the tables have different keys or values"),
            Self::Memory => f.write_str("the groups need more memory than allowed"),
            Self::Stored(reason) => write!(f, "not a stored table of this version: {reason}"),
            Self::Io(error) => error.fmt(f),
            Self::Read(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AggregateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Read(error) => Some(error),
            _ => None,
        }
    }
}

impl From<std::io::Error> for AggregateError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<crate::Error> for AggregateError {
    fn from(error: crate::Error) -> Self {
        Self::Read(error)
    }
}

/// The result of aggregation.
pub type Result<T> = std::result::Result<T, AggregateError>;
