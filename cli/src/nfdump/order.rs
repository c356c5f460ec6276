//! Orders of tables and rows: what `-s NAME/order:dir` and `-O order:dir` name.

use nfdecode::aggregate::{Direction, OrderBy, Side};

use crate::nfdump::lists;
use crate::nfdump::quit::Quit;
use crate::nfdump::statistic::{STATISTICS, Statistic};

/// What rows are ordered by, and the name of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct By {
    pub(crate) name: &'static str,
    pub(crate) by: OrderBy,
}

impl By {
    /// The order of this number in nfdump's lists; names are those of one of the two lists.
    fn numbered(at: usize, names: &'static [&'static str]) -> Option<Self> {
        const ORDERS: [OrderBy; 19] = [
            OrderBy::Flows,
            OrderBy::Packets(Side::Both),
            OrderBy::Packets(Side::In),
            OrderBy::Packets(Side::Out),
            OrderBy::Bytes(Side::Both),
            OrderBy::Bytes(Side::In),
            OrderBy::Bytes(Side::Out),
            OrderBy::Pps(Side::Both),
            OrderBy::Pps(Side::In),
            OrderBy::Pps(Side::Out),
            OrderBy::Bps(Side::Both),
            OrderBy::Bps(Side::In),
            OrderBy::Bps(Side::Out),
            OrderBy::Bpp(Side::Both),
            OrderBy::Bpp(Side::In),
            OrderBy::Bpp(Side::Out),
            OrderBy::First,
            OrderBy::Last,
            OrderBy::Duration,
        ];
        Some(Self {
            name: names.get(at)?,
            by: *ORDERS.get(at)?,
        })
    }

    /// The counters that an element table in this order shows.
    pub(crate) fn side(self) -> Side {
        match self.by {
            OrderBy::Packets(side)
            | OrderBy::Bytes(side)
            | OrderBy::Pps(side)
            | OrderBy::Bps(side)
            | OrderBy::Bpp(side) => side,
            // With `flows` nfdump shows the counters of one direction alone.
            _ => Side::In,
        }
    }
}

/// Several orders, each with its direction, in nfdump's order of tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders(Vec<(usize, Direction)>);

impl Orders {
    /// Adds an order. Of one that is given twice the last direction counts for rows; element tables stay ascending
    /// once they are.
    fn add(&mut self, at: usize, direction: Direction, of_elements: bool) {
        match self.0.iter_mut().find(|(known, _)| *known == at) {
            Some((_, Direction::Ascending)) if of_elements => {}
            Some((_, known)) => *known = direction,
            None => self.0.push((at, direction)),
        }
        self.0.sort_by_key(|(at, _)| *at);
    }
}

/// `name`, `name:a…` or `name:d…`. The outer error is that of the name, the inner that of the direction.
fn parse_order(text: &str, names: &[&str]) -> Option<(usize, Option<Result<Direction, ()>>)> {
    let (name, direction) = match text.split_once(':') {
        Some((name, direction)) => (name, Some(direction)),
        None => (text, None),
    };
    let at = names
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))?;
    let direction = direction.map(|direction| match direction.chars().next() {
        Some('a') => Ok(Direction::Ascending),
        Some('d') => Ok(Direction::Descending),
        _ => Err(()),
    });
    Some((at, direction))
}

/// The orders behind the name of a statistic.
fn parse_orders(
    texts: Option<&str>,
    names: &'static [&'static str],
    listing: fn() -> String,
) -> Result<Orders, Quit> {
    let mut orders = Orders::default();
    let of_elements = names.len() == lists::ELEMENT_ORDERS.len();
    let Some(texts) = texts else {
        orders.add(0, Direction::Descending, of_elements);
        return Ok(orders);
    };
    for text in texts.split('/') {
        let (at, direction) = parse_order(text, names)
            .ok_or_else(|| Quit::listing(listing(), format!("Unknown order option /{text}")))?;
        let direction = direction.unwrap_or(Ok(Direction::Descending));
        let direction = direction.map_err(|()| {
            Quit::failed(format!(
                "{text}: a direction is :a (ascending) or :d (descending)"
            ))
        })?;
        orders.add(at, direction, of_elements);
    }
    Ok(orders)
}

