//! Calls that are answered, and what may cross the answer.

use outbound::outcome::{CallResult, CalledStatus, HangupParty, cause};
use serde_json::json;
use std::time::Duration;
use telephony::carrier::{CallEvent, Carrier, Command, Order};
use telephony::journal::Event;

use super::sipp::{By, Sipp};
use super::socket::Socket;
use super::world::{World, answered, order, rest, ringing, trunk, until};

#[tokio::test]
async fn a_phone_rings_answers_and_hangs_up() {
    let (world, sipp) = (World::new().await, Sipp::play("hangs_up", 1, &[]));
    let order = order(trunk(&[sipp.address], json!({})));
    let attempt = order.attempt;
    let (events, ending) = world.dial(order).await;
    assert!(ringing(&events[0]) && answered(&events[1]), "{events:?}");
    assert_eq!((ending.result, ending.party), (CallResult::Answered, Some(HangupParty::Customer)));
    assert_eq!((ending.sip_code, ending.q850_cause), (Some(200), Some(31)), "the BYE's own cause");
    let journaled = world.journaled(attempt);
    assert_eq!(journaled, [Event::Invite, Event::Ring, Event::Answer, Event::Bye]);
    assert_eq!(world.gate.calls_up(), 0);
    sipp.ends_well().await;
}

#[tokio::test]
async fn we_hang_up_over_udp_and_tcp() {
    for (by, transport) in [(By::Udp, "udp"), (By::Tcp, "tcp")] {
        let (world, sipp) = (World::new().await, Sipp::play_by(by, "answers", 1, &[]));
        let order = order(trunk(&[sipp.address], json!({ "transport": transport })));
        let mut call = world.gate.originate(order).await.unwrap();
        until(&mut call, answered).await;
        call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
        let (_, ending) = rest(&mut call).await;
        assert_eq!((ending.result, &*ending.cause), (CallResult::Answered, cause::TASK_ENDED));
        assert_eq!(ending.party, Some(HangupParty::System));
        sipp.ends_well().await;
    }
}

#[tokio::test]
async fn a_phone_that_rings_too_long_is_cancelled() {
    let (world, sipp) = (World::new().await, Sipp::play("rings_for_ever", 1, &[]));
    let order = order(trunk(&[sipp.address], json!({})));
    let (events, ending) =
        world.dial(Order { ring_timeout: Duration::from_secs(1), ..order }).await;
    assert!(ringing(&events[0]) && events.len() == 1, "{events:?}");
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::NoAnswer));
    assert_eq!((ending.sip_code, &*ending.cause), (Some(487), cause::RING_TIMEOUT));
    sipp.ends_well().await;
}

#[tokio::test]
async fn an_answer_that_crosses_our_cancel_is_hung_up_and_recorded_as_an_answer() {
    let (world, sipp) = (World::new().await, Sipp::play("answers_cancel", 1, &[]));
    let order = order(trunk(&[sipp.address], json!({})));
    let attempt = order.attempt;
    let (events, ending) =
        world.dial(Order { ring_timeout: Duration::from_secs(1), ..order }).await;
    assert!(ringing(&events[0]) && answered(&events[1]), "{events:?}");
    assert_eq!((ending.result, ending.sip_code), (CallResult::Answered, Some(200)));
    assert_eq!((&*ending.cause, ending.party), (cause::RING_TIMEOUT, Some(HangupParty::System)));
    let journaled = world.journaled(attempt);
    assert_eq!(journaled, [Event::Invite, Event::Ring, Event::Bye, Event::Answer, Event::Bye]);
    sipp.ends_well().await;
}

