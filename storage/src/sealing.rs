//! Sealed secrets: passwords that the platform needs in the clear, as those of trunks, and that no dump of the database
//! may give away.
//!
//! AES-256-GCM under one key of the installation, with a random nonce each time. What is sealed is bound to its row: copied
//! to another one, it opens no more. The key's mark stands in front, so that a wrong key is told from damage.

mod source;

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

use crate::StoreError;

pub use source::SealKeySource;
pub(crate) use source::Sealing;

/// Bytes of a key.
pub const SEAL_KEY_BYTES: usize = 32;
/// The form that is written; others can't be opened.
const FORM: u8 = 1;
const MARK_BYTES: usize = 4;
const HEAD_BYTES: usize = 1 + MARK_BYTES + NONCE_LEN;

/// The key that an installation seals with. All its processes have the same.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; SEAL_KEY_BYTES]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

impl SealKey {
    pub const fn new(bytes: [u8; SEAL_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        let right =
            text.len() == SEAL_KEY_BYTES * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !right {
            return None;
        }
        let mut key = [0; SEAL_KEY_BYTES];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
        }
        Some(Self(key))
    }

    fn mark(&self) -> [u8; MARK_BYTES] {
        let hash = digest(&SHA256, &self.0);
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&hash.as_ref()[..MARK_BYTES]);
        mark
    }

    fn cipher(&self) -> Result<LessSafeKey, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).map_err(|_| damaged("the key"))?;
        Ok(LessSafeKey::new(key))
    }

    /// Seal for the row that `place` names.
    pub(crate) fn seal(&self, place: &str, clear: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(&self.mark());
        sealed.extend_from_slice(&nonce);
        let mut body = clear.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.cipher()?
            .seal_in_place_append_tag(nonce, Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| damaged("what is to be sealed"))?;
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Open what was sealed for the row that `place` names.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (head, body) = sealed.split_at_checked(HEAD_BYTES).ok_or_else(|| damaged(place))?;
        if head[0] != FORM {
            return Err(damaged(place));
        }
        let (mark, nonce) = head[1..].split_at(MARK_BYTES);
        if mark != self.mark() {
            let why = format!("{place} was sealed with another key than CALLWRIGHT_SECRETS_KEY");
            return Err(StoreError::Damaged(why));
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged(place))?;
        let mut body = body.to_vec();
        let clear = self
            .cipher()?
            .open_in_place(nonce, Aad::from(place.as_bytes()), &mut body)
            .map_err(|_| damaged(place))?;
        Ok(clear.to_vec())
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} can't be sealed or opened"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_row_with_its_key_and_nowhere_else() {
        let (key, other) = (SealKey::new([1; 32]), SealKey::new([2; 32]));
        let sealed = key.seal("trunk a", b"hush").unwrap();
        assert!(!sealed.windows(4).any(|four| four == b"hush"));
        assert_eq!(key.open("trunk a", &sealed).unwrap(), b"hush");
        assert!(key.open("trunk b", &sealed).is_err());
        let told = other.open("trunk a", &sealed).unwrap_err().to_string();
        assert!(told.contains("another key than CALLWRIGHT_SECRETS_KEY"), "{told}");
        assert_ne!(key.seal("trunk a", b"hush").unwrap(), sealed, "a nonce is used once");
        for cut in [0, 10, sealed.len() - 1] {
            assert!(key.open("trunk a", &sealed[..cut]).is_err());
        }
        assert_eq!(format!("{key:?}"), "SealKey");
        assert_eq!(SealKey::from_hex(&"02".repeat(32)), Some(other));
        assert_eq!(SealKey::from_hex("02"), None);
    }
}
