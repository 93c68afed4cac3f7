//! RTCP packets (RFC 3550, section 6): parsed from bytes and written to them. Pure.

/// Report blocks of one packet; its count has five bits.
pub const BLOCKS_MAX: usize = 31;
/// Packets of one compound that are looked at.
const PACKETS_MAX: usize = 16;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const BLOCK_BYTES: usize = 24;
/// The bits of a cumulative loss, which is signed.
const LOST_BITS: u32 = 24;

/// What a sender says of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    pub ssrc: u32,
    /// When it was sent, in 1/2³² s.
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// What a receiver says of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// The stream that it is about.
    pub ssrc: u32,
    /// Of 256, since the report before.
    pub fraction_lost: u8,
    /// Since the beginning; duplicates can make it negative.
    pub lost: i32,
    pub highest_sequence: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// The middle bits of the last sender report's `ntp`; 0: none came.
    pub last_report: u32,
    /// Since it came, in 1/65,536 s.
    pub delay: u32,
}

/// What a compound packet says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compound {
    pub sender: Option<SenderInfo>,
    /// [`BLOCKS_MAX`] at most.
    pub blocks: Vec<Block>,
    /// Streams that have ended, the first of each BYE.
    pub goodbye: Option<u32>,
}

/// The compound in these bytes; none where they are not one. Packets of other types are passed over.
pub fn parse(bytes: &[u8]) -> Option<Compound> {
    let mut compound = Compound::default();
    let mut rest = bytes;
    for _ in 0..PACKETS_MAX {
        if rest.is_empty() {
            return Some(compound);
        }
        let (packet, after) = split(rest)?;
        read(packet, &mut compound)?;
        rest = after;
    }
    Some(compound)
}

/// The first packet, header and all, and what comes after it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, _, high, low] = *bytes.first_chunk::<4>()?;
    let length = 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
    (first >> 6 == 2).then_some(())?;
    bytes.split_at_checked(length)
}

fn read(packet: &[u8], compound: &mut Compound) -> Option<()> {
    let count = usize::from(packet[0] & 0x1f);
    match packet[1] {
        SENDER_REPORT => {
            compound.sender = Some(SenderInfo {
                ssrc: word(packet, 4)?,
                ntp: u64::from(word(packet, 8)?) << 32 | u64::from(word(packet, 12)?),
                timestamp: word(packet, 16)?,
                packets: word(packet, 20)?,
                octets: word(packet, 24)?,
            });
            blocks(packet, 28, count, compound)
        }
        RECEIVER_REPORT => blocks(packet, 8, count, compound),
        GOODBYE => {
            if count > 0 {
                compound.goodbye = Some(word(packet, 4)?);
            }
            Some(())
        }
        _ => Some(()),
    }
}

fn blocks(packet: &[u8], from: usize, count: usize, compound: &mut Compound) -> Option<()> {
    for index in 0..count {
        let at = from + index * BLOCK_BYTES;
        let lost = word(packet, at + 4)?;
        let block = Block {
            ssrc: word(packet, at)?,
            fraction_lost: (lost >> LOST_BITS) as u8,
            // Shifted up and back, so that the sign is kept.
            lost: (lost << (32 - LOST_BITS)) as i32 >> (32 - LOST_BITS),
            highest_sequence: word(packet, at + 8)?,
            jitter: word(packet, at + 12)?,
            last_report: word(packet, at + 16)?,
            delay: word(packet, at + 20)?,
        };
        if compound.blocks.len() < BLOCKS_MAX {
            compound.blocks.push(block);
        }
    }
    Some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_be_bytes(*word))
}

/// Whether more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    GoesOn,
    Goodbye,
}

