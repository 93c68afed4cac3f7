//! The texts of chan_websocket beside its audio, without the network: events of Asterisk, and our commands.
//!
//! Both are JSON since Asterisk 20.18, 22.8 and 23.2. Older builds send plain text, and know no marks; their events are
//! read too, so that a call has its voice there.

use serde::Deserialize;

/// The longest text that is looked at. The longest event, MEDIA_START, has the channel's variables in it.
pub const TEXT_BYTES_MAX: usize = 16_384;

/// What Asterisk says on a media connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaControl {
    /// The connection is ready. With JSON there are marks.
    Started(Marks),
    /// So many frames wait that more would be lost.
    Xoff,
    Xon,
    /// What was sent before this mark is played.
    MarkProcessed {
        mark: u64,
    },
    /// Something that is of no use to a call: a key (ARI tells it too), a status, an event that is not known yet.
    Other,
}

/// Whether Asterisk tells what it has played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    Told,
    Unknown,
}

#[derive(Deserialize)]
struct Written<'a> {
    event: &'a str,
    #[serde(default)]
    correlation_id: Option<&'a str>,
}

/// What a text says. None: it is no event at all.
pub fn parse(text: &str) -> Option<MediaControl> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    if text.trim_start().starts_with('{') {
        let written: Written<'_> = serde_json::from_str(text).ok()?;
        return Some(event(written.event, written.correlation_id, Marks::Told));
    }
    let mut words = text.split_ascii_whitespace();
    let name = words.next()?;
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_name(name).then(|| event(name, words.next(), Marks::Unknown))
}

fn event(name: &str, id: Option<&str>, marks: Marks) -> MediaControl {
    match name {
        "MEDIA_START" => MediaControl::Started(marks),
        "MEDIA_XOFF" => MediaControl::Xoff,
        "MEDIA_XON" => MediaControl::Xon,
        "MEDIA_MARK_PROCESSED" => match id.and_then(|id| id.parse().ok()) {
            Some(mark) => MediaControl::MarkProcessed { mark },
            None => MediaControl::Other,
        },
        _ => MediaControl::Other,
    }
}

/// Throw away what waits to be played, marks among it.
pub fn flush() -> String {
    r#"{"command":"FLUSH_MEDIA"}"#.to_owned()
}

/// Have Asterisk tell when all that was sent so far is played. It takes texts of 128 bytes at most.
pub fn mark(mark: u64) -> String {
    format!(r#"{{"command":"MARK_MEDIA","correlation_id":"{mark}"}}"#)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_read_in_both_of_their_forms() {
        let started = r#"{"event":"MEDIA_START","connection_id":"e2","channel":"WebSocket/x","channel_id":"9",
            "format":"slin","optimal_frame_size":320,"ptime":20,"channel_variables":{"A":"b"}}"#;
        assert_eq!(parse(started), Some(MediaControl::Started(Marks::Told)));
        let plain =
            "MEDIA_START connection_id:e2 channel:WebSocket/x format:ulaw optimal_frame_size:160";
        assert_eq!(parse(plain), Some(MediaControl::Started(Marks::Unknown)));
        let marked = r#"{"event":"MEDIA_MARK_PROCESSED","channel_id":"9","correlation_id":"77"}"#;
        assert_eq!(parse(marked), Some(MediaControl::MarkProcessed { mark: 77 }));
        let alone = r#"{"event":"MEDIA_MARK_PROCESSED","channel_id":"9","correlation_id":""}"#;
        assert_eq!(parse(alone), Some(MediaControl::Other));
        assert_eq!(parse("MEDIA_XOFF"), Some(MediaControl::Xoff));
        assert_eq!(parse(r#"{"event":"MEDIA_XON"}"#), Some(MediaControl::Xon));
        let key = r#"{"event":"DTMF_END","channel_id":"9","digit":"5"}"#;
        assert_eq!(parse(key), Some(MediaControl::Other));
        assert_eq!(parse("STATUS queue_length:43"), Some(MediaControl::Other));
    }

    #[test]
    fn what_is_no_event_is_none() {
        for text in ["", "hello", "{", "{}", r#"{"event":7}"#, "<xml/>"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(
            parse(&format!("{{\"event\":\"MEDIA_XON\",\"x\":\"{}\"}}", "y".repeat(20_000))),
            None
        );
    }

    #[test]
    fn commands_are_as_long_as_asterisk_takes_them() {
        assert!(flush().len() <= 128 && mark(u64::MAX).len() <= 128);
    }

    proptest! {
        #[test]
        fn a_mark_comes_back_as_it_was_sent(number in any::<u64>()) {
            let sent: serde_json::Value = serde_json::from_str(&mark(number)).unwrap();
            let event = serde_json::json!({
                "event": "MEDIA_MARK_PROCESSED", "correlation_id": sent["correlation_id"],
            });
            prop_assert_eq!(parse(&event.to_string()), Some(MediaControl::MarkProcessed { mark: number }));
        }

        #[test]
        fn any_text_is_read_or_left(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
