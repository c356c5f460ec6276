//! Messages on standard error.

use std::io::{self, Write as _};

/// Prints a message, if anybody is there to read it.
pub(crate) fn report(message: &str) {
    let _ = writeln!(io::stderr(), "nfdecode: {}", without_numbers(message));
}

/// A message without the numbers of the system's errors, such as ` (os error 2)`: the words before them say the same.
fn without_numbers(message: &str) -> String {
    const BEFORE: &str = " (os error ";
    let mut text = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, after)) = rest.split_once(BEFORE) {
        text.push_str(before);
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit());
        rest = match digits.strip_prefix(')') {
            Some(behind) if digits.len() < after.len() => behind,
            _ => {
                text.push_str(BEFORE);
                after
            }
        };
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_errors_are_left_out() {
        for (message, expected) in [
            (
                "a: No such file or directory (os error 2)",
                "a: No such file or directory",
            ),
            ("a (os error 13): b (os error 2)", "a: b"),
            (
                "a (os error x) (os error ) (os error 1",
                "a (os error x) (os error ) (os error 1",
            ),
            ("", ""),
        ] {
            assert_eq!(without_numbers(message), expected);
        }
    }
}
