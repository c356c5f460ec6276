//! Reads values from the bytes of a hello.

/// Reads big-endian values from the front of bytes. A read past the end changes only `overrun`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// More bytes were requested than available.
    pub(super) overrun: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            overrun: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let split = self.bytes.split_at_checked(n);
        self.overrun |= split.is_none();
        let (head, rest) = split?;
        self.bytes = rest;
        Some(head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        u16s(self.take(2)?).next()
    }

    /// A string after its one-byte length.
    pub(super) fn short_string(&mut self) -> Option<&'a [u8]> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }
}

/// RFC 8701: 0x0a0a, 0x1a1a … 0xfafa.
pub(super) fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

pub(super) fn u16s(list: &[u8]) -> impl Iterator<Item = u16> {
    list.as_chunks().0.iter().map(|&v| u16::from_be_bytes(v))
}

pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&b| b == 0).next().unwrap_or_default()
}
