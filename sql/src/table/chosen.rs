//! From rows to batches of the columns of a query: those that its condition needs first, the others for chosen rows only.
//!
//! The condition is an expression of DataFusion over the columns, so it means what SQL says. It may change while the query
//! runs: the first rows of an ORDER BY with LIMIT, or one side of a join, say what later rows must have. Does not read.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, RecordBatch, RecordBatchOptions,
};
use arrow::compute::{concat, filter, prep_null_mask_filter};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use nfdecode::columns::{BatchBuilder, Labels, Projection, Rows};

use crate::error::external;

/// Which columns are made when. The same for all files of a scan.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    schema: SchemaRef,
    condition: Option<Arc<dyn PhysicalExpr>>,
    /// The columns of the condition.
    early: Projection,
    /// The columns of the schema that the condition does not need.
    late: Projection,
    /// Where each column of the schema is.
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Early(usize),
    Late(usize),
}

impl Plan {
    /// Batches of this schema, of the rows for which the condition on columns of `table` is true.
    pub(crate) fn new(
        schema: SchemaRef,
        condition: Option<&Arc<dyn PhysicalExpr>>,
        table: &Schema,
    ) -> Result<Self> {
        let mut needed: Vec<usize> = condition
            .map(|condition| collect_columns(condition))
            .into_iter()
            .flatten()
            .map(|column| table.index_of(column.name()))
            .collect::<std::result::Result<_, _>>()?;
        needed.sort_unstable();
        let early = table.project(&needed)?;
        let condition = condition
            .map(|condition| reassign_expr_columns(Arc::clone(condition), &early))
            .transpose()?;
        let mut late = Vec::new();
        let places = schema.fields().iter().map(|field| {
            early.index_of(field.name()).map_or_else(
                |_| {
                    late.push(field.name());
                    Place::Late(late.len() - 1)
                },
                Place::Early,
            )
        });
        let places = places.collect();
        let early = early.fields().iter().map(|field| field.name());
        Ok(Self {
            condition,
            early: Projection::from_names(early).map_err(external)?,
            late: Projection::from_names(late).map_err(external)?,
            places,
            schema,
        })
    }

    /// Whether it is enough to count the rows.
    pub(crate) fn only_counts(&self) -> bool {
        self.condition.is_none() && self.places.is_empty()
    }

    /// A batch of rows without columns.
    pub(crate) fn counted(&self, rows: usize) -> Result<RecordBatch> {
        self.batch(Vec::new(), rows)
    }

    fn batch(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(
            schema, columns, &options,
        )?)
    }
}

/// Makes batches of the flows of a file.
#[derive(Debug)]
pub(crate) struct Chooser {
    plan: Plan,
    early: BatchBuilder,
    late: BatchBuilder,
}

impl Chooser {
    /// For a file with this name and ident.
    pub(crate) fn new(plan: &Plan, name: &str, ident: Option<&[u8]>) -> Self {
        let builder = |columns| {
            let mut builder = BatchBuilder::new(columns);
            builder.set_labels(Labels::one(name, ident));
            builder
        };
        Self {
            early: builder(&plan.early),
            late: builder(&plan.late),
            plan: plan.clone(),
        }
    }

    /// The rows for which the condition is true, usually in one batch.
    pub(crate) fn batches(&mut self, mut rows: Rows<'_>) -> Result<Vec<RecordBatch>> {
        let Some(condition) = self.plan.condition.clone() else {
            return Ok(self.late.batches(&rows)?);
        };
        let mut pieces = Vec::new();
        let mut numbers = Vec::new();
        let mut before = 0;
        for batch in self.early.batches(&rows)? {
            let length = batch.num_rows();
            match mask(&condition.evaluate(&batch)?, length)? {
                None => {
                    numbers.extend(before..before + count(length));
                    pieces.push(batch.columns().to_vec());
                }
                Some(mask) if mask.true_count() != 0 => {
                    numbers.extend(mask.values().set_indices().map(|at| before + count(at)));
                    let columns = batch.columns().iter().enumerate();
                    let kept = columns.map(|(at, column)| match self.is_shown(at) {
                        true => filter(column, &mask),
                        false => Ok(column.slice(0, 0)),
                    });
                    pieces.push(kept.collect::<std::result::Result<_, _>>()?);
                }
                Some(_) => {}
            }
            before += count(length);
        }
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        if numbers.len() != rows.len() {
            rows.keep(&numbers);
        }
        let late: Vec<Vec<ArrayRef>> = match self.plan.late.columns() {
            [] => Vec::new(),
            _ => {
                let batches = self.late.batches(&rows)?.into_iter();
                batches.map(|batch| batch.columns().to_vec()).collect()
            }
        };
        let columns = self.plan.places.iter().map(|place| match *place {
            Place::Early(at) => joined(&pieces, at),
            Place::Late(at) => joined(&late, at),
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(vec![self.plan.batch(columns, numbers.len())?])
    }

    /// Whether a column of the condition is a column of the result, too.
    fn is_shown(&self, early: usize) -> bool {
        let is_it = |place: &Place| matches!(place, Place::Early(at) if *at == early);
        self.plan.places.iter().any(is_it)
    }
}

/// Blocks have fewer rows than numbers of 32 bits, in which their rows are counted.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

/// Where a condition is true; `None` if it is everywhere.
fn mask(value: &ColumnarValue, rows: usize) -> Result<Option<BooleanArray>> {
    let array = match value {
        ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => return Ok(None),
        ColumnarValue::Scalar(_) => return Ok(Some(BooleanArray::from(vec![false; rows]))),
        ColumnarValue::Array(array) => array,
    };
    let mask = array.as_boolean_opt().ok_or_else(|| {
        datafusion::common::DataFusionError::Internal(
            "a condition that is not true or false".to_owned(),
        )
    })?;
    let mask = match mask.null_count() {
        0 => mask.clone(),
        _ => prep_null_mask_filter(mask),
    };
    Ok((mask.true_count() != rows).then_some(mask))
}

/// A column of all pieces.
fn joined(pieces: &[Vec<ArrayRef>], at: usize) -> Result<ArrayRef> {
    let parts: Vec<_> = pieces.iter().filter_map(|piece| piece.get(at)).collect();
    match parts.as_slice() {
        [one] => Ok(Arc::clone(one)),
        _ => {
            let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
            Ok(concat(&parts)?)
        }
    }
}
