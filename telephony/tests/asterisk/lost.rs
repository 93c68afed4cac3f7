//! What is lost between us and Asterisk: answers, events, Asterisk itself. No call rings twice, none stays up, and each
//! ends once, as what it was.

use std::time::Duration;

use outbound::outcome::{CallResult, CalledStatus};
use outbound::trunk::TrunkConfig;
use serde_json::json;
use telephony::asterisk::AriHealth;
use telephony::carrier::{Call, CallEvent, Carrier, CarrierError, Ending};
use telephony::journal::Event;

use crate::asterisk::phones::{Act, phone};
use crate::asterisk::stand_in::Fault;
use crate::asterisk::world::{PATIENCE, World, answered, eventually, rest, ringing, until};

/// The calls of a world whose connection of events is kept, as a trunk in service keeps it.
async fn watched(media: &'static str) -> (World, TrunkConfig) {
    let world = World::new(media).await;
    let trunk = world.trunk(json!({}));
    world.gate.driver().watch(clock::new_id(), &trunk);
    eventually(|| world.asterisk.is_heard()).await;
    (world, trunk)
}

#[tokio::test]
async fn an_originate_without_an_answer_is_looked_for_and_never_sent_again() {
    let world = World::new("websocket").await;
    world.asterisk.with(Fault::OriginateUnanswered);
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    let id = call.call_id().to_owned();
    until(&mut call, answered).await;
    // The deadline of the request passes with the call up.
    eventually(|| world.asterisk.asked(&format!("GET /channels/{id}")) > 0).await;
    assert_eq!(world.asterisk.asked(&format!("POST /channels/{id}")), 1);
    drop(call);
    world.nothing_is_left().await;
}

#[tokio::test]
async fn an_originate_that_was_swallowed_ends_the_call_as_failed() {
    let world = World::new("websocket").await;
    world.asterisk.with(Fault::OriginateSwallowed);
    let (events, ending) = world.dial(world.order(phone(Act::Silent))).await;
    assert_eq!(events, []);
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::CallFailed));
    assert!(!ending.trunk_refused, "it may have rung: {ending:?}");
}

#[tokio::test]
async fn a_call_that_is_answered_while_no_events_come_goes_on_when_they_do() {
    let (world, _) = watched("websocket").await;
    let mut call = world.gate.originate(world.order(phone(Act::RingsForEver))).await.unwrap();
    until(&mut call, ringing).await;
    let id = call.call_id().to_owned();
    world.asterisk.cut_events();
    // Nobody hears of it.
    world.asterisk.answer(&id);
    until(&mut call, answered).await;
    eventually(|| world.asterisk.asked("POST /applications") > 0).await;
    eventually(|| world.asterisk.ear(&id).is_some_and(|ear| ear.played.len() > 20)).await;
    drop(call);
    world.nothing_is_left().await;
}

#[tokio::test]
async fn a_call_that_ends_while_no_events_come_ends_once_as_what_it_was() {
    for (act, reached, result) in [
        (
            Act::RingsForEver,
            ringing as fn(&CallEvent) -> bool,
            CallResult::Unanswered(CalledStatus::CallFailed),
        ),
        (Act::Silent, answered, CallResult::Answered),
    ] {
        let (world, _) = watched("websocket").await;
        let order = world.order(phone(act));
        let attempt = order.attempt;
        let mut call = world.gate.originate(order).await.unwrap();
        until(&mut call, reached).await;
        let id = call.call_id().to_owned();
        world.asterisk.cut_events();
        world.asterisk.end(&id, 16, None);
        let ending = ends_once(&mut call).await;
        assert_eq!((ending.result, ending.q850_cause, ending.party), (result, None, None));
        let byes = world.journaled(attempt).iter().filter(|event| **event == Event::Bye).count();
        assert_eq!(byes, 1);
        world.nothing_is_left().await;
    }
}