/// Write a report of `ssrc`: what it sent (none: nothing since the last report), what it received, its name, and
/// that it ends, where it does.
pub fn write(
    ssrc: u32,
    sender: Option<SenderInfo>,
    block: Option<Block>,
    name: &str,
    farewell: Farewell,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    let count = u8::from(block.is_some());
    let report_at =
        begin(&mut bytes, if sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT }, count);
    put(&mut bytes, &[ssrc]);
    if let Some(sender) = sender {
        let ntp = [(sender.ntp >> 32) as u32, sender.ntp as u32];
        put(&mut bytes, &ntp);
        put(&mut bytes, &[sender.timestamp, sender.packets, sender.octets]);
    }
    if let Some(block) = block {
        let most = (1 << (LOST_BITS - 1)) - 1;
        let lost = block.lost.clamp(-most - 1, most) as u32 & ((1 << LOST_BITS) - 1);
        let lost = u32::from(block.fraction_lost) << LOST_BITS | lost;
        let timing = [block.jitter, block.last_report, block.delay];
        put(&mut bytes, &[block.ssrc, lost, block.highest_sequence]);
        put(&mut bytes, &timing);
    }
    end(&mut bytes, report_at);
    let description_at = begin(&mut bytes, DESCRIPTION, 1);
    put(&mut bytes, &[ssrc]);
    // Item 1 is the canonical name; a zero ends the items, and fills up to a whole word.
    let name = &name.as_bytes()[..name.len().min(64)];
    bytes.extend_from_slice(&[1, name.len() as u8]);
    bytes.extend_from_slice(name);
    bytes.push(0);
    while !bytes.len().is_multiple_of(4) {
        bytes.push(0);
    }
    end(&mut bytes, description_at);
    if farewell == Farewell::Goodbye {
        let goodbye_at = begin(&mut bytes, GOODBYE, 1);
        put(&mut bytes, &[ssrc]);
        end(&mut bytes, goodbye_at);
    }
    bytes
}

fn begin(bytes: &mut Vec<u8>, packet_type: u8, count: u8) -> usize {
    let at = bytes.len();
    bytes.extend_from_slice(&[0x80 | count, packet_type, 0, 0]);
    at
}

fn put(bytes: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
}

/// Now that the packet is whole, write its length, in words after the first.
fn end(bytes: &mut [u8], at: usize) {
    let words = u16::try_from((bytes.len() - at) / 4 - 1).unwrap_or(u16::MAX);
    bytes[at + 2..at + 4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENDER: SenderInfo =
        SenderInfo { ssrc: 1, ntp: 0x0102_0304_0506_0708, timestamp: 9, packets: 10, octets: 11 };

    fn block(lost: i32) -> Block {
        Block {
            ssrc: 2,
            fraction_lost: 200,
            lost,
            highest_sequence: 70_000,
            jitter: 5,
            last_report: 6,
            delay: 7,
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        for lost in [0, 1, -1, 8_388_607, -8_388_608] {
            let bytes = write(1, Some(SENDER), Some(block(lost)), "name", Farewell::Goodbye);
            let expected =
                Compound { sender: Some(SENDER), blocks: vec![block(lost)], goodbye: Some(1) };
            assert_eq!(parse(&bytes), Some(expected));
        }
        let bytes = write(1, None, None, "a longer name", Farewell::GoesOn);
        assert_eq!(parse(&bytes), Some(Compound::default()));
        assert_eq!(bytes[1], RECEIVER_REPORT);
    }

    #[test]
    fn a_loss_that_does_not_fit_is_the_largest_that_does() {
        let bytes = write(1, None, Some(block(i32::MAX)), "", Farewell::GoesOn);
        assert_eq!(parse(&bytes).unwrap().blocks[0].lost, 8_388_607);
    }

    #[test]
    fn a_packet_that_is_cut_off_is_garbage() {
        let bytes = write(1, Some(SENDER), Some(block(3)), "name", Farewell::GoesOn);
        for length in 1..bytes.len() {
            // Whole packets are left where it is cut between two.
            let whole = length == 52;
            assert_eq!(parse(&bytes[..length]).is_some(), whole, "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(compound) = parse(&bytes) {
                prop_assert!(compound.blocks.len() <= BLOCKS_MAX);
            }
        }

        #[test]
        fn no_report_is_too_strange(
            mut bytes in prop::collection::vec(any::<u8>(), 4..300),
            kind in 200u8..206,
        ) {
            bytes[0] = 0x80 | bytes[0] & 0x1f;
            bytes[1] = kind;
            let words = (bytes.len() / 4 - 1) as u16;
            bytes[2..4].copy_from_slice(&words.to_be_bytes());
            let _ = parse(&bytes);
        }
    }
}
