//! Encrypted files (nfdump 1.8): from a passphrase to readable blocks.
//!
//! ChaCha20-Poly1305 for each block, the key by Argon2id from the passphrase. The cost of deriving the key
//! (64 MiB, three passes, one lane) is a constant of the format and is never read from a file, so that no file
//! can ask for more. A block that decrypts is one that a holder of the passphrase wrote, for this
//! place of this file; header and directory are what they wrote if the MAC in the footer is right.
//!
//! Encrypts nothing but the 16 zero bytes that verify the key.

use blake2::Blake2bMac;
use blake2::digest::{FixedOutput as _, Update as _, consts::U32};
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};

use crate::error::{Error, ErrorKind, Result};
use crate::file::passphrase::{Key, Passphrase};
use crate::raw;
use crate::raw::{RawBlockRef, RawFile, RawInfo, SharedInfo};

/// Bytes that encryption adds to a payload.
const TAG: usize = 16;
const BLOCK_HEADER: usize = 24;
/// What the directory of a file says of each block.
const ENTRY: usize = 16;
/// Magic and number of entries.
const DIRECTORY_HEADER: u64 = 8;
/// An ident or statistics block is far smaller.
const SMALL_BLOCK_MAX: usize = 4096;

/// An encrypted file with its key.
pub(crate) struct Unlocked {
    key: FileKey,
    /// With ident and statistics, which are encrypted, too.
    pub(crate) info: SharedInfo,
    /// What is wrong beyond what `info` says.
    pub(crate) damage: Option<Error>,
}

impl Unlocked {
    /// Makes the key and checks it, the MAC of the footer, ident and statistics. `Ok(None)` for a file that
    /// is not encrypted. `partial` makes a wrong MAC a remark.
    pub(crate) fn new(
        file: &RawFile,
        passphrase: &Passphrase,
        partial: bool,
    ) -> Result<Option<Self>> {
        let mut info = *file.info();
        if info.crypto.header_size == 0 {
            return Ok(None);
        }
        let key = FileKey::new(
            passphrase.key(info.crypto.salt)?,
            info.crypto.nonce,
            &info.crypto.key_check,
        )?;
        let mut damage = match check_mac(file, &key) {
            Err(error) if partial || error.kind() != ErrorKind::Checksum => Some(error),
            other => {
                other?;
                None
            }
        };
        for found in [info.stat_block, info.ident_block] {
            if found.offset != 0
                && let Err(error) = take_info(file, &key, &found, &mut info)
            {
                damage.get_or_insert(error);
            }
        }
        Ok(Some(Self {
            key,
            info: SharedInfo(info),
            damage,
        }))
    }

    /// Reads a block, header included, into `bytes` and decrypts it there.
    pub(crate) fn read_block(
        &self,
        file: &RawFile,
        found: &RawBlockRef,
        bytes: &mut Vec<u8>,
    ) -> Result<()> {
        let opened = read_stored(file, found, raw::LAYOUT3_BLOCK_MAX + TAG, bytes)
            .and_then(|()| self.key.open_block(bytes, found.offset));
        opened.map_err(|error| error.at(Some(found.index), None))
    }
}

/// Reads a block, header included.
fn read_stored(
    file: &RawFile,
    found: &RawBlockRef,
    most: usize,
    bytes: &mut Vec<u8>,
) -> Result<()> {
    let length = BLOCK_HEADER + found.stored as usize;
    if length > most {
        let error = Error::new(
            ErrorKind::ImpossibleSize,
            found.offset,
            "impossible block size",
        );
        return Err(error.with_numbers(length as u64, most as u64));
    }
    bytes.clear();
    bytes.resize(length, 0);
    file.read(found.offset, bytes)
}

fn take_info(file: &RawFile, key: &FileKey, found: &RawBlockRef, info: &mut RawInfo) -> Result<()> {
    let mut bytes = Vec::new();
    read_stored(file, found, SMALL_BLOCK_MAX, &mut bytes)?;
    key.open_block(&mut bytes, found.offset)?;
    raw::decode_info(info, &bytes)
}

/// Checks header and directory against the MAC in the footer. Only a wrong MAC makes this fail;
/// other problems are reported elsewhere.
fn check_mac(file: &RawFile, key: &FileKey) -> Result<()> {
    let info = file.info();
    if info.appendix_offset == 0 {
        // No directory that could be checked; the file says so itself.
        return Ok(());
    }
    if info.crypto.mac == [0; 32] {
        let reason = "the footer of the encrypted file has no MAC";
        return Err(Error::new(ErrorKind::Count, info.appendix_offset, reason));
    }
    let mut entries = vec![0; ENTRY * info.directory_entries as usize];
    file.read(info.appendix_offset + DIRECTORY_HEADER, &mut entries)?;
    let header = &info.crypto.file_header;
    // Version, time, creator, flags and block size: neither encoding nor place of the directory.
    let parts = [
        header.get(4..18).unwrap_or_default(),
        header.get(20..28).unwrap_or_default(),
        &info.crypto.header,
        &entries,
    ];
    if key.mac(&parts) == Some(info.crypto.mac) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Checksum,
        info.appendix_offset,
        "header or directory of the encrypted file are not those that were written",
    ))
}

/// The key of one file.
struct FileKey {
    key: Key,
    nonce: [u8; 12],
}

