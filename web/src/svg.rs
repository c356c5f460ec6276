//! Pictures as SVG. Colours come from the style sheet; texts are never put here.

use std::fmt::Write as _;

/// Height of a path in its own units.
pub(crate) const HEIGHT: f64 = 100.0;

/// A path that fills from the base to steps of these heights, one unit wide each. `most` is the full height.
pub(crate) fn steps(values: impl IntoIterator<Item = f64>, most: f64) -> String {
    let mut path = format!("M0 {HEIGHT:.0}");
    let (mut run, mut before) = (0, HEIGHT);
    for value in values {
        let y = HEIGHT - (value / most.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) * HEIGHT;
        // Two digits are enough for the eye.
        let y = (y * 100.0).round() / 100.0;
        if y != before {
            // Writing to a String cannot fail.
            let _ = match run {
                0 => write!(path, "V{y}"),
                run => write!(path, "h{run}V{y}"),
            };
            (run, before) = (0, y);
        }
        run += 1;
    }
    let _ = write!(path, "h{run}V{HEIGHT:.0}z");
    path
}

/// A small path through these values, for a row of a list.
pub(crate) fn spark(values: &[f64]) -> String {
    let most = values.iter().copied().fold(0.0, f64::max);
    let mut path = "M0 18".to_owned();
    let (mut run, mut before) = (0, 18);
    for value in values {
        let part = if most > 0.0 { value / most } else { 0.0 };
        // What is there at all is seen.
        let y = match part {
            part if part > 0.0 => (17.0 - part * 16.0).round() as i32,
            _ => 18,
        };
        if y != before {
            let _ = match run {
                0 => write!(path, "V{y}"),
                run => write!(path, "h{run}V{y}"),
            };
            (run, before) = (0, y);
        }
        run += 1;
    }
    let _ = write!(path, "h{run}V18z");
    path
}

/// The smallest of 1, 2, 2.5, 5 times a power of 10 that is at least so large.
pub(crate) fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let found = steps
        .iter()
        .map(|step| step * power)
        .find(|step| *step >= value * 0.999_999);
    found.unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(
            steps([50.0, 50.0, 100.0, 0.0], 100.0),
            "M0 100V50h2V0h1V100h1V100z"
        );
        assert_eq!(steps([], 0.0), "M0 100h0V100z");
        assert_eq!(spark(&[0.0, 1.0, 0.001]), "M0 18h1V1h1V17h1V18z");
        assert_eq!(spark(&[f64::NAN]), "M0 18h1V18z");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, expected) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 2.0),
            (2.2, 2.5),
            (7_300.0, 10_000.0),
        ] {
            assert_eq!(nice(value), expected);
        }
    }
}
