//! A re-INVITE in mid-call: hold, another address, another codec.

use std::time::Duration;

use telephony::media::{Codec, Direction, Happened, MediaConfig, Peer, Plane, Source};

use crate::peer::{FarEnd, config};
use crate::{answered, next, plain, until};

const QUIET: Duration = Duration::from_millis(150);

#[tokio::test]
async fn on_hold_nothing_is_sent_and_what_plays_waits() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let playback = session.play(Source::samples(vec![8_000; 3_200].into())).unwrap();
    assert_eq!(next(&mut events).await, Happened::PlaybackStarted { playback });
    let before = far.receive().await;
    for direction in [Direction::ReceiveOnly, Direction::Neither] {
        session.connect(Peer { direction, ..far.peer() }).unwrap();
        while !far.hears_nothing_for(QUIET).await {}
    }
    session.connect(far.peer()).unwrap();
    let after = far.receive().await;
    // The stream goes on: the next number, but the time has passed.
    assert!(after.marker);
    assert_eq!(after.ssrc, before.ssrc);
    let frames = after.timestamp.wrapping_sub(before.timestamp) / 160;
    assert!(frames > u32::from(after.sequence.wrapping_sub(before.sequence)), "{frames}");
    // All of it was heard, none of it on hold.
    let finished = Happened::PlaybackFinished { playback, played_ms: 400 };
    assert_eq!(next(&mut events).await, finished);
}

#[tokio::test]
async fn on_hold_a_silent_wire_is_nothing() {
    let silent_after = Duration::from_millis(300);
    let plane = Plane::start(MediaConfig { wire_silent_after: silent_after, ..config() }).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    session.connect(Peer { direction: Direction::ReceiveOnly, ..far.peer() }).unwrap();
    let nothing = tokio::time::timeout(silent_after * 3, events.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    session.connect(far.peer()).unwrap();
    assert_eq!(next(&mut events).await, Happened::WireSilent);
}

#[tokio::test]
async fn a_peer_that_moves_is_followed_and_its_old_address_is_dropped() {
    let plane = Plane::start(config()).unwrap();
    let (mut old, mut new) = (FarEnd::new().await, FarEnd::new().await);
    let (session, _events) = answered(&plane, plain(), &old);
    old.say(session.bound(), &[1_000; 160]).await;
    until("the first is heard", || session.counts().packets_received == 1).await;
    session.connect(new.peer()).unwrap();
    new.receive().await;
    // What the old address still had on the way is heard, but does not hold the call.
    old.say(session.bound(), &[1_000; 160]).await;
    until("it is heard", || session.counts().packets_received == 2).await;
    new.say(session.bound(), &[1_000; 160]).await;
    new.say(session.bound(), &[1_000; 160]).await;
    until("the new one is heard", || session.counts().packets_received >= 3).await;
    old.say(session.bound(), &[1_000; 160]).await;
    until("the old one is a stranger", || session.counts().packets_foreign == 1).await;
    old.forget();
    assert!(old.hears_nothing_for(QUIET).await);
    new.receive().await;
}

#[tokio::test]
async fn the_law_that_is_sent_can_change() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &far);
    let before = far.receive().await;
    assert_eq!((before.payload_type, before.payload[0]), (8, 0xd5));
    session.connect(Peer { codec: Codec::Pcmu, ..far.peer() }).unwrap();
    let after = loop {
        let packet = far.receive().await;
        if packet.payload_type == 0 {
            break packet;
        }
    };
    assert_eq!((after.ssrc, after.payload[0]), (before.ssrc, 0xff));
}

#[tokio::test]
async fn a_peer_without_an_address_gets_nothing() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = plane.open(plain()).unwrap();
    session.connect(Peer { rtp: "0.0.0.0:9".parse().unwrap(), rtcp: None, ..far.peer() }).unwrap();
    session.answer(std::time::Instant::now()).unwrap();
    assert!(far.hears_nothing_for(QUIET).await);
    let counts = session.counts();
    assert_eq!((counts.packets_sent, counts.send_failures), (0, 0));
}
