//! What a user should know of a conversion.

use crate::convert::capture::{Normalized, link_type_name};

/// A message about a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// Flows or packets are missing that could have been converted.
    Loss(String),
    /// Worth knowing; nothing is missing that could have been converted.
    Note(String),
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loss(text) | Self::Note(text) => f.write_str(text),
        }
    }
}

/// `1 packet`, `2 packets`.
pub(crate) fn packets(count: u64) -> String {
    match count {
        1 => "1 packet".to_owned(),
        _ => format!("{count} packets"),
    }
}

/// Messages about a capture that had to be rewritten.
pub(crate) fn of_rewriting(name: &str, found: &Normalized) -> Vec<Message> {
    let mut messages = Vec::new();
    if let Some(damage) = &found.damage {
        let (packet, offset) = (damage.packet, damage.offset);
        messages.push(Message::Loss(format!(
            "{name}: packet {packet} (byte {offset}): {}; packets before it are converted",
            damage.reason
        )));
    }
    let mut note = |text: String| messages.push(Message::Note(format!("{name}: {text}")));
    for &(link_type, count) in &found.left_out {
        let link = link_type_name(link_type).unwrap_or("unsupported");
        let packets = packets(count);
        note(format!(
            "left out {packets} of link type {link_type} ({link})"
        ));
    }
    if found.packets_written == 0 && found.without_payload != 0 {
        let packets = packets(found.packets_read);
        note(format!("{packets}, but none with IP that can be converted"));
    }
    for &(contents, count) in &found.contents {
        note(format!("left out {count} {contents}"));
    }
    if found.clamped != 0 {
        let packets = packets(found.clamped);
        note(format!("{packets} with a time stamp out of range"));
    }
    if found.y2038 != 0 {
        let packets = packets(found.y2038);
        note(format!(
            "{packets} later than 2038-01-19, which nfpcapd before 1.7.6 misreads"
        ));
    }
    if found.packets_read == 0 && found.damage.is_none() {
        note("the capture holds no packets".to_owned());
    }
    messages
}
