//! What the voice is like, on both media: there at once, at its own pace, and told as it was heard.

use std::time::Duration;

use dialog::conversation::Input;
use outbound::outcome::{CallResult, cause};
use serde_json::json;
use telephony::carrier::{Call, CallEvent, Carrier, Command, Order};
use telephony::spoken::spoken_ms;
use telephony::voice::Say;

use crate::asterisk::media::Ear;
use crate::asterisk::phones::{Act, phone};
use crate::asterisk::stand_in::Fault;
use crate::asterisk::world::{World, answered, eventually, order, rest, until};

const TEXT: &str = "Good morning, this is the garage about your appointment tomorrow.";

fn say(utterance: u64, text: &str) -> Command {
    Command::Play { utterance, say: Say { text: text.to_owned(), ..Say::default() } }
}

async fn heard(call: &mut Box<dyn Call>) -> Input {
    let heard = until(call, |event| matches!(event, CallEvent::Heard { .. })).await;
    let CallEvent::Heard { input, .. } = heard else { panic!("{heard:?}") };
    input
}

fn ear(world: &World, call: &dyn Call) -> Ear {
    world.asterisk.ear(call.call_id()).expect("it has a voice")
}

/// A peer that waits for our first frame would else be silent for ever.
#[tokio::test]
async fn silence_comes_at_once_and_goes_on_at_its_own_pace() {
    for media in ["websocket", "audiosocket"] {
        let world = World::new(media).await;
        let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
        until(&mut call, answered).await;
        let id = call.call_id().to_owned();
        eventually(|| world.asterisk.ear(&id).is_some_and(|ear| ear.played.len() >= 60)).await;
        let heard = ear(&world, &*call);
        assert_eq!(heard.loud, 0);
        // 50 frames are a second, not sooner: nothing is queued ahead.
        let second = heard.played[59] - heard.played[9];
        assert!(second > Duration::from_millis(900), "{media}: {second:?}");
        assert!(heard.longest_queue <= 15, "{media}: {}", heard.longest_queue);
    }
}

#[tokio::test]
async fn a_playback_is_finished_when_asterisk_has_played_it() {
    let world = World::new("websocket").await;
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    until(&mut call, answered).await;
    call.send(say(1, TEXT)).await;
    assert_eq!(heard(&mut call).await, Input::PlaybackStarted { utterance: 1 });
    assert!(ear(&world, &*call).played.len() > 1, "it is told after it is played");
    assert_eq!(heard(&mut call).await, Input::PlaybackFinished { utterance: 1 });
    let heard = ear(&world, &*call);
    assert!(heard.commands.iter().filter(|command| *command == "MARK_MEDIA").count() >= 2);
    assert_eq!(heard.flushed, 0);
    // The gaps between its words are silence.
    let loud_ms = u64::try_from(heard.loud).unwrap() * 20;
    assert!(loud_ms > spoken_ms(TEXT) / 2, "{loud_ms}");
    // All of it was played when it was told: another half a second has no sound any more.
    eventually(|| ear(&world, &*call).played.len() > heard.played.len() + 25).await;
    assert_eq!(ear(&world, &*call).loud, heard.loud);
}

#[tokio::test]
async fn a_playback_that_is_stopped_is_flushed() {
    let world = World::new("websocket").await;
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    until(&mut call, answered).await;
    call.send(say(1, TEXT)).await;
    assert_eq!(heard(&mut call).await, Input::PlaybackStarted { utterance: 1 });
    call.send(Command::Stop { utterance: 1 }).await;
    let stopped = heard(&mut call).await;
    let Input::PlaybackStopped { utterance: 1, played_ms } = stopped else { panic!("{stopped:?}") };
    assert!(played_ms < 400, "{played_ms}");
    let flushed = |ear: &Ear| ear.commands.iter().any(|command| command == "FLUSH_MEDIA");
    eventually(|| flushed(&ear(&world, &*call))).await;
}

#[tokio::test]
async fn a_full_queue_gets_nothing_until_it_has_room() {
    let world = World::new("websocket").await;
    world.asterisk.with(Fault::Xoff);
    let mut call = world.gate.originate(world.order(phone(Act::HangsUp))).await.unwrap();
    until(&mut call, answered).await;
    let id = call.call_id().to_owned();
    let (_, ending) = rest(&mut call).await;
    assert_eq!(ending.result, CallResult::Answered);
    let ear = world.asterisk.ear(&id).unwrap();
    let gap = ear.played.windows(2).map(|two| two[1] - two[0]).max().unwrap();
    assert!(gap > Duration::from_millis(300), "{gap:?}");
}

