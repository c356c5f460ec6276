//! Options and properties of Parquet files of flows.

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;

use crate::columns::column::ColumnKind;
use crate::columns::projection::{Projection, SCHEMA_VERSION};

/// Rows that a row group is meant to have. Enough for columns to compress well, few enough for
/// several to be in memory.
pub const ROW_GROUP: usize = 1 << 17;

/// Settings of Parquet files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Options {
    level: i32,
    pub(crate) bloom_filters: bool,
    pub(crate) sorted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// ZSTD level 1, no Bloom filters, rows in any order.
    pub fn new() -> Self {
        Self {
            level: 1,
            bloom_filters: false,
            sorted: false,
        }
    }

    /// The ZSTD level: 1 to 22; other values count as the nearest of these.
    pub fn with_level(mut self, level: i32) -> Self {
        self.level = level.clamp(1, 22);
        self
    }

    /// Bloom filters on columns of addresses: they find the row groups of a rare address.
    pub fn with_bloom_filters(mut self, wanted: bool) -> Self {
        self.bloom_filters = wanted;
        self
    }

    /// Announces in the metadata that the rows of each row group are ordered by `first`. The caller keeps
    /// that promise.
    pub fn with_sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    pub(crate) fn level(&self) -> i32 {
        self.level
    }
}

/// Properties for a writer of these columns: ZSTD, statistics for every column of every row group,
/// encodings that suit what the columns hold.
#[must_use]
pub fn properties(projection: &Projection, options: &Options) -> WriterProperties {
    let level = ZstdLevel::try_new(options.level()).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by(concat!("nfdecode version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "nfdecode.schema_version".to_owned(),
            SCHEMA_VERSION.to_string(),
        )]));
    for (column, number) in projection.columns().iter().zip(0..) {
        let path = ColumnPath::new(vec![column.name().to_owned()]);
        match column.kind() {
            // Neighbours are close to each other, and a dictionary of them would be large.
            ColumnKind::Time => {
                builder = builder
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
            }
            ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip if options.bloom_filters => {
                builder = builder
                    .set_column_bloom_filter_enabled(path.clone(), true)
                    .set_column_bloom_filter_max_ndv(path.clone(), ROW_GROUP as u64);
            }
            _ => {}
        }
        if column.name() == "first" {
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::Page);
            if options.sorted {
                builder = builder.set_sorting_columns(Some(vec![SortingColumn {
                    // Every column has one leaf, lists included.
                    column_idx: number,
                    descending: false,
                    nulls_first: true,
                }]));
            }
        }
    }
    builder.build()
}
