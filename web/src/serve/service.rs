//! What the answers to requests are made of: the archive, how it is read, and what is known of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nfdecode::Scan;

use crate::serve::archive::Archive;
use crate::serve::settings::Settings;
use crate::text;

/// How long a ticket for an export can be used.
const TICKET_LIFE: Duration = Duration::from_secs(60);
/// Tickets that are remembered.
const TICKETS_MAX: usize = 256;

/// What the answers to requests are made of.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) settings: Settings,
    /// How files are opened, on how many threads.
    pub(crate) scan: Scan,
    pub(crate) archive: Archive,
    tickets: Mutex<HashMap<String, Instant>>,
}

impl Service {
    pub(crate) fn new(settings: Settings, scan: Scan) -> Self {
        Self {
            settings,
            scan,
            archive: Archive::default(),
            tickets: Mutex::default(),
        }
    }

    /// A ticket for one export, for links, which cannot send a token.
    pub(crate) fn ticket(&self) -> std::io::Result<String> {
        let ticket = random()?;
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, made| made.elapsed() < TICKET_LIFE);
        if tickets.len() >= TICKETS_MAX {
            return Err(std::io::Error::other("too many tickets: wait a minute"));
        }
        tickets.insert(ticket.clone(), Instant::now());
        Ok(ticket)
    }

    /// Whether a ticket is good. It is good once.
    pub(crate) fn use_ticket(&self, ticket: &str) -> bool {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let made = tickets.remove(ticket);
        made.is_some_and(|made| made.elapsed() < TICKET_LIFE)
    }

    /// The command line for these words, with this filter.
    pub(crate) fn command(&self, words: &[String], filter: Option<&str>) -> String {
        let settings = &self.settings;
        let own = ["nfdecode".to_owned()];
        let all = own
            .iter()
            .chain(words)
            .chain(&settings.paths)
            .chain(&settings.arguments);
        let mut line: Vec<String> = all.map(|word| text::quoted(word)).collect();
        if let Some(filter) = filter {
            line.extend(["--filter".to_owned(), text::quoted(filter)]);
        }
        line.join(" ")
    }
}

/// 128 random bits of the system, as text.
///
/// # Errors
/// The system has none.
pub fn random() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
