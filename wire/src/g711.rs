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
        self.samples()[usize::from(byte)]
    }

    /// Decode all of them, behind what is in `samples`.
    pub fn decode_all(self, bytes: &[u8], samples: &mut Vec<i16>) {
        let table = self.samples();
        samples.extend(bytes.iter().map(|byte| table[usize::from(*byte)]));
    }

    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcmu => ulaw(sample),
            Self::Pcma => alaw(sample),
        }
    }

    /// Encode as many samples as there are bytes, or bytes as there are samples.
    pub fn encode_all(self, samples: &[i16], bytes: &mut [u8]) {
        let pairs = bytes.iter_mut().zip(samples);
        match self {
            Self::Pcmu => pairs.for_each(|(byte, sample)| *byte = ulaw(*sample)),
            Self::Pcma => pairs.for_each(|(byte, sample)| *byte = alaw(*sample)),
        }
    }

    fn samples(self) -> &'static [i16; 256] {
        match self {
            Self::Pcmu => &ULAW,
            Self::Pcma => &ALAW,
        }
    }
}

static ULAW: [i16; 256] = ulaw_table();
static ALAW: [i16; 256] = alaw_table();
/// Codes by the upper bits of a sample: a call encodes 8,000 samples a second, and a look into a table that all calls
/// share costs a fifth of the arithmetic.
static ULAW_CODES: [u8; 8_192] = ulaw_codes();
static ALAW_CODES: [u8; 4_096] = alaw_codes();
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

/// By magnitude, of which µ-law tells four apart at the least.
const fn ulaw_codes() -> [u8; 8_192] {
    let (mut codes, mut at) = ([0; 8_192], 0);
    while at < codes.len() {
        let shifted = (at as i32) << 2;
        let magnitude = if shifted < ULAW_MAX { shifted } else { ULAW_MAX } + BIAS as i32;
        // The highest bit that is set is 7 to 14.
        let segment = 24 - magnitude.leading_zeros();
        let step = (magnitude >> (segment + 3)) & 0x0f;
        codes[at] = !((segment as u8) << 4 | step as u8);
        at += 1;
    }
    codes
}

/// By the upper twelve bits, negative samples in the upper half.
const fn alaw_codes() -> [u8; 4_096] {
    let (mut codes, mut at) = ([0; 4_096], 0);
    while at < codes.len() {
        let (sign, magnitude) = if at < 2_048 { (0x80, at) } else { (0, 4_095 - at) };
        // Eight segments of 16 steps; the first two have steps of one size.
        let bits = u16::BITS - (magnitude as u16).leading_zeros();
        let segment = bits.saturating_sub(4);
        let step = (magnitude >> segment.saturating_sub(1)) as u8 & 0x0f;
        codes[at] = (sign | (segment as u8) << 4 | step) ^ 0x55;
        at += 1;
    }
    codes
}

#[inline]
fn ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    ULAW_CODES[usize::from(sample.unsigned_abs().min(i16::MAX as u16) >> 2)] ^ sign
}

#[inline]
fn alaw(sample: i16) -> u8 {
    ALAW_CODES[usize::from(sample as u16 >> 4)]
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
    fn many_at_a_time_are_the_same_as_one_by_one() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(7).collect();
            let mut bytes = vec![0; samples.len()];
            codec.encode_all(&samples, &mut bytes);
            let single: Vec<u8> = samples.iter().map(|sample| codec.encode(*sample)).collect();
            assert_eq!(bytes, single);
            let mut back = Vec::new();
            codec.decode_all(&bytes, &mut back);
            assert!(back.iter().zip(&bytes).all(|(sample, byte)| *sample == codec.decode(*byte)));
        }
    }

    /// The formulas of the recommendation's reference, as they stood before there were tables.
    #[test]
    fn tables_are_what_the_formulas_say() {
        for sample in i16::MIN..=i16::MAX {
            let magnitude = i32::from(sample).abs().min(ULAW_MAX) + i32::from(BIAS);
            let segment = 24 - magnitude.leading_zeros();
            let step = (magnitude >> (segment + 3)) & 0x0f;
            let sign = if sample < 0 { 0x80 } else { 0 };
            let expected = !(sign | (segment as u8) << 4 | step as u8);
            assert_eq!(Codec::Pcmu.encode(sample), expected, "{sample}");
            let (sign, magnitude) = if sample < 0 { (0, !sample) } else { (0x80, sample) };
            let magnitude = magnitude >> 4;
            let segment = (u16::BITS - magnitude.leading_zeros()).saturating_sub(4) as u8;
            let step = (magnitude >> segment.saturating_sub(1)) as u8 & 0x0f;
            let expected = (sign | segment << 4 | step) ^ 0x55;
            assert_eq!(Codec::Pcma.encode(sample), expected, "{sample}");
        }
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