#[tokio::test]
async fn an_asterisk_that_restarts_in_mid_call_ends_its_calls_each_once() {
    for media in ["websocket", "audiosocket"] {
        let (world, trunk) = watched(media).await;
        let mut calls = Vec::new();
        for act in [Act::Silent, Act::Silent, Act::RingsForEver] {
            let mut call = world.gate.originate(world.order(phone(act))).await.unwrap();
            let reached = if act == Act::Silent { answered } else { ringing };
            until(&mut call, reached).await;
            calls.push((act, call));
        }
        world.asterisk.restart();
        for (act, call) in &mut calls {
            let ending = ends_once(call).await;
            let answered = ending.result == CallResult::Answered;
            assert_eq!(answered, *act == Act::Silent, "{media}: {ending:?}");
            assert_eq!((ending.party, &*ending.cause), (None, ""), "{media}");
        }
        assert_eq!(world.gate.calls_up(), 0);
        // It takes calls again.
        eventually(|| world.asterisk.is_heard()).await;
        let (_, ending) = world.dial(crate::asterisk::world::order(trunk, phone(Act::Busy))).await;
        assert_eq!(ending.sip_code, Some(486));
    }
}

#[tokio::test]
async fn the_events_of_other_channels_and_nonsense_change_nothing() {
    let world = World::new("websocket").await;
    let mut call = world.gate.originate(world.order(phone(Act::HangsUp))).await.unwrap();
    until(&mut call, ringing).await;
    world.asterisk.tell_of("somebody-elses", "ChannelDestroyed", json!({ "cause": 16 }));
    world.asterisk.tell(json!("nonsense"));
    world.asterisk.tell(json!({ "type": "BridgeCreated", "bridge": {} }));
    world.asterisk.tell(json!({ "type": "ChannelDestroyed", "channel": { "id": 7 } }));
    let (events, ending) = rest(&mut call).await;
    assert_eq!(events.iter().filter(|event| answered(event)).count(), 1);
    assert_eq!(ending.result, CallResult::Answered);
}

#[tokio::test]
async fn a_watched_trunk_tells_whether_ari_answers() {
    let world = World::new("websocket").await;
    let driver = world.gate.driver();
    let (well, wrong, gone) = (clock::new_id(), clock::new_id(), clock::new_id());
    driver.watch(well, &world.trunk(json!({})));
    driver.watch(wrong, &world.trunk(json!({ "password": "guessed" })));
    driver.watch(gone, &world.trunk(json!({ "ari_url": "http://127.0.0.1:1/ari" })));
    eventually(|| driver.health(well) == Some(AriHealth::Up)).await;
    for down in [wrong, gone] {
        eventually(|| matches!(driver.health(down), Some(AriHealth::Down(_)))).await;
    }
    driver.unwatch(well);
    assert_eq!(driver.health(well), None);
    eventually(|| {
        // What is sent to a connection that is closed tells that it is.
        world.asterisk.tell(json!({ "type": "Ping" }));
        !world.asterisk.is_heard()
    })
    .await;
}

#[tokio::test]
async fn more_calls_than_may_be_up_wait() {
    let (world, _) = watched("websocket").await;
    let mut calls = Vec::new();
    for _ in 0..World::CALLS_MAX {
        calls.push(world.gate.originate(world.order(phone(Act::RingsForEver))).await.unwrap());
    }
    let more = world.gate.originate(world.order(phone(Act::RingsForEver))).await.map(drop);
    assert!(matches!(more, Err(CarrierError::Refused(_))), "{more:?}");
    drop(calls);
    // The room comes back as the calls end.
    let placing = async {
        while let Err(error) = world.gate.originate(world.order(phone(Act::Busy))).await.map(drop) {
            assert!(matches!(error, CarrierError::Refused(_)), "{error}");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, placing).await.unwrap();
    world.nothing_is_left().await;
}

async fn ends_once(call: &mut Box<dyn Call>) -> Ending {
    let (_, ending) = rest(call).await;
    let more = tokio::time::timeout(Duration::from_millis(300), call.next()).await;
    assert!(more.is_err(), "{more:?}");
    ending
}
