//! Times nfdecode against nfdump 1.7.10, the crate `nfdump`, a pipe of nfdump's JSON, and what the
//! hardware allows, on the same file in the same run, and prints a table in Markdown.
//!
//! From the root of the repository, after `cargo build --release`:
//!
//! ```sh
//! NFDECODE_ORACLE=FOLDER cargo run --release --manifest-path benches/compare/Cargo.toml -- run
//! ```
//!
//! where `FOLDER/1.7.10/usr/bin` holds nfdump and nfpcapd; `--nfdump` and `--nfpcapd` name others.

mod damage;
mod data;
mod floor;
mod kept;
mod layouts;
mod readers;
mod timing;

use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use data::Transport;
use layouts::Layout;
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
    /// Make a directory of lz4 files of five minutes each, with flows of their own: OUT/nfcapd.202601010000, …
    MakeSlots {
        out: PathBuf,
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=data::SLOTS_MAX))]
        files: u64,
        /// Flows of each file
        #[arg(long, default_value_t = 66_667)]
        flows: u64,
        #[arg(long, default_value = "target/release/nfdecode")]
        nfdecode: PathBuf,
    },
    /// Time everything and print the table.
    Run(Run),
    /// Time columns only and print their table.
    Columns(Run),
    /// Write this many bytes into a file, and nothing else.
    Write { out: PathBuf, bytes: u64 },
    /// Carry the flows of a file of `make` into layout 1 or 3.
    Carry {
        source: PathBuf,
        #[arg(value_enum)]
        layout: Layout,
        encoding: String,
        out: PathBuf,
    },
    /// Give damaged files to all readers and print what became of them.
    Damage {
        /// Files that `cargo test -p nfdecode-cli --test program mutations::` has written
        variants: PathBuf,
        #[arg(long, default_value = "target/release/nfdecode")]
        nfdecode: PathBuf,
        /// Folder with the reference programs, one folder for each version
        #[arg(long, env = "NFDECODE_ORACLE")]
        oracle: PathBuf,
    },
    /// Sum one field over all flows with one of the readers, or make record batches: of all columns
    /// with values, or of five.
    Sum {
        #[arg(value_parser = ["nfdecode", "crate", "pipe", "floor", "memory", "minilzo", "columns", "five-columns"])]
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
    /// Folder with the reference programs, in `1.7.10/usr/bin`
    #[arg(long, env = "NFDECODE_ORACLE")]
    oracle: Option<PathBuf>,
    /// nfdump 1.7.10; without, that of the oracle folder or of `PATH`
    #[arg(long)]
    nfdump: Option<PathBuf>,
    /// As `--nfdump`
    #[arg(long)]
    nfpcapd: Option<PathBuf>,
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
    /// Encodings to read; bz2 takes its time
    #[arg(long, value_delimiter = ',', default_value = "none,lzo,lz4,zstd,bz2")]
    encodings: Vec<String>,
    /// Parts to run
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "read,layouts,lzo,text,kept,others,start,columns,convert,scale"
    )]
    parts: Vec<String>,
    /// The part `scale` ends with 10^N flows; 8 needs 14 GB of room while it makes them
    #[arg(long, default_value_t = 7)]
    largest: u32,
}

impl Run {
    fn program(&self, given: Option<&PathBuf>, name: &str) -> PathBuf {
        given.cloned().unwrap_or_else(|| match &self.oracle {
            Some(folder) => folder.join("1.7.10/usr/bin").join(name),
            None => PathBuf::from(name),
        })
    }

    fn nfdump(&self) -> PathBuf {
        self.program(self.nfdump.as_ref(), "nfdump")
    }

    fn nfpcapd(&self) -> PathBuf {
        self.program(self.nfpcapd.as_ref(), "nfpcapd")
    }

    fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|wanted| wanted == part)
    }
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
        Cli::MakeSlots {
            out,
            files,
            flows,
            nfdecode,
        } => make_slots(&out, files, flows, &nfdecode),
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
        Cli::Write { out, bytes } => Ok(kept::write(&out, bytes)?),
        Cli::Carry {
            source,
            layout,
            encoding,
            out,
        } => layouts::carry(&source, layout, &encoding, &out),
        Cli::Damage {
            variants,
            nfdecode,
            oracle,
        } => damage::run(&variants, &nfdecode, &oracle),
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
                "memory" => {
                    println!("{}", floor::memory(&file)?.as_nanos());
                    return Ok(());
                }
                "minilzo" => {
                    println!("{}", floor::minilzo(&file)?);
                    return Ok(());
                }
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
        compress(nfdecode, &plain, encoding, &out.with_extension(encoding))?;
    }
    Ok(std::fs::remove_file(plain)?)
}

