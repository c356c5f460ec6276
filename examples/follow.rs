//! Follows the directory of a live collector and prints its flows as NDJSON while they are written.
//!
//! `cargo run --release --example follow -- DIRECTORY [STATE]`
//!
//! With a state file, a later run goes on where this one ended. The command `nfdecode follow` does more: it
//! reports losses, keeps memory low with slow readers, and writes other forms.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::time::Duration;

use nfdecode::Scan;
use nfdecode::follow::{Begin, Follower, Options, Rules};
use nfdecode::output::json::JsonFormat;
use nfdecode::output::{FlowContext, FlowFormat as _, TextBuffer};
use nfdecode::value::Zone;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().unwrap_or_else(|| ".".into());
    let directory = std::path::PathBuf::from(directory);
    let mut rules = Rules::default();
    rules.live = true;
    let mut options = Options::new();
    match arguments.next() {
        Some(state) => options = options.state(state),
        None => rules.begin = Begin::Now,
    }
    let mut follower = Follower::new([&directory], options.rules(rules))?;
    let mut format = JsonFormat::ndjson(Zone::from_env()).with_file_names();
    let mut text = TextBuffer::default();
    let mut is_first = true;
    loop {
        for event in follower.look() {
            eprintln!("{event}");
        }
        while let Some(opened) = follower.open_next() {
            // Its name in the output is known before anything is printed under it.
            follower.save().map_err(io::Error::other)?;
            let context = FlowContext::new(opened.file().ident(), opened.label());
            let mut progress = opened.progress();
            for block in Scan::new([opened.input()]).blocks() {
                // The last block may not be complete yet.
                let Ok(block) = block else { continue };
                let numbers = block.flows_before_in_file() + 1..;
                for (number, flow) in numbers.zip(block.flows()) {
                    format.flow(number, &flow, &context, &mut text);
                }
                if !opened.job().is_silent {
                    io::stdout().write_all(text.as_bytes())?;
                }
                text.clear();
                progress.add(&block);
            }
            io::stdout().flush()?;
            follower.finish(&opened, &progress);
        }
        follower.save().map_err(io::Error::other)?;
        if std::mem::take(&mut is_first) {
            eprintln!("following {}", directory.display());
        }
        follower.wait(Duration::from_millis(500));
    }
}