/// The tables of one `-s NAME`.
#[derive(Clone, Debug)]
pub(crate) struct ElementTables {
    pub(crate) statistic: &'static Statistic,
    /// Split by protocol.
    pub(crate) by_protocol: bool,
    orders: Orders,
}

impl ElementTables {
    pub(crate) fn parse(text: &str) -> Result<Self, Quit> {
        let (name, orders) = match text.split_once('/') {
            Some((name, orders)) => (name, Some(orders)),
            None => (text, None),
        };
        let (name, split) = match name.split_once(':') {
            Some((name, split)) => (name, Some(split)),
            None => (name, None),
        };
        let statistic = STATISTICS
            .iter()
            .find(|statistic| statistic.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                // A name that only begins like the table of flows is not in the list either.
                let is_near = name.to_ascii_lowercase().starts_with("record");
                let listing = if is_near {
                    String::new()
                } else {
                    lists::statistics()
                };
                Quit::listing(listing, format!("Unknown statistic: {name}"))
            })?;
        let by_protocol = match split {
            None => false,
            Some("p") => true,
            Some(other) => {
                return Err(Quit::failed(format!(
                    "-s {text}: `:{other}` is not known: `:p` splits by protocol"
                )));
            }
        };
        Ok(Self {
            statistic,
            by_protocol: by_protocol || statistic.is_protocol(),
            orders: parse_orders(orders, &lists::ELEMENT_ORDERS, lists::element_orders)?,
        })
    }

    /// Its tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (By, Direction)> {
        self.orders.0.iter().filter_map(|(at, direction)| {
            Some((By::numbered(*at, &lists::ELEMENT_ORDERS)?, *direction))
        })
    }
}

/// An order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordOrder {
    pub(crate) by: By,
    pub(crate) direction: Direction,
}

impl RecordOrder {
    /// The value of `-O`.
    pub(crate) fn parse(text: &str) -> Result<Self, Quit> {
        let refused = || {
            Quit::listing(
                lists::record_orders(),
                format!("-O {text}: not a known order"),
            )
        };
        let (at, direction) = parse_order(text, &lists::RECORD_ORDERS).ok_or_else(refused)?;
        let by = By::numbered(at, &lists::RECORD_ORDERS).ok_or_else(refused)?;
        let usual = match by.by {
            OrderBy::First | OrderBy::Last => Direction::Ascending,
            _ => Direction::Descending,
        };
        let direction = direction.unwrap_or(Ok(usual)).map_err(|()| refused())?;
        Ok(Self { by, direction })
    }
}

/// The tables of all `-s record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordTables(Orders);

impl RecordTables {
    /// `None` if the text names another statistic.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Quit> {
        let (name, orders) = match text.split_once('/') {
            Some((name, orders)) => (name, Some(orders)),
            None => (text, None),
        };
        let (name, split) = name.split_once(':').unwrap_or((name, ""));
        if !name.eq_ignore_ascii_case("record") {
            return Ok(None);
        }
        if !split.is_empty() {
            crate::nfdump::quit::tell(&format!(
                "-s {text}: `:{split}` is ignored: the key of a record holds the protocol"
            ));
        }
        parse_orders(orders, &lists::RECORD_ORDERS, lists::record_orders)
            .map(|orders| Some(Self(orders)))
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (at, direction) in other.0.0 {
            self.0.add(at, direction, false);
        }
    }

    /// Its tables, in the order in which they are printed.
    pub(crate) fn tables(&self) -> impl Iterator<Item = RecordOrder> {
        self.0.0.iter().filter_map(|(at, direction)| {
            Some(RecordOrder {
                by: By::numbered(*at, &lists::RECORD_ORDERS)?,
                direction: *direction,
            })
        })
    }
}
