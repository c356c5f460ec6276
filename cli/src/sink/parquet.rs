//! One Parquet file.

use std::sync::Arc;

use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedFileWriter;

use crate::run::stop::Stop;
use crate::sink::output::{Out, Sink};
use nfdecode::columns::parquet::{
    GroupEncoder, GroupFormat, Options, ROW_GROUP, RowGroup, name_sources,
};
use nfdecode::columns::{Labels, Projection, Rows};
use nfdecode::scan::{Grouping, ScanFile};

/// Maximum blocks per row group: 2 MiB each in files of current writers.
const BLOCKS_MAX: usize = 16;

/// How columns of addresses are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// With Bloom filters.
    pub(crate) bloom: bool,
    /// As text.
    pub(crate) text: bool,
}

/// Row groups of about [`ROW_GROUP`] flows in order of time.
pub(crate) struct OneFile {
    format: GroupFormat,
}

impl OneFile {
    pub(crate) fn new(columns: &Projection, stored: Stored) -> Result<Self, Stop> {
        Ok(Self {
            format: GroupFormat::new(columns, &options(stored)).map_err(failed)?,
        })
    }

    pub(crate) fn begin(&self, out: Out) -> Result<SerializedFileWriter<Out>, Stop> {
        self.format.writer(out).map_err(failed)
    }
}

/// Ends the file.
pub(crate) fn finish(
    mut writer: SerializedFileWriter<Out>,
    sources: &[String],
) -> Result<Out, Stop> {
    name_sources(&mut writer, sources);
    writer.into_inner().map_err(failed)
}

/// Settings for the files that we write.
pub(crate) fn options(stored: Stored) -> Options {
    Options::new()
        .with_bloom_filters(stored.bloom)
        .with_text_addresses(stored.text)
        .with_sorted(true)
}

pub(crate) fn failed(error: ParquetError) -> Stop {
    Stop::failed(error)
}

/// Groups whose blocks become one row group.
pub(crate) fn groups(one_file: bool) -> Grouping {
    Grouping::new(ROW_GROUP as u64, BLOCKS_MAX).one_file(one_file)
}

/// Names and idents for the rows of these files.
pub(crate) fn labels(files: &[Arc<ScanFile>]) -> Labels {
    let names = files.iter().map(|open| (open.name(), open.file().ident()));
    Labels::from_files(names)
}

impl Sink for OneFile {
    type Worker = GroupEncoder;
    type Piece = RowGroup;
    type Out = SerializedFileWriter<Out>;

    fn groups(&self) -> Grouping {
        groups(false)
    }

    fn worker(&self) -> GroupEncoder {
        self.format.encoder()
    }

    fn make(
        &self,
        encoder: &mut GroupEncoder,
        mut rows: Rows<'_>,
        files: &[Arc<ScanFile>],
    ) -> Result<RowGroup, Stop> {
        encoder.set_labels(labels(files));
        rows.sort_by_first();
        let all = 0..rows.len();
        self.format.encode(encoder, &rows, all).map_err(failed)
    }

    fn write(&self, out: &mut SerializedFileWriter<Out>, group: RowGroup) -> Result<(), Stop> {
        group.write(out).map_err(failed)
    }
}
