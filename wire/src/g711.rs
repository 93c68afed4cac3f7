//! G.711: the two laws of the telephone network, one byte a sample (ITU-T G.711).

/// A law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// µ-law, RTP payload type 0.
    Pcmu,
    /// A-law, RTP payload type 8.
    Pcma,
}

impl Codec {
    /// The static payload type (RFC 3551).
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    pub fn from_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Pcmu => ULAW[usize::from(byte)],
            Self::Pcma => ALAW[usize::from(byte)],
        }
    }

    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => ulaw(sample),
            Self::Pcma => alaw(sample),
        }
    }
}

const ULAW: [i16; 256] = ulaw_table();
const ALAW: [i16; 256] = alaw_table();
/// µ-law shifts each magnitude by this much, so that every segment begins at a power of two.
const BIAS: i16 = 0x84;
const ULAW_MAX: i32 = 32_635;

const fn ulaw_table() -> [i16; 256] {
    let (mut table, mut code) = ([0; 256], 0);
    while code < 256 {
        let bits = !(code as u8);
        let magnitude = ((((bits & 0x0f) as i16) << 3) + BIAS) << ((bits & 0x70) >> 4);
        table[code] = if bits & 0x80 == 0 { magnitude - BIAS } else { BIAS - magnitude };
        code += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let (mut table, mut code) = ([0; 256], 0);
    while code < 256 {
        let bits = code as u8 ^ 0x55;
        let (step, segment) = (((bits & 0x0f) as i16) << 4, (bits & 0x70) >> 4);
        let magnitude =
            if segment == 0 { step + 8 } else { (step + 0x108) << (segment as u32 - 1) };
        table[code] = if bits & 0x80 == 0 { -magnitude } else { magnitude };
        code += 1;
    }
    table
}

fn ulaw(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(ULAW_MAX) + i32::from(BIAS);
    // The highest bit that is set is 7 to 14.
    let segment = 24 - magnitude.leading_zeros();
    let step = (magnitude >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment as u8) << 4 | step as u8)
}

fn alaw(sample: i16) -> u8 {
    let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
    let magnitude = magnitude >> 4;
    // Eight segments of 16 steps; the first two have steps of one size.
    let bits = u16::BITS - magnitude.leading_zeros();
    let segment = bits.saturating_sub(4) as u8;
    let step = (magnitude >> segment.saturating_sub(1)) as u8 & 0x0f;
    (sign | segment << 4 | step) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_are_the_standards() {
        for (codec, sample, byte) in [
            (Codec::Pcmu, 0, 0xff),
            (Codec::Pcmu, -1, 0x7f),
            (Codec::Pcmu, i16::MAX, 0x80),
            (Codec::Pcmu, i16::MIN, 0x00),
            (Codec::Pcmu, 1_000, 0xce),
            (Codec::Pcma, 0, 0xd5),
            (Codec::Pcma, -1, 0x55),
            (Codec::Pcma, i16::MAX, 0xaa),
            (Codec::Pcma, i16::MIN, 0x2a),
            (Codec::Pcma, 1_000, 0xfa),
        ] {
            assert_eq!(codec.encode(sample), byte, "{codec:?} {sample}");
        }
        assert_eq!(Codec::Pcmu.decode(0x80), 32_124);
        assert_eq!(Codec::Pcma.decode(0xaa), 32_256);
    }

    #[test]
    fn what_was_decoded_encodes_to_itself() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for byte in 0..=255 {
                // µ-law has two codes for nothing.
                let expected = if (codec, byte) == (Codec::Pcmu, 0x7f) { 0xff } else { byte };
                assert_eq!(codec.encode(codec.decode(byte)), expected, "{codec:?} {byte:#x}");
            }
            assert_eq!(Codec::from_payload_type(codec.payload_type()), Some(codec));
        }
        assert_eq!(Codec::from_payload_type(18), None);
    }

    #[test]
    fn every_sample_comes_back_within_a_step() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            for sample in i16::MIN..=i16::MAX {
                let back = i32::from(codec.decode(codec.encode(sample)));
                let wrong = (back - i32::from(sample)).abs();
                let step = i32::from(sample).abs() / 16 + 16;
                assert!(wrong <= step, "{codec:?}: {sample} came back as {back}");
            }
        }
    }
}
