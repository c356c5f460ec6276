//! Lists of fields, from their names.

use std::fmt;
use std::sync::Arc;

use crate::flow::element::{self, Field, FieldKind, HeaderField};
use crate::output::fields::names::{COMPUTED, Computed, OLD_NAMES, all};
use crate::output::near::near;

/// There is no field of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField(String);

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("empty field name");
        }
        write!(f, "unknown field {:?}", self.0)?;
        for (at, found) in near(&self.0, all().map(|known| known.name))
            .iter()
            .enumerate()
        {
            let before = if at == 0 { "; near it:" } else { "," };
            write!(f, "{before} {found}")?;
        }
        f.write_str(" (`nfdecode fields` lists all)")
    }
}

impl std::error::Error for UnknownField {}

/// The origin of a value.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Computed(Computed),
    Header(&'static HeaderField),
    /// The first of these that the flow has: element and field.
    Stored(Vec<(u8, &'static Field)>),
}

impl Source {
    /// Whether its text can be anything.
    fn is_free_text(&self) -> bool {
        match self {
            Self::Computed(value) => matches!(value, Computed::File | Computed::Ident),
            Self::Header(_) => false,
            Self::Stored(fields) => fields.iter().any(|(_, field)| {
                matches!(
                    field.kind,
                    FieldKind::UserName | FieldKind::Text | FieldKind::TlsSni | FieldKind::TlsJa4
                )
            }),
        }
    }

    /// What a name or a key of nfdump refers to.
    fn named(name: &str) -> Option<Self> {
        if let Some((value, ..)) = COMPUTED.iter().find(|(_, known, ..)| *known == name) {
            return Some(Self::Computed(*value));
        }
        let is_old = |new: &str| OLD_NAMES.contains(&(new, name));
        let header = element::header_fields().iter().find(|field| {
            field.name == name || (!name.is_empty() && field.key == name) || is_old(field.name)
        });
        if let Some(field) = header {
            return Some(Self::Header(field));
        }
        let by_name = |name: &str| element::fields().find(|(_, field)| field.name == name);
        let either = element::either_fields().iter();
        if let Some(either) = either.clone().find(|field| field.name == name) {
            return Some(Self::Stored(
                either.fields.into_iter().filter_map(by_name).collect(),
            ));
        }
        if let Some(field) = by_name(name) {
            return Some(Self::Stored(vec![field]));
        }
        if name.is_empty() {
            return None;
        }
        let stored: Vec<_> = element::fields()
            .filter(|(_, field)| field.key == name)
            .collect();
        (!stored.is_empty()).then_some(Self::Stored(stored))
    }
}

/// A field of a list, and the name it was given by.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) source: Source,
    /// See [`Source::is_free_text`].
    pub(super) is_free_text: bool,
}

impl Chosen {
    fn new(name: &str, source: Source) -> Self {
        Self {
            name: name.to_owned(),
            is_free_text: source.is_free_text(),
            source,
        }
    }
}

/// Fields in the order in which they are printed.
#[derive(Clone, Debug)]
pub struct FieldList(pub(super) Arc<[Chosen]>);

impl FieldList {
    /// Parses names separated by commas.
    ///
    /// # Errors
    /// The first name that is unknown.
    pub fn parse(list: &str) -> Result<Self, UnknownField> {
        let find = |name: &str| {
            let source = Source::named(name).ok_or_else(|| UnknownField(name.to_owned()))?;
            Ok(Chosen::new(name, source))
        };
        let chosen: Result<Vec<_>, _> = list.split(',').map(|name| find(name.trim())).collect();
        Ok(Self(chosen?.into()))
    }

    /// Puts the name of the file first, unless it is in the list.
    #[must_use]
    pub fn with_file_names(self) -> Self {
        let is_file = |chosen: &Chosen| matches!(chosen.source, Source::Computed(Computed::File));
        if self.0.iter().any(is_file) {
            return self;
        }
        let file = Chosen::new("file", Source::Computed(Computed::File));
        Self(
            std::iter::once(file)
                .chain(self.0.iter().cloned())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fields::names::all;

    #[test]
    fn every_name_is_found_under_its_own() {
        let names: Vec<_> = all().map(|field| field.name).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[at + 1..].contains(name), "{name} twice");
            assert!(FieldList::parse(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_key_of_nfdump_is_understood() {
        for (_, field) in element::fields().filter(|(_, field)| !field.key.is_empty()) {
            assert!(FieldList::parse(field.key).is_ok(), "{}", field.key);
        }
        for key in [
            "cnt",
            "type",
            "ident",
            "export_sysid",
            "sampled",
            "anonymized",
            "t_event",
        ] {
            assert!(FieldList::parse(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn errors_suggest_similar_names() {
        let message = FieldList::parse("first,src_adr").unwrap_err().to_string();
        assert!(
            message.starts_with("unknown field \"src_adr\"; near it: src_addr"),
            "{message}"
        );
        assert!(FieldList::parse("first,").is_err());
        assert!(FieldList::parse("").is_err());
    }
}
