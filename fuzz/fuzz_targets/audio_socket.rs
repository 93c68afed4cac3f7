//! A stream of AudioSocket messages, as a connection reads it: what is taken is there, and audio is bounded.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use wire::audio_socket::{HEADER_BYTES, Message, PAYLOAD_BYTES_MAX, parse, samples, write_audio};
use wire::frame::HEARD_SAMPLES_MAX;

fuzz_target!(|bytes: &[u8]| {
    let kinds: BTreeMap<u8, u32> =
        [(0x10, 8_000), (0x11, 16_000), (0x12, 44_100), (0x18, 192_000)].into();
    let mut rest = bytes;
    while let Ok(Some((message, length))) = parse(rest) {
        assert!((HEADER_BYTES..=HEADER_BYTES + PAYLOAD_BYTES_MAX).contains(&length));
        if let Message::Audio { kind, payload } = message
            && let Some(heard) = samples(kind, payload, &kinds)
        {
            assert!(heard.len() <= HEARD_SAMPLES_MAX && heard.len() <= payload.len() / 2);
            let mut written = Vec::new();
            write_audio(0x10, &heard, &mut written);
            let Ok(Some((Message::Audio { payload, .. }, _))) = parse(&written) else {
                panic!("what we write can be read")
            };
            assert_eq!(samples(0x10, payload, &kinds), Some(heard));
        }
        rest = &rest[length..];
    }
});
