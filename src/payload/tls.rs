//! TLS hello messages at the start of a captured payload: version, server name, JA3 and JA4.
//!
//! Reads what nfdump 1.7.10 reads, so that the fingerprints agree: exactly one handshake record is
//! looked at, and extension bodies are walked by their inner lengths. No reassembly, no decryption,
//! nothing about any later message. The caller checks that the flow is TCP.
//!
//! Fingerprints follow nfdump also where it differs from the definitions of JA3 and JA4:
//! * the version is the hello's legacy version, `supported_versions` is not consulted (a TLS 1.3
//!   client shows as TLS 1.2);
//! * GREASE values are left out of ciphers and extensions, but not of groups and signatures.
//!
//! They differ from nfdump in these cases:
//! * a server hello of TLS 1.1 or 1.2 is called that, not 1.2 or 1.3;
//! * a client hello whose ciphers or extensions are all GREASE is printed (nfdump crashes). The
//!   hash of no ciphers is twelve zeros, as JA4 defines it; without extensions there is no JA4;
//! * JA4 is always printable and needs no quoting in JSON or CSV: if the first or last byte of the
//!   ALPN name is not printable ASCII, or one of `"`, `\`, `,`, the first and last hex digit of the
//!   name stand for it, as JA4 defines for such names. nfdump copies the raw byte.

use std::fmt;

use md5::{Digest, Md5};
use sha2::Sha256;

/// Type numbers of the extensions whose bodies matter.
mod extension {
    pub const SERVER_NAME: u16 = 0;
    pub const GROUPS: u16 = 10;
    pub const POINT_FORMATS: u16 = 11;
    pub const SIGNATURES: u16 = 13;
    pub const ALPN: u16 = 16;
}

/// Largest number of ciphers or extensions that JA4 can state in its two digits.
const JA4_MAX: usize = 99;

/// Length of every JA4 fingerprint: `t12d0307h2_` + 12 hex digits + `_` + 12 hex digits.
pub const JA4_LEN: usize = 36;

/// Who sent the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// ClientHello (handshake type 1).
    Client,
    /// ServerHello (handshake type 2).
    Server,
}

/// Protocol version stated in the hello (the legacy version field).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// The version of a wire value. nfdump does not accept 0x0304 from a server, so neither do we.
    fn from_wire(value: u16, sender: Sender) -> Option<Self> {
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

/// A ClientHello or ServerHello. Borrows the payload; nothing is copied or allocated.
#[derive(Clone, Debug)]
pub struct Hello<'a> {
    sender: Sender,
    version: Version,
    /// Big-endian u16 values; of a server the one chosen.
    ciphers: &'a [u8],
    extensions: Extensions<'a>,
    /// Without the bytes from the first NUL on, as is `alpn`.
    sni: &'a [u8],
    alpn: &'a [u8],
}

impl<'a> Hello<'a> {
    /// Reads the hello at the start of `payload`.
    ///
    /// `None` if there is none, if it is not complete in the payload, or if it is malformed. Bytes
    /// after the handshake record are allowed.
    pub fn parse(payload: &'a [u8]) -> Option<Self> {
        let mut input = Reader {
            bytes: payload,
            overrun: false,
        };
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
    pub fn sender(&self) -> Sender {
        self.sender
    }

    /// The legacy version stated in the hello.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Server name (1 to 255 bytes, any but NUL); `None` if absent or empty and in server hellos.
    pub fn sni(&self) -> Option<&'a [u8]> {
        (!self.sni.is_empty()).then_some(self.sni)
    }

    /// JA3 (client) or JA3S (server): MD5 as 32 lower-case hex digits.
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

    fn client_ciphers(&self) -> impl Iterator<Item = u16> + use<'a> {
        u16s(self.ciphers).filter(|&cipher| !is_grease(cipher))
    }

    /// The values of all extensions of one kind: a repeated extension adds to its list.
    fn values(&self, kind: u16) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let all = self.extensions.clone();
        all.filter_map(move |e| (e.kind == kind).then_some(e.value))
    }
}

/// One extension that is not GREASE.
struct Extension<'a> {
    kind: u16,
    /// Server name, first ALPN name, or the bytes of the list; empty for all other kinds.
    value: &'a [u8],
}

