//! Follows the directory of a live collector and prints its flows as NDJSON while they are written.
//!
//! `cargo run --release --example follow -- DIRECTORY [--all]`
//!
//! nfcapd writes `nfcapd.current.PID` block by block and renames it when its time is over; renamed or
//! not, it stays the same file (device and inode), by which it is known here. Only whole blocks are
//! read, each of them once. Flows that were there before are printed with `--all` only.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nfdecode::file::Position;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowFormat as _, TextBuffer};
use nfdecode::time::Zone;

/// A file as it was seen last.
struct Seen {
    size: u64,
    /// Where to go on reading.
    position: Option<Position>,
}

struct Follower {
    directory: PathBuf,
    seen: HashMap<(u64, u64), Seen>,
    format: JsonFormat,
    text: TextBuffer,
    flows: u64,
}

impl Follower {
    /// Looks for new blocks. Prints their flows, or only remembers where the files end.
    fn poll(&mut self, print: bool) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let Ok(metadata) = fs::metadata(&path) else {
                continue; // renamed or expired meanwhile: the next poll sees how it is
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if metadata.is_file() && name.starts_with("nfcapd.") {
                files.push((name.contains(".current"), path.clone(), metadata));
            }
        }
        // Finished files first, in the order of their times.
        files.sort_by(|(live, path, _), (other_live, other, _)| {
            (live, path).cmp(&(other_live, other))
        });
        let ids: Vec<_> = files
            .iter()
            .map(|(_, _, metadata)| (metadata.dev(), metadata.ino()))
            .collect();
        self.seen.retain(|id, _| ids.contains(id));
        for ((_, path, metadata), id) in files.iter().zip(ids) {
            // A file that has shrunk is another one with the number of one that was removed.
            let seen = self
                .seen
                .remove(&id)
                .filter(|seen| seen.size <= metadata.len());
            let position = match seen {
                Some(Seen { size, position }) if size == metadata.len() => position,
                seen => self.read(path, seen.and_then(|seen| seen.position), print)?,
            };
            self.seen.insert(
                id,
                Seen {
                    size: metadata.len(),
                    position,
                },
            );
        }
        Ok(())
    }

    /// Reads the whole blocks from `position` on, and returns where they end.
    fn read(
        &mut self,
        path: &Path,
        position: Option<Position>,
        print: bool,
    ) -> io::Result<Option<Position>> {
        let file = match nfdecode::File::open_partial(path) {
            Ok(file) => file,
            // Not even the header is there yet, or it is no flow file: look again when it has grown.
            Err(_) => return Ok(position),
        };
        let mut refs = match position {
            Some(position) => file.block_refs_from(position),
            None => file.block_refs(),
        };
        self.format.set_file(file.ident(), "");
        // An error means that the last block is not complete yet; the next poll tries again there.
        while let Some(Ok(found)) = refs.next() {
            if !print {
                continue;
            }
            match file.load(found) {
                Ok(block) => {
                    for flow in block.flows() {
                        self.flows += 1;
                        self.format.flow(self.flows, &flow, &mut self.text);
                    }
                }
                Err(error) => eprintln!("{error}"),
            }
            let mut out = io::stdout().lock();
            out.write_all(self.text.as_bytes())?;
            out.flush()?;
            self.text.clear();
        }
        Ok(Some(refs.position()))
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().unwrap_or_else(|| ".".into());
    let all = arguments.next().is_some_and(|argument| argument == "--all");
    let mut follower = Follower {
        directory: directory.into(),
        seen: HashMap::new(),
        format: JsonFormat::ndjson(Zone::from_env()),
        text: TextBuffer::default(),
        flows: 0,
    };
    follower.poll(all)?;
    eprintln!("following {}", follower.directory.display());
    loop {
        std::thread::sleep(Duration::from_millis(200));
        match follower.poll(true) {
            // Whoever read our output has gone.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
}
