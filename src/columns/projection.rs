//! A choice of columns, in an order, with their Arrow schema.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};

use crate::columns::column::{Column, ColumnSource, columns};

/// Version of the schema of columns.
///
/// It changes when a column is removed or changes its name, type or meaning. New columns do not change it.
pub const SCHEMA_VERSION: u32 = 1;

/// A choice of columns, in an order. Cheap to clone.
///
/// Columns that are not chosen are not decoded.
#[derive(Clone)]
pub struct Projection {
    columns: Arc<[&'static Column]>,
    schema: SchemaRef,
}

impl Projection {
    /// All columns.
    #[must_use]
    pub fn all() -> Self {
        Self::new(columns().iter().collect())
    }

    /// The standard columns: all that add information to the others.
    ///
    /// These are all columns except addresses of one family, where there is a column for both, and the name of
    /// the file. This is the default.
    #[must_use]
    pub fn standard() -> Self {
        Self::new(
            columns()
                .iter()
                .filter(|column| column.is_standard())
                .collect(),
        )
    }

    /// The columns with these names, in this order.
    ///
    /// nfdump's JSON keys are accepted too. `all` and `standard` mean the columns of [`all`](Self::all) and
    /// [`standard`](Self::standard). A repeated name counts once.
    ///
    /// # Errors
    /// A name belongs to no column.
    pub fn from_names<S: AsRef<str>>(
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self, UnknownColumn> {
        let mut chosen: Vec<&'static Column> = Vec::new();
        let mut add = |column: &'static Column| {
            if !chosen.iter().any(|known| known.name() == column.name()) {
                chosen.push(column);
            }
        };
        let all = columns().iter();
        for name in names {
            match name.as_ref() {
                "all" => all.clone().for_each(&mut add),
                "standard" => all
                    .clone()
                    .filter(|column| column.is_standard())
                    .for_each(&mut add),
                name => {
                    let by_name = all.clone().find(|column| column.name() == name);
                    let has_key = |column: &&Column| !name.is_empty() && column.key() == name;
                    add(by_name
                        .or_else(|| all.clone().find(has_key))
                        .ok_or_else(|| UnknownColumn::new(name))?);
                }
            }
        }
        Ok(Self::new(chosen))
    }

    /// The columns of this choice that are not null in all flows with these elements.
    ///
    /// `elements` is the union of their [`Flow::elements`](crate::Flow::elements).
    #[must_use]
    pub fn filled_by(&self, elements: u64) -> Self {
        let filled =
            |column: &&&'static Column| column.elements() == 0 || column.elements() & elements != 0;
        Self::new(self.columns.iter().filter(filled).copied().collect())
    }

    /// The chosen columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[&'static Column] {
        &self.columns
    }

    /// The Arrow schema of batches of these columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether the column with this name is chosen.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
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

/// The Arrow field of a column. Its metadata have the extension type, the element and nfdump's key.
fn field(column: &Column) -> Field {
    let mut metadata = HashMap::new();
    if let Some(name) = column.extension() {
        metadata.insert("ARROW:extension:name".to_owned(), name.to_owned());
        metadata.insert("ARROW:extension:metadata".to_owned(), String::new());
    }
    if let ColumnSource::Field(element, field) = column.source {
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

/// No column has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownColumn {
    name: String,
    similar: Option<&'static str>,
}

impl UnknownColumn {
    fn new(name: &str) -> Self {
        // The same name in another spelling, or the spelling of a key.
        let plain = |text: &str| {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .map(|c| c.to_ascii_lowercase())
                .collect::<String>()
        };
        let wanted = plain(name);
        let similar = columns()
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
        write!(f, "unknown column {}", self.name)?;
        match self.similar {
            Some(similar) => write!(f, ": did you mean {similar}?"),
            None => Ok(()),
        }
    }
}

impl Error for UnknownColumn {}
