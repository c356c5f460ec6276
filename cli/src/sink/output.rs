//! What a column format does with batches, and the stream it writes to.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use nfdecode::columns::Rows;

use crate::run::account::State;
use crate::run::stop::Stop;
use crate::sink::target::Target;
use nfdecode::scan::{Grouping, ScanFile};

/// How the flows of a group of blocks are turned into output.
pub(crate) trait Sink: Sync {
    /// State of a worker thread.
    type Worker: Send;
    /// An encoded group, produced on any thread.
    type Piece;
    /// The destination; pieces are written to it in order.
    type Out: Send;

    fn groups(&self) -> Grouping;
    fn worker(&self) -> Self::Worker;
    /// `files` are the files whose numbers the rows contain.
    fn make(
        &self,
        worker: &mut Self::Worker,
        rows: Rows<'_>,
        files: &[Arc<ScanFile>],
    ) -> Result<Self::Piece, Stop>;
    fn write(&self, out: &mut Self::Out, piece: Self::Piece) -> Result<(), Stop>;
    /// All flows of a file have been written.
    fn end_file(&self, _: &mut Self::Out, _: &ScanFile, _state: State) -> Result<(), Stop> {
        Ok(())
    }
}

/// A target as something to write to.
pub(crate) struct Out(Target, Fault);

impl Out {
    pub(crate) fn target(&self) -> &Target {
        &self.0
    }

    pub(crate) fn into_target(self) -> Target {
        self.0
    }

    pub(crate) fn new(target: Target) -> (Self, Fault) {
        let fault = Fault::default();
        (Self(target, fault.clone()), fault)
    }
}

/// The reason why a target could not be written to. Libraries wrap the I/O error; this unwraps it.
#[derive(Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<Stop>>>);

impl Fault {
    pub(crate) fn explain<T>(&self, result: Result<T, Stop>) -> Result<T, Stop> {
        result.map_err(|stop| {
            let known = self.0.lock().ok().and_then(|mut known| known.take());
            known.unwrap_or(stop)
        })
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(stop) => {
                if let Ok(mut known) = self.1.0.lock() {
                    known.get_or_insert(stop);
                }
                Err(io::Error::other("the output cannot be written"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
