//! Answers as a table for people: aligned columns, short numbers, percentages with a bar.

use std::env;
use std::fmt::Write as _;

use clap::ColorChoice;
use nfdecode::value::TimeFormatter;

use crate::args::answer::AnswerArgs;
use crate::run::report::printable;
use crate::sink::cell::{Cell, Column, Kind, Unit};

/// Characters of a full bar.
const BAR: usize = 20;
/// Characters of a full bar of a chart, by the width of the terminal.
const CHART: std::ops::RangeInclusive<usize> = 10..=60;
/// Eighths of a character, from none to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Rows of a table, collected until all widths are known.
pub(crate) struct TableText {
    /// The columns that are shown, with their place among all.
    columns: Vec<(usize, Column)>,
    /// Texts, and the length of a bar.
    rows: Vec<(Vec<String>, Option<f64>)>,
    header: bool,
    bars: bool,
    color: bool,
    /// Of a chart: what its bars show, and how much a full one is.
    axis: Option<(String, u64)>,
}

impl TableText {
    pub(crate) fn new(columns: &[Column], args: &AnswerArgs, is_terminal: bool) -> Self {
        let shown = columns.iter().enumerate();
        let shown = shown.filter(|(_, column)| column.unit != Unit::Detail);
        let unset = |name| env::var_os(name).is_none_or(|value| value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let color = match args.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && unset("NO_COLOR") && !dumb,
        };
        Self {
            columns: shown.map(|(at, column)| (at, column.clone())).collect(),
            rows: Vec::new(),
            header: !args.no_header,
            bars: args.color != ColorChoice::Never && (is_terminal || color),
            color,
            axis: None,
        }
    }

    /// Makes the bars a chart of this, as wide as the terminal has room for, of which a full bar is `most`.
    pub(crate) fn set_axis(&mut self, name: &str, most: u64) {
        self.axis = Some((name.to_owned(), most));
    }

    /// Without a `bar` its length is the percentage in the row, if it has one.
    pub(crate) fn row(&mut self, cells: &[Cell], bar: Option<f64>, times: &mut TimeFormatter) {
        let percent = self
            .columns
            .iter()
            .find_map(|(at, column)| match cells.get(*at) {
                Some(Cell::Float(value)) if column.unit == Unit::Percent => Some(*value),
                _ => None,
            });
        let texts = self.columns.iter().map(|(at, column)| {
            let cell = cells.get(*at).unwrap_or(&Cell::Null);
            text(cell, column.unit, times)
        });
        self.rows.push((texts.collect(), bar.or(percent)));
    }

    pub(crate) fn finish(self) -> String {
        let mut widths: Vec<usize> = self
            .columns
            .iter()
            .map(|(_, column)| {
                if self.header {
                    column.name.chars().count()
                } else {
                    0
                }
            })
            .collect();
        for (row, _) in &self.rows {
            for (width, text) in widths.iter_mut().zip(row) {
                *width = (*width).max(text.chars().count());
            }
        }
        let width = widths.iter().map(|width| width + 2).sum::<usize>();
        let bar_width = match (&self.axis, terminal_size::terminal_size()) {
            (None, _) | (_, None) => BAR,
            (Some(_), Some((columns, _))) => {
                let free = usize::from(columns.0).saturating_sub(width);
                free.clamp(*CHART.start(), *CHART.end())
            }
        };
        let mut out = String::new();
        if self.header {
            let names = self.columns.iter().map(|(_, column)| column.name.as_str());
            let mut line = self.line(names, &widths);
            if let Some((name, most)) = self.axis.as_ref().filter(|_| self.bars) {
                let _ = write!(line, "  {}", axis(name, *most, bar_width));
            }
            let (on, off) = if self.color {
                ("\x1b[1m", "\x1b[0m")
            } else {
                ("", "")
            };
            let _ = writeln!(out, "{on}{}{off}", line.trim_end());
        }
        for (row, percent) in &self.rows {
            let mut line = self.line(row.iter().map(String::as_str), &widths);
            if self.bars
                && let Some(percent) = percent
            {
                let _ = write!(line, "  {}", bar(*percent, bar_width));
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        out
    }

    fn line<'a>(&self, texts: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
        let mut line = String::new();
        for ((text, width), (_, column)) in texts.zip(widths).zip(&self.columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let fill = width.saturating_sub(text.chars().count());
            let fill = " ".repeat(fill);
            match column.kind {
                Kind::Text | Kind::Time => {
                    line.push_str(text);
                    line.push_str(&fill);
                }
                Kind::Number | Kind::Float => {
                    line.push_str(&fill);
                    line.push_str(text);
                }
            }
        }
        line
    }
}

/// The labels of a chart: 0, a half and the whole above their places, and what is shown.
fn axis(name: &str, most: u64, width: usize) -> String {
    let (half, whole) = (short(most / 2), short(most));
    let middle = width / 2;
    if width < 2 * (whole.len() + half.len() + 2) {
        return format!("0{whole:>rest$} {name}", rest = width - 1);
    }
    let rest = width - middle;
    format!("0{half:>left$}{whole:>rest$} {name}", left = middle - 1)
}

/// A bar of block characters for a percentage.
pub(crate) fn bar(percent: f64, width: usize) -> String {
    let eighths = (percent.clamp(0.0, 100.0) / 100.0 * (width * 8) as f64).round() as usize;
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    format!("{}{part}", "█".repeat(eighths / 8))
}

fn text(cell: &Cell, unit: Unit, times: &mut TimeFormatter) -> String {
    match (cell, unit) {
        (Cell::Null, _) => "-".to_owned(),
        (Cell::Text(value), _) => printable(value),
        (Cell::Number(value), Unit::Count) => short(*value),
        (Cell::Number(value), Unit::Millis) => duration(*value),
        (Cell::Number(value), _) => value.to_string(),
        (Cell::Float(value), _) => format!("{value:.1}"),
        (Cell::Time(value), _) => {
            let mut text = Vec::new();
            times.write_spaced(*value, &mut text);
            text.extend(times.mark().as_bytes());
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}

/// A number with at most four digits and a unit of powers of 1000.
pub(crate) fn short(value: u64) -> String {
    const UNITS: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if value < 10_000 {
        return value.to_string();
    }
    let (mut scaled, mut unit) = (value as f64 / 1000.0, 0);
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    format!(
        "{scaled:.1} {}",
        UNITS.get(unit).copied().unwrap_or_default()
    )
}

fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let rest = format!(
        "{hours:02}:{:02}:{:02}.{:03}",
        seconds / 60 % 60,
        seconds % 60,
        ms % 1000
    );
    match days {
        0 => rest,
        _ => format!("{days}d {rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0, "0"),
            (9_999, "9999"),
            (10_000, "10.0 k"),
            (999_949, "999.9 k"),
            (999_950, "1.0 M"),
            (u64::MAX, "18.4 E"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn bars_have_eighths() {
        assert_eq!(bar(100.0, BAR).chars().count(), BAR);
        assert_eq!(bar(0.0, BAR), "");
        assert_eq!(bar(5.0, BAR), "█");
        assert_eq!(bar(2.5, BAR), "▌");
    }

    #[test]
    fn charts_have_labels() {
        assert_eq!(
            axis("bytes", 2_000_000, 30),
            "0         1.0 M          2.0 M bytes"
        );
        assert_eq!(axis("flows", 8, 10), "0   4    8 flows");
        assert_eq!(axis("bytes", 2_000_000, 10), "0    2.0 M bytes");
    }
}
