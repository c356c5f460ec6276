//! From nfcapd files to the chosen text: shared by the commands that print flows.

use crate::file::File;
use crate::output::json::JsonFormat;
use crate::output::{FlowFormat, TextBuffer};
use crate::time::Zone;

use super::args::Format;
use super::interrupt;
use super::report::{Report, Stop};
use super::target::{BUFFER, Target};

/// How the flows of several files are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrangement {
    /// One sequence over all files.
    Together,
    /// A JSON object with an array for each file; or, one object a line, each with its file.
    ByFile,
}

/// Writes the flows of file after file.
pub(super) struct FlowWriter<'a> {
    format: JsonFormat,
    /// A JSON object around the files' arrays.
    wrapped: bool,
    by_file: bool,
    target: Target,
    buffer: TextBuffer,
    /// Flows since `cnt` was 1.
    count: u64,
    files: u64,
    /// Flows that may still be written.
    left: u64,
    /// The array of a file is open.
    in_file: bool,
    /// Some text has left us already.
    flushed: bool,
    report: &'a Report,
}

impl<'a> FlowWriter<'a> {
    pub(super) fn new(
        format: Format,
        arrangement: Arrangement,
        zone: Zone,
        limit: Option<u64>,
        target: Target,
        report: &'a Report,
    ) -> Result<Self, Stop> {
        let by_file = arrangement == Arrangement::ByFile;
        let format_of = match format {
            Format::Json => JsonFormat::json(zone),
            Format::Ndjson if by_file => JsonFormat::ndjson(zone).with_file_names(),
            Format::Ndjson => JsonFormat::ndjson(zone),
        };
        let mut this = Self {
            format: format_of,
            wrapped: by_file && format == Format::Json,
            by_file,
            target,
            buffer: TextBuffer::with_capacity(BUFFER + BUFFER / 4),
            count: 0,
            files: 0,
            left: limit.unwrap_or(u64::MAX),
            in_file: false,
            flushed: false,
            report,
        };
        if this.wrapped {
            this.buffer.push(b'{');
        } else {
            this.format.begin(&mut this.buffer);
        }
        Ok(this)
    }

    /// Whether `--limit` flows have been written.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Writes the flows of one file under `name`; how many. Damage is reported and passed over.
    /// `position` is told the bytes of the file that are done.
    pub(super) fn file(
        &mut self,
        file: &File,
        name: &str,
        mut position: impl FnMut(u64),
    ) -> Result<u64, Stop> {
        self.format.set_file(file.ident(), name);
        self.begin_file(name)?;
        self.report_header(file);

        let mut written = 0;
        for block in file.blocks() {
            interrupt::check()?;
            if self.is_full() {
                break;
            }
            let block = match block {
                Ok(block) => block,
                Err(error) => {
                    self.report.damage(&error);
                    continue;
                }
            };
            for flow in block.flows() {
                if self.left == 0 {
                    break;
                }
                self.left -= 1;
                self.count += 1;
                written += 1;
                self.format.flow(self.count, &flow, &mut self.buffer);
                if self.buffer.len() >= BUFFER {
                    self.flush()?;
                }
            }
            if let Some(damage) = block.damage() {
                self.report.damage(damage);
            }
            position(block.position().offset() + u64::from(block.position().stored_size()));
        }
        self.end_file();
        Ok(written)
    }

    /// Ends the text and makes it visible.
    pub(super) fn finish(mut self) -> Result<(), Stop> {
        if self.wrapped {
            self.buffer
                .extend(if self.files == 0 { b"}\n" } else { b"\n}\n" });
        } else {
            self.format.end(self.count, &mut self.buffer);
        }
        self.flush()?;
        self.target.finish()
    }

    /// After a failure: no file is left behind, and what a reader of standard output has already
    /// begun to see is at least brought to a valid end.
    pub(super) fn abandon(mut self) {
        if self.flushed && matches!(self.target, Target::Stdout(_)) {
            if self.in_file {
                self.end_file();
            }
            // The failure that led here is the one to report.
            let _ = self.finish();
        }
    }

    fn begin_file(&mut self, name: &str) -> Result<(), Stop> {
        self.files += 1;
        self.in_file = true;
        if self.by_file {
            self.count = 0;
        }
        if self.wrapped {
            let key = serde_json::to_string(name).map_err(Stop::failed)?;
            self.buffer
                .extend(if self.files == 1 { b"\n" } else { b",\n" });
            self.buffer.extend(key.as_bytes());
            self.buffer.extend(b" : ");
            self.format.begin(&mut self.buffer);
        }
        Ok(())
    }

    fn end_file(&mut self) {
        self.in_file = false;
        if self.wrapped {
            self.format.end(self.count, &mut self.buffer);
            // The array's last newline: a comma or the end of the object follows.
            self.buffer.pop();
        }
    }

    /// What the file itself gives away about its state.
    fn report_header(&self, file: &File) {
        let path = file.path().unwrap_or("-".as_ref()).display();
        if let Some(error) = file.appendix_damage() {
            self.report.damage(format!(
                "{path}: ident and statistics are not readable: {}",
                error.reason()
            ));
        }
        if file.header().unfinished {
            self.report.damage(format!(
                "{path}: file is unfinished: still being written, or abandoned"
            ));
        }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.flushed |= !self.buffer.is_empty();
        let result = self.target.write(self.buffer.as_bytes());
        self.buffer.clear();
        result
    }
}
