//! Text beside addresses: `src_addr = '192.0.2.10'` means the address.
//!
//! Converts single expressions. Where in a query they are, is found in `planner` and `analyzer`.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable as _, Operator};

use crate::functions::arguments::is_text;
use crate::functions::{self, IN_NET, address, numbers, udf};

/// What text beside an expression means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// An address of 4 or 16 bytes.
    Address(i32),
    Mac,
    Proto,
    Port,
}

fn meaning(expr: &Expr, schema: &DFSchema) -> Option<Meaning> {
    let kind = expr.get_type(schema).ok()?;
    match kind {
        DataType::FixedSizeBinary(size @ (4 | 16)) => Some(Meaning::Address(size)),
        DataType::FixedSizeBinary(6) => Some(Meaning::Mac),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => match expr {
            Expr::Column(column) if column.name.ends_with("proto") => Some(Meaning::Proto),
            Expr::Column(column) if column.name.ends_with("_port") => Some(Meaning::Port),
            _ => None,
        },
        _ => None,
    }
}

fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// Converts the text to what it means, if it is text.
fn convert(meaning: Meaning, other: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let kind = other.get_type(schema);
    if !kind.is_ok_and(|kind| is_text(&kind)) {
        return Ok(None);
    }
    let Some(text) = literal_text(other) else {
        return match meaning {
            Meaning::Address(16) => udf("try_ip").map(|ip| Some(ip.call(vec![other.clone()]))),
            _ => Ok(None),
        };
    };
    let value = match meaning {
        Meaning::Address(4) => {
            let address = address::parse_or_fail(text)?;
            let Some(v4) = address.to_ipv4_mapped() else {
                return Err(datafusion::common::plan_datafusion_err!(
                    "'{text}' is no IPv4 address, as this column has: compare with the column of both families"
                ));
            };
            ScalarValue::FixedSizeBinary(4, Some(v4.octets().to_vec()))
        }
        Meaning::Address(size) => {
            let address = address::parse_or_fail(text)?;
            ScalarValue::FixedSizeBinary(size, Some(address.octets().to_vec()))
        }
        Meaning::Mac => match address::parse_mac(text) {
            Some(bytes) => ScalarValue::FixedSizeBinary(6, Some(bytes.to_vec())),
            None => {
                return Err(datafusion::common::plan_datafusion_err!(
                    "'{text}' is no MAC address, such as 00:00:5e:00:53:01"
                ));
            }
        },
        Meaning::Proto => ScalarValue::UInt8(Some(numbers::proto_or_fail(text)?)),
        Meaning::Port => ScalarValue::UInt16(Some(numbers::port_or_fail(text)?)),
    };
    Ok(Some(Expr::Literal(value, None)))
}

fn is_network(meaning: Meaning, other: &Expr) -> bool {
    matches!(meaning, Meaning::Address(_))
        && literal_text(other).is_some_and(|text| text.contains('/'))
}

/// `address in network`, or its negation.
fn in_net(address: Expr, network: Expr, negated: bool) -> Result<Expr> {
    let found = udf(IN_NET)?.call(vec![address, network]);
    Ok(if negated {
        Expr::Not(Box::new(found))
    } else {
        found
    })
}

