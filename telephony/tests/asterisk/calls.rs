//! What a call becomes, by what its phone does.

use std::time::Duration;

use dialog::conversation::Input;
use outbound::outcome::{CallResult, CalledStatus, HangupParty, cause};
use serde_json::json;
use telephony::carrier::{CallEvent, Carrier, CarrierError, Command, Order, TransferProgress};
use telephony::journal::Event;

use crate::asterisk::phones::{Act, phone};
use crate::asterisk::stand_in::Fault;
use crate::asterisk::world::{World, answered, eventually, order, rest, ringing, until};

#[tokio::test]
async fn the_sip_status_and_the_cause_of_asterisk_are_on_the_record() {
    let world = World::new("websocket").await;
    let (events, ending) = world.dial(world.order(phone(Act::Busy))).await;
    assert_eq!(events, []);
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::Busy));
    assert_eq!((ending.sip_code, ending.q850_cause), (Some(486), Some(17)));
    // Older builds know the cause alone.
    let (_, ending) = world.dial(world.order(phone(Act::BusyWithoutStatus))).await;
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::Busy));
    assert_eq!((ending.sip_code, ending.q850_cause), (None, Some(17)));
    world.nothing_is_left().await;
}

#[tokio::test]
async fn a_call_is_one_originate_as_the_trunk_words_it() {
    let world = World::new("websocket").await;
    let trunk = world.trunk(json!({
        "caller_format": "0{national}", "variables": { "CHANNEL(language)": "zh" },
    }));
    let order = order(trunk, phone(Act::Silent));
    let mut call = world.gate.originate(order).await.unwrap();
    until(&mut call, answered).await;
    let id = call.call_id().to_owned();
    let originate = world.asterisk.inside().channels[&id].originate.clone();
    assert_eq!(originate["endpoint"], "PJSIP/+8613800000003@carrier");
    assert_eq!(originate["callerId"], "02160000000");
    assert_eq!((&originate["formats"], &originate["timeout"]), (&json!("alaw,ulaw"), &json!(70)));
    // Should this process die, the call ends by itself.
    let variables = json!({ "CHANNEL(language)": "zh", "TIMEOUT(absolute)": "140" });
    assert_eq!(originate["variables"], variables);
    drop(call);
    world.nothing_is_left().await;
    assert_eq!(world.asterisk.asked(&format!("POST /channels/{id}")), 1);
}

/// A hang-up of ours comes back as a SIP status, as a refusal would.
#[tokio::test]
async fn our_own_ring_timeout_is_told_from_a_refusal() {
    let world = World::new("websocket").await;
    let ring_timeout = Duration::from_millis(500);
    let order = Order { ring_timeout, ..world.order(phone(Act::RingsForEver)) };
    let (_, ending) = world.dial(order).await;
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::NoAnswer));
    assert_eq!((&*ending.cause, ending.party), (cause::RING_TIMEOUT, Some(HangupParty::System)));
    assert_eq!(ending.sip_code, Some(487));
    world.nothing_is_left().await;
}

#[tokio::test]
async fn an_answer_that_crosses_our_hang_up_is_recorded_as_what_it_was() {
    let world = World::new("websocket").await;
    let order = world.order(phone(Act::AnswersLate));
    let attempt = order.attempt;
    let mut call = world.gate.originate(order).await.unwrap();
    until(&mut call, ringing).await;
    let id = call.call_id().to_owned();
    // The answer is told after we have asked for the end, and before it is carried out.
    call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
    world.asterisk.answer(&id);
    let (events, ending) = rest(&mut call).await;
    assert!(matches!(events[..], [CallEvent::Answered { .. }]), "{events:?}");
    assert_eq!((ending.result, &*ending.cause), (CallResult::Answered, cause::TASK_ENDED));
    use Event::{Answer, Bye, Invite, Ring};
    assert_eq!(world.journaled(attempt), [Invite, Ring, Bye, Answer, Bye]);
    world.nothing_is_left().await;
}

#[tokio::test]
async fn keys_are_heard_by_ari_once_and_pressed_in_order() {
    for media in ["websocket", "audiosocket"] {
        let world = World::new(media).await;
        let mut call = world.gate.originate(world.order(phone(Act::PressesKeys))).await.unwrap();
        for key in ['1', '#'] {
            let heard = until(&mut call, |event| matches!(event, CallEvent::Heard { .. })).await;
            let CallEvent::Heard { input, .. } = heard else { panic!("{heard:?}") };
            assert_eq!(input, Input::Digit(key));
        }
        let id = call.call_id().to_owned();
        for keys in ["12,3#", "no key", "4"] {
            call.send(Command::SendDigits(keys.to_owned())).await;
        }
        eventually(|| world.asterisk.asked("keys") == 2).await;
        let inside = world.asterisk.inside().requests.clone();
        let pressed: Vec<_> = inside.iter().filter(|asked| asked.starts_with("keys")).collect();
        assert_eq!(pressed, [&format!("keys {id} 12ww3#"), &format!("keys {id} 4")]);
        drop(call);
        world.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_call_that_the_network_breaks_was_ended_by_nobody() {
    let world = World::new("websocket").await;
    let (_, ending) = world.dial(world.order(phone(Act::NetworkBreaks))).await;
    assert_eq!((ending.result, ending.q850_cause), (CallResult::Answered, Some(38)));
    assert_eq!(ending.party, None);
}

#[tokio::test]
async fn a_transfer_is_refused_so_that_another_way_is_taken() {
    let world = World::new("websocket").await;
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    until(&mut call, answered).await;
    call.send(Command::Refer { to: phone(Act::Busy) }).await;
    let told = until(&mut call, |event| matches!(event, CallEvent::Transfer { .. })).await;
    let CallEvent::Transfer { progress, .. } = told else { panic!("{told:?}") };
    assert_eq!(progress, TransferProgress::Failed { sip_code: None });
}

#[tokio::test]
async fn an_asterisk_that_does_not_originate_counts_against_the_trunk() {
    let world = World::new("websocket").await;
    world.asterisk.with(Fault::OriginateRefused);
    let (_, ending) = world.dial(world.order(phone(Act::Silent))).await;
    assert!(ending.trunk_refused, "{ending:?}");
    assert_eq!(ending.cause, cause::TRUNK_REFUSED);
}

#[tokio::test]
async fn a_wrong_password_places_no_call_and_says_so() {
    let world = World::new("websocket").await;
    let order = order(world.trunk(json!({ "password": "guessed" })), phone(Act::Silent));
    let attempt = order.attempt;
    let refused = world.gate.originate(order).await.map(drop);
    let Err(CarrierError::Refused(reason)) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("password (401)") && !reason.contains("guessed"), "{reason}");
    assert_eq!(world.journaled(attempt), []);
}

#[tokio::test]
async fn an_asterisk_that_is_not_there_places_no_call() {
    let world = World::new("websocket").await;
    let nowhere = json!({ "ari_url": "http://127.0.0.1:1/ari" });
    let refused = world.gate.originate(order(world.trunk(nowhere), phone(Act::Silent))).await;
    assert!(matches!(refused.map(drop), Err(CarrierError::Refused(_))));
}
