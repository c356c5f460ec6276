//! One Parquet file.

use std::sync::Arc;

use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedFileWriter;

use super::super::flows::Open;
use super::super::report::Stop;
use super::{GroupShape, Out, Sink};
use crate::columns::parquet::{Encoder, Format, Options, ROW_GROUP, RowGroup, name_sources};
use crate::columns::{Labels, Projection, Rows};

/// Blocks of a row group at most: 2 MiB each in files of today's writers.
const BLOCKS_MAX: usize = 16;

/// Row groups of about [`ROW_GROUP`] flows in order of time.
pub(super) struct OneFile {
    format: Format,
}

impl OneFile {
    pub(super) fn new(columns: &Projection, bloom: bool) -> Result<Self, Stop> {
        Ok(Self {
            format: Format::new(columns, &options(bloom)).map_err(failed)?,
        })
    }

    pub(super) fn begin(&self, out: Out) -> Result<SerializedFileWriter<Out>, Stop> {
        self.format.writer(out).map_err(failed)
    }
}

/// Ends the file.
pub(super) fn finish(
    mut writer: SerializedFileWriter<Out>,
    sources: &[String],
) -> Result<Out, Stop> {
    name_sources(&mut writer, sources);
    writer.into_inner().map_err(failed)
}

/// What files of ours are like.
pub(super) fn options(bloom: bool) -> Options {
    Options {
        bloom,
        sorted: true,
        ..Options::default()
    }
}

pub(super) fn failed(error: ParquetError) -> Stop {
    Stop::failed(error)
}

/// Groups whose blocks become one row group.
pub(super) fn groups(one_file: bool) -> GroupShape {
    GroupShape {
        flows: ROW_GROUP as u64,
        blocks: BLOCKS_MAX,
        one_file,
    }
}

/// Names and idents for the rows of these files.
pub(super) fn labels(files: &[Arc<Open>]) -> Labels {
    let names = files
        .iter()
        .map(|open| (open.source.name.as_str(), open.file.ident()));
    Labels::of(names)
}

impl Sink for OneFile {
    type Worker = Encoder;
    type Piece = RowGroup;
    type Out = SerializedFileWriter<Out>;

    fn groups(&self) -> GroupShape {
        groups(false)
    }

    fn worker(&self) -> Encoder {
        self.format.encoder()
    }

    fn make(
        &self,
        encoder: &mut Encoder,
        mut rows: Rows<'_>,
        files: &[Arc<Open>],
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