fn make_slots(out: &Path, files: u64, flows: u64, nfdecode: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(out)?;
    let plain = out.with_extension("plain");
    for slot in 0..files {
        data::write_slot(&plain, flows, slot)?;
        compress(nfdecode, &plain, "lz4", &out.join(data::slot_name(slot)))?;
    }
    Ok(std::fs::remove_file(plain)?)
}

/// Has `nfdecode rewrite` make a file of `plain`.
fn compress(
    nfdecode: &Path,
    plain: &Path,
    encoding: &str,
    out: &Path,
) -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(nfdecode);
    command.arg("rewrite").arg(plain);
    command.args(["--compress", encoding, "-o"]).arg(out);
    let status = command.status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("rewrite: {status}").into()),
    }
}

/// A reader of this program as a process of its own.
fn reader(name: &str, file: &Path, threads: usize) -> Result<Command, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["sum", name]).arg(file);
    command.args(["--threads", &threads.to_string()]);
    Ok(command)
}

/// What such a process prints. Nothing large is done in this one: the memory of its children counts from
/// what it has itself.
fn outcome(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn nfdump(run: &Run, form: &str, file: &Path) -> Command {
    let mut command = Command::new(run.nfdump());
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

/// The same command on one core: nfdump uses two threads.
fn on_one_core(command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "0"]).arg(command.get_program());
    pinned.args(command.get_args());
    pinned
}

fn seconds(contestant: &Contestant) -> f64 {
    contestant.wall().as_secs_f64()
}

fn compare(run: &Run) -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = run.data.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)?;
    let base = folder.join(format!("flows-{}", run.flows));
    let wanted = |encoding: &&str| {
        ["none", "lz4"].contains(encoding)
            || (*encoding == "lzo" && run.wants("lzo"))
            || run.encodings.iter().any(|wanted| wanted == encoding)
    };
    let missing: Vec<_> = ENCODINGS
        .into_iter()
        .filter(wanted)
        .filter(|encoding| !base.with_extension(encoding).exists())
        .map(String::from)
        .collect();
    if !missing.is_empty() {
        make(&base, run.flows, &missing, &run.nfdecode)?;
    }
    let file = |encoding: &str| base.with_extension(encoding);
    let lz4 = file("lz4");
    agree(run, &lz4)?;
    println!(
        "{} cores; {} flows, {} MB uncompressed, {} MB as lz4; medians of {} interleaved rounds after one that does not count.",
        std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        run.flows,
        std::fs::metadata(file("none"))?.len() / 1_000_000,
        std::fs::metadata(&lz4)?.len() / 1_000_000,
        run.rounds
    );
    if run.wants("read") {
        reading(run, &file)?;
    }
    if run.wants("layouts") {
        other_layouts(run, &base, &file)?;
    }
    if run.wants("lzo") {
        lzo(run, &file("lzo"))?;
    }
    if run.wants("text") {
        text(run, &lz4)?;
    }
    if run.wants("kept") {
        let program = |name, command| kept::Program { name, command };
        let programs = [
            program("nfdump", nfdump(run, "ndjson", &lz4)),
            program("nfdecode, 1 thread", nfdecode(run, "ndjson", 1, &lz4)),
            program("nfdecode, 2 threads", nfdecode(run, "ndjson", 2, &lz4)),
        ];
        kept::run(&programs, folder, run.rounds)?;
    }
    if run.wants("others") {
        others(run, &lz4)?;
    }
    if run.wants("start") {
        start(run, folder)?;
    }
    if run.wants("columns") {
        columns(run, &lz4, folder)?;
    }
    if run.wants("convert") {
        convert(run, folder)?;
    }
    if run.wants("scale") {
        scale(run, folder)?;
    }
    Ok(())
}

