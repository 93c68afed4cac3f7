//! RTP packets (RFC 3550, section 5): parsed from bytes and written to them. Pure.

/// Bytes of a header without sources and extension.
pub const HEADER_BYTES: usize = 12;
/// The payload type of comfort noise (RFC 3389).
pub const COMFORT_NOISE: u8 = 13;

/// A packet that was received. It borrows what it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Without padding.
    pub payload: &'a [u8],
}

/// What kind of packet the first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rtp,
    /// RTCP, also where it comes to the port of RTP (RFC 5761, section 4).
    Rtcp,
    Neither,
}

/// Tell RTP from RTCP and from what is neither.
pub fn kind(bytes: &[u8]) -> Kind {
    match bytes {
        [first, second, ..] if first >> 6 == 2 => {
            if (192..=223).contains(second) {
                Kind::Rtcp
            } else {
                Kind::Rtp
            }
        }
        _ => Kind::Neither,
    }
}

/// Bytes of the header with its sources and its extension; none where they are not all there.
pub fn header_bytes(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    if bytes.len() < HEADER_BYTES || first >> 6 != 2 {
        return None;
    }
    let sources_end = HEADER_BYTES + usize::from(first & 0x0f) * 4;
    let end = if first & 0x10 == 0 {
        sources_end
    } else {
        let words = bytes.get(sources_end + 2..sources_end + 4)?;
        sources_end + 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4
    };
    (end <= bytes.len()).then_some(end)
}

/// The packet in these bytes; none where they are not one.
pub fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let payload = bytes.get(header_bytes(bytes)?..)?;
    let padding = if bytes[0] & 0x20 == 0 {
        0
    } else {
        // The last byte counts itself, so it is never 0.
        payload.last().map(|count| usize::from(*count)).filter(|count| *count > 0)?
    };
    Some(Packet {
        marker: bytes[1] & 0x80 != 0,
        payload_type: bytes[1] & 0x7f,
        sequence: u16::from_be_bytes([bytes[2], bytes[3]]),
        timestamp: u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        ssrc: u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        payload: &payload[..payload.len().checked_sub(padding)?],
    })
}

/// Write a packet over what is in `bytes`.
pub fn write(packet: &Packet<'_>, bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(0x80);
    bytes.push(u8::from(packet.marker) << 7 | packet.payload_type & 0x7f);
    bytes.extend_from_slice(&packet.sequence.to_be_bytes());
    bytes.extend_from_slice(&packet.timestamp.to_be_bytes());
    bytes.extend_from_slice(&packet.ssrc.to_be_bytes());
    bytes.extend_from_slice(packet.payload);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packet(payload: &[u8]) -> Packet<'_> {
        Packet { marker: true, payload_type: 8, sequence: 65_535, timestamp: 7, ssrc: 9, payload }
    }

    #[test]
    fn what_was_written_is_read() {
        let mut bytes = vec![1, 2, 3];
        write(&packet(b"abc"), &mut bytes);
        assert_eq!(bytes.len(), HEADER_BYTES + 3);
        assert_eq!(parse(&bytes), Some(packet(b"abc")));
        assert_eq!(kind(&bytes), Kind::Rtp);
    }

    #[test]
    fn sources_extension_and_padding_are_no_payload() {
        let mut bytes = Vec::new();
        write(&packet(b""), &mut bytes);
        bytes[0] |= 0x20 | 0x10 | 2;
        bytes.extend([0; 8]);
        bytes.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        bytes.extend(b"abc\0\0\x03");
        assert_eq!(parse(&bytes), Some(packet(b"abc")));
        for short in 0..HEADER_BYTES + 16 {
            assert_eq!(parse(&bytes[..short]), None, "{short}");
        }
    }

    #[test]
    fn padding_that_is_longer_than_the_payload_is_garbage() {
        for padding in [0, 5, 255] {
            let mut bytes = Vec::new();
            write(&packet(&[0, 0, 0, padding]), &mut bytes);
            bytes[0] |= 0x20;
            assert_eq!(parse(&bytes), None, "{padding}");
        }
    }

    #[test]
    fn rtcp_is_told_from_rtp() {
        assert_eq!(kind(&[0x80, 200]), Kind::Rtcp);
        assert_eq!(kind(&[0x81, 203]), Kind::Rtcp);
        assert_eq!(kind(&[0x80, 0x80 | 8]), Kind::Rtp);
        assert_eq!(kind(&[0x00, 1]), Kind::Neither);
        assert_eq!(kind(&[0x80]), Kind::Neither);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(packet) = parse(&bytes) {
                prop_assert!(packet.payload.len() + HEADER_BYTES <= bytes.len());
            }
        }
    }
}
