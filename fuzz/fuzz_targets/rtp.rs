//! RTP packets, and what the jitter buffer makes of a stream of them: a byte of length goes ahead of each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::jitter::JitterBuffer;
use wire::rtp;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = JitterBuffer::new(40);
    let mut frame = [0; 160];
    let mut rest = bytes;
    while let [length, after @ ..] = rest {
        let (packet, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let _ = rtp::kind(packet);
        let Some(parsed) = rtp::parse(packet) else { continue };
        assert!(parsed.payload.len() + rtp::HEADER_BYTES <= packet.len());
        let mut written = Vec::new();
        rtp::write(&parsed, &mut written);
        assert_eq!(rtp::parse(&written), Some(parsed));
        let samples: Vec<i16> = parsed.payload.iter().map(|byte| i16::from(*byte)).collect();
        buffer.insert(parsed.timestamp, &samples);
        buffer.pull(&mut frame);
        assert!(buffer.waiting_ms() <= 500);
    }
});
