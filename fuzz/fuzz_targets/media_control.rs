//! Texts of chan_websocket, and events of ARI: read or left, whatever they are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::ari_event;
use wire::media_control::{self, MediaControl};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(MediaControl::MarkProcessed { mark }) = media_control::parse(text) {
        let told = media_control::mark(mark)
            .replace("command", "event")
            .replace("MARK_MEDIA", "MEDIA_MARK_PROCESSED");
        assert_eq!(media_control::parse(&told), Some(MediaControl::MarkProcessed { mark }));
    }
    let _ = ari_event::parse(text);
});
