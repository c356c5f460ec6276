//! From conditions of SQL to a filter, so that flows that no row needs are not built.
//!
//! A filter may select more flows than the condition, never less: DataFusion tests the condition again. Only conditions
//! with `nfdump('…')` are decided by the filter alone, because columns do not have all that filters look at.

use std::net::{IpAddr, Ipv6Addr};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, InList, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr as Sql, Operator};
use nfdecode::Filter;
use nfdecode::element;
use nfdecode::filter::terms::{AddressTerm, NumberTerm, Side};
use nfdecode::filter::{Compare, Expr};

use crate::functions;
use crate::functions::address::{self, Network};
use crate::functions::nfdump;

/// A condition as a filter expression.
#[derive(Clone, Debug)]
pub(crate) struct Translated {
    pub(crate) expr: Expr,
    /// Whether the filter is true exactly where the condition is. Where the condition is null, the filter is false.
    pub(crate) is_exact: bool,
    /// Whether the filter is false wherever the condition is false.
    rejects: bool,
    /// Whether the condition is null nowhere.
    never_null: bool,
    /// Whether the condition has a part that only the filter can decide.
    pub(crate) has_filter: bool,
}

/// The filter of a condition, or `None` if it cannot be translated.
pub(crate) fn translate(condition: &Sql) -> Option<Translated> {
    let translated = any(condition)?;
    // What cannot be written as a filter counts as not translated.
    Filter::build(translated.expr.clone()).ok()?;
    Some(translated)
}

/// The time before which no flow starts that the condition selects, in ms; `None` if it says nothing about that.
pub(crate) fn starts_from(condition: &Sql) -> Option<u64> {
    let Sql::BinaryExpr(binary) = condition else {
        return None;
    };
    if binary.op == Operator::And {
        return starts_from(&binary.left).max(starts_from(&binary.right));
    }
    let (column, op, value) = match (&*binary.left, &*binary.right) {
        (Sql::Column(column), Sql::Literal(value, _)) => (column, binary.op, value),
        (Sql::Literal(value, _), Sql::Column(column)) => (column, binary.op.swap()?, value),
        _ => return None,
    };
    let is_bound = matches!(op, Operator::Gt | Operator::GtEq | Operator::Eq);
    match value {
        ScalarValue::TimestampMillisecond(..) if column.name == "first" && is_bound => {
            number_of(value)
        }
        _ => None,
    }
}

fn any(condition: &Sql) -> Option<Translated> {
    match condition {
        Sql::BinaryExpr(binary) => binary_condition(binary),
        Sql::Not(inner) => not(any(inner)?),
        Sql::InList(list) => in_list(list),
        Sql::Between(between) => between_condition(between),
        Sql::ScalarFunction(function) => function_condition(function),
        Sql::Alias(alias) => any(&alias.expr),
        _ => None,
    }
}

fn not(inner: Translated) -> Option<Translated> {
    // Where the condition is null, so is its negation, but the negated filter may be true.
    inner.rejects.then(|| Translated {
        expr: !inner.expr,
        is_exact: inner.is_exact && inner.never_null,
        ..inner
    })
}

fn both(left: Translated, right: Translated, join: fn(Expr, Expr) -> Expr) -> Translated {
    Translated {
        expr: join(left.expr, right.expr),
        is_exact: left.is_exact && right.is_exact,
        rejects: left.rejects && right.rejects,
        never_null: left.never_null && right.never_null,
        has_filter: left.has_filter || right.has_filter,
    }
}

fn binary_condition(binary: &BinaryExpr) -> Option<Translated> {
    match binary.op {
        Operator::And => match (any(&binary.left), any(&binary.right)) {
            (Some(left), Some(right)) => Some(both(left, right, |a, b| a & b)),
            // One side alone selects more.
            (Some(side), None) | (None, Some(side)) => Some(Translated {
                is_exact: false,
                rejects: false,
                ..side
            }),
            (None, None) => None,
        },
        Operator::Or => Some(both(any(&binary.left)?, any(&binary.right)?, |a, b| a | b)),
        op => match (&*binary.left, &*binary.right) {
            (column, Sql::Literal(value, _)) => comparison(column, op, value),
            (Sql::Literal(value, _), column) => comparison(column, op.swap()?, value),
            _ => None,
        },
    }
}

