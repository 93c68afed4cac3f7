//! The phones behind the stand-in: each number acts in its own way.

use std::time::Duration;

use outbound::phone::Phone;
use serde_json::json;

use super::stand_in::StandIn;

/// How a phone acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Answers, and hangs up after a second.
    HangsUp,
    Busy,
    RingsForEver,
    /// Answers and says nothing.
    Silent,
    /// The trunk behind Asterisk takes no calls.
    Refused,
    /// Answers and presses 1, then #.
    PressesKeys,
    /// Answers and puts us on hold.
    Holds,
    /// Turned down, by an Asterisk that tells no SIP status.
    BusyWithoutStatus,
    /// The network breaks a call that is up.
    NetworkBreaks,
    /// Is answered at the moment at which we hang up: Asterisk tells the answer first.
    AnswersLate,
}

const ACTS: [Act; 10] = [
    Act::HangsUp,
    Act::Busy,
    Act::RingsForEver,
    Act::Silent,
    Act::Refused,
    Act::PressesKeys,
    Act::Holds,
    Act::BusyWithoutStatus,
    Act::NetworkBreaks,
    Act::AnswersLate,
];
const FIRST: u64 = 8_613_800_000_000;

/// The number of a phone that acts so.
pub fn phone(act: Act) -> Phone {
    let place = ACTS.iter().position(|known| *known == act).expect("a known act");
    Phone::from_digits(FIRST + place as u64)
}

/// What happens on a channel that dials this endpoint.
pub async fn act(stand_in: &StandIn, id: &str, endpoint: &str) {
    let number = endpoint.trim_start_matches("PJSIP/+").trim_end_matches("@carrier");
    let number: u64 = number.parse().expect("a number in E.164, as the trunk wants it");
    let act = ACTS[usize::try_from(number - FIRST).expect("a phone of ours")];
    let pause = |ms| tokio::time::sleep(Duration::from_millis(ms));
    pause(30).await;
    match act {
        Act::Busy => return stand_in.end(id, 17, Some(486)),
        Act::BusyWithoutStatus => return stand_in.end(id, 17, None),
        Act::Refused => return stand_in.end(id, 41, Some(500)),
        _ => {}
    }
    stand_in.set_state(id, "Ringing");
    stand_in.tell_of(id, "ChannelStateChange", json!({}));
    if matches!(act, Act::RingsForEver | Act::AnswersLate) {
        return std::future::pending().await;
    }
    pause(150).await;
    stand_in.answer(id);
    match act {
        Act::HangsUp => {
            pause(1_000).await;
            stand_in.end(id, 16, None);
        }
        Act::NetworkBreaks => {
            pause(300).await;
            stand_in.end(id, 38, None);
        }
        Act::PressesKeys => {
            for key in ["1", "#"] {
                pause(200).await;
                stand_in.tell_of(
                    id,
                    "ChannelDtmfReceived",
                    json!({ "digit": key, "duration_ms": 100 }),
                );
            }
        }
        Act::Holds => {
            pause(100).await;
            stand_in.inside().mute = true;
            stand_in.tell_of(id, "ChannelHold", json!({}));
        }
        _ => {}
    }
    std::future::pending().await
}