#[tokio::test]
async fn an_answer_that_is_repeated_is_acknowledged_again() {
    let (world, far) = (World::new().await, Socket::new().await);
    let mut call = world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
    let invite = far.hear("INVITE").await;
    let picked_up = far.picks_up(&invite, "far", "");
    for _ in 0..3 {
        far.say(invite.from, picked_up.as_bytes()).await;
        let ack = far.hear("ACK").await;
        assert_eq!(ack.header("cseq"), Some("1 ACK"));
        assert!(ack.text.starts_with(&format!("ACK sip:far@{}", far.address())), "{}", ack.text);
    }
    call.send(Command::HangUp { cause: "" }).await;
    let bye = far.hear("BYE").await;
    assert_eq!(bye.header("cseq"), Some("2 BYE"), "a number is never used twice");
    far.say(bye.from, bye.answer("200 OK", "far", "").as_bytes()).await;
    let (events, _) = rest(&mut call).await;
    assert_eq!(events.iter().filter(|event| answered(event)).count(), 1);
    // It is acknowledged also when the call is over.
    far.say(invite.from, picked_up.as_bytes()).await;
    far.hear("ACK").await;
}

#[tokio::test]
async fn the_second_phone_that_picks_up_is_hung_up() {
    let (world, far) = (World::new().await, Socket::new().await);
    let mut call = world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
    let invite = far.hear("INVITE").await;
    far.say(invite.from, far.picks_up(&invite, "first", "").as_bytes()).await;
    far.hear("ACK").await;
    until(&mut call, answered).await;
    far.say(invite.from, far.picks_up(&invite, "second", "").as_bytes()).await;
    let ack = far.hear("ACK sip:second").await;
    assert!(ack.header("to").is_some_and(|to| to.ends_with("tag=second")), "{}", ack.text);
    let bye = far.hear("BYE sip:second").await;
    assert!(bye.header("to").is_some_and(|to| to.ends_with("tag=second")), "{}", bye.text);
    far.say(bye.from, bye.answer("200 OK", "second", "").as_bytes()).await;
    // The first phone is still on the line.
    call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
    far.hear("BYE sip:first").await;
    let (_, ending) = rest(&mut call).await;
    assert_eq!((ending.result, &*ending.cause), (CallResult::Answered, cause::TASK_ENDED));
}

#[tokio::test]
async fn a_reliable_response_is_acknowledged_and_its_call_answered() {
    let (world, sipp) = (World::new().await, Sipp::play("reliable", 1, &[]));
    let order = order(trunk(&[sipp.address], json!({ "prack": "required" })));
    let mut call = world.gate.originate(order).await.unwrap();
    until(&mut call, answered).await;
    drop(call);
    sipp.ends_well().await;
}

#[tokio::test]
async fn who_asks_who_we_are_is_told_once() {
    for scenario in ["digest_401", "digest_407"] {
        let (world, sipp) = (World::new().await, Sipp::play(scenario, 1, &[]));
        let order = order(trunk(&[sipp.address], json!({ "user": "clara", "password": "hush" })));
        let mut call = world.gate.originate(order).await.unwrap();
        until(&mut call, answered).await;
        drop(call);
        sipp.ends_well().await;
    }
    let (world, sipp) = (World::new().await, Sipp::play("never_believes", 1, &[]));
    let order = order(trunk(&[sipp.address], json!({ "user": "clara", "password": "wrong" })));
    let (_, ending) = world.dial(order).await;
    assert!(ending.trunk_refused && ending.sip_code == Some(401), "{ending:?}");
    sipp.ends_well().await;
}

#[tokio::test]
async fn a_session_interval_that_is_too_short_is_raised() {
    let (world, sipp) = (World::new().await, Sipp::play("wants_longer", 1, &[]));
    let timer = json!({ "session_timer": { "mode": "ask", "seconds": 90 } });
    let mut call = world.gate.originate(order(trunk(&[sipp.address], timer))).await.unwrap();
    until(&mut call, answered).await;
    drop(call);
    sipp.ends_well().await;
}

#[tokio::test]
async fn an_answer_without_a_voice_for_us_is_hung_up() {
    for scenario in ["has_no_codec", "says_nonsense"] {
        let (world, sipp) = (World::new().await, Sipp::play(scenario, 1, &[]));
        let (events, ending) = world.dial(order(trunk(&[sipp.address], json!({})))).await;
        assert!(!events.iter().any(|event| matches!(event, CallEvent::Answered { .. })));
        assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::CallFailed), "{scenario}");
        assert_eq!((&*ending.cause, ending.sip_code), (cause::NO_MEDIA, Some(200)));
        sipp.ends_well().await;
    }
}
