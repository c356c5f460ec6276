//! Which columns to read, in which order, and their Arrow schema.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use crate::columns::column::{COLUMNS, Column, Source};

/// Changes when a column changes its name, type or meaning, or goes. New columns do not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// A choice of columns. Cheap to clone.
#[derive(Clone)]
pub struct Projection {
    columns: Arc<[&'static Column]>,
    schema: SchemaRef,
}

impl Projection {
    /// All columns.
    #[must_use]
    pub fn all() -> Self {
        Self::new(COLUMNS.iter().collect())
    }

    /// The columns to take when nobody says which, see [`Column::is_standard`].
    #[must_use]
    pub fn standard() -> Self {
        Self::new(
            COLUMNS
                .iter()
                .filter(|column| column.is_standard())
                .collect(),
        )
    }

    /// The columns of these names, in this order. nfdump's JSON keys are understood as well; `all`
    /// and `standard` stand for the columns of these choices. A name given twice counts once.
    ///
    /// # Errors
    /// There is no column of a name.
    pub fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, UnknownColumn> {
        let mut columns: Vec<&'static Column> = Vec::new();
        let mut add = |column: &'static Column| {
            if !columns.iter().any(|known| known.name() == column.name()) {
                columns.push(column);
            }
        };
        for name in names {
            match name.as_ref() {
                "all" => COLUMNS.iter().for_each(&mut add),
                "standard" => COLUMNS
                    .iter()
                    .filter(|column| column.is_standard())
                    .for_each(&mut add),
                name => {
                    let by_name = COLUMNS.iter().find(|column| column.name() == name);
                    let by_key = || {
                        COLUMNS
                            .iter()
                            .find(|column| !name.is_empty() && column.key() == name)
                    };
                    add(by_name
                        .or_else(by_key)
                        .ok_or_else(|| UnknownColumn::new(name))?);
                }
            }
        }
        Ok(Self::new(columns))
    }

    /// Of these columns those that flows with these elements can fill: `elements` is the union of
    /// their [`Flow::elements`](crate::Flow::elements).
    #[must_use]
    pub fn filled_by(&self, elements: u64) -> Self {
        let filled =
            |column: &&&'static Column| column.elements() == 0 || column.elements() & elements != 0;
        Self::new(self.columns.iter().filter(filled).copied().collect())
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[&'static Column] {
        &self.columns
    }

    /// The Arrow schema of their batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether a column of this name is among them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name() == name)
    }

    fn new(columns: Vec<&'static Column>) -> Self {
        let fields: Vec<_> = columns.iter().map(|column| field(column)).collect();
        let metadata = HashMap::from([
            (
                "nfdecode.schema_version".to_owned(),
                SCHEMA_VERSION.to_string(),
            ),
            (
                "nfdecode.version".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            ),
        ]);
        Self {
            columns: columns.into(),
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
        }
    }
}

impl Default for Projection {
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.columns.iter().map(|column| column.name()))
            .finish()
    }
}

/// The Arrow field of a column, with metadata: the extension type, the element, nfdump's key.
fn field(column: &Column) -> Field {
    let mut metadata = HashMap::new();
    if let Some(name) = column.extension() {
        metadata.insert("ARROW:extension:name".to_owned(), name.to_owned());
        metadata.insert("ARROW:extension:metadata".to_owned(), String::new());
    }
    if let Source::Field(element, field) = column.source {
        metadata.insert("nfdecode.element".to_owned(), element.to_string());
        if field.kind == crate::flow::element::FieldKind::Micros {
            metadata.insert("unit".to_owned(), "us".to_owned());
        }
    }
    if !column.key().is_empty() {
        metadata.insert("nfdump.key".to_owned(), column.key().to_owned());
    }
    Field::new(column.name(), column.data_type(), column.is_nullable()).with_metadata(metadata)
}

/// There is no column of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownColumn {
    name: String,
    similar: Option<&'static str>,
}

impl UnknownColumn {
    fn new(name: &str) -> Self {
        // A name of nfdump's, or one written otherwise.
        let plain = |text: &str| {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|c| c.to_ascii_lowercase())
                .collect::<String>()
        };
        let wanted = plain(name);
        let similar = COLUMNS
            .iter()
            .find(|column| plain(column.name()) == wanted || plain(column.key()) == wanted)
            .map(Column::name);
        Self {
            name: name.to_owned(),
            similar,
        }
    }
}

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no column is called {}", self.name)?;
        match self.similar {
            Some(similar) => write!(f, "; there is {similar}"),
            None => Ok(()),
        }
    }
}

impl Error for UnknownColumn {}
