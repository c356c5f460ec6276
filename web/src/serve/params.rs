//! The parameters of a request: names and values, checked.

use nfdecode::filter::{Compare, Expr, FilterError, Number, Options, parse_time};
use nfdecode::value::Zone;
use nfdecode::{Filter, Scan, Timestamp};

use crate::serve::archive::{Entry, List};
use crate::serve::problem::Problem;
use crate::text;
use std::sync::Arc;

/// The parameters of a request.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Parameters that are all among `known`, each at most once.
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let name = text::cut(&name, 40);
                return Err(Problem::wrong(format!(
                    "unknown parameter `{name}`: there are {}",
                    known.join(", ")
                )));
            }
            if found.iter().any(|(other, _)| *other == name) {
                return Err(Problem::wrong(format!("parameter `{name}` is given twice")));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(found))
    }

    /// A value; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A whole number from 1 to `most`.
    pub(crate) fn number(&self, name: &str, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(usual);
        };
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| Problem::wrong(format!("`{name}` is a number from 1 to {most}")))
    }

    /// One of several words.
    pub(crate) fn word<'w>(
        &self,
        name: &str,
        words: &[&'w str],
    ) -> Result<Option<&'w str>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let found = words.iter().find(|word| **word == text);
        found
            .map(|word| Some(*word))
            .ok_or_else(|| Problem::wrong(format!("`{name}` is one of {}", words.join(", "))))
    }

    /// An instant: milliseconds since 1970, or a time as nfdump writes it.
    fn time(&self, name: &str, zone: &Zone) -> Result<Option<u64>, Problem> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        if text.len() > 4
            && let Ok(ms) = text.parse::<u64>()
        {
            // Later ones would not fit into the numbers of scripts.
            return match ms < 1 << 50 {
                true => Ok(Some(ms)),
                false => Err(Problem::wrong(format!("`{name}` is too far in the future"))),
            };
        }
        let time = parse_time(text, zone);
        time.map(|time| Some(time.as_millis())).map_err(|error| {
            Problem::wrong(format!("`{name}`: {error}; or milliseconds since 1970"))
        })
    }
}

/// Which flows are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    /// The filter as it was given.
    pub(crate) text: Option<String>,
    filter: Option<Filter>,
    /// Flows that end at or after this time, in ms.
    pub(crate) from: Option<u64>,
    /// Flows that begin before this time, in ms.
    pub(crate) to: Option<u64>,
}

impl Selection {
    /// The names of its parameters.
    pub(crate) const NAMES: [&'static str; 3] = ["filter", "from", "to"];

    /// Reads the parameters. Filters include no files and look up no names.
    pub(crate) fn read(params: &Params, zone: &Zone) -> Result<Self, Problem> {
        let text = params.get("filter").map(str::to_owned);
        let filter = text.as_deref().map(|text| parse(text, zone)).transpose();
        let filter = filter.map_err(|error| Problem::filter(&error))?;
        if filter.as_ref().is_some_and(Filter::needs_count) {
            return Err(Problem::wrong(
                "the term `count` depends on what was read before: it is for the command line",
            ));
        }
        let (from, to) = (params.time("from", zone)?, params.time("to", zone)?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Problem::wrong("the time window ends before it begins"));
        }
        Ok(Self {
            text,
            filter,
            from,
            to,
        })
    }

    /// Whether there is no filter.
    pub(crate) fn is_unfiltered(&self) -> bool {
        self.filter.is_none()
    }

    /// The files that may hold such flows.
    pub(crate) fn entries<'l>(&self, list: &'l List) -> Vec<&'l Arc<Entry>> {
        list.within(self.from, self.to)
    }

    /// A scan of these flows.
    pub(crate) fn scan(&self, base: &Scan, entries: &[&Arc<Entry>]) -> Result<Scan, Problem> {
        let scan = base
            .clone()
            .with_inputs(entries.iter().map(|entry| entry.input.clone()));
        self.select(scan)
    }

    /// Selects these flows of a scan.
    pub(crate) fn select(&self, scan: Scan) -> Result<Scan, Problem> {
        let time = |ms: Option<u64>| ms.map(Timestamp::from_millis);
        let (from, to) = (time(self.from), time(self.to));
        // A flow is in the window if a part of its life is.
        let since = from.map(|time| Expr::time(Number::LastSeen, Compare::GreaterOrEqual, time));
        let until = to.map(|time| Expr::time(Number::FirstSeen, Compare::Less, time));
        let own = self.filter.iter().map(|filter| filter.expr().clone());
        let exprs: Vec<Expr> = since.into_iter().chain(until).chain(own).collect();
        let scan = scan.needs_times(from, to);
        if exprs.is_empty() {
            return Ok(scan);
        }
        let filter = Filter::build(Expr::all(exprs)).map_err(|error| Problem::filter(&error))?;
        Ok(scan.select(filter))
    }
}

/// Reads a filter from a stranger.
pub(crate) fn parse(text: &str, zone: &Zone) -> Result<Filter, FilterError> {
    Options::new().with_zone(zone.clone()).parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(query: &str) -> Result<Selection, Problem> {
        let params = Params::read(Some(query), &Selection::NAMES)?;
        Selection::read(&params, &Zone::utc())
    }

    #[test]
    fn parameters_are_checked() {
        let message = |query: &str| {
            selection(query)
                .map(drop)
                .map_err(|problem| problem.message)
        };
        assert_eq!(message("filter=proto+tcp&from=1000000&to=2000000"), Ok(()));
        assert_eq!(message(""), Ok(()));
        assert_eq!(message("from=2026/01/31.12:00:00&filter="), Ok(()));
        for (query, part) in [
            ("x=1", "unknown parameter"),
            ("filter=any&filter=any", "twice"),
            ("from=2000000&to=1000000", "before it begins"),
            ("from=yesterday", "`from`"),
            ("to=99999999999999999", "too far"),
            ("filter=count+%3C+5", "`count`"),
            ("filter=prot+6", ""),
            ("filter=@include+/etc/passwd", ""),
            ("filter=ip+www.example.org", ""),
        ] {
            let message = message(query).expect_err(query);
            assert!(message.contains(part), "{query}: {message}");
        }
    }

    #[test]
    fn a_window_is_a_condition() {
        let found = selection("from=1000000&to=2000000&filter=proto+tcp").expect("right");
        assert_eq!((found.from, found.to), (Some(1_000_000), Some(2_000_000)));
        assert!(!found.is_unfiltered() && found.text.as_deref() == Some("proto tcp"));
        assert!(found.select(Scan::default()).is_ok());
    }
}