fn comparison(column: &Sql, op: Operator, value: &ScalarValue) -> Option<Translated> {
    if op == Operator::NotEq {
        return not(comparison(column, Operator::Eq, value)?);
    }
    let compare = match op {
        Operator::Eq => Compare::Equal,
        Operator::Lt => Compare::Less,
        Operator::LtEq => Compare::LessOrEqual,
        Operator::Gt => Compare::Greater,
        Operator::GtEq => Compare::GreaterOrEqual,
        _ => return None,
    };
    match column {
        Sql::Column(column) => column_comparison(&column.name, compare, value),
        Sql::Cast(cast) if matches!(cast.field.data_type(), DataType::Timestamp(..)) => {
            match &*cast.expr {
                Sql::Column(column) => time_comparison(&column.name, compare, value),
                _ => None,
            }
        }
        _ => None,
    }
}

fn column_comparison(name: &str, compare: Compare, value: &ScalarValue) -> Option<Translated> {
    if let (Some(side), Compare::Equal) = (side_of(name), compare) {
        return Some(address_condition(address_in(side, &[address_of(value)?])));
    }
    if let ("ident", Compare::Equal) = (name, compare) {
        // A file without an ident has the ident `none` for the filter.
        return Some(Translated {
            rejects: false,
            ..built(Expr::ident(text_of(value)?), false)?
        });
    }
    number_comparison(name, compare, number_of(value)?)
}

fn number_comparison(name: &str, compare: Compare, value: u64) -> Option<Translated> {
    let term = NumberTerm::of_field(name)?;
    built(Expr::number(term.number, compare, value), term.is_exact())
}

/// A term of a number, if it is one. It is false where the number compares otherwise.
fn built(expr: Expr, is_exact: bool) -> Option<Translated> {
    Filter::build(expr.clone()).ok()?;
    Some(Translated {
        expr,
        is_exact,
        rejects: true,
        never_null: false,
        has_filter: false,
    })
}

/// A time in another unit than the column's: rounded so that more is selected.
fn time_comparison(name: &str, compare: Compare, value: &ScalarValue) -> Option<Translated> {
    let (value, unit) = match value {
        ScalarValue::TimestampSecond(Some(value), _) => (value.checked_mul(1_000)?, 1),
        ScalarValue::TimestampMillisecond(Some(value), _) => (*value, 1),
        ScalarValue::TimestampMicrosecond(Some(value), _) => (*value, 1_000),
        ScalarValue::TimestampNanosecond(Some(value), _) => (*value, 1_000_000),
        _ => return None,
    };
    let below = u64::try_from(value.div_euclid(unit)).ok()?;
    let (compare, value) = match compare {
        Compare::Greater | Compare::GreaterOrEqual => (Compare::GreaterOrEqual, below),
        Compare::Less | Compare::LessOrEqual => (Compare::LessOrEqual, below.checked_add(1)?),
        _ if value.rem_euclid(unit) == 0 => (Compare::Equal, below),
        _ => return None,
    };
    Some(Translated {
        is_exact: false,
        rejects: false,
        ..number_comparison(name, compare, value)?
    })
}