impl FileKey {
    /// Checks the key against what the file says of it.
    fn new(key: Key, nonce: [u8; 12], check: &[u8; TAG]) -> Result<Self> {
        let this = Self { key, nonce };
        let mut zeros = [0; 16];
        let tag =
            this.cipher()
                .encrypt_inout_detached(&nonce.into(), b"", zeros.as_mut_slice().into());
        match tag {
            Ok(tag) if tag.as_slice() == check => Ok(this),
            _ => Err(Error::new(
                ErrorKind::WrongKey,
                0,
                "file is encrypted with another passphrase",
            )),
        }
    }

    fn cipher(&self) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new((&*self.key).into())
    }

    /// Decrypts a block as it lies in the file, header and tag included, and makes its header say so.
    /// The block gets shorter by its tag.
    fn open_block(&self, block: &mut Vec<u8>, offset: u64) -> Result<()> {
        let damaged = |reason| Err(Error::new(ErrorKind::Checksum, offset, reason));
        let Some(length) = block.len().checked_sub(BLOCK_HEADER + TAG) else {
            return damaged("encrypted block is shorter than its tag");
        };
        let Some((header, payload)) = block.split_first_chunk_mut::<BLOCK_HEADER>() else {
            return damaged("encrypted block is shorter than its header");
        };
        let [
            k0,
            k1,
            k2,
            k3,
            s0,
            s1,
            s2,
            s3,
            r0,
            r1,
            r2,
            r3,
            c0,
            c1,
            e0,
            e1,
            checksum @ ..,
        ] = header;
        if [*e0, *e1] != [1, 0] {
            return damaged("a block of an encrypted file is not encrypted");
        }
        let stored = u32::from_le_bytes([*s0, *s1, *s2, *s3]);
        if stored as usize != BLOCK_HEADER + length + TAG {
            return damaged("block has another size than the directory says");
        }
        let mut associated = [0; 24];
        let said = [*k0, *k1, *k2, *k3, *r0, *r1, *r2, *r3, *c0, *c1];
        let place = offset.to_le_bytes();
        associated
            .iter_mut()
            .zip(said.into_iter().chain([0; 6]).chain(place))
            .for_each(|(byte, value)| *byte = value);
        let mut nonce = self.nonce;
        nonce
            .iter_mut()
            .zip(place)
            .for_each(|(byte, with)| *byte ^= with);

        let Some((text, tag)) = payload.split_last_chunk_mut::<TAG>() else {
            return damaged("encrypted block is shorter than its tag");
        };
        let opened = self.cipher().decrypt_inout_detached(
            &nonce.into(),
            &associated,
            text.into(),
            (&*tag).into(),
        );
        if opened.is_err() {
            return damaged("block does not decrypt: its bytes are not those that were written");
        }
        let plain = (stored - TAG as u32).to_le_bytes();
        [*s0, *s1, *s2, *s3] = plain;
        // Neither encryption nor checksum any more.
        [*e0, *e1] = [0; 2];
        checksum.fill(0);
        block.truncate(BLOCK_HEADER + length);
        Ok(())
    }

    /// What the footer of a file must hold that has these parts.
    fn mac(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        let mut salt = [0; 16];
        salt[0] = 1;
        let mut personal = [0; 16];
        personal[..8].copy_from_slice(b"nfdmpMAC");
        let of = |key: &[u8], salt: &[u8], personal: &[u8], parts: &[&[u8]]| {
            let mac = Blake2bMac::<U32>::new_with_salt_and_personal(Some(key), salt, personal);
            let mut mac = mac.ok()?;
            parts.iter().for_each(|part| mac.update(part));
            Some(Key::new(mac.finalize_fixed().into()))
        };
        let key = of(self.key.as_slice(), &salt, &personal, &[])?;
        of(key.as_slice(), &[], &[], parts).map(|mac| *mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let digit = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex");
        std::array::from_fn(digit)
    }

    /// The values that the description of the format gives.
    #[test]
    fn known_answers() {
        let passphrase = Passphrase::new("secret");
        let key = passphrase
            .key(bytes("76ffe13233699dbc503560098712f110"))
            .expect("a key");
        let expected = "d6d69704fac377604b7f9a0920d68b86d34981a00ec89d0a460a02a5636f5740";
        assert_eq!(*key, bytes::<32>(expected));
        let nonce = bytes("70feab2ebb397593780fc236");
        let check = bytes("38d0df9b74a28711a7d3c7d1459a0187");
        let file = FileKey::new(key.clone(), nonce, &check).expect("the right key");
        // The key of the MAC, which is a hash of nothing, through a second hash of nothing.
        assert_eq!(
            file.mac(&[]),
            Some(bytes(
                "2d71fdc4faa529b5315cf74065c87f72db56572da16a66baa3e534e004c35c99"
            ))
        );
        let other = FileKey::new(key, nonce, &[0; 16])
            .err()
            .expect("a wrong key");
        assert_eq!(other.kind(), ErrorKind::WrongKey);
        assert_eq!(format!("{passphrase:?}"), "Passphrase(..)");
    }

    #[test]
    fn anything_is_refused_as_a_block() {
        let file = FileKey {
            key: Key::new([7; 32]),
            nonce: [1; 12],
        };
        for length in 0..80_usize {
            for fill in [0, 1, 0xFF] {
                let mut block = vec![fill; length];
                assert!(file.open_block(&mut block, 48).is_err());
                if length >= 24 {
                    block[4..8].copy_from_slice(&(length as u32).to_le_bytes());
                    block[14..16].copy_from_slice(&[1, 0]);
                    assert!(file.open_block(&mut block, u64::MAX).is_err());
                }
            }
        }
    }
}
