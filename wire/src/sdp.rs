//! Session descriptions (RFC 8866) as far as one voice call needs them: what we offer, and what the far end makes of
//! it (RFC 3264).
//!
//! Pure: texts in, values out. Whatever a far end sends, reading it gives a description or says that it is none, and
//! takes bounded room. G.711, telephone-event, SDES keys (RFC 4568); one audio stream, everything else is turned down.

mod agree;
mod read;
mod write;

pub use agree::{Agreed, Disagreement, agree, answer_to};
pub use read::{Audio, Crypto, Encoding, Format, NotSdp, Section, SessionDescription, read};
pub use write::{Local, write};

use crate::peer::{MASTER_KEY_BYTES, MasterKey, SrtpSuite};

/// The payload type that we give telephone-event.
pub const EVENT_PAYLOAD_TYPE: u8 = 101;

/// A key that we offer, with the number of its crypto line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnKey {
    pub tag: u32,
    pub suite: SrtpSuite,
    pub key: MasterKey,
}

impl OwnKey {
    /// One key for each suite, the stronger first; `new_key` gives one that nobody can guess.
    pub fn offered(mut new_key: impl FnMut() -> MasterKey) -> Vec<Self> {
        [SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_32]
            .into_iter()
            .zip(1..)
            .map(|(suite, tag)| Self { tag, suite, key: new_key() })
            .collect()
    }
}

/// The bytes of a key, from what stands after `inline:`. A lifetime and a key index after it are not looked at.
fn key_from(inline: &str) -> Option<MasterKey> {
    use base64::Engine;
    let text = inline.split('|').next()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    <[u8; MASTER_KEY_BYTES]>::try_from(bytes).ok().map(MasterKey::from_bytes)
}

fn key_text(key: &MasterKey) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(key.reveal())
}

#[cfg(test)]
mod tests;
