//! Arrow IPC: the file format for a file, the stream format for standard output.

use std::collections::HashMap;
use std::io::BufWriter;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};

use crate::run::stop::Stop;
use crate::sink::output::{Out, Sink};
use crate::sink::target::BUFFER;
use nfdecode::columns::{BatchBuilder, Labels, Projection, Rows, TextAddresses};
use nfdecode::scan::{Grouping, ScanFile};

/// Writes a batch for each block, or for several small ones.
pub(crate) struct Ipc {
    columns: Projection,
    /// Turns addresses into text, if requested.
    text: Option<TextAddresses>,
    /// Of all files, with their numbers by name.
    labels: Option<(Labels, HashMap<String, u32>)>,
}

/// The writer of one of the two formats.
pub(crate) enum Writer {
    File(FileWriter<BufWriter<Out>>),
    Stream(StreamWriter<BufWriter<Out>>),
}

impl Ipc {
    pub(crate) fn new(
        columns: Projection,
        labels: Option<(Labels, HashMap<String, u32>)>,
        text: bool,
    ) -> Self {
        Self {
            text: text.then(|| TextAddresses::new(&columns)),
            columns,
            labels,
        }
    }

    pub(crate) fn begin(&self, out: Out, is_file: bool) -> Result<Writer, Stop> {
        let schema = match &self.text {
            Some(text) => text.schema(),
            None => self.columns.schema(),
        };
        let out = BufWriter::with_capacity(BUFFER, out);
        let writer = if is_file {
            FileWriter::try_new(out, &schema).map(Writer::File)
        } else {
            StreamWriter::try_new(out, &schema).map(Writer::Stream)
        };
        writer.map_err(Stop::failed)
    }
}

impl Writer {
    pub(crate) fn finish(self) -> Result<Out, Stop> {
        let out = match self {
            Self::File(writer) => writer.into_inner(),
            Self::Stream(writer) => writer.into_inner(),
        };
        let out = out.map_err(Stop::failed)?.into_inner();
        out.map_err(|error| Stop::failed(error.error()))
    }
}

impl Sink for Ipc {
    type Worker = BatchBuilder;
    type Piece = Vec<RecordBatch>;
    type Out = Writer;

    fn groups(&self) -> Grouping {
        Grouping::new(1, 1)
    }

    fn worker(&self) -> BatchBuilder {
        BatchBuilder::new(&self.columns)
    }

    fn make(
        &self,
        builder: &mut BatchBuilder,
        mut rows: Rows<'_>,
        files: &[Arc<ScanFile>],
    ) -> Result<Vec<RecordBatch>, Stop> {
        if let Some((labels, numbers)) = &self.labels {
            builder.set_labels(labels.clone());
            let number = |open: &Arc<ScanFile>| numbers.get(open.name()).copied();
            let numbers = files.iter().map(|open| number(open).unwrap_or_default());
            rows.renumber_files(&numbers.collect::<Vec<_>>());
        }
        let batches = builder.batches(&rows).map_err(Stop::failed)?;
        match &self.text {
            None => Ok(batches),
            Some(text) => {
                let texts = batches.iter().map(|batch| text.batch(batch));
                texts.collect::<Result<_, _>>().map_err(Stop::failed)
            }
        }
    }

    fn write(&self, out: &mut Writer, batches: Vec<RecordBatch>) -> Result<(), Stop> {
        batches
            .iter()
            .try_for_each(|batch| match out {
                Writer::File(writer) => writer.write(batch),
                Writer::Stream(writer) => writer.write(batch),
            })
            .map_err(Stop::failed)
    }
}
