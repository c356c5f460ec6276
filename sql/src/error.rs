//! Errors of the library as errors of DataFusion.

use datafusion::common::DataFusionError;

/// An error of the library as one of DataFusion.
pub(crate) fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
