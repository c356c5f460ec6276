//! Text that somebody keeps: into a pipe that is read, and into files.

use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::timing::{self, Contestant};

/// Bytes of a write, as the program writes files.
const PIECE: usize = 1 << 20;

/// What takes part: a name, and the command line without what becomes of its output.
pub struct Program {
    pub name: &'static str,
    pub command: Command,
}

/// Writes `bytes` bytes: what the writes alone take.
pub fn write(out: &Path, bytes: u64) -> io::Result<()> {
    let piece = vec![b'x'; PIECE];
    let mut file = File::create(out)?;
    let mut left = bytes;
    while left > 0 {
        let now = left.min(PIECE as u64);
        file.write_all(&piece[..now as usize])?;
        left -= now;
    }
    Ok(())
}

/// Prints both tables. `folder` is on a disk.
pub fn run(programs: &[Program], folder: &Path, rounds: usize) -> Result<(), Box<dyn Error>> {
    println!("\n| ndjson, lz4 | into a pipe of `cat` | by processor time, both |\n|---|---|---|");
    let mut piped: Vec<_> = programs
        .iter()
        .map(|program| {
            let line = format!("{} | cat > /dev/null", words(&program.command));
            Contestant::new(program.name, shell(&line))
        })
        .collect();
    timing::run(&mut piped, rounds)?;
    for contestant in &piped {
        println!(
            "| {} | {:.2} s | {:.2} s |",
            contestant.name,
            contestant.wall().as_secs_f64(),
            contestant.cpu().as_secs_f64()
        );
    }
    println!("\n| ndjson, lz4, into a file | on disk | of the speed of the writes | in memory | of the speed |\n|---|---|---|---|---|");
    let places = [folder.to_owned(), PathBuf::from("/dev/shm")];
    let mut columns = Vec::new();
    for place in &places {
        columns.push(into_file(programs, place, rounds)?);
    }
    for (disk, memory) in columns[0].iter().zip(&columns[1]) {
        let share = |of: &[Contestant], one: &Contestant| {
            100.0 * of[0].wall().as_secs_f64() / one.wall().as_secs_f64()
        };
        println!(
            "| {} | {:.2} s | {:.0} % | {:.2} s | {:.0} % |",
            disk.name,
            disk.wall().as_secs_f64(),
            share(&columns[0], disk),
            memory.wall().as_secs_f64(),
            share(&columns[1], memory)
        );
    }
    Ok(())
}

/// The writes alone first, then each program.
fn into_file(
    programs: &[Program],
    place: &Path,
    rounds: usize,
) -> Result<Vec<Contestant>, Box<dyn Error>> {
    let out = place.join(format!("kept-{}", std::process::id()));
    let quoted = quote(&out.to_string_lossy());
    // All make the same text but for spaces.
    let sample = programs.last().map(|program| words(&program.command));
    let status = shell(&format!("{} > {quoted}", sample.unwrap_or_default())).status()?;
    if !status.success() {
        return Err(format!("{}: {status}", out.display()).into());
    }
    let bytes = out.metadata()?.len();
    let mut alone = Command::new(std::env::current_exe()?);
    alone.arg("write").arg(&out).arg(bytes.to_string());
    let mut contestants = vec![Contestant::new("the writes alone", alone)];
    for program in programs {
        let line = format!("{} > {quoted}", words(&program.command));
        contestants.push(Contestant::new(program.name, shell(&line)));
    }
    let timed = timing::run(&mut contestants, rounds);
    std::fs::remove_file(&out)?;
    timed?;
    Ok(contestants)
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    command
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| quote(&word.to_string_lossy()));
    words.collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
