//! Versions and senders of hellos.

use std::fmt;

/// The sender of a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sender {
    /// ClientHello (handshake type 1).
    Client,
    /// ServerHello (handshake type 2).
    Server,
}

/// Protocol version stated in the hello (the legacy version field).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// 0x0002
    Ssl2,
    /// 0x0300
    Ssl3,
    /// 0x0301
    Tls10,
    /// 0x0302
    Tls11,
    /// 0x0303, also every real TLS 1.3 hello
    Tls12,
    /// 0x0304, client hello only
    Tls13,
}

impl Version {
    /// The version of a wire value. As in nfdump, 0x0304 from a server is none.
    pub(super) fn from_wire(value: u16, sender: Sender) -> Option<Self> {
        Some(match value {
            0x0002 => Self::Ssl2,
            0x0300 => Self::Ssl3,
            0x0301 => Self::Tls10,
            0x0302 => Self::Tls11,
            0x0303 => Self::Tls12,
            0x0304 if sender == Sender::Client => Self::Tls13,
            _ => return None,
        })
    }

    /// The value on the wire.
    #[must_use]
    pub const fn wire(self) -> u16 {
        match self {
            Self::Ssl2 => 0x0002,
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// Text as in nfdump's output: `SSL2`, `SSL3`, `TLS1.0` … `TLS1.3`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ssl2 => "SSL2",
            Self::Ssl3 => "SSL3",
            Self::Tls10 => "TLS1.0",
            Self::Tls11 => "TLS1.1",
            Self::Tls12 => "TLS1.2",
            Self::Tls13 => "TLS1.3",
        }
    }

    /// The two characters JA4 uses: `s2`, `s3`, `10` … `13`.
    #[must_use]
    pub const fn code(self) -> [u8; 2] {
        *match self {
            Self::Ssl2 => b"s2",
            Self::Ssl3 => b"s3",
            Self::Tls10 => b"10",
            Self::Tls11 => b"11",
            Self::Tls12 => b"12",
            Self::Tls13 => b"13",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
