//! nfdump's configuration file: output formats of the user's own.
//!
//! The file is TOML. Of its section `[nfdump]` the tables `fmt` and `csv` hold formats by name, which `-o` takes and
//! which `%name` stands for in other formats. Data bases that it names are not read.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use toml_edit::{Document, TableLike};

use crate::nfdump::quit::{Quit, tell};

/// Where nfdump of Debian looks for it.
const USUAL: &str = "/etc/nfdump.conf";
/// A variable that names another file.
const VARIABLE: &str = "NFCONF";

/// Formats by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// Name and text, of `fmt:`.
    pub(crate) fmt: Vec<(String, String)>,
    /// Name and text, of `csv:`.
    pub(crate) csv: Vec<(String, String)>,
}

impl Config {
    /// The file of `-C`, of the environment, or the usual one if there is one.
    pub(crate) fn load(option: Option<&OsStr>) -> Result<Self, Quit> {
        let named = option
            .map(OsStr::to_owned)
            .or_else(|| std::env::var_os(VARIABLE));
        let path = match named {
            Some(name) if name == "none" => return Ok(Self::default()),
            Some(name) => PathBuf::from(name),
            None if Path::new(USUAL).exists() => PathBuf::from(USUAL),
            None => return Ok(Self::default()),
        };
        if std::fs::metadata(&path).is_err() {
            let path = path.display();
            return Err(Quit::failed(format!("path does not exist: {path}")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Quit::failed(format!("configuration file {}: {error}", path.display()))
        })?;
        Self::parse(&text).map_err(|error| {
            Quit::failed(format!("configuration file {}: {error}", path.display()))
        })
    }

    fn parse(text: &str) -> Result<Self, toml_edit::TomlError> {
        let document = Document::parse(text)?;
        let Some(section) = document.get("nfdump").and_then(|item| item.as_table_like()) else {
            return Ok(Self::default());
        };
        for base in ["geodb", "tordb"] {
            let named = section
                .get(base)
                .and_then(|item| item.as_table_like())
                .and_then(|table| table.get("path"));
            if named.is_some() {
                tell(&format!(
                    "{base} of the configuration file is not read: columns of places and Tor exits stay empty"
                ));
            }
        }
        Ok(Self {
            fmt: formats(section, "fmt"),
            csv: formats(section, "csv"),
        })
    }

    /// A format with the names of others replaced by their texts.
    pub(crate) fn expand(&self, format: &str) -> String {
        let mut text = format.to_owned();
        for (name, inside) in &self.fmt {
            text = replace_token(&text, name, inside);
        }
        text
    }
}

/// The texts of one table.
fn formats(section: &dyn TableLike, name: &str) -> Vec<(String, String)> {
    let Some(table) = section.get(name).and_then(|item| item.as_table_like()) else {
        return Vec::new();
    };
    table
        .iter()
        .filter_map(|(name, item)| Some((name.to_owned(), item.as_str()?.to_owned())))
        .collect()
}

/// Replaces `%name` unless more of a name follows.
fn replace_token(text: &str, name: &str, inside: &str) -> String {
    let token = format!("%{name}");
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(token.as_str()) {
        out.push_str(before);
        if after.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            out.push_str(&token);
        } else {
            out.push_str(inside);
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_name() {
        let text = "[nfdump]\nfmt.mine = \"%ts %da\"\nfmt.number = 3\ncsv.list = \"%ts,%sa\"\n[other]\nfmt.x = \"%sa\"";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.fmt, [("mine".to_owned(), "%ts %da".to_owned())]);
        assert_eq!(config.csv, [("list".to_owned(), "%ts,%sa".to_owned())]);
        assert_eq!(config.expand("%mine %mines %pr"), "%ts %da %mines %pr");
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert!(Config::parse("[nfdump]\nfoo\n").is_err());
    }
}
