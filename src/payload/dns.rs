//! DNS messages in payloads: names in questions and addresses in answers.
//!
//! A message counts only if all of it can be decoded. Nothing is allocated; names are assembled in a
//! buffer on the stack.

use std::net::{Ipv4Addr, Ipv6Addr};

use std::fmt::Write as _;

/// Longest name as text, with its last dot: labels and dots.
const NAME_MAX: usize = 255;
/// Pointers followed for one name; no sound message needs more than there can be labels.
const POINTERS_MAX: usize = NAME_MAX / 2;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

/// A name as text, with a dot after each label.
pub(crate) struct Name {
    bytes: [u8; NAME_MAX + 1],
    length: usize,
}

impl Name {
    const fn new() -> Self {
        Self {
            bytes: [0; NAME_MAX + 1],
            length: 0,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, label: &[u8]) -> Option<()> {
        let end = self.length + label.len() + 1;
        if end > NAME_MAX {
            return None;
        }
        let (dot, text) = self.bytes.get_mut(self.length..end)?.split_last_mut()?;
        text.copy_from_slice(label);
        *dot = b'.';
        self.length = end;
        Some(())
    }
}

impl std::fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        let slot = self
            .bytes
            .get_mut(self.length..end)
            .ok_or(std::fmt::Error)?;
        slot.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?
            .first_chunk()
            .map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// A name; pointers lead backwards only, so there are no circles.
    fn name(&mut self, name: &mut Name) -> Option<()> {
        name.length = 0;
        // Where reading continues after the name, once a pointer has been followed.
        let mut after = None;
        let mut at = self.at;
        let mut limit = at;
        let mut pointers = 0;
        loop {
            let length = *self.message.get(at)?;
            match length {
                0 => {
                    at += 1;
                    break;
                }
                1..=63 => {
                    let label = self.message.get(at + 1..at + 1 + usize::from(length))?;
                    name.push(label)?;
                    at += 1 + usize::from(length);
                }
                0xC0.. => {
                    let low = *self.message.get(at + 1)?;
                    after.get_or_insert(at + 2);
                    let target = usize::from(length & 0x3F) << 8 | usize::from(low);
                    pointers += 1;
                    if target >= limit || pointers > POINTERS_MAX {
                        return None;
                    }
                    limit = target;
                    at = target;
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(at);
        if name.length == 0 {
            name.push(b"");
        }
        Some(())
    }
}

/// Decodes a whole message. Calls `question` with each name in a question, `address` with the text of each
/// address in the answer and additional sections. `None`: not a message.
pub(crate) fn decode(
    message: &[u8],
    mut question: impl FnMut(&[u8]),
    mut address: impl FnMut(&[u8]),
) -> Option<()> {
    let mut reader = Reader { message, at: 4 };
    let mut counts = [0; 4];
    for count in &mut counts {
        *count = reader.u16()?;
    }
    let [questions, answers, authorities, additional] = counts;
    let mut name = Name::new();
    for _ in 0..questions {
        reader.name(&mut name)?;
        reader.take(4)?;
        question(name.as_bytes());
    }
    for (section, count) in [answers, authorities, additional].into_iter().enumerate() {
        for _ in 0..count {
            reader.name(&mut name)?;
            let kind = reader.u16()?;
            reader.take(6)?;
            let length = reader.u16()?;
            let data = reader.take(length.into())?;
            let shown = section != 1;
            name.length = 0;
            match kind {
                TYPE_A => {
                    let octets: [u8; 4] = data.try_into().ok()?;
                    let _ = write!(name, "{}", Ipv4Addr::from(octets));
                }
                TYPE_AAAA => {
                    let octets: [u8; 16] = data.try_into().ok()?;
                    let _ = write!(name, "{}", Ipv6Addr::from(octets));
                }
                _ => continue,
            }
            if shown {
                address(name.as_bytes());
            }
        }
    }
    Some(())
}

/// Whether `bytes` contain `text`; both are short.
#[cfg(feature = "filter")]
pub(crate) fn contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Vec<u8> {
        let mut message = vec![0, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(b"\x03www\x07Example\x03org\0\0\x01\0\x01");
        message.extend(b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\xC0\0\x02\x01");
        message
    }

    fn decoded(message: &[u8]) -> Option<(Vec<String>, Vec<String>)> {
        let (mut names, mut addresses) = (Vec::new(), Vec::new());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decode(
            message,
            |name| names.push(text(name)),
            |address| addresses.push(text(address)),
        )?;
        Some((names, addresses))
    }

    #[test]
    fn names_and_addresses() {
        let (names, addresses) = decoded(&query()).unwrap();
        assert_eq!(names, ["www.Example.org."]);
        assert_eq!(addresses, ["192.0.2.1"]);
    }

    /// Deviation F-24: only the structure of a message is checked, and the record data of addresses.
    #[test]
    fn the_data_of_other_records_may_be_anything() {
        let mut loc = query();
        loc[7] = 2;
        // LOC (29) has 16 bytes in its only version.
        loc.extend(b"\xC0\x0C\0\x1D\0\x01\0\0\0\x3C\0\x0F");
        loc.extend([0; 15]);
        assert_eq!(decoded(&loc).unwrap().1, ["192.0.2.1"]);
        let mut edns = query();
        edns[11] = 1;
        // OPT (41) with an option that says it is longer than its record.
        edns.extend(b"\0\0\x29\x10\0\0\0\0\0\0\x04\0\x0A\0\xFF");
        assert_eq!(decoded(&edns).unwrap().0, ["www.Example.org."]);
        let mut label = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        label.extend(b"\x03w\0w\x03org\0\0\x01\0\x01");
        assert_eq!(decoded(&label).unwrap().0, ["w\0w.org."]);
    }

    #[test]
    fn cut_and_circular_messages_are_none() {
        let message = query();
        for length in 0..message.len() {
            assert_eq!(decoded(&message[..length]), None, "{length}");
        }
        let mut circle = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        circle.extend(b"\xC0\x0C\0\x01\0\x01");
        assert_eq!(decoded(&circle), None);
        circle[12..14].copy_from_slice(b"\xC0\xFF");
        assert_eq!(decoded(&circle), None);
    }
}