/// Walks the extensions of a hello. Ends early, with `broken` set, where the data is malformed.
#[derive(Clone, Debug)]
struct Extensions<'a> {
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
        // As in nfdump, values missing at the end of the payload are taken as zero.
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
                // nfdump finds out about an earlier overrun only here.
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

/// Reads big-endian values from the front of the bytes it holds. Without enough bytes it stays
/// where it is, and remembers that.
#[derive(Clone, Copy, Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    overrun: bool,
}

impl<'a> Reader<'a> {
    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let split = self.bytes.split_at_checked(n);
        self.overrun |= split.is_none();
        let (head, rest) = split?;
        self.bytes = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        u16s(self.take(2)?).next()
    }

    /// A string after its one-byte length.
    fn short_string(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }
}

/// RFC 8701: 0x0a0a, 0x1a1a … 0xfafa.
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn u16s(list: &[u8]) -> impl Iterator<Item = u16> {
    list.as_chunks().0.iter().map(|&v| u16::from_be_bytes(v))
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&b| b == 0).next().unwrap_or_default()
}

/// Puts the values into `buffer` and sorts them; `None` if there are too many.
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

/// Decimal digits, and where they start.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn u16_list(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_be_bytes()).collect()
    }

    /// `body` after its two-byte length.
    fn counted(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u16).to_be_bytes(), body].concat()
    }

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &counted(body)].concat()
    }

    fn sni(name: &[u8]) -> Vec<u8> {
        extension(0, &counted(&[&[0], &counted(name)[..]].concat()))
    }

    fn groups(values: &[u16]) -> Vec<u8> {
        extension(10, &counted(&u16_list(values)))
    }

    fn signatures(values: &[u16]) -> Vec<u8> {
        extension(13, &counted(&u16_list(values)))
    }

    fn alpn(names: &[&[u8]]) -> Vec<u8> {
        let list: Vec<u8> = names
            .iter()
            .flat_map(|n| [&[n.len() as u8], *n].concat())
            .collect();
        extension(16, &counted(&list))
    }

    fn record(kind: u8, version: u16, middle: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
        let body = [
            &version.to_be_bytes()[..],
            &[0x11; 32],
            &[2, 7, 7], // session id
            middle,
            &counted(&extensions.concat()),
        ]
        .concat();
        let message = [&[kind, 0][..], &counted(&body)].concat();
        [&[0x16, 3, 1][..], &counted(&message)].concat()
    }

    fn client(version: u16, ciphers: &[u16], extensions: &[Vec<u8>]) -> Vec<u8> {
        let middle = [&counted(&u16_list(ciphers))[..], &[1, 0]].concat();
        record(1, version, &middle, extensions)
    }

    fn server(version: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
        record(2, version, &[0x13, 0x01, 0], extensions)
    }

    fn example(version: u16) -> Vec<u8> {
        let extensions = [
            sni(b"www.example.org"),
            groups(&[0x1d, 0x17, 0x18]),
            extension(11, &[1, 0]),
            signatures(&[0x0403, 0x0804, 0x0401]),
            alpn(&[b"h2", b"http/1.1"]),
            extension(23, b""),
            extension(43, &[2, 3, 4]),
        ];
        client(version, &[0x1301, 0x1302, 0xc02b], &extensions)
    }

    /// Version, SNI, JA3 and JA4 as text.
    fn summary(payload: &[u8]) -> Option<[String; 4]> {
        let hello = Hello::parse(payload)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some([
            hello.version().to_string(),
            text(hello.sni().unwrap_or_default()),
            text(&hello.ja3()),
            text(hello.ja4().as_ref().map_or(&[][..], |ja4| ja4)),
        ])
    }

    fn ja4_of(extensions: &[Vec<u8>]) -> String {
        summary(&client(0x303, &[0x1301], extensions)).unwrap()[3].clone()
    }

    #[test]
    fn client_hello() {
        let expected = [
            "TLS1.2",
            "www.example.org",
            "cc714807473ee817a900cef1373643e4",
            "t12d0307h2_5559582ccdc4_1fdf4de06b7e",
        ];
        assert_eq!(summary(&example(0x303)).unwrap(), expected);
        let longer = [example(0x303), vec![0x17; 9]].concat();
        assert_eq!(summary(&longer).unwrap(), expected);
    }

    #[test]
    fn client_versions() {
        for (wire, text, ja3, code) in [
            (0x0002, "SSL2", "d067467bfbe10f258ac40905e10275fa", "ts2d"),
            (0x0300, "SSL3", "6c70c26a0910dac8d5efa4b03933ef79", "ts3d"),
            (0x0301, "TLS1.0", "09c7a82e05a427d26e7482bf34539f12", "t10d"),
            (0x0302, "TLS1.1", "685c493782526a80557d88fb056fe521", "t11d"),
            (0x0304, "TLS1.3", "6ccffa94459aae87d4b3f60f6b14e890", "t13d"),
        ] {
            let [version, _, md5, fingerprint] = summary(&example(wire)).unwrap();
            assert_eq!((&version[..], &md5[..]), (text, ja3));
            assert!(fingerprint.starts_with(code));
        }
        assert!(summary(&example(0x305)).is_none());
    }

    #[test]
    fn server_hello() {
        let extensions = [extension(43, &[3, 4]), extension(51, b"key")];
        let expected = ["TLS1.2", "", "f4febc55ea12b31ae17cfb7e614afda8", ""];
        assert_eq!(summary(&server(0x303, &extensions)).unwrap(), expected);
        assert_eq!(summary(&server(0x302, &[])).unwrap()[0], "TLS1.1");
        assert!(summary(&server(0x304, &[])).is_none());
        let empty = summary(&server(0x303, &[])).unwrap();
        assert_eq!(empty[2], "e8c07683aecf9b16e8e33f10a5161e4e");
    }

    #[test]
    fn every_proper_prefix_is_refused() {
        let hello = example(0x303);
        for len in 0..hello.len() {
            assert!(Hello::parse(&hello[..len]).is_none(), "{len}");
        }
    }

    #[test]
    fn lists_without_values() {
        // All GREASE: nfdump crashes on these two.
        let grease = [sni(b"a.b"), groups(&[29])];
        let [version, name, _, ja4] = summary(&client(0x303, &[0x0a0a], &grease)).unwrap();
        assert_eq!((&version[..], &name[..]), ("TLS1.2", "a.b"));
        assert_eq!(ja4, "t12d000200_000000000000_a8f3e973773c");
        let [_, _, ja3, ja4] =
            summary(&client(0x303, &[0x1301], &[extension(0xfafa, b"xx")])).unwrap();
        assert_eq!(ja3, "ea1e247991e541e39bf918cb7cfa5139");
        assert_eq!(ja4, "");

        assert!(summary(&client(0x303, &[], &grease)).is_none());
        assert!(summary(&client(0x303, &[0x1301], &[])).is_none());
        assert_eq!(ja4_of(&[sni(b"a.b"), alpn(&[b"h2"])]), "");
    }

    #[test]
    fn grease_stays_in_groups_and_signatures_only() {
        let extensions = [sni(b"a.b"), extension(0x1a1a, b"zz"), groups(&[0x0a0a, 29])];
        let [_, _, ja3, _] = summary(&client(0x303, &[0x2a2a, 0x1301], &extensions)).unwrap();
        assert_eq!(ja3, "05d4f73187f04362902d4c9b44dc5d37");
        let signed = ja4_of(&[sni(b"a.b"), signatures(&[0x0a0a, 0x0403])]);
        assert_eq!(signed, "t12d010200_0f2cb44170f4_477e359890ff");
    }

    #[test]
    fn repeated_extensions() {
        // Lists add up, the last name counts.
        let extensions = [sni(b"a.b"), groups(&[29]), groups(&[23]), sni(b"cc")];
        let hello = client(0x303, &[0x1301], &extensions);
        let list: Vec<u16> = Hello::parse(&hello)
            .unwrap()
            .values(extension::GROUPS)
            .flat_map(u16s)
            .collect();
        assert_eq!(list, [29, 23]);
        assert_eq!(summary(&hello).unwrap()[1], "cc");
        let signed = ja4_of(&[
            sni(b"a.b"),
            groups(&[29]),
            signatures(&[0x403]),
            signatures(&[0x804]),
        ]);
        assert_eq!(signed, "t12d010400_0f2cb44170f4_c1f818edfbb7");
    }

    #[test]
    fn server_name() {
        let name = |extension| {
            let hello = client(0x303, &[0x1301], &[extension]);
            Hello::parse(&hello).map(|hello| hello.sni().map(<[u8]>::to_vec))
        };
        assert_eq!(name(sni(b"ab\0c")), Some(Some(b"ab".to_vec())));
        assert_eq!(name(sni(b"\0abc")), Some(None));
        assert_eq!(name(sni(&[b'x'; 255])), Some(Some(vec![b'x'; 255])));
        assert_eq!(name(sni(&[b'x'; 256])), None);
        assert_eq!(name(groups(&[29])), Some(None));
    }

    #[test]
    fn alpn_in_ja4() {
        for (name, characters) in [
            (&b"h2"[..], "h2"),
            (b"h", "hh"),
            (b"", "00"),
            (b"\0a", "00"),
            (b"a\0", "aa"),
            (b"ab\0cd", "ab"),
            (b"-x.", "-."),
            (b"\xe4x\xff", "ef"),
            (b"\"a", "21"),
            (b"a\\", "6c"),
            (b",", "2c"),
            (b"\n", "0a"),
        ] {
            assert_eq!(
                ja4_of(&[groups(&[29]), alpn(&[name, b"zz"])])[8..10],
                *characters
            );
        }
    }

    #[test]
    fn ja4_counts_up_to_99() {
        let ciphers: Vec<u16> = (1000..1100).collect();
        let extensions = [
            sni(b"a.b"),
            groups(&[29]),
            extension(11, &[1, 0]),
            signatures(&[0x403]),
            alpn(&[b"h2"]),
        ];
        let [_, _, ja3, ja4] = summary(&client(0x303, &ciphers[..99], &extensions)).unwrap();
        assert_eq!(ja3, "77ac285cc86bb07a3133c08a92caae57");
        assert_eq!(ja4, "t12d9905h2_5e14cf2ce885_2bbaf9536c97");
        let [_, _, ja3, ja4] = summary(&client(0x303, &ciphers, &extensions)).unwrap();
        assert_eq!(ja3, "c4e81763c48aa1a45ee8e40d5879fd85");
        assert_eq!(ja4, "");
    }

    #[test]
    fn inner_lengths_decide() {
        // The bytes after the group inside the declared length are read as the next extension.
        let body = [&[0, 2, 0, 29][..], &[0, 11, 0, 2, 1, 0]].concat();
        let hello = client(
            0x303,
            &[0x1301],
            &[sni(b"a.b"), extension(10, &body), extension(11, &[1, 0])],
        );
        assert_eq!(
            summary(&hello).unwrap()[3],
            "t12d010300_0f2cb44170f4_33a13ba74d1c"
        );
        // An odd list misaligns all that follows.
        let odd = [extension(10, &[0, 3, 0, 29, 0]), extension(11, &[1, 0])];
        assert!(summary(&client(0x303, &[0x1301], &odd)).is_none());
        let overrun = [extension(0, &[0xff, 0xff, 0, 0, 1, b'a']), groups(&[29])];
        assert!(summary(&client(0x303, &[0x1301], &overrun)).is_some());
        let [name, list] = overrun;
        let overrun = [name, list, alpn(&[b"h2"])];
        assert!(summary(&client(0x303, &[0x1301], &overrun)).is_none());
    }

    #[test]
    fn mutations_do_not_panic() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) as usize % below
        };
        let seeds = [example(0x303), server(0x303, &[extension(43, &[3, 4])])];
        for round in 0..40_000 {
            let mut payload = seeds[round % 2].clone();
            for _ in 0..=random(3) {
                let at = random(payload.len());
                match random(3) {
                    0 => payload[at] = random(256) as u8,
                    1 => payload.insert(at, random(3) as u8),
                    _ => payload.truncate(at + 1),
                }
            }
            if let Some(ja4) = Hello::parse(&payload).and_then(|hello| {
                hello.ja3();
                hello.ja4()
            }) {
                assert!(ja4.iter().all(|b| (b' '..=b'~').contains(b)));
            }
        }
    }
}
