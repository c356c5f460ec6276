//! What Parquet files of flows need: properties that suit the columns.
//!
//! ```no_run
//! use nfdecode::columns::{Projection, Reader, parquet};
//!
//! let columns = Projection::standard();
//! let properties = parquet::properties(&columns, &parquet::Options::default());
//! let out = std::fs::File::create("flows.parquet")?;
//! let mut writer = ::parquet::arrow::ArrowWriter::try_new(out, columns.schema(), Some(properties))?;
//! for batch in Reader::new(["nfcapd.202601011200"], &columns) {
//!     writer.write(&batch?)?;
//! }
//! writer.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;

use super::column::ColumnKind;
use super::projection::{Projection, SCHEMA_VERSION};

#[cfg(feature = "cli")]
pub(crate) use super::row_group::{Encoder, Format, RowGroup, name_sources};

/// Rows that a row group is meant to have. Enough for columns to compress well, few enough for
/// several to be in memory.
pub(crate) const ROW_GROUP: usize = 1 << 17;

/// What there is to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Level of ZSTD, 1 to 22.
    pub level: i32,
    /// Bloom filters on columns of addresses: they find the row groups of an address that is rare.
    pub bloom: bool,
    /// Rows are in the order of `first` in each row group, and the metadata may say so.
    pub sorted: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            level: 1,
            bloom: false,
            sorted: false,
        }
    }
}

/// Properties for a writer of these columns: ZSTD, statistics for every column of every row group,
/// encodings that suit what the columns hold.
#[must_use]
pub fn properties(projection: &Projection, options: &Options) -> WriterProperties {
    let level = ZstdLevel::try_new(options.level.clamp(1, 22)).unwrap_or_default();
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
            ColumnKind::Ip4 | ColumnKind::Ip6 | ColumnKind::Ip if options.bloom => {
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
