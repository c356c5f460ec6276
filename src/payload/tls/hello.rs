//! Parses a hello.

use crate::payload::tls::reader::{Reader, is_grease, u16s, until_nul};
use crate::payload::tls::version::{Sender, Version};

/// Type numbers of the extensions whose bodies matter.
pub(super) mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const GROUPS: u16 = 10;
    pub const POINT_FORMATS: u16 = 11;
    pub const SIGNATURES: u16 = 13;
    pub const ALPN: u16 = 16;
}

/// A ClientHello or ServerHello. Borrows the payload; nothing is copied or allocated.
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    pub(super) sender: Sender,
    pub(super) version: Version,
    /// Big-endian u16 values; of a server the chosen one.
    pub(super) ciphers: &'a [u8],
    pub(super) extensions: Extensions<'a>,
    /// Without the bytes from the first NUL on, as is `alpn`.
    pub(super) sni: &'a [u8],
    pub(super) alpn: &'a [u8],
}

impl<'a> Hello<'a> {
    /// Parses the hello at the start of `payload`.
    ///
    /// `None` if there is none, or if it is incomplete or malformed. Bytes
    /// after the handshake record are allowed.
    #[must_use]
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut input = Reader::new(payload);
        if input.u8()? != 0x16 || !matches!(input.u16()?, 0x0002 | 0x0300..=0x0303) {
            return None;
        }
        let record_len = usize::from(input.u16()?);
        if record_len > input.len() {
            return None;
        }
        let sender = match input.u8()? {
            1 => Sender::Client,
            2 => Sender::Server,
            _ => return None,
        };
        let message_len = usize::from(input.u8()?) << 16 | usize::from(input.u16()?);
        if message_len > input.len() {
            return None;
        }
        let version = Version::from_wire(input.u16()?, sender)?;
        input.take(32)?; // random
        let session_id_len = usize::from(input.u8()?);
        input.take(session_id_len)?;
        let ciphers = match sender {
            Sender::Client => {
                let len = usize::from(input.u16()?);
                let ciphers = input.take(len & !1)?;
                // The odd byte of a broken list stays: nfdump reads it as the next field.
                let compression_len = usize::from(input.u8()?);
                input.take(compression_len)?;
                ciphers
            }
            Sender::Server => {
                let cipher = input.take(2)?;
                input.u8()?; // compression
                cipher
            }
        };
        let remaining = usize::from(input.u16()?);
        let empty = ciphers.is_empty() || (sender == Sender::Client && remaining == 0);
        if empty || remaining > input.len() {
            return None;
        }
        let extensions = Extensions {
            sender,
            input,
            remaining,
            broken: false,
        };
        let mut hello = Self {
            sender,
            version,
            ciphers,
            extensions: extensions.clone(),
            sni: &[],
            alpn: &[],
        };
        let mut walk = extensions;
        for extension in walk.by_ref() {
            match extension.kind {
                extension::SERVER_NAME => hello.sni = until_nul(extension.value),
                extension::ALPN => hello.alpn = until_nul(extension.value),
                _ => {}
            }
        }
        (!walk.broken).then_some(hello)
    }

    /// Whether this is a ClientHello or a ServerHello.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// The legacy version stated in the hello.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Server name (1 to 255 bytes, any but NUL); `None` if absent or empty and in server hellos.
    #[must_use]
    pub fn sni(&self) -> Option<&'a [u8]> {
        (!self.sni.is_empty()).then_some(self.sni)
    }

    pub(super) fn client_ciphers(&self) -> impl Iterator<Item = u16> + use<'a> {
        u16s(self.ciphers).filter(|&cipher| !is_grease(cipher))
    }

    /// The values of all extensions of one kind: a repeated extension adds to its list.
    pub(super) fn values(&self, kind: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let all = self.extensions.clone();
        all.filter_map(move |e| (e.kind == kind).then_some(e.value))
    }
}

/// One extension that is not GREASE.
pub(super) struct Extension<'a> {
    pub(super) kind: u16,
    /// Server name, first ALPN name, or the bytes of the list; empty for all other kinds.
    pub(super) value: &'a [u8],
}

/// Walks the extensions of a hello. Ends early, with `broken` set, where the data is malformed.
#[derive(Clone, Debug)]
pub(super) struct Extensions<'a> {
    sender: Sender,
    /// Up to the end of the payload.
    input: Reader<'a>,
    /// Bytes of the extension block that the declared lengths have not used up.
    remaining: usize,
    broken: bool,
}

impl<'a> Extensions<'a> {
    /// `Some(None)` is a GREASE extension; `None` is malformed data.
    fn read(&mut self) -> Option<Option<Extension<'a>>> {
        let input = &mut self.input;
        // As in nfdump, values missing at the end of the payload are zero.
        let kind = input.u16().unwrap_or(0);
        let len = usize::from(input.u16().unwrap_or(0));
        self.remaining = self.remaining.saturating_sub(4 + len);
        if is_grease(kind) {
            input.take(len);
            return Some(None);
        }
        if self.sender == Sender::Server {
            input.take(len);
            return Some(Some(Extension { kind, value: &[] }));
        }
        if len > input.len() {
            return None;
        }
        // Known bodies advance by their inner lengths, whatever `len` says, as in nfdump.
        let value = match kind {
            extension::SERVER_NAME => {
                let list_len = usize::from(input.u16().unwrap_or(0));
                input.u8(); // name type
                let name_len = input.u16().unwrap_or(0);
                let name = input.take(usize::from(u8::try_from(name_len).ok()?))?;
                input.take(list_len.saturating_sub(name.len() + 3));
                name
            }
            extension::GROUPS | extension::SIGNATURES => {
                let list_len = usize::from(input.u16().unwrap_or(0));
                if list_len > input.len() {
                    return None;
                }
                input.take(list_len & !1)?
            }
            extension::POINT_FORMATS => {
                let list_len = usize::from(input.u8().unwrap_or(0));
                input.take(list_len)?
            }
            extension::ALPN => {
                let list_len = usize::from(input.u16().unwrap_or(0));
                if list_len > input.len() {
                    return None;
                }
                let first = input.short_string()?;
                let mut used = first.len() + 1;
                while used < list_len {
                    used += input.short_string()?.len() + 1;
                }
                // nfdump checks for an earlier overrun only here.
                if input.overrun {
                    return None;
                }
                first
            }
            _ => {
                input.take(len);
                &[]
            }
        };
        Some(Some(Extension { kind, value }))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        while self.remaining >= 4 && !self.broken {
            match self.read() {
                Some(Some(extension)) => return Some(extension),
                Some(None) => {}
                None => self.broken = true,
            }
        }
        None
    }
}
