//! Options and properties of Parquet files of flows.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use crate::columns::column::ColumnKind;
use crate::columns::projection::{Projection, SCHEMA_VERSION};

/// Rows of a row group: enough to compress well, few enough to hold several groups in memory.
pub const ROW_GROUP: usize = 1 << 17;

/// Settings of Parquet files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Options {
    level: i32,
    pub(crate) bloom_filters: bool,
    pub(crate) sorted: bool,
    pub(crate) text_addresses: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The defaults: ZSTD level 1, no Bloom filters, rows in any order, addresses as bytes.
    pub fn new() -> Self {
        Self {
            level: 1,
            bloom_filters: false,
            sorted: false,
            text_addresses: false,
        }
    }

    /// Sets the ZSTD level, 1 to 22. Other values are clamped.
    pub fn with_level(mut self, level: i32) -> Self {
        self.level = level.clamp(1, 22);
        self
    }

    /// Adds Bloom filters to columns of addresses.
    ///
    /// Readers that look for one address then skip row groups without it.
    pub fn with_bloom_filters(mut self, wanted: bool) -> Self {
        self.bloom_filters = wanted;
        self
    }

    /// Announces in the metadata that each row group is sorted by `first`.
    ///
    /// The caller must sort the rows, see [`Rows::sort_by_first`](crate::columns::Rows::sort_by_first).
    pub fn with_sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// Stores addresses as text instead of bytes, see [`TextAddresses`](crate::columns::TextAddresses).
    ///
    /// Rows and batches that are given have bytes.
    pub fn with_text_addresses(mut self, wanted: bool) -> Self {
        self.text_addresses = wanted;
        self
    }

    pub(crate) fn level(&self) -> i32 {
        self.level
    }
}

/// Properties of the `parquet` crate for a writer of these columns.
///
/// ZSTD, statistics for every column of every row group, and suitable encodings.
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
            // Differences between neighbours are small, and a dictionary would be large.
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
