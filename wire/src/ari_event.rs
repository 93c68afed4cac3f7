//! The events of ARI that a call goes by, read from their JSON.
//!
//! Names and fields are those of Asterisk's “Asterisk REST Data Models”. What is not known is passed over: each version
//! of Asterisk adds events.

use serde::Deserialize;

/// The longest event that is looked at.
pub const EVENT_BYTES_MAX: usize = 65_536;

/// An event of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelEvent {
    pub channel: String,
    pub what: Happening,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    State(ChannelState),
    /// It has entered our application, and can be bridged from now on.
    Entered(ChannelState),
    /// Somebody asked for its end; the end itself comes with [`Happening::Destroyed`].
    HangupRequested(HangupCause),
    Destroyed(HangupCause),
    Digit(char),
    Held,
    Unheld,
}

/// The states of a channel that a call knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    Ringing,
    Up,
    /// Down, dialling, busy …: nothing to tell.
    Other,
}

impl ChannelState {
    pub fn of(name: &str) -> Self {
        match name {
            "Ringing" => Self::Ringing,
            "Up" => Self::Up,
            _ => Self::Other,
        }
    }
}

/// Why a channel ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HangupCause {
    /// None where Asterisk knows of none (it says 0).
    pub q850: Option<u16>,
    /// The SIP status of a call that was turned down. Builds before 20.17 and 22.7 don't tell it.
    pub sip: Option<u16>,
}

impl HangupCause {
    /// This one, with what it lacks from an earlier one.
    pub fn or(self, earlier: Self) -> Self {
        Self { q850: self.q850.or(earlier.q850), sip: self.sip.or(earlier.sip) }
    }
}

#[derive(Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    channel: Option<Channel>,
    #[serde(default)]
    cause: Option<serde_json::Value>,
    #[serde(default)]
    tech_cause: Option<serde_json::Value>,
    #[serde(default)]
    digit: Option<String>,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
    #[serde(default)]
    state: String,
}

/// What an event says. None: it is none that a call goes by.
pub fn parse(text: &str) -> Option<ChannelEvent> {
    if text.len() > EVENT_BYTES_MAX {
        return None;
    }
    let written: Written = serde_json::from_str(text).ok()?;
    let Channel { id, state } = written.channel?;
    let state = ChannelState::of(&state);
    let cause = || HangupCause {
        q850: number(written.cause.as_ref()).filter(|cause| (1..=127).contains(cause)),
        sip: number(written.tech_cause.as_ref()).filter(|code| (300..=699).contains(code)),
    };
    let what = match &*written.kind {
        "ChannelStateChange" => Happening::State(state),
        "StasisStart" => Happening::Entered(state),
        "ChannelHangupRequest" => Happening::HangupRequested(cause()),
        "ChannelDestroyed" => Happening::Destroyed(cause()),
        "ChannelDtmfReceived" => Happening::Digit(written.digit?.chars().next()?),
        "ChannelHold" => Happening::Held,
        "ChannelUnhold" => Happening::Unheld,
        _ => return None,
    };
    Some(ChannelEvent { channel: id, what })
}

/// A number, also one that is written as a text.
fn number(value: Option<&serde_json::Value>) -> Option<u16> {
    let value = value?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.and_then(|number| u16::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(event: serde_json::Value) -> Option<Happening> {
        let parsed = parse(&event.to_string())?;
        assert_eq!(parsed.channel, "cw-1");
        Some(parsed.what)
    }

    fn cause(q850: Option<u16>, sip: Option<u16>) -> HangupCause {
        HangupCause { q850, sip }
    }

    #[test]
    fn the_events_of_a_call_are_read() {
        let channel = |state: &str| json!({ "id": "cw-1", "state": state, "name": "PJSIP/x" });
        for (event, what) in [
            (
                json!({ "type": "ChannelStateChange", "channel": channel("Ringing") }),
                Happening::State(ChannelState::Ringing),
            ),
            (
                json!({ "type": "StasisStart", "args": [], "channel": channel("Up") }),
                Happening::Entered(ChannelState::Up),
            ),
            (
                json!({ "type": "ChannelDestroyed", "cause": 17, "cause_txt": "User busy", "tech_cause": 486, "channel": channel("Down") }),
                Happening::Destroyed(cause(Some(17), Some(486))),
            ),
            (
                json!({ "type": "ChannelHangupRequest", "cause": 16, "channel": channel("Up") }),
                Happening::HangupRequested(cause(Some(16), None)),
            ),
            (
                json!({ "type": "ChannelDtmfReceived", "digit": "#", "duration_ms": 100, "channel": channel("Up") }),
                Happening::Digit('#'),
            ),
            (json!({ "type": "ChannelHold", "channel": channel("Up") }), Happening::Held),
        ] {
            assert_eq!(read(event.clone()), Some(what), "{event}");
        }
    }

    #[test]
    fn a_cause_that_nobody_knows_is_none_and_one_may_be_written_as_a_text() {
        let channel = json!({ "id": "cw-1", "state": "Down" });
        let unknown = json!({ "type": "ChannelDestroyed", "cause": 0, "tech_cause": "unknown", "channel": channel });
        assert_eq!(read(unknown), Some(Happening::Destroyed(HangupCause::default())));
        let text = json!({ "type": "ChannelDestroyed", "cause": "17", "tech_cause": "486", "channel": channel });
        assert_eq!(read(text), Some(Happening::Destroyed(cause(Some(17), Some(486)))));
    }

    #[test]
    fn other_events_and_garbage_are_passed_over() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"type":"BridgeCreated"}"#,
            r#"{"type":"StasisStart"}"#,
            r#"{"type":"ChannelDtmfReceived","channel":{"id":"a"}}"#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_left(text in ".{0,300}") {
            let _ = parse(&text);
        }
    }
}
