//! What the far end and we ask of each other while a call is up.

use std::time::Duration;

use dialog::conversation::Input;
use outbound::outcome::{CallResult, HangupParty, cause};
use outbound::phone::Phone;
use serde_json::json;
use telephony::carrier::{CallEvent, Carrier, Command, TransferProgress};

use super::sipp::Sipp;
use super::socket::Socket;
use super::world::{World, answered, order, rest, trunk, until};

#[tokio::test]
async fn the_far_end_holds_the_call_changes_its_codec_and_refreshes_it() {
    for scenario in ["holds", "asks_for_offer", "refreshes"] {
        let (world, sipp) = (World::new().await, Sipp::play(scenario, 1, &[]));
        let (events, ending) = world.dial(order(trunk(&[sipp.address], json!({})))).await;
        assert_eq!(events.iter().filter(|event| answered(event)).count(), 1, "{scenario}");
        assert_eq!(
            (ending.result, ending.party),
            (CallResult::Answered, Some(HangupParty::Customer))
        );
        sipp.ends_well().await;
    }
}

#[tokio::test]
async fn keys_by_info_are_heard_and_pressed() {
    let (world, sipp) = (World::new().await, Sipp::play("presses_keys", 1, &[]));
    let (events, _) = world.dial(order(trunk(&[sipp.address], json!({})))).await;
    let keys: Vec<char> = events
        .iter()
        .filter_map(|event| match event {
            CallEvent::Heard { input: Input::Digit(key), .. } => Some(*key),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ['4', '#']);
    sipp.ends_well().await;

    let sipp = Sipp::play("takes_info", 1, &[]);
    let order = order(trunk(&[sipp.address], json!({ "dtmf": "info" })));
    let mut call = world.gate.originate(order).await.unwrap();
    until(&mut call, answered).await;
    call.send(Command::SendDigits("7".to_owned())).await;
    // The far end takes the key, and then the BYE.
    tokio::time::sleep(Duration::from_millis(300)).await;
    call.send(Command::HangUp { cause: "" }).await;
    rest(&mut call).await;
    sipp.ends_well().await;
}

#[tokio::test]
async fn a_transfer_is_followed_to_its_end_and_taken_for_done_no_earlier() {
    let to = Phone::from_digits(8_613_900_000_009);
    let progress = |events: &[CallEvent]| -> Vec<TransferProgress> {
        let of = |event: &CallEvent| match event {
            CallEvent::Transfer { progress, .. } => Some(*progress),
            _ => None,
        };
        events.iter().filter_map(of).collect()
    };
    let (world, sipp) = (World::new().await, Sipp::play("takes_refer", 1, &[]));
    let mut call = world.gate.originate(order(trunk(&[sipp.address], json!({})))).await.unwrap();
    until(&mut call, answered).await;
    call.send(Command::Refer { to }).await;
    let (events, ending) = rest(&mut call).await;
    assert_eq!(progress(&events), [TransferProgress::Ringing, TransferProgress::Answered]);
    assert_eq!(ending.party, Some(HangupParty::Customer));
    sipp.ends_well().await;

    let sipp = Sipp::play("refuses_refer", 1, &[]);
    let mut call = world.gate.originate(order(trunk(&[sipp.address], json!({})))).await.unwrap();
    until(&mut call, answered).await;
    call.send(Command::Refer { to }).await;
    let refused = until(&mut call, |event| matches!(event, CallEvent::Transfer { .. })).await;
    let failed = TransferProgress::Failed { sip_code: Some(603) };
    assert_eq!(progress(&[refused]), [failed]);
    call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
    rest(&mut call).await;
    sipp.ends_well().await;
}

#[tokio::test]
async fn a_session_is_refreshed_by_us_and_ends_when_nobody_confirms_it() {
    for (allow, refresh) in
        [("Allow: INVITE, UPDATE\r\n", "UPDATE"), ("Allow: INVITE\r\n", "INVITE")]
    {
        let world = World::with(|settings| settings.session_seconds_min = 2).await;
        let far = Socket::new().await;
        let mut call =
            world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
        let invite = far.hear("INVITE").await;
        let timer = format!("{allow}Session-Expires: 2;refresher=uac\r\nRequire: timer\r\n");
        far.say(invite.from, far.picks_up(&invite, "far", &timer).as_bytes()).await;
        far.hear("ACK").await;
        until(&mut call, answered).await;
        for number in 2..=3 {
            let refreshed = far.hear(refresh).await;
            assert_eq!(refreshed.header("cseq"), Some(&*format!("{number} {refresh}")));
            assert_eq!(refreshed.header("session-expires"), Some("2;refresher=uac"));
            far.say(refreshed.from, far.picks_up(&refreshed, "far", &timer).as_bytes()).await;
        }
        // Nobody answers the next one: the far end is gone.
        far.hear(refresh).await;
        let (_, ending) = rest(&mut call).await;
        assert_eq!((ending.result, &*ending.cause), (CallResult::Answered, cause::SESSION_EXPIRED));
        far.hear("BYE").await;
    }
}

#[tokio::test]
async fn a_session_that_the_far_end_does_not_refresh_ends() {
    let world = World::with(|settings| settings.session_seconds_min = 2).await;
    let far = Socket::new().await;
    let mut call = world.gate.originate(order(trunk(&[far.address()], json!({})))).await.unwrap();
    let invite = far.hear("INVITE").await;
    let timer = "Session-Expires: 2;refresher=uas\r\nRequire: timer\r\n";
    far.say(invite.from, far.picks_up(&invite, "far", timer).as_bytes()).await;
    until(&mut call, answered).await;
    let up = std::time::Instant::now();
    let (_, ending) = rest(&mut call).await;
    assert_eq!((&*ending.cause, ending.party), (cause::SESSION_EXPIRED, Some(HangupParty::System)));
    assert!((1_200..2_000).contains(&up.elapsed().as_millis()), "{:?}", up.elapsed());
    far.hear("BYE").await;
}

#[test]
fn a_far_end_whose_call_outlives_our_process_ends_it_by_the_session_timer() {
    let sipp = Sipp::play("outlives", 1, &[]);
    let killed = runtime();
    let call = killed.block_on(async {
        let world = World::with(|settings| settings.session_seconds_min = 2).await;
        let placed = world.gate.originate(order(trunk(&[sipp.address], json!({})))).await;
        let mut call = placed.unwrap();
        until(&mut call, answered).await;
        (call, world)
    });
    // As by a kill: nothing of it runs any more, and its sockets are closed. No BYE leaves.
    killed.shutdown_background();
    runtime().block_on(sipp.ends_well());
    drop(call);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