/// A comparison whose one side is text and the other an address; `None` leaves it as it is.
pub(super) fn comparison(
    left: &Expr,
    op: Operator,
    right: &Expr,
    schema: &DFSchema,
) -> Result<Option<Expr>> {
    let (known, text, op) = match (meaning(left, schema), meaning(right, schema)) {
        (Some(meaning), None) => ((left, meaning), right, op),
        (None, Some(meaning)) => match op.swap() {
            Some(op) => ((right, meaning), left, op),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let (column, meaning) = known;
    match op {
        Operator::Eq | Operator::NotEq if is_network(meaning, text) => {
            in_net(column.clone(), text.clone(), op == Operator::NotEq).map(Some)
        }
        Operator::BitwiseShiftLeft if matches!(meaning, Meaning::Address(_)) => {
            in_net(column.clone(), text.clone(), false).map(Some)
        }
        Operator::Eq
        | Operator::NotEq
        | Operator::Lt
        | Operator::LtEq
        | Operator::Gt
        | Operator::GtEq => {
            let converted = convert(meaning, text, schema)?;
            Ok(converted.map(|value| {
                Expr::BinaryExpr(BinaryExpr::new(
                    Box::new(column.clone()),
                    op,
                    Box::new(value),
                ))
            }))
        }
        _ => Ok(None),
    }
}

/// Conditions that are no comparisons of two sides, and casts to text.
pub(super) fn other(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    match expr {
        Expr::BinaryExpr(binary) => comparison(&binary.left, binary.op, &binary.right, schema),
        Expr::InList(list) => {
            let Some(meaning) = meaning(&list.expr, schema) else {
                return Ok(None);
            };
            let (networks, values): (Vec<&Expr>, Vec<&Expr>) =
                list.list.iter().partition(|item| is_network(meaning, item));
            let mut found = list.clone();
            found.list = values
                .into_iter()
                .map(|item| Ok(convert(meaning, item, schema)?.unwrap_or_else(|| item.clone())))
                .collect::<Result<_>>()?;
            if found.list == list.list {
                return Ok(None);
            }
            if networks.is_empty() {
                return Ok(Some(Expr::InList(found)));
            }
            let mut args = vec![(*list.expr).clone()];
            args.extend(networks.into_iter().cloned());
            let inside = udf(IN_NET)?.call(args);
            let negated = found.negated;
            let is_empty = found.list.is_empty();
            let found = Expr::InList(found);
            Ok(Some(match (is_empty, negated) {
                (true, false) => inside,
                (true, true) => Expr::Not(Box::new(inside)),
                (false, false) => found.or(inside),
                (false, true) => found.and(Expr::Not(Box::new(inside))),
            }))
        }
        Expr::Between(between) => {
            let Some(meaning) = meaning(&between.expr, schema) else {
                return Ok(None);
            };
            let low = convert(meaning, &between.low, schema)?;
            let high = convert(meaning, &between.high, schema)?;
            if low.is_none() && high.is_none() {
                return Ok(None);
            }
            let mut found = between.clone();
            if let Some(low) = low {
                *found.low = low;
            }
            if let Some(high) = high {
                *found.high = high;
            }
            Ok(Some(Expr::Between(found)))
        }
        Expr::InSubquery(inner) => {
            let field = inner.subquery.subquery.schema().fields().first().cloned();
            let holds_text = field.is_some_and(|field| is_text(field.data_type()));
            match shown_as_text(&inner.expr, schema)? {
                Some(shown) if holds_text => {
                    let mut found = inner.clone();
                    *found.expr = shown;
                    Ok(Some(Expr::InSubquery(found)))
                }
                _ => Ok(None),
            }
        }
        Expr::Like(like) => match shown_as_text(&like.expr, schema)? {
            Some(shown) => {
                let mut found = like.clone();
                *found.expr = shown;
                Ok(Some(Expr::Like(found)))
            }
            None => Ok(None),
        },
        Expr::Cast(Cast { expr, field }) if is_text(field.data_type()) => {
            shown_as_text(expr, schema)
        }
        _ => Ok(None),
    }
}

/// Addresses of either kind as text; `None` for everything else.
pub(super) fn shown_as_text(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let function = match expr.get_type(schema) {
        Ok(kind) if address::is_address(&kind) => "ip_text",
        Ok(kind) if address::is_mac(&kind) => "mac_text",
        _ => return Ok(None),
    };
    udf(function).map(|function| Some(function.call(vec![expr.clone()])))
}

/// A call of `nfdump('…')` with a column of the table that it is about.
pub(super) fn nfdump_call(expr: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let Expr::ScalarFunction(call) = expr else {
        return Ok(None);
    };
    if call.func.name() != functions::NFDUMP || call.args.len() != 1 {
        return Ok(None);
    }
    let tables = schema
        .columns()
        .into_iter()
        .filter(|column| column.name == "type");
    let tables: Vec<_> = tables.collect();
    let [table] = tables.as_slice() else {
        let hint = match tables.len() {
            0 => "nfdump('…') needs flows: there is no column `type`",
            _ => {
                "nfdump('…') could mean several tables: name a column of one, as in nfdump('…', a.first)"
            }
        };
        return Err(datafusion::common::plan_datafusion_err!("{hint}"));
    };
    if let Some(text) = literal_text(&call.args[0]) {
        // Mistakes show before anything is read.
        functions::nfdump::parse(text)?;
    }
    let mut call = call.clone();
    call.args.push(Expr::Column(table.clone()));
    Ok(Some(Expr::ScalarFunction(call)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::lit;

    #[test]
    fn literals_have_text() {
        assert_eq!(literal_text(&lit("x")), Some("x"));
        assert_eq!(literal_text(&lit(1)), None);
    }
}
