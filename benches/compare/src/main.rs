//! Times nfdecode against nfdump 1.7.10, the crate `nfdump`, a pipe of nfdump's JSON, and what the
//! hardware allows, on the same file in the same run, and prints a table in Markdown.
//!
//! `cargo run --release -p compare -- run --nfdump PATH/TO/1.7.10/nfdump`

mod data;
mod floor;
mod readers;
mod timing;

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use timing::Contestant;

#[derive(Parser)]
enum Cli {
    /// Make a file of flows in all encodings: OUT.none, OUT.lz4, …
    Make {
        out: PathBuf,
        #[arg(long, default_value_t = 2_000_000)]
        flows: u64,
        #[arg(long, value_delimiter = ',', default_value = "none,lzo,lz4,zstd,bz2")]
        encodings: Vec<String>,
        #[arg(long, default_value = "target/release/nfdecode")]
        nfdecode: PathBuf,
    },
    /// Time everything and print the table.
    Run(Run),
    /// Time columns only and print their table.
    Columns(Run),
    /// Sum one field over all flows with one of the readers, or make record batches: of all columns
    /// with values, or of five.
    Sum {
        #[arg(value_parser = ["nfdecode", "crate", "pipe", "floor", "columns", "five-columns"])]
        reader: String,
        file: PathBuf,
        #[arg(long, default_value = "1")]
        threads: NonZeroUsize,
        #[arg(long, default_value = "nfdump")]
        nfdump: PathBuf,
    },
}

#[derive(clap::Args)]
struct Run {
    /// nfdump 1.7.10
    #[arg(long)]
    nfdump: PathBuf,
    #[arg(long, default_value = "nfpcapd")]
    nfpcapd: PathBuf,
    #[arg(long, default_value = "target/release/nfdecode")]
    nfdecode: PathBuf,
    #[arg(long, default_value_t = 2_000_000)]
    flows: u64,
    /// Rounds that count; medians are taken
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Where to put the data; a temporary directory without
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Columns that many questions need.
const FIVE: [&str; 5] = ["first", "src_addr", "dst_addr", "dst_port", "in_bytes"];

const ENCODINGS: [&str; 5] = ["none", "lzo", "lz4", "zstd", "bz2"];

fn main() -> Result<(), Box<dyn Error>> {
    match Cli::parse() {
        Cli::Make {
            out,
            flows,
            encodings,
            nfdecode,
        } => make(&out, flows, &encodings, &nfdecode),
        Cli::Run(run) => compare(&run),
        Cli::Columns(run) => {
            let temporary = tempfile::tempdir()?;
            let folder = run.data.as_deref().unwrap_or(temporary.path());
            let base = folder.join(format!("flows-{}", run.flows));
            let lz4 = base.with_extension("lz4");
            if !lz4.exists() {
                make(&base, run.flows, &["lz4".to_owned()], &run.nfdecode)?;
            }
            columns(&run, &lz4, folder)
        }
        Cli::Sum {
            reader,
            file,
            threads,
            nfdump,
        } => {
            let sum = match reader.as_str() {
                "nfdecode" => readers::nfdecode(&file, threads)?,
                "crate" => readers::crate_nfdump(&file)?,
                "pipe" => readers::pipe(&nfdump, &file)?,
                "columns" => readers::columns(&file, threads, &[])?,
                "five-columns" => readers::columns(&file, threads, &FIVE)?,
                _ => {
                    println!("{}", floor::run(&file)?);
                    return Ok(());
                }
            };
            println!("{} flows, {} bytes", sum.flows, sum.bytes);
            Ok(())
        }
    }
}

fn make(
    out: &Path,
    flows: u64,
    encodings: &[String],
    nfdecode: &Path,
) -> Result<(), Box<dyn Error>> {
    let plain = out.with_extension("plain");
    data::write_plain(&plain, flows)?;
    for encoding in encodings {
        let status = Command::new(nfdecode)
            .arg("rewrite")
            .arg(&plain)
            .args(["--compress", encoding, "-o"])
            .arg(out.with_extension(encoding))
            .status()?;
        if !status.success() {
            return Err(format!("rewrite: {status}").into());
        }
    }
    Ok(std::fs::remove_file(plain)?)
}

/// A reader of this program as a process of its own.
fn reader(name: &str, file: &Path, threads: usize) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["sum", name]).arg(file);
    command.args(["--threads", &threads.to_string()]);
    Ok(command)
}

