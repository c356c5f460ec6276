//! Follows the directory of a live collector and prints its flows as NDJSON while they are written.
//!
//! `cargo run --release --example follow -- DIRECTORY [--all]`
//!
//! nfcapd writes `nfcapd.current.PID` block by block and renames it at the end of its time slot; renamed or
//! not, it stays the same file, by which it is identified here: a name may refer to another file from one
//! moment to the next. Only whole blocks are read, each of them once. Flows stored before the start are
//! printed with `--all` only.
#![forbid(unsafe_code)]

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use nfdecode::Block;
use nfdecode::OpenOptions;
use nfdecode::file::Position;
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;

/// Identity of a file that a rename does not change: device, inode, and creation time where available,
/// since the inodes of removed files are used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Id(u64, u64, Option<SystemTime>);

impl Id {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.dev(), metadata.ino(), metadata.created().ok())
    }
}

/// A file as it was seen last.
struct Seen {
    size: u64,
    /// Where to go on reading.
    position: Position,
}

/// A file as a listing shows it.
struct Listed {
    live: bool,
    path: PathBuf,
    id: Id,
    size: u64,
}

struct Follower {
    directory: PathBuf,
    seen: HashMap<Id, Seen>,
    format: JsonFormat,
    text: TextBuffer,
    flows: u64,
}

impl Follower {
    /// Looks for new blocks. Prints their flows, or only remembers where the files end.
    fn poll(&mut self, print: bool) -> io::Result<()> {
        let ids = |files: &[Listed]| -> HashSet<Id> { files.iter().map(|file| file.id).collect() };
        // Twice: what was live in the first listing began after all files before it had got their names,
        // which the second one therefore shows. A live file that is younger waits for the next poll.
        let before = ids(&self.list()?);
        let mut files = self.list()?;
        let now = ids(&files);
        // One that is renamed meanwhile may be missing in one of them; one that is gone is in neither.
        self.seen
            .retain(|id, _| before.contains(id) || now.contains(id));
        files.retain(|file| !file.live || before.contains(&file.id));
        // Finished files first, in the order of their times.
        files.sort_by(|a, b| (a.live, &a.path).cmp(&(b.live, &b.path)));
        for file in files {
            if self
                .seen
                .get(&file.id)
                .is_none_or(|seen| seen.size != file.size)
            {
                self.read(&file, print)?;
            }
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let Ok(metadata) = fs::metadata(&path) else {
                continue; // renamed or expired meanwhile
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if metadata.is_file() && name.starts_with("nfcapd.") {
                files.push(Listed {
                    live: name.contains(".current"),
                    path,
                    id: Id::of(&metadata),
                    size: metadata.len(),
                });
            }
        }
        Ok(files)
    }

    /// Reads the whole blocks from where it stopped on, and remembers where they end.
    ///
    /// What cannot be opened is not remembered, so that the next poll tries again.
    fn read(&mut self, listed: &Listed, print: bool) -> io::Result<()> {
        let Ok(open) = fs::File::open(&listed.path) else {
            return Ok(()); // renamed or expired since it was listed
        };
        let metadata = open.metadata()?;
        if Id::of(&metadata) != listed.id {
            return Ok(()); // renamed, and another one has got its name
        }
        let size = metadata.len();
        // A file that has shrunk was rewritten.
        let start = match self.seen.get(&listed.id) {
            Some(seen) if seen.size <= size => seen.position,
            _ => Position::new(0, 0),
        };
        // Not even the header may be there yet, or it is no flow file.
        let Ok(file) = OpenOptions::new()
            .partial(true)
            .open_file(open, &listed.path)
        else {
            return Ok(());
        };
        let mut refs = file.block_refs_from(start);
        let context = FlowContext::new(file.ident(), "");
        let mut problem = None;
        for found in refs.by_ref() {
            // With blocks behind it it is damage. At the end the last block is not complete yet; the next
            // poll tries again there.
            if let Some(problem) = problem.take() {
                eprintln!("{problem}");
            }
            match found {
                Ok(found) if print => match file.load(found) {
                    Ok(block) => self.print(&block, &context)?,
                    Err(error) => eprintln!("{error}"),
                },
                Ok(_) => {}
                Err(error) => problem = Some(error),
            }
        }
        let position = refs.position();
        self.seen.insert(listed.id, Seen { size, position });
        Ok(())
    }

    fn print(&mut self, block: &Block, context: &FlowContext) -> io::Result<()> {
        for flow in block.flows() {
            self.flows += 1;
            self.format.flow(self.flows, &flow, context, &mut self.text);
        }
        if let Some(damage) = block.damage() {
            eprintln!("{damage}");
        }
        let mut out = io::stdout().lock();
        out.write_all(self.text.as_bytes())?;
        out.flush()?;
        self.text.clear();
        Ok(())
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
            // Standard output was closed; not an error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
}
