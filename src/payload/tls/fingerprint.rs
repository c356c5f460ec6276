//! JA3 and JA4 of a hello.

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::payload::tls::hello::{Hello, extension};
use crate::payload::tls::reader::u16s;
use crate::payload::tls::version::Sender;

/// Largest number of ciphers or extensions that JA4 can state in its two digits.
const JA4_MAX: usize = 99;

/// Length of every JA4 fingerprint: `t12d0307h2_` + 12 hex digits + `_` + 12 hex digits.
pub const JA4_LEN: usize = 36;

impl Hello<'_> {
    /// JA3 (client) or JA3S (server): MD5 as 32 lower-case hex digits.
    #[must_use]
    pub fn ja3(&self) -> [u8; 32] {
        let mut md5 = Md5::new();
        join(&mut md5, b"-", [self.version.wire()], decimal);
        md5.update(b",");
        match self.sender {
            // The server's choice counts even if it is a GREASE value.
            Sender::Server => join(&mut md5, b"-", u16s(self.ciphers), decimal),
            Sender::Client => join(&mut md5, b"-", self.client_ciphers(), decimal),
        }
        md5.update(b",");
        let kinds = self.extensions.clone().map(|extension| extension.kind);
        join(&mut md5, b"-", kinds, decimal);
        if self.sender == Sender::Client {
            md5.update(b",");
            let groups = self.values(extension::GROUPS).flat_map(u16s);
            join(&mut md5, b"-", groups, decimal);
            md5.update(b",");
            let formats = self.values(extension::POINT_FORMATS).flatten();
            join(&mut md5, b"-", formats.map(|&v| u16::from(v)), decimal);
        }
        let mut hex = [0; 32];
        write_hex(&mut hex, &md5.finalize());
        hex
    }

    /// JA4 of a client hello, printable ASCII.
    ///
    /// `None` for a server hello, for more than 99 ciphers or extensions, and if there is no
    /// extension other than server name and ALPN (nfdump prints none then).
    #[must_use]
    pub fn ja4(&self) -> Option<[u8; JA4_LEN]> {
        if self.sender == Sender::Server {
            return None;
        }
        let (mut ciphers, mut kinds) = ([0; JA4_MAX], [0; JA4_MAX]);
        let ciphers = sorted(&mut ciphers, self.client_ciphers())?;
        let kinds = sorted(&mut kinds, self.extensions.clone().map(|e| e.kind))?;
        let hashed = || {
            let named = [extension::SERVER_NAME, extension::ALPN];
            kinds.iter().copied().filter(move |k| !named.contains(k))
        };
        hashed().next()?;

        let [v1, v2] = self.version.code();
        let sni = if self.sni.is_empty() { b'i' } else { b'd' };
        let [c1, c2] = two_digits(ciphers.len());
        let [e1, e2] = two_digits(kinds.len());
        let [a1, a2] = alpn_characters(self.alpn);
        let mut ja4 = [b'_'; JA4_LEN];
        let (head, hashes) = ja4.split_at_mut(11);
        let (cipher_hash, extension_hash) = hashes.split_at_mut(13);
        head.copy_from_slice(&[b't', v1, v2, sni, c1, c2, e1, e2, a1, a2, b'_']);

        if ciphers.is_empty() {
            cipher_hash[..12].fill(b'0');
        } else {
            let mut sha = Sha256::new();
            join(&mut sha, b",", ciphers.iter().copied(), hexadecimal);
            write_hex(&mut cipher_hash[..12], &sha.finalize());
        }
        let mut sha = Sha256::new();
        join(&mut sha, b",", hashed(), hexadecimal);
        let mut signatures = self.values(extension::SIGNATURES).flat_map(u16s).peekable();
        if signatures.peek().is_some() {
            sha.update(b"_");
            join(&mut sha, b",", signatures, hexadecimal);
        }
        write_hex(extension_hash, &sha.finalize());
        Some(ja4)
    }
}

/// The values in `buffer`, sorted; `None` if there are too many.
fn sorted(buffer: &mut [u16; JA4_MAX], values: impl Iterator<Item = u16>) -> Option<&mut [u16]> {
    let mut len = 0;
    for value in values {
        *buffer.get_mut(len)? = value;
        len += 1;
    }
    let used = buffer.get_mut(..len)?;
    used.sort_unstable();
    Some(used)
}

/// First and last character for JA4, `00` without a name.
fn alpn_characters(name: &[u8]) -> [u8; 2] {
    let (&[first, ..], &[.., last]) = (name, name) else {
        return *b"00";
    };
    let plain = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\' | b',');
    if plain(first) && plain(last) {
        [first, last]
    } else {
        [hex_digit(first >> 4), hex_digit(last)]
    }
}

/// Feeds `values` as text, joined by `separator`, to `hash`.
fn join<const N: usize>(
    hash: &mut impl Digest,
    separator: &[u8],
    values: impl IntoIterator<Item = u16>,
    text: fn(u16) -> ([u8; N], usize),
) {
    for (i, value) in values.into_iter().enumerate() {
        if i > 0 {
            hash.update(separator);
        }
        let (digits, start) = text(value);
        hash.update(digits.get(start..).unwrap_or_default());
    }
}

/// Decimal digits, and the index of the first.
fn decimal(mut value: u16) -> ([u8; 5], usize) {
    let mut digits = [b'0'; 5];
    let mut start = 4;
    for (i, digit) in digits.iter_mut().enumerate().rev() {
        *digit += (value % 10) as u8;
        if value > 0 {
            start = i;
        }
        value /= 10;
    }
    (digits, start)
}

/// Four hex digits.
fn hexadecimal(value: u16) -> ([u8; 4], usize) {
    let mut digits = [0; 4];
    write_hex(&mut digits, &value.to_be_bytes());
    (digits, 0)
}

/// Fills `out` with the lower-case hex digits of the first `out.len() / 2` bytes.
fn write_hex(out: &mut [u8], bytes: &[u8]) {
    for (pair, &byte) in out.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [hex_digit(byte >> 4), hex_digit(byte)];
    }
}

/// Hex digit of the low four bits.
fn hex_digit(value: u8) -> u8 {
    match value & 15 {
        digit @ 0..=9 => b'0' + digit,
        letter => b'a' - 10 + letter,
    }
}

fn two_digits(value: usize) -> [u8; 2] {
    [value / 10, value % 10].map(|digit| b'0' + digit as u8)
}