fn nfdump(run: &Run, form: &str, file: &Path) -> Command {
    let mut command = Command::new(&run.nfdump);
    command.args(["-W", "1", "-C", "none", "-G", "none", "-o", form, "-r"]);
    command.arg(file);
    command
}

fn nfdecode(run: &Run, form: &str, jobs: usize, file: &Path) -> Command {
    let mut command = Command::new(&run.nfdecode);
    command.args(["read", "-f", form, "-j", &jobs.to_string()]);
    command.arg(file);
    command
}

fn compare(run: &Run) -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = run.data.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    let base = folder.join(format!("flows-{}", run.flows));
    if !base.with_extension("bz2").exists() {
        make(
            &base,
            run.flows,
            &ENCODINGS.map(String::from),
            &run.nfdecode,
        )?;
    }
    let file = |encoding: &str| base.with_extension(encoding);
    let lz4 = file("lz4");
    agree(run, &lz4)?;
    println!(
        "{} flows; {} MB as lz4, {} MB uncompressed; medians of {} interleaved rounds.\n",
        run.flows,
        std::fs::metadata(&lz4)?.len() / 1_000_000,
        std::fs::metadata(file("none"))?.len() / 1_000_000,
        run.rounds
    );

    // Reading: each encoding against its floor, its nfdump, and with two threads.
    println!(
        "| sum one field over all flows | floor in C | nfdecode, 1 thread | 2 threads | nfdump 1.7.10 `-o null` | speed of the floor | × nfdump | 2 threads |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for encoding in ENCODINGS {
        let path = file(encoding);
        let mut contestants = vec![
            Contestant::new("floor", reader("floor", &path, 1)?),
            Contestant::new("nfdecode", reader("nfdecode", &path, 1)?),
            Contestant::new("nfdecode -j2", reader("nfdecode", &path, 2)?),
            Contestant::new("nfdump -o null", nfdump(run, "null", &path)),
        ];
        timing::run(&mut contestants, run.rounds)?;
        let [floor, one, two, theirs] = [0, 1, 2, 3].map(|at| contestants[at].wall().as_secs_f64());
        println!(
            "| {encoding} | {floor:.3} s | {one:.3} s | {two:.3} s | {theirs:.3} s | {:.0} % | {:.1} | {:.1} × one |",
            100.0 * floor / one,
            theirs / one,
            one / two
        );
    }

    // Text and other readers, all on the same file.
    let mut contestants = vec![
        Contestant::new(
            "nfdecode, ndjson, 1 thread",
            nfdecode(run, "ndjson", 1, &lz4),
        ),
        Contestant::new(
            "nfdecode, ndjson, 2 threads",
            nfdecode(run, "ndjson", 2, &lz4),
        ),
        Contestant::new("nfdump 1.7.10, ndjson", nfdump(run, "ndjson", &lz4)),
        Contestant::new("nfdecode, json, 1 thread", nfdecode(run, "json", 1, &lz4)),
        Contestant::new("nfdecode, json, 2 threads", nfdecode(run, "json", 2, &lz4)),
        Contestant::new("nfdump 1.7.10, json", nfdump(run, "json", &lz4)),
        Contestant::new("nfdecode, csv, 1 thread", nfdecode(run, "csv", 1, &lz4)),
        Contestant::new("nfdecode, csv, 2 threads", nfdecode(run, "csv", 2, &lz4)),
        Contestant::new("nfdump 1.7.10, csv", nfdump(run, "csv", &lz4)),
        Contestant::new(
            "crate `nfdump` 0.2, sum one field",
            reader("crate", &lz4, 1)?,
        ),
    ];
    let mut pipe = reader("pipe", &lz4, 1)?;
    pipe.arg("--nfdump").arg(&run.nfdump);
    contestants.push(Contestant::new(
        "nfdump's ndjson through a pipe into serde",
        pipe,
    ));
    timing::run(&mut contestants, run.rounds)?;
    let theirs = |at: usize| contestants[at].wall().as_secs_f64();
    println!("\n| lz4, to /dev/null | time | memory | against nfdump's |\n|---|---|---|---|");
    for (at, contestant) in contestants.iter().enumerate() {
        let base = match at {
            3..6 => 5,
            6..9 => 8,
            _ => 2,
        };
        println!(
            "| {} | {:.2} s | {:.0} MiB | {:.1} × |",
            contestant.name,
            contestant.wall().as_secs_f64(),
            contestant.mebibytes(),
            theirs(base) / contestant.wall().as_secs_f64()
        );
    }

    // A file of ten flows: what it costs to start.
    let small = folder.join("flows-10");
    make(&small, 10, &["lz4".to_owned()], &run.nfdecode)?;
    let small = small.with_extension("lz4");
    let mut contestants = vec![
        Contestant::new("nfdecode", nfdecode(run, "json", 1, &small)),
        Contestant::new("nfdump", nfdump(run, "json", &small)),
    ];
    timing::run(&mut contestants, run.rounds)?;
    println!(
        "\nTen flows to json: {:.1} ms, nfdump {:.1} ms.",
        contestants[0].wall().as_secs_f64() * 1000.0,
        contestants[1].wall().as_secs_f64() * 1000.0
    );
    columns(run, &lz4, folder)?;
    convert(run, folder)
}