#[tokio::test]
async fn an_asterisk_without_marks_has_a_voice_too() {
    let world = World::new("websocket").await;
    world.asterisk.with(Fault::PlainTexts);
    let mut call = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
    until(&mut call, answered).await;
    call.send(say(1, TEXT)).await;
    assert_eq!(heard(&mut call).await, Input::PlaybackStarted { utterance: 1 });
    call.send(Command::Stop { utterance: 1 }).await;
    assert!(matches!(heard(&mut call).await, Input::PlaybackStopped { utterance: 1, .. }));
    assert_eq!(ear(&world, &*call).commands, [""; 0]);
}

#[tokio::test]
async fn a_call_whose_voice_never_comes_is_hung_up() {
    for media in ["websocket", "audiosocket"] {
        let world = World::new(media).await;
        world.asterisk.with(Fault::NoMedia);
        let (events, ending) = world.dial(world.order(phone(Act::Silent))).await;
        assert_eq!(events.iter().filter(|event| answered(event)).count(), 1);
        assert_eq!((ending.result, &*ending.cause), (CallResult::Answered, cause::NO_MEDIA));
        world.nothing_is_left().await;
    }
}

/// On AudioSocket nobody knows where the next message begins; on a WebSocket each stands for itself.
#[tokio::test]
async fn garbage_on_the_media_connection_ends_no_other_call_and_is_not_played() {
    for media in ["websocket", "audiosocket"] {
        let world = World::new(media).await;
        let mut well = world.gate.originate(world.order(phone(Act::Silent))).await.unwrap();
        until(&mut well, answered).await;
        world.asterisk.with(Fault::GarbageMedia);
        let (_, ending) = world.dial(world.order(phone(Act::Silent))).await;
        assert_eq!(
            (ending.result, &*ending.cause),
            (CallResult::Answered, cause::NO_MEDIA),
            "{media}"
        );
        let (before, id) = (ear(&world, &*well).played.len(), well.call_id().to_owned());
        eventually(|| world.asterisk.ear(&id).unwrap().played.len() > before + 10).await;
    }
}

#[tokio::test]
async fn a_call_on_hold_is_not_taken_for_one_without_voice() {
    let world = World::new("audiosocket").await;
    let order = Order { max_call: Duration::from_secs(5), ..world.order(phone(Act::Holds)) };
    let (_, ending) = world.dial(order).await;
    assert_eq!(ending.cause, cause::MAX_CALL);
}

#[tokio::test]
async fn a_call_is_recorded_with_both_sides() {
    for media in ["websocket", "audiosocket"] {
        let world = World::new(media).await;
        let recording = world.folder.path().join("call.wav");
        let order =
            Order { recording: Some(recording.clone()), ..world.order(phone(Act::HangsUp)) };
        let mut call = world.gate.originate(order).await.unwrap();
        until(&mut call, answered).await;
        call.send(say(1, TEXT)).await;
        rest(&mut call).await;
        let mut wav = hound::WavReader::open(recording).unwrap();
        let (spec, length) = (wav.spec(), wav.duration());
        assert_eq!((spec.channels, spec.sample_rate), (2, 8_000));
        assert!((7_200..9_600).contains(&length), "{media}: {length}");
        let robot: Vec<i16> = wav.samples::<i16>().skip(1).step_by(2).map(|s| s.unwrap()).collect();
        assert!(robot.iter().any(|sample| sample.unsigned_abs() > 1_000), "{media}: no robot");
    }
}

#[tokio::test]
async fn g711_goes_over_a_websocket_where_the_trunk_says_so() {
    let world = World::new("websocket").await;
    let trunk = world.trunk(json!({ "sound": "alaw" }));
    let mut call = world.gate.originate(order(trunk, phone(Act::RingsForEver))).await.unwrap();
    until(&mut call, crate::asterisk::world::ringing).await;
    let media = format!("{}-media", call.call_id());
    eventually(|| world.asterisk.inside().channels.contains_key(&media)).await;
    let asked = world.asterisk.inside().channels[&media].originate.clone();
    assert_eq!((&asked["format"], &asked["transport_data"]), (&json!("alaw"), &json!("f(json)")));
}
