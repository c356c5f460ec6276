//! Numbers, times and texts for people.

use nfdecode::Timestamp;
use nfdecode::value::{TimeFormatter, Zone};

/// Characters of a text from a file that are shown.
pub(crate) const SHOWN_MAX: usize = 72;

/// A whole number with separators of thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with a prefix of the SI and three digits.
pub(crate) fn short(number: f64, unit: &str) -> String {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let mut number = number;
    let mut at = 0;
    while number >= 999.5 && at + 1 < PREFIXES.len() {
        number /= 1000.0;
        at += 1;
    }
    let digits = match number {
        _ if at == 0 && number.fract() == 0.0 => 0,
        number if number < 9.995 => 2,
        number if number < 99.95 => 1,
        _ => 0,
    };
    let prefix = PREFIXES.get(at).copied().unwrap_or_default();
    match (prefix, unit) {
        ("", "") => format!("{number:.digits$}"),
        _ => format!("{number:.digits$} {prefix}{unit}"),
    }
}

/// A whole number with separators, from a million on with three digits.
pub(crate) fn brief(number: u64) -> String {
    match number {
        0..1_000_000 => count(number),
        _ => short(number as f64, ""),
    }
}

/// So many things, in the singular or plural.
pub(crate) fn things(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// An amount of bytes.
pub(crate) fn bytes(number: u64) -> String {
    short(number as f64, "B")
}

/// A part of a whole in percent.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let percent = part as f64 * 100.0 / whole.max(1) as f64;
    match percent {
        _ if part == 0 || whole == 0 => "0 %".to_owned(),
        percent if percent < 0.1 => "< 0.1 %".to_owned(),
        percent => format!("{percent:.1} %"),
    }
}

/// A duration in ms.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms.is_multiple_of(1000) => format!("{seconds} s"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        60_000..3_600_000 if seconds.is_multiple_of(60) => format!("{minutes} min"),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 if minutes == 0 => format!("{hours} h"),
        3_600_000..86_400_000 => format!("{hours} h {minutes} min"),
        _ if hours == 0 => format!("{days} d"),
        _ => format!("{days} d {hours} h"),
    }
}

/// Times in a zone.
pub(crate) struct Clock(TimeFormatter);

impl Clock {
    /// In this zone.
    pub(crate) fn new(zone: &Zone) -> Self {
        Self(TimeFormatter::new(zone.clone()))
    }

    /// `2026-01-31 12:00:00.000`.
    pub(crate) fn exact(&mut self, ms: u64) -> String {
        let mut text = Vec::new();
        self.0.write_spaced(Timestamp::from_millis(ms), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Without milliseconds.
    pub(crate) fn seconds(&mut self, ms: u64) -> String {
        let text = self.exact(ms);
        text.split('.').next().unwrap_or_default().to_owned()
    }
}

/// A text of any length from a file, cut after this many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    match word.bytes().all(is_plain) && !word.is_empty() {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        for (number, expected) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (999.6, "1.00 kB"),
            (1_500.0, "1.50 kB"),
            (123_456.0, "123 kB"),
            (8_341_469_810_300.0, "8.34 TB"),
            (u64::MAX as f64, "18.4 EB"),
        ] {
            assert_eq!(short(number, "B"), expected);
        }
        assert_eq!(percent(1, 0), "0 %");
        assert_eq!(percent(1, 100_000), "< 0.1 %");
        for (ms, expected) in [
            (5, "5 ms"),
            (1_500, "1.5 s"),
            (30_000, "30 s"),
            (300_000, "5 min"),
            (3_700_000, "1 h 1 min"),
            (172_800_000, "2 d"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn words_for_the_shell() {
        assert_eq!(quoted("archive/2026"), "archive/2026");
        assert_eq!(quoted("it's <b>"), "'it'\\''s <b>'");
        assert_eq!(quoted(""), "''");
    }
}
