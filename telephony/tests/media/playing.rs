//! What the peer hears.

use std::time::{Duration, Instant};

use telephony::media::{Bridge, Codec, Happened, Plane, Source};

use crate::peer::{FarEnd, config, tone};
use crate::{answered, next, plain};

const FRAME: Duration = Duration::from_millis(20);

#[tokio::test]
async fn silence_is_sent_at_once_from_the_answer_on_and_nothing_before() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = plane.open(plain()).unwrap();
    session.connect(far.peer()).unwrap();
    assert!(far.hears_nothing_for(FRAME * 5).await);
    let answered_at = Instant::now();
    session.answer(answered_at).unwrap();
    let first = far.receive().await;
    // 20 ms by design; more where the machine is busy.
    assert!(answered_at.elapsed() < FRAME * 10, "{:?}", answered_at.elapsed());
    assert!(first.marker);
    assert_eq!(first.from, session.bound());
    let silence = Codec::Pcma.encode(0);
    assert_eq!((first.payload_type, first.payload), (8, vec![silence; 160]));
    for index in 1..20_u16 {
        let packet = far.receive().await;
        assert_eq!(packet.sequence, first.sequence.wrapping_add(index));
        assert_eq!(packet.timestamp, first.timestamp.wrapping_add(160 * u32::from(index)));
        assert_eq!((packet.ssrc, packet.marker), (first.ssrc, false));
    }
    // Twenty frames take 380 ms, whatever the delay of each.
    let took = answered_at.elapsed();
    assert!(took > FRAME * 18, "{took:?}");
}

#[tokio::test]
async fn a_prompt_is_heard_once_and_its_end_is_told() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    far.receive().await;
    let samples: Vec<i16> = (0..10).flat_map(|frame| tone(500.0, frame * 160)).collect();
    let playback = session.play(Source::samples(samples.clone().into())).unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback });
    let finished = Happened::PlaybackFinished { playback, played_ms: 200 };
    assert_eq!(next(&mut events).await, finished);
    let mut heard = Vec::new();
    while heard.len() < samples.len() {
        let frame = far.hear().await;
        if !heard.is_empty() || frame.iter().any(|sample| sample.abs() > 100) {
            heard.extend(frame);
        }
    }
    let law = |sample: &i16| Codec::Pcma.decode(Codec::Pcma.encode(*sample));
    assert_eq!(heard, samples.iter().map(law).collect::<Vec<_>>());
    assert!(far.hear().await.iter().all(|sample| sample.abs() < 100));
}

#[tokio::test]
async fn a_stop_tells_the_milliseconds_that_were_really_sent() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let playback = session.play(Source::samples(vec![8_000; 80_000].into())).unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback });
    let mut loud_ms = 0;
    while loud_ms < 300 {
        loud_ms += if far.hear().await[0] > 1_000 { 20 } else { 0 };
    }
    session.stop(playback).unwrap();
    let Happened::PlaybackStopped { playback: stopped, played_ms } = next(&mut events).await else {
        panic!("it stops")
    };
    assert_eq!(stopped, playback);
    while far.hear().await[0] > 1_000 {
        loud_ms += 20;
    }
    assert_eq!(played_ms, loud_ms);
    // A frame that was due when it was asked for; a few more where this test was not run in time.
    assert!(loud_ms <= 300 + 100, "{loud_ms}");
    session.stop(playback).unwrap();
    let second = session.play(Source::samples(vec![1; 1].into())).unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback: second });
}

#[tokio::test]
async fn a_second_playback_takes_the_place_of_the_first() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let first = session.play(Source::samples(vec![8_000; 80_000].into())).unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback: first });
    let second = session.play(Source::samples(vec![-8_000; 320].into())).unwrap();
    assert!(matches!(
        next(&mut events).await,
        Happened::PlaybackStopped { playback, played_ms } if playback == first && played_ms > 0
    ));
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback: second });
    let finished = Happened::PlaybackFinished { playback: second, played_ms: 40 };
    assert_eq!(next(&mut events).await, finished);
}

#[tokio::test]
async fn speech_that_is_still_being_made_is_played_as_it_comes() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let (stream, source) = Source::stream();
    let playback = session.play(source).unwrap();
    stream.add(vec![8_000; 480]).await.unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback });
    // It runs dry, and is silent.
    while far.hear().await[0] < 1_000 {}
    while far.hear().await[0] > 1_000 {}
    stream.add(vec![8_000; 400]).await.unwrap();
    drop(stream);
    let finished = Happened::PlaybackFinished { playback, played_ms: 110 };
    assert_eq!(next(&mut events).await, finished);
}

#[tokio::test]
async fn a_playback_that_the_call_cuts_off_is_told_of() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let playback = session.play(Source::samples(vec![8_000; 80_000].into())).unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback });
    drop(session);
    assert!(matches!(
        next(&mut events).await,
        Happened::PlaybackStopped { playback: stopped, .. } if stopped == playback
    ));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn bridged_calls_hear_each_other_until_the_bridge_is_dropped() {
    let plane = Plane::start(telephony::media::MediaConfig { shards: 2, ..config() }).unwrap();
    let (mut one, mut other) = (FarEnd::new().await, FarEnd::new().await);
    let (first, _first_events) = answered(&plane, plain(), &one);
    let (second, mut second_events) = answered(&plane, plain(), &other);
    let bridge = Bridge::join(&first.audio(), &second.audio()).unwrap();
    let (mut heard_by_one, mut heard_by_other) = (0, 0);
    let mut frames = crate::peer::every_frame();
    while heard_by_one < 10 || heard_by_other < 10 {
        frames.tick().await;
        one.say(first.bound(), &[4_000; 160]).await;
        other.say(second.bound(), &[-4_000; 160]).await;
        heard_by_one += u32::from(one.hear().await[0] < -3_000);
        heard_by_other += u32::from(other.hear().await[0] > 3_000);
    }
    drop(bridge);
    // What was said before is heard to its end; then there is silence, though both still speak.
    let mut quiet = 0;
    while quiet < 10 {
        frames.tick().await;
        one.say(first.bound(), &[4_000; 160]).await;
        quiet = if other.hear().await[0].abs() < 100 { quiet + 1 } else { 0 };
    }
    let _bridge = Bridge::join(&first.audio(), &second.audio()).unwrap();
    drop(first);
    assert_eq!(next(&mut second_events).await, Happened::BridgeEnded);
}
