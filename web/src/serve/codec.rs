//! Numbers and texts as bytes, for the cache. Reading is checked: wrong bytes give `None`, never a panic.

/// Writes numbers and texts.
#[derive(Debug, Default)]
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    /// A number, in as few bytes as it needs.
    pub(crate) fn number(&mut self, number: u64) {
        self.wide(number.into());
    }

    /// A number with a sign.
    pub(crate) fn signed(&mut self, number: i128) {
        self.wide(((number << 1) ^ (number >> 127)).cast_unsigned());
    }

    fn wide(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Bytes with their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// All of it.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what an [`Encoder`] wrote.
#[derive(Clone, Debug)]
pub(crate) struct Decoder<'a>(pub(crate) &'a [u8]);

impl<'a> Decoder<'a> {
    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number.
    pub(crate) fn number(&mut self) -> Option<u64> {
        self.wide()?.try_into().ok()
    }

    /// A number with a sign.
    pub(crate) fn signed(&mut self) -> Option<i128> {
        let number = self.wide()?;
        let sign = if number & 1 == 0 { 0 } else { u128::MAX };
        Some((number >> 1 ^ sign).cast_signed())
    }

    fn wide(&mut self) -> Option<u128> {
        let (mut number, mut shift) = (0_u128, 0_u32);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u128::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    /// Bytes with their length.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let numbers = [0, 1, 127, 128, 1 << 40, u64::MAX];
        let signed = [0, -1, 1, i128::MIN, i128::MAX, -(1 << 70)];
        let mut out = Encoder::default();
        numbers.iter().for_each(|number| out.number(*number));
        signed.iter().for_each(|number| out.signed(*number));
        out.bytes(b"text");
        let bytes = out.finish();
        let mut read = Decoder(&bytes);
        assert!(numbers.iter().all(|number| read.number() == Some(*number)));
        assert!(signed.iter().all(|number| read.signed() == Some(*number)));
        assert_eq!(read.text().as_deref(), Some("text"));
        assert!(read.is_empty() && read.number().is_none());
    }

    #[test]
    fn wrong_bytes_are_refused() {
        assert_eq!(Decoder(&[0xff; 40]).number(), None);
        assert_eq!(Decoder(&[0xff; 10]).signed(), None);
        assert_eq!(Decoder(&[9, 1, 2]).bytes(), None);
        assert_eq!(Decoder(&[1, 0xff]).text(), None);
    }
}
