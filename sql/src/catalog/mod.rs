//! Tables about files: what they say of themselves, and the names in them.

mod about;
mod read;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use crate::table::FlowTable;
use crate::table::options::TableOptions;

pub(crate) use about::About;

/// The table, about the files of another one.
pub(crate) fn table(about: About, flows: &FlowTable) -> Result<StreamingTable> {
    let stream = Stream {
        about,
        schema: about.schema(),
        paths: flows.paths().to_vec(),
        options: flows.options().clone(),
    };
    StreamingTable::try_new(about.schema(), vec![Arc::new(stream)])
}

/// The rows of such a table, made when a query asks for them.
struct Stream {
    about: About,
    schema: SchemaRef,
    paths: Vec<PathBuf>,
    options: TableOptions,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.about).finish()
    }
}

impl PartitionStream for Stream {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (about, schema) = (self.about, Arc::clone(&self.schema));
        let (paths, options) = (self.paths.clone(), self.options.clone());
        let made = async move {
            let columns = read::columns(about, &paths, &options)?;
            Ok(RecordBatch::try_new(schema, columns)?)
        };
        let stream = futures::stream::once(made);
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            stream,
        ))
    }
}