/// Each encoding against its floor, against nfdump, and with two threads.
fn reading(run: &Run, file: &dyn Fn(&str) -> PathBuf) -> Result<(), Box<dyn Error>> {
    println!(
        "\n| sum one field over all flows | floor in C | nfdecode, 1 thread | of the floor's speed | by processor time | 2 threads | against 1 | nfdump `-o null` | 1 thread against it | 2 threads | nfdump on one core | 1 thread against that |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for encoding in &run.encodings {
        let path = file(encoding);
        let theirs = nfdump(run, "null", &path);
        let pinned = on_one_core(&theirs);
        let mut contestants = vec![
            Contestant::new("floor", reader("floor", &path, 1)?),
            Contestant::new("nfdecode", reader("nfdecode", &path, 1)?),
            Contestant::new("nfdecode -j2", reader("nfdecode", &path, 2)?),
            Contestant::new("nfdump -o null", theirs),
            Contestant::new("nfdump -o null, one core", pinned),
        ];
        timing::run(&mut contestants, run.rounds)?;
        let [floor, one, two, theirs, pinned] = [0, 1, 2, 3, 4].map(|at| seconds(&contestants[at]));
        println!(
            "| {encoding} | {floor:.3} s | {one:.3} s | {:.0} % | {:.0} % | {two:.3} s | {:.2} × | {theirs:.3} s | {:.1} × | {:.1} × | {pinned:.3} s | {:.1} × |",
            100.0 * floor / one,
            100.0 * contestants[0].cpu().as_secs_f64() / contestants[1].cpu().as_secs_f64(),
            one / two,
            theirs / one,
            theirs / two,
            pinned / one
        );
    }
    let mut times = (0..run.rounds)
        .map(|_| Ok(outcome(&mut reader("memory", &file("none"), 1)?)?.parse()?))
        .collect::<Result<Vec<u64>, Box<dyn Error>>>()?;
    times.sort_unstable();
    let memory = times.get(times.len() / 2).copied().unwrap_or_default();
    println!(
        "\nTouching each byte of the uncompressed file when it is in the process's memory: {:.3} s.",
        memory as f64 / 1e9
    );
    Ok(())
}

/// The same flows in layouts 1 and 3 against layout 2, one thread.
fn other_layouts(
    run: &Run,
    base: &Path,
    file: &dyn Fn(&str) -> PathBuf,
) -> Result<(), Box<dyn Error>> {
    let layouts = [Layout::One, Layout::Three, Layout::ThreeChecked];
    println!(
        "\n| sum one field, 1 thread | layout 2 | layout | | of the flows/s of layout 2 | by processor time |\n|---|---|---|---|---|---|"
    );
    for encoding in &run.encodings {
        let second = file(encoding);
        let mut contestants = vec![Contestant::new("2", reader("nfdecode", &second, 1)?)];
        let mut made = Vec::new();
        for layout in layouts {
            // nfdump 1.6 knows no ZSTD.
            if layout == Layout::One && encoding == "zstd" {
                continue;
            }
            let path = base.with_extension(format!("{}.{encoding}", layout.suffix()));
            if !path.exists() {
                let mut carry = Command::new(std::env::current_exe()?);
                carry.arg("carry").arg(&second).arg(layout.suffix());
                outcome(carry.arg(encoding).arg(&path))?;
            }
            if outcome(&mut reader("nfdecode", &path, 1)?)?
                != outcome(&mut reader("nfdecode", &second, 1)?)?
            {
                return Err(format!("{} has other flows", path.display()).into());
            }
            contestants.push(Contestant::new(
                layout.name(),
                reader("nfdecode", &path, 1)?,
            ));
            made.push(path);
        }
        timing::run(&mut contestants, run.rounds)?;
        let [two, others @ ..] = contestants.as_slice() else {
            continue;
        };
        for other in others {
            println!(
                "| {encoding} | {:.3} s | {} | {:.3} s | {:.0} % | {:.0} % |",
                seconds(two),
                other.name,
                seconds(other),
                100.0 * seconds(two) / seconds(other),
                100.0 * two.cpu().as_secs_f64() / other.cpu().as_secs_f64()
            );
        }
        if run.data.is_none() {
            made.iter().try_for_each(std::fs::remove_file)?;
        }
    }
    Ok(())
}

