//! The selection: the filter, the time window, and which files need not be read for it.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::args::{SelectArgs, parse_duration};
use crate::run::stop::Stop;
use nfdecode::Timestamp;
use nfdecode::filter::{
    Compare, Expr, FilterError, Includes, Number, Options, TimeError, parse_time,
};
use nfdecode::scan::ScanInput;
use nfdecode::value::Zone;
use nfdecode::{Filter, Scan};

/// The selected flows.
#[derive(Clone, Default)]
pub(crate) struct Selection {
    /// `None`: all.
    pub(crate) filter: Option<Filter>,
    /// Flows outside of this are not selected.
    window: (Option<Timestamp>, Option<Timestamp>),
    /// Files are read regardless of their statistics.
    reads_all: bool,
}

impl Selection {
    /// `operand` is a filter that was given among the paths.
    pub(crate) fn new(args: &SelectArgs, zone: &Zone, operand: Option<&str>) -> Result<Self, Stop> {
        let mut options = Options::new()
            .with_zone(zone.clone())
            .with_includes(Includes::Anywhere);
        if args.resolve {
            options = options.with_resolver(Arc::new(resolve));
        }
        if operand.is_some() && (args.filter.is_some() || args.filter_file.is_some()) {
            return Err(Stop::Usage(
                "two filters are given, one among the paths and one as option: join them with `and`".to_owned(),
            ));
        }
        let refuse = |error: FilterError| Stop::Filter(error.to_string());
        let filter = match (&args.filter_file, args.filter.as_deref().or(operand)) {
            (Some(path), _) => Some(options.parse_file(path).map_err(refuse)?),
            (None, Some(text)) => Some(options.parse(text).map_err(refuse)?),
            (None, None) => None,
        };
        let window = Window::new(args, zone)?;
        let exprs: Vec<Expr> = window
            .exprs()
            .chain(filter.iter().map(|filter| filter.expr().clone()))
            .collect();
        let filter = if exprs.is_empty() {
            None
        } else {
            Some(Filter::build(Expr::all(exprs)).map_err(refuse)?)
        };
        Ok(Self {
            filter,
            window: (
                window.from.map(|(_, time)| time),
                window.to.map(|(_, time)| time),
            ),
            reads_all: false,
        })
    }

    /// Whether to read all files, regardless of their statistics: to salvage, or to count.
    pub(crate) fn reading_all(mut self, reads_all: bool) -> Self {
        self.reads_all = reads_all;
        self
    }

    /// Whether the filter looks at payloads, which nfpcapd stores on request only.
    pub(crate) fn reads_payload(&self) -> bool {
        self.text().is_some_and(|text| {
            // Every second part is a quoted text.
            let mut parts = text.split('"').step_by(2);
            parts.any(|part| part.contains("payload "))
        })
    }

    /// The text of the filter, window included.
    pub(crate) fn text(&self) -> Option<String> {
        self.filter.as_ref().map(ToString::to_string)
    }

    /// A scan of these inputs that selects these flows.
    pub(crate) fn scan(&self, inputs: impl IntoIterator<Item = ScanInput>) -> Scan {
        let (from, to) = self.window;
        let scan = Scan::new(inputs)
            .needs_times(from, to)
            .read_all(self.reads_all);
        match &self.filter {
            Some(filter) => scan.select(filter.clone()),
            None => scan,
        }
    }
}

fn resolve(name: &str) -> std::io::Result<Vec<IpAddr>> {
    let found = (name, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}

/// A bound: which time of a flow, and how it is compared.
type Bound = ((Number, Compare), Timestamp);

#[derive(Default)]
struct Window {
    from: Option<Bound>,
    to: Option<Bound>,
}

impl Window {
    fn new(args: &SelectArgs, zone: &Zone) -> Result<Self, Stop> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let time = |name: &str, text: &str| {
            moment(text, now, zone).map_err(|error| Stop::Usage(format!("{name} {text}: {error}")))
        };
        // A flow is in the window if a part of its duration is.
        let since = (Number::LastSeen, Compare::GreaterOrEqual);
        let until = (Number::FirstSeen, Compare::Less);
        let mut window = Self::default();
        if let Some(text) = &args.since {
            window.from = Some((since, time("--since", text)?));
        }
        if let Some(text) = &args.until {
            window.to = Some((until, time("--until", text)?));
        }
        if let Some(last) = args.last {
            let from = now.saturating_sub(last).as_millis() as u64;
            window.from = Some((since, Timestamp::from_millis(from)));
        }
        if let Some(text) = &args.window {
            let wrong = |error: TimeError| Stop::Usage(format!("--window {text}: {error}"));
            let (from, to) = match text.split_once('-') {
                Some((from, to)) => (from, Some(to)),
                None => (text.as_str(), None),
            };
            // As nfdump: flows that start and end in it, its bounds excluded.
            let from = parse_time(from, zone).map_err(wrong)?;
            window.from = Some(((Number::FirstSeen, Compare::Greater), from));
            if let Some(to) = to {
                let to = parse_time(to, zone).map_err(wrong)?;
                window.to = Some(((Number::LastSeen, Compare::Less), to));
            }
        }
        if let (Some((_, from)), Some((_, to))) = (window.from, window.to)
            && from > to
        {
            return Err(Stop::Usage(
                "the time window ends before it begins".to_owned(),
            ));
        }
        Ok(window)
    }

    fn exprs(&self) -> impl Iterator<Item = Expr> {
        let bounds = self.from.into_iter().chain(self.to);
        bounds.map(|((number, compare), time)| Expr::time(number, compare, time))
    }
}

