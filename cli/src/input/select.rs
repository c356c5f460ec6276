//! Which flows the user wants: the filter, the time window, and which files need not be read for it.

use std::ffi::OsStr;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::args::{SelectArgs, parse_duration};
use crate::run::stop::Stop;
use nfdecode::Timestamp;
use nfdecode::filter::{Compare, Expr, FilterError, Includes, Number, Options, parse_time};
use nfdecode::value::Zone;
use nfdecode::{File, Filter};

/// How far names of files, which are in any zone and tell the start of a slot of any length, and ends
/// of flows before their start are trusted to be off.
const SLACK: Duration = Duration::from_secs(48 * 3600);

/// The flows that are wanted.
#[derive(Clone, Default)]
pub(crate) struct Selection {
    /// `None`: all.
    pub(crate) filter: Option<Filter>,
    /// Flows outside of this need not be looked for, in ms since the epoch.
    window: (Option<u64>, Option<u64>),
    /// Files are read whatever they tell of themselves.
    reads_all: bool,
}

impl Selection {
    /// `operand` is a filter that stood among the paths.
    pub(crate) fn new(args: &SelectArgs, zone: &Zone, operand: Option<&str>) -> Result<Self, Stop> {
        let mut options = Options::new()
            .with_zone(zone.clone())
            .with_includes(Includes::Anywhere);
        if args.resolve {
            options = options.with_resolver(Arc::new(resolve));
        }
        if operand.is_some() && (args.filter.is_some() || args.filter_file.is_some()) {
            return Err(Stop::Usage(
                "there is a filter among the paths and another one as option".to_owned(),
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
                window.from.map(|(_, time)| time.as_millis()),
                window.to.map(|(_, time)| time.as_millis()),
            ),
            reads_all: false,
        })
    }

    /// Whether to read all files, whatever they tell of themselves: to salvage what there is, or to count it.
    pub(crate) fn reading_all(mut self, reads_all: bool) -> Self {
        self.reads_all = reads_all;
        self
    }

    /// Whether the filter looks at payloads, which nfpcapd stores on request only.
    pub(crate) fn reads_payload(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| {
            // Every second part is a quoted text.
            let text = filter.to_string();
            text.split('"').step_by(2).any(|part| part.contains("payload "))
        })
    }

    fn passes_over_none(&self) -> bool {
        self.reads_all || self.counts_records()
    }

    /// Whether selecting needs the running numbers of records, which count over all files.
    pub(crate) fn counts_records(&self) -> bool {
        self.filter.as_ref().is_some_and(Filter::needs_count)
    }

    /// Whether a file of this name can have wanted flows. Names tell when a slot starts, in a zone
    /// that is not known; only what is days away is left out.
    pub(crate) fn may_be_in(&self, path: &Path) -> bool {
        let start = path.file_name().and_then(slot_of);
        self.passes_over_none() || start.is_none_or(|start| self.is_near(start, start))
    }

    /// Whether an open file can have wanted flows.
    pub(crate) fn may_select(&self, file: &File) -> bool {
        let Some(filter) = &self.filter else {
            return true;
        };
        if self.passes_over_none() {
            return true;
        }
        let seen = file.counted_times();
        seen.is_none_or(|(first, last)| self.is_near(first, last)) && filter.may_select(file)
    }

    fn is_near(&self, first: u64, last: u64) -> bool {
        let slack = SLACK.as_millis() as u64;
        let (from, to) = self.window;
        from.is_none_or(|from| last.saturating_add(slack) >= from)
            && to.is_none_or(|to| first <= to.saturating_add(slack))
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
        // A flow is in the window if it was under way in it.
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
            let wrong = |error: &str| Stop::Usage(format!("--window {text}: {error}"));
            let (from, to) = match text.split_once('-') {
                Some((from, to)) => (from, Some(to)),
                None => (text.as_str(), None),
            };
            // As nfdump: flows that start and end in it.
            let from = parse_time(from, zone).map_err(wrong)?;
            window.from = Some(((Number::FirstSeen, Compare::GreaterOrEqual), from));
            if let Some(to) = to {
                let to = parse_time(to, zone).map_err(wrong)?;
                window.to = Some(((Number::LastSeen, Compare::LessOrEqual), to));
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
fn moment(text: &str, now: Duration, zone: &Zone) -> Result<Timestamp, String> {
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

/// Start of the slot in the name `nfcapd.YYYYMMDDhhmm`, with or without seconds, taken as UTC.
fn slot_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_prefix("nfcapd.")?;
    if !matches!(digits.len(), 12 | 14) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let text = format!(
        "{}-{}-{}T{}:{}",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?
    );
    let time = parse_time(&text, &Zone::utc()).ok()?;
    Some(time.as_millis())
}

/// Takes the filter out of the operands: the first or the last of them, if it is no path and cannot
/// be meant as one.
pub(crate) fn take_filter(operands: &[PathBuf]) -> Result<(&[PathBuf], Option<&str>), Stop> {
    let (first, last) = match operands {
        [first, .., last] => (filter_text(first)?, filter_text(last)?),
        [only] => (filter_text(only)?, None),
        [] => (None, None),
    };
    match (first, last) {
        (Some(_), Some(_)) => Err(Stop::Usage(
            "two filters are given: write one, with `and`".to_owned(),
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

    #[test]
    fn names_of_slots() {
        let slot = |name: &str| slot_of(OsStr::new(name));
        assert_eq!(slot("nfcapd.202311142213"), Some(1_699_999_980_000));
        assert_eq!(slot("nfcapd.20231114221320"), Some(1_699_999_980_000));
        for name in [
            "nfcapd.current",
            "nfcapd.2023111422",
            "x.202311142213",
            "nfcapd.202399142213",
        ] {
            assert_eq!(slot(name), None, "{name}");
        }
    }
}