/// Record batches and files of columns.
fn columns(run: &Run, lz4: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut contestants = vec![
        Contestant::new("batches of all columns with values", reader("columns", lz4, 1)?),
        Contestant::new("the same, 2 threads", reader("columns", lz4, 2)?),
        Contestant::new("batches of five columns", reader("five-columns", lz4, 1)?),
    ];
    let out = folder.join("flows.out");
    for (form, jobs) in [("arrow", 1), ("parquet", 1), ("parquet", 2)] {
        let mut command = nfdecode(run, form, jobs, lz4);
        command.arg("-o").arg(&out);
        contestants.push(Contestant::new(format!("-f {form}, {jobs} threads"), command));
    }
    let mut five = nfdecode(run, "parquet", 1, lz4);
    five.args(["--fields", &FIVE.join(",")]).arg("-o").arg(&out);
    contestants.push(Contestant::new("-f parquet, five columns, 1 thread", five));
    let mut directory = nfdecode(run, "parquet", 2, lz4);
    directory.args(["--partition-by", "5m"]);
    directory.arg("-o").arg(folder.join("flows.out.d"));
    // A second run would find everything done.
    let mut fresh = Command::new("sh");
    fresh.args(["-c", "rm -rf \"$1\"; shift; \"$@\"", "sh"]);
    fresh.arg(folder.join("flows.out.d")).arg(directory.get_program());
    fresh.args(directory.get_args());
    contestants.push(Contestant::new("-f parquet --partition-by 5m, 2 threads", fresh));
    contestants.push(Contestant::new("nfdump 1.7.10, ndjson", nfdump(run, "ndjson", lz4)));
    timing::run(&mut contestants, run.rounds)?;
    println!("\n| columns, lz4 | time | million flows/s | memory |\n|---|---|---|---|");
    for contestant in &contestants {
        let seconds = contestant.wall().as_secs_f64();
        println!(
            "| {} | {seconds:.2} s | {:.2} | {:.0} MiB |",
            contestant.name,
            run.flows as f64 / seconds / 1e6,
            contestant.mebibytes(),
        );
    }
    Ok(())
}

/// Conversion of a capture against the work of nfpcapd alone.
fn convert(run: &Run, folder: &Path) -> Result<(), Box<dyn Error>> {
    let capture = folder.join("capture.pcap");
    data::write_capture(&capture, 600_000)?;
    let mut contestants = Vec::new();
    let out = tempfile::tempdir_in(folder)?;
    let mut alone = Command::new(&run.nfpcapd);
    alone.arg("-r").arg(&capture).arg("-w").arg(out.path());
    contestants.push(Contestant::new("nfpcapd alone", alone));
    for form in ["json", "ndjson"] {
        let mut ours = Command::new(&run.nfdecode);
        ours.args(["convert", "-f", form, "--nfpcapd"]);
        ours.arg(&run.nfpcapd).arg(&capture);
        contestants.push(Contestant::new(form, ours));
    }
    timing::run(&mut contestants, run.rounds)?;
    let [alone, json, ndjson] = [0, 1, 2].map(|at| contestants[at].wall().as_secs_f64());
    println!(
        "\nA capture of 600,000 flows: nfpcapd alone {alone:.2} s; convert to json {json:.2} s ({:.2} ×), to ndjson {ndjson:.2} s ({:.2} ×).",
        json / alone,
        ndjson / alone
    );
    Ok(())
}

/// No figure counts unless all readers find the same.
fn agree(run: &Run, file: &Path) -> Result<(), Box<dyn Error>> {
    let ours = readers::nfdecode(file, NonZeroUsize::MIN)?;
    for (name, theirs) in [
        ("crate nfdump", readers::crate_nfdump(file)?),
        ("nfdump", readers::pipe(&run.nfdump, file)?),
    ] {
        if ours != theirs {
            return Err(format!("{name} reads {theirs:?}, nfdecode {ours:?}").into());
        }
    }
    Ok(())
}