fn in_list(list: &InList) -> Option<Translated> {
    let Sql::Column(column) = &*list.expr else {
        return None;
    };
    let values: Vec<&ScalarValue> = list
        .list
        .iter()
        .map(|item| match item {
            Sql::Literal(value, _) => Some(value),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let name = &column.name;
    let found = if let Some(side) = side_of(name) {
        let addresses: Vec<Ipv6Addr> = values.into_iter().map(address_of).collect::<Option<_>>()?;
        address_condition(address_in(side, &addresses))
    } else {
        let numbers: Vec<u64> = values.into_iter().map(number_of).collect::<Option<_>>()?;
        let term = NumberTerm::of_field(name)?;
        let expr = match term.list {
            true => Expr::number_in(term.number, numbers),
            false => Expr::one_of(
                numbers
                    .into_iter()
                    .map(|value| Expr::number(term.number, Compare::Equal, value)),
            ),
        };
        built(expr, term.is_exact())?
    };
    match list.negated {
        true => not(found),
        false => Some(found),
    }
}

fn between_condition(between: &Between) -> Option<Translated> {
    let (Sql::Literal(low, _), Sql::Literal(high, _)) = (&*between.low, &*between.high) else {
        return None;
    };
    let low = comparison(&between.expr, Operator::GtEq, low)?;
    let high = comparison(&between.expr, Operator::LtEq, high)?;
    let inside = both(low, high, |a, b| a & b);
    match between.negated {
        true => not(inside),
        false => Some(inside),
    }
}

fn function_condition(function: &ScalarFunction) -> Option<Translated> {
    match (function.func.name(), function.args.as_slice()) {
        (functions::NFDUMP, [Sql::Literal(text, _), ..]) => Some(Translated {
            expr: nfdump::parse(text_of(text)?).ok()?.expr().clone(),
            is_exact: true,
            rejects: true,
            never_null: true,
            has_filter: true,
        }),
        (functions::IN_NET, [Sql::Column(column), networks @ ..]) => {
            let side = side_of(&column.name)?;
            let networks = networks.iter().map(|network| match network {
                Sql::Literal(text, _) => Network::parse(text_of(text)?).ok(),
                _ => None,
            });
            let networks: Vec<Network> = networks.collect::<Option<_>>()?;
            let terms = networks.iter().flat_map(|network| {
                let (address, length) = network.parts();
                let mapped = address.to_ipv4_mapped().filter(|_| length >= 96);
                let v6 = Expr::network(side, IpAddr::V6(address), length);
                let v4 = mapped.map(|v4| Expr::network(side, IpAddr::V4(v4), length - 96));
                v4.into_iter().chain([v6])
            });
            Some(address_condition(Expr::one_of(terms)))
        }
        _ => None,
    }
}

/// A flow with addresses of both families has two, and the column one of them: the filter may select more.
fn address_condition(expr: Expr) -> Translated {
    Translated {
        expr,
        is_exact: false,
        rejects: false,
        never_null: false,
        has_filter: false,
    }
}

/// IPv4 addresses are stored as such, or as IPv6 addresses that stand for them: the column has both as the latter.
fn address_in(side: Side, addresses: &[Ipv6Addr]) -> Expr {
    Expr::one_of(addresses.iter().flat_map(|address| {
        let v4 = address.to_ipv4_mapped().map(IpAddr::V4);
        let both = v4.into_iter().chain([IpAddr::V6(*address)]);
        both.map(move |address| Expr::address(side, address))
    }))
}

/// The side of a filter term for a column that has addresses of both families.
fn side_of(column: &str) -> Option<Side> {
    let column = element::either_fields()
        .iter()
        .find(|field| field.name == column)?;
    let [v4, v6] = column.fields;
    let term = AddressTerm::all()
        .iter()
        .find(|term| term.fields == [(v4, v6)])?;
    Some(term.side)
}

fn address_of(value: &ScalarValue) -> Option<Ipv6Addr> {
    match value {
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => address::from_bytes(bytes),
        _ => None,
    }
}

fn text_of(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Dictionary(_, value) => text_of(value),
        _ => value.try_as_str().flatten(),
    }
}

fn number_of(value: &ScalarValue) -> Option<u64> {
    match value {
        ScalarValue::UInt8(value) => value.map(u64::from),
        ScalarValue::UInt16(value) => value.map(u64::from),
        ScalarValue::UInt32(value) => value.map(u64::from),
        ScalarValue::UInt64(value) => *value,
        ScalarValue::TimestampMillisecond(value, _) => u64::try_from((*value)?).ok(),
        _ => None,
    }
}