/// RFC 3339, `now`, `-1h` for an hour ago, or nfdump's form in the local zone.
pub(crate) fn moment(text: &str, now: Duration, zone: &Zone) -> Result<Timestamp, String> {
    let from_now = |before: Duration| {
        let millis = now.saturating_sub(before).as_millis() as u64;
        Ok(Timestamp::from_millis(millis))
    };
    if text == "now" {
        return from_now(Duration::ZERO);
    }
    if let Some(ago) = text.strip_prefix('-') {
        return from_now(parse_duration(ago)?);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return u64::try_from(time.as_millisecond())
            .map(Timestamp::from_millis)
            .map_err(|_| "before 1970".to_owned());
    }
    parse_time(text, zone).map_err(|error| {
        format!("{error}; or RFC 3339 with `Z` or an offset, or `-1h` for an hour ago")
    })
}

/// Removes the filter from the operands: the first or the last of them, if it is not a path and cannot
/// be meant as one.
pub(crate) fn take_filter(operands: &[PathBuf]) -> Result<(&[PathBuf], Option<&str>), Stop> {
    let (first, last) = match operands {
        [first, .., last] => (filter_text(first)?, filter_text(last)?),
        [only] => (filter_text(only)?, None),
        [] => (None, None),
    };
    match (first, last) {
        (Some(_), Some(_)) => Err(Stop::Usage(
            "two filters are given: join them with `and`".to_owned(),
        )),
        (Some(text), None) => Ok((operands.get(1..).unwrap_or_default(), Some(text))),
        (None, Some(text)) => {
            let paths = operands.len().saturating_sub(1);
            Ok((operands.get(..paths).unwrap_or_default(), Some(text)))
        }
        (None, None) => Ok((operands, None)),
    }
}

/// The operand, if it is the text of a filter.
fn filter_text(operand: &Path) -> Result<Option<&str>, Stop> {
    let Some(text) = operand.to_str() else {
        return Ok(None);
    };
    let looks_like_one = text.contains([' ', '\t', '\n', '(', '!', '<', '>', '#'])
        || ["any", "ipv4", "ipv6"].contains(&text);
    if !looks_like_one {
        return Ok(None);
    }
    let is_path = operand.symlink_metadata().is_ok()
        || glob::glob(text).is_ok_and(|mut found| found.next().is_some());
    if !is_path {
        return Ok(Some(text));
    }
    if Options::new()
        .with_includes(Includes::Anywhere)
        .parse(text)
        .is_ok()
    {
        return Err(Stop::Usage(format!(
            "`{text}` is a file and a filter: write `./{text}` or `--filter '{text}'`"
        )));
    }
    Ok(None)
}

/// What `--explain` prints.
pub(crate) fn explain(selection: &Selection) -> String {
    match &selection.filter {
        Some(filter) => format!("{filter}\n\n{}", filter.explain()),
        None => "any\n\nany\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now = Duration::from_secs(1_700_000_000);
        for (text, millis) in [
            ("now", 1_700_000_000_000),
            ("-1h", 1_699_996_400_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
            ("2023/11/14.22:13:20", 1_700_000_000_000),
            ("2023-11-14", 1_699_920_000_000),
        ] {
            let time = moment(text, now, &Zone::utc());
            assert_eq!(time, Ok(Timestamp::from_millis(millis)), "{text}");
        }
        for text in ["", "yesterday", "-", "-1x", "1h", "1960-01-01T00:00:00Z"] {
            assert!(moment(text, now, &Zone::utc()).is_err(), "{text}");
        }
    }
}
