//! The steps that check and regenerate this repository, each by its name: `cargo xtask STEP…`.
//!
//! `.ci/run` is a list of these steps. A step runs alone on a developer's machine exactly as in CI.
#![forbid(unsafe_code)]

mod api;
mod dist;
mod fuzz;
mod layers;
mod python;
mod shell;
mod site;
mod sql;
mod steps;

use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted.is_empty() || wanted.iter().any(|name| name == "help" || name == "--help") {
        println!("cargo xtask STEP…\n");
        for step in steps::STEPS {
            println!("  {:<12} {}", step.name, step.about);
        }
        return ExitCode::from(u8::from(wanted.is_empty()) * 2);
    }
    for name in &wanted {
        let Some(step) = steps::STEPS.iter().find(|step| step.name == name) else {
            eprintln!("xtask: unknown step `{name}`: see `cargo xtask help`");
            return ExitCode::from(2);
        };
        let begun = Instant::now();
        println!("\n== {name}: {} ({} free)", step.about, shell::free_space());
        if let Err(error) = (step.run)() {
            eprintln!("xtask: {name}: {error}");
            return ExitCode::FAILURE;
        }
        println!("== {name}: done in {} s", begun.elapsed().as_secs());
    }
    ExitCode::SUCCESS
}