/// From a thousand flows to ten million: time and memory for each.
fn scale(run: &Run, folder: &Path) -> Result<(), Box<dyn Error>> {
    println!(
        "\n| flows, lz4 | sum, 1 thread | ns a flow | memory | ndjson, 2 threads | ns a flow | memory |\n|---|---|---|---|---|---|---|"
    );
    for power in 3..=run.largest {
        let flows = 10_u64.pow(power);
        let base = folder.join(format!("scale-{flows}"));
        make(&base, flows, &["lz4".to_owned()], &run.nfdecode)?;
        let lz4 = base.with_extension("lz4");
        let mut contestants = vec![
            Contestant::new("sum", reader("nfdecode", &lz4, 1)?),
            Contestant::new("ndjson", nfdecode(run, "ndjson", 2, &lz4)),
        ];
        timing::run(&mut contestants, run.rounds)?;
        std::fs::remove_file(lz4)?;
        print!("| 10^{power} ");
        for contestant in &contestants {
            print!(
                "| {:.4} s | {:.0} | {:.1} MiB ",
                seconds(contestant),
                seconds(contestant) * 1e9 / flows as f64,
                contestant.mebibytes()
            );
        }
        println!("|");
    }
    Ok(())
}

/// Decompression alone, ours against miniLZO.
fn lzo(run: &Run, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut contestants = vec![
        Contestant::new("libnfdump", reader("floor", path, 1)?),
        Contestant::new("miniLZO", reader("minilzo", path, 1)?),
    ];
    timing::run(&mut contestants, run.rounds)?;
    let [ours, theirs] = [0, 1].map(|at| seconds(&contestants[at]));
    println!(
        "\nLZO decompression alone: libnfdump {ours:.3} s (it also touches each byte), miniLZO {theirs:.3} s: {:.2} ×.",
        theirs / ours
    );
    Ok(())
}

/// Text to /dev/null.
fn text(run: &Run, lz4: &Path) -> Result<(), Box<dyn Error>> {
    println!(
        "\n| lz4, to /dev/null | nfdump | nfdecode, 1 thread | against nfdump | by processor time | 2 threads | against nfdump | memory, 1 and 2 threads |\n|---|---|---|---|---|---|---|---|"
    );
    for form in ["ndjson", "json", "csv"] {
        let mut contestants = vec![
            Contestant::new("nfdump", nfdump(run, form, lz4)),
            Contestant::new("1 thread", nfdecode(run, form, 1, lz4)),
            Contestant::new("2 threads", nfdecode(run, form, 2, lz4)),
        ];
        timing::run(&mut contestants, run.rounds)?;
        let [theirs, one, two] = [0, 1, 2].map(|at| seconds(&contestants[at]));
        println!(
            "| {form} | {theirs:.2} s | {one:.2} s | {:.1} × | {:.1} × | {two:.2} s | {:.1} × | {:.0} and {:.0} MiB |",
            theirs / one,
            contestants[0].cpu().as_secs_f64() / contestants[1].cpu().as_secs_f64(),
            theirs / two,
            contestants[1].mebibytes(),
            contestants[2].mebibytes()
        );
    }
    Ok(())
}

/// Other ways to the same sum.
fn others(run: &Run, lz4: &Path) -> Result<(), Box<dyn Error>> {
    let mut pipe = reader("pipe", lz4, 1)?;
    pipe.arg("--nfdump").arg(run.nfdump());
    let mut contestants = vec![
        Contestant::new("nfdecode, 1 thread", reader("nfdecode", lz4, 1)?),
        Contestant::new("crate `nfdump` 0.2", reader("crate", lz4, 1)?),
        Contestant::new("nfdump's ndjson through a pipe into serde", pipe),
    ];
    timing::run(&mut contestants, run.rounds)?;
    println!("\n| lz4, sum one field | time | memory | nfdecode is faster by |\n|---|---|---|---|");
    for contestant in &contestants {
        println!(
            "| {} | {:.2} s | {:.0} MiB | {:.1} × |",
            contestant.name,
            seconds(contestant),
            contestant.mebibytes(),
            seconds(contestant) / seconds(&contestants[0])
        );
    }
    Ok(())
}

