//! AudioSocket's messages, without the network: a byte of kind, two bytes of length (big-endian), and a payload.
//!
//! What comes is never trusted. A message that is longer than 20 ms of the highest rate, or whose length is wrong for
//! its kind, is an error that ends the connection: after it nobody knows where the next message begins.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::frame::HEARD_SAMPLES_MAX;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 3;
/// The longest payload: 20 ms of 192 kHz, 16 bit.
pub const PAYLOAD_BYTES_MAX: usize = 7_680;

const HANG_UP: u8 = 0x00;
const ID: u8 = 0x01;
const DIGIT: u8 = 0x03;
const AUDIO: std::ops::RangeInclusive<u8> = 0x10..=0x1f;
const ERROR: u8 = 0xff;

/// One message of Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    HangUp,
    /// Which call the connection is for. The first message.
    Id(Uuid),
    /// A key was pressed. ARI tells it too.
    Digit(u8),
    /// Something went wrong in Asterisk, with its code.
    Error(Option<u8>),
    /// Samples, 16 bit little-endian. The kind tells the rate.
    Audio {
        kind: u8,
        payload: &'a [u8],
    },
    /// A kind that is not known yet. It is passed over.
    Other {
        kind: u8,
    },
}

/// The connection can't be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a message of {0} bytes is longer than any may be")]
    TooLong(usize),
    #[error("a message of kind {kind} can't have {length} bytes")]
    WrongLength { kind: u8, length: usize },
}

/// The first message in these bytes, and how many of them it takes. None: it is not whole yet.
pub fn parse(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, Malformed> {
    let Some((&[kind, high, low], rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > PAYLOAD_BYTES_MAX {
        return Err(Malformed::TooLong(length));
    }
    let wrong = Malformed::WrongLength { kind, length };
    let fits = match kind {
        ID => length == size_of::<Uuid>(),
        DIGIT => length == 1,
        kind if AUDIO.contains(&kind) => length.is_multiple_of(2),
        _ => true,
    };
    if !fits {
        return Err(wrong);
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let message = match kind {
        HANG_UP => Message::HangUp,
        ID => Message::Id(Uuid::from_slice(payload).map_err(|_| wrong)?),
        DIGIT => Message::Digit(payload[0]),
        ERROR => Message::Error(payload.first().copied()),
        kind if AUDIO.contains(&kind) => Message::Audio { kind, payload },
        kind => Message::Other { kind },
    };
    Ok(Some((message, HEADER_BYTES + length)))
}

/// Add a message of samples.
pub fn write_audio(kind: u8, samples: &[i16], to: &mut Vec<u8>) {
    let samples = &samples[..samples.len().min(PAYLOAD_BYTES_MAX / 2)];
    let length = u16::try_from(samples.len() * 2).unwrap_or(0);
    to.push(kind);
    to.extend_from_slice(&length.to_be_bytes());
    to.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
}

/// The samples of an audio message at 8 kHz. None: its kind is not one of these, or its rate is no multiple of 8 kHz.
pub fn samples(kind: u8, payload: &[u8], kinds: &BTreeMap<u8, u32>) -> Option<Vec<i16>> {
    let rate = *kinds.get(&kind)?;
    if rate == 0 || !rate.is_multiple_of(8_000) {
        return None;
    }
    let every = usize::try_from(rate / 8_000).ok()?;
    let all: Vec<i16> =
        payload.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    // The mean of the samples that one of 8 kHz stands for.
    let mean = |group: &[i16]| {
        let sum: i32 = group.iter().map(|sample| i32::from(*sample)).sum();
        i32::try_from(group.len()).ok().and_then(|count| i16::try_from(sum / count).ok())
    };
    let mut narrow: Vec<i16> = all.chunks(every).filter_map(mean).collect();
    narrow.truncate(HEARD_SAMPLES_MAX);
    Some(narrow)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> BTreeMap<u8, u32> {
        BTreeMap::from([(0x10, 8_000), (0x11, 16_000), (0x15, 44_100)])
    }

    #[test]
    fn each_kind_of_message_is_read() {
        let id = Uuid::from_u128(7);
        let mut bytes = vec![0x01, 0x00, 0x10];
        bytes.extend_from_slice(id.as_bytes());
        let length = bytes.len();
        assert_eq!(parse(&bytes), Ok(Some((Message::Id(id), length))));
        assert_eq!(parse(&bytes[..length - 1]), Ok(None));
        assert_eq!(parse(&[0, 0, 0]), Ok(Some((Message::HangUp, 3))));
        assert_eq!(parse(&[3, 0, 1, b'5', 9]), Ok(Some((Message::Digit(b'5'), 4))));
        assert_eq!(parse(&[0xff, 0, 1, 2]), Ok(Some((Message::Error(Some(2)), 4))));
        assert_eq!(parse(&[0xff, 0, 0]), Ok(Some((Message::Error(None), 3))));
        assert_eq!(parse(&[0x42, 0, 1, 0]), Ok(Some((Message::Other { kind: 0x42 }, 4))));
    }

    #[test]
    fn what_is_too_long_or_of_a_wrong_length_ends_the_connection_before_it_is_there() {
        assert_eq!(parse(&[0x10, 0xff, 0xfe]), Err(Malformed::TooLong(65_534)));
        let wrong = |kind, length| Err(Malformed::WrongLength { kind, length });
        assert_eq!(parse(&[0x01, 0, 15]), wrong(1, 15));
        assert_eq!(parse(&[0x03, 0, 2]), wrong(3, 2));
        assert_eq!(parse(&[0x10, 0, 3]), wrong(16, 3));
    }

    #[test]
    fn a_kind_means_what_the_trunk_says() {
        let wide: Vec<u8> =
            [100_i16, 300, -100, -300].iter().flat_map(|s| s.to_le_bytes()).collect();
        assert_eq!(samples(0x11, &wide, &kinds()), Some(vec![200, -200]));
        assert_eq!(samples(0x10, &wide, &kinds()), Some(vec![100, 300, -100, -300]));
        assert_eq!(samples(0x12, &wide, &kinds()), None, "not in the map");
        assert_eq!(samples(0x15, &wide, &kinds()), None, "no multiple of 8 kHz");
    }

    proptest! {
        #[test]
        fn samples_come_back_as_they_were_written(given in proptest::collection::vec(any::<i16>(), 0..160)) {
            let mut bytes = Vec::new();
            write_audio(0x10, &given, &mut bytes);
            let (message, length) = parse(&bytes).unwrap().unwrap();
            prop_assert_eq!(length, bytes.len());
            let Message::Audio { kind, payload } = message else { panic!("{message:?}") };
            prop_assert_eq!(samples(kind, payload, &kinds()), Some(given));
        }

        #[test]
        fn no_bytes_are_taken_that_are_not_there(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Some((_, length))) = parse(&bytes) {
                prop_assert!(length <= bytes.len() && length >= HEADER_BYTES);
            }
        }
    }
}
