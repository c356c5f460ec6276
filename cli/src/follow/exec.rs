//! A command for each finished file, repeated until it succeeds or is given up.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nfdecode::follow::{Follower, Identity};

use crate::follow::tell::{Counts, Tell};
use crate::run::interrupt;
use crate::run::stop::Stop;

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How often to see whether the command has ended.
const LOOK: Duration = Duration::from_millis(10);
/// How long commands run in a row before files are read again.
const SLICE: Duration = Duration::from_millis(500);

/// A command, and the files that wait for another try.
pub(crate) struct Exec {
    words: Vec<String>,
    tries: u32,
    /// The list of files that were given up.
    list: Option<PathBuf>,
    waiting: HashMap<Identity, (u32, Instant)>,
}

impl Exec {
    pub(crate) fn new(text: &str, tries: u32, state: Option<&Path>) -> Result<Self, Stop> {
        let words = words(text).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| {
            Stop::Usage("--exec needs a command, with both quotes of each pair".to_owned())
        })?;
        let list = state.map(|state| {
            let mut name = state.as_os_str().to_owned();
            name.push(".failed");
            name.into()
        });
        Ok(Self {
            words,
            tries,
            list,
            waiting: HashMap::new(),
        })
    }

    /// Runs the command for delivered files that are due. Returns whether there may be more now.
    pub(crate) fn run(&mut self, follower: &mut Follower, tell: &Tell<'_>) -> Result<bool, Stop> {
        let started = Instant::now();
        for (path, identity) in follower.tracker().delivered() {
            let known = self.waiting.get(&identity);
            if known.is_some_and(|(_, due)| Instant::now() < *due) {
                continue;
            }
            if started.elapsed() >= SLICE {
                return Ok(true);
            }
            let tried = known.map_or(0, |(tried, _)| *tried) + 1;
            match self.try_once(&path, tell.counts)? {
                Ok(()) => self.end(follower, identity),
                Err(problem) => {
                    Counts::add(&tell.counts.failures, 1);
                    self.failed(follower, (&path, identity), tried, &problem, tell);
                }
            }
            follower.save().map_err(Stop::failed)?;
        }
        Ok(false)
    }

    fn failed(
        &mut self,
        follower: &mut Follower,
        (path, identity): (&Arc<Path>, Identity),
        tried: u32,
        problem: &str,
        tell: &Tell<'_>,
    ) {
        let command = self.words.first().map_or("", String::as_str);
        let shown = path.display();
        if tried < self.tries {
            let pause = Duration::from_secs(1 << (tried - 1).min(16)).min(PAUSE_MAX);
            let seconds = pause.as_secs();
            tell.note(format!(
                "{shown}: {command} {problem}: trying again in {seconds} s"
            ));
            self.waiting
                .insert(identity, (tried, Instant::now() + pause));
            return;
        }
        Counts::add(&tell.counts.given_up, 1);
        let listed = self.list.as_ref().map(|list| {
            let open = OpenOptions::new().create(true).append(true).open(list);
            let written = open.and_then(|mut file| writeln!(file, "{shown}"));
            match written {
                Ok(()) => format!("listed in {}", list.display()),
                Err(error) => format!("not listed in {}: {error}", list.display()),
            }
        });
        let listed = listed.unwrap_or_else(|| "there is no list without --state".to_owned());
        tell.gap(format!(
            "{shown}: {command} {problem}: given up after {tried} tries; {listed}"
        ));
        self.end(follower, identity);
    }

    fn end(&mut self, follower: &mut Follower, identity: Identity) {
        self.waiting.remove(&identity);
        follower.tracker_mut().finish(identity);
    }

    /// Whether files wait for another try.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// One try; the inner error says why it failed.
    fn try_once(&self, path: &Path, counts: &Counts) -> Result<Result<(), String>, Stop> {
        let Some((program, arguments)) = self.words.split_first() else {
            return Ok(Ok(()));
        };
        let mut command = Command::new(program);
        for word in arguments {
            match word.split_once("{}") {
                Some((before, after)) => {
                    let mut argument = std::ffi::OsString::from(before);
                    argument.push(path);
                    argument.push(after);
                    command.arg(argument);
                }
                None => {
                    command.arg(word);
                }
            }
        }
        command.env("NFDECODE_FILE", path).stdin(Stdio::null());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Err(format!("cannot be started: {error}"))),
        };
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(Ok(())),
                Ok(Some(status)) => return Ok(Err(reason(status))),
                Ok(None) => {}
                Err(error) => return Ok(Err(error.to_string())),
            }
            if interrupt::interrupted() {
                // It is run again by the next process.
                return Err(Stop::Interrupted);
            }
            Counts::add(&counts.beat, 1);
            thread::sleep(LOOK);
        }
    }
}

fn reason(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }
}

/// The words of a command: separated by blanks, or quoted. `None` if a quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_are_separated_and_quoted() {
        let all = words(r#"a  'b c' "d 'e" x"y z" "" "#).expect("closed quotes");
        assert_eq!(all, ["a", "b c", "d 'e", "xy z", ""]);
        assert_eq!(words("a 'b"), None);
    }
}