/// A file of ten flows: what it costs to start.
fn start(run: &Run, folder: &Path) -> Result<(), Box<dyn Error>> {
    let small = folder.join("flows-10");
    make(&small, 10, &["lz4".to_owned()], &run.nfdecode)?;
    let small = small.with_extension("lz4");
    let mut contestants = vec![
        Contestant::new("nfdecode", nfdecode(run, "json", 2, &small)),
        Contestant::new("nfdump", nfdump(run, "json", &small)),
    ];
    timing::run(&mut contestants, run.rounds.max(20))?;
    println!(
        "\nTen flows to json: {:.1} ms, nfdump {:.1} ms.",
        seconds(&contestants[0]) * 1000.0,
        seconds(&contestants[1]) * 1000.0
    );
    Ok(())
}

/// Record batches and files of columns.
fn columns(run: &Run, lz4: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut contestants = vec![
        Contestant::new(
            "batches of all columns with values",
            reader("columns", lz4, 1)?,
        ),
        Contestant::new("the same, 2 threads", reader("columns", lz4, 2)?),
        Contestant::new("batches of five columns", reader("five-columns", lz4, 1)?),
    ];
    let out = folder.join("flows.out");
    for (form, jobs) in [("arrow", 1), ("parquet", 1), ("parquet", 2)] {
        let mut command = nfdecode(run, form, jobs, lz4);
        command.arg("-o").arg(&out);
        contestants.push(Contestant::new(
            format!("-f {form}, {jobs} threads"),
            command,
        ));
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
    fresh
        .arg(folder.join("flows.out.d"))
        .arg(directory.get_program());
    fresh.args(directory.get_args());
    contestants.push(Contestant::new(
        "-f parquet --partition-by 5m, 2 threads",
        fresh,
    ));
    contestants.push(Contestant::new(
        "nfdump 1.7.10, ndjson",
        nfdump(run, "ndjson", lz4),
    ));
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

/// Conversion of captures against the work of nfpcapd alone: the worst case, in which each packet is a flow,
/// and flows of eight packets.
fn convert(run: &Run, folder: &Path) -> Result<(), Box<dyn Error>> {
    const FLOWS: u32 = 600_000;
    println!(
        "\n| {FLOWS} flows of | nfpcapd alone | convert to json | against nfpcapd | to ndjson | against nfpcapd |\n|---|---|---|---|---|---|"
    );
    for (transport, packets) in [
        (Transport::Udp, 1),
        (Transport::Udp, 8),
        (Transport::Tcp, 8),
    ] {
        let capture = folder.join("capture.pcap");
        data::write_capture(&capture, transport, FLOWS, packets)?;
        let out = tempfile::tempdir_in(folder)?;
        let mut alone = Command::new(run.nfpcapd());
        alone.arg("-r").arg(&capture).arg("-w").arg(out.path());
        let mut contestants = vec![Contestant::new("nfpcapd alone", alone)];
        for form in ["json", "ndjson"] {
            let mut ours = Command::new(&run.nfdecode);
            ours.args(["convert", "-f", form, "--nfpcapd"]);
            ours.arg(run.nfpcapd()).arg(&capture);
            contestants.push(Contestant::new(form, ours));
        }
        timing::run(&mut contestants, run.rounds)?;
        let [alone, json, ndjson] = [0, 1, 2].map(|at| seconds(&contestants[at]));
        println!(
            "| {transport:?}, {packets} packets | {alone:.2} s | {json:.2} s | {:.2} × | {ndjson:.2} s | {:.2} × |",
            json / alone,
            ndjson / alone
        );
        std::fs::remove_file(capture)?;
    }
    Ok(())
}

/// No figure counts unless all readers find the same.
fn agree(run: &Run, file: &Path) -> Result<(), Box<dyn Error>> {
    let ours = outcome(&mut reader("nfdecode", file, 1)?)?;
    let mut pipe = reader("pipe", file, 1)?;
    pipe.arg("--nfdump").arg(run.nfdump());
    for (name, theirs) in [
        ("crate nfdump", outcome(&mut reader("crate", file, 1)?)?),
        ("nfdump", outcome(&mut pipe)?),
    ] {
        if ours != theirs {
            return Err(format!("{name} reads {theirs}, nfdecode {ours}").into());
        }
    }
    Ok(())
}
