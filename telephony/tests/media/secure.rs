//! Calls by SRTP. The peer is another session of a plane, as both sides' keys are ours then.

use std::time::Instant;

use telephony::media::{
    Codec, DigitsBy, Direction, Peer, Plane, Session, Source, SrtpKeys, SrtpSuite, random_key, rtp,
};

use crate::peer::{FarEnd, PATIENCE, config};
use crate::{plain, until};

fn mirrored(keys: &SrtpKeys) -> SrtpKeys {
    SrtpKeys { suite: keys.suite, ours: keys.theirs.clone(), theirs: keys.ours.clone() }
}

fn keys(suite: SrtpSuite) -> SrtpKeys {
    SrtpKeys { suite, ours: random_key(), theirs: random_key() }
}

/// Point `one` at `other`.
fn connect(one: &Session, other: &Session, keys: SrtpKeys) {
    let peer = Peer {
        rtp: other.bound(),
        rtcp: None,
        codec: Codec::Pcma,
        digits: DigitsBy::Tones,
        direction: Direction::Both,
        srtp: Some(keys),
    };
    one.connect(peer).unwrap();
}

async fn hears(session: &Session, loud: i16) {
    let mut frames = session.listen().unwrap();
    let wait = async { while frames.next().await.unwrap().samples[80].abs_diff(loud) > 300 {} };
    tokio::time::timeout(PATIENCE, wait).await.expect("it is heard");
}

#[tokio::test]
async fn two_sessions_hear_each_other_by_either_suite_and_with_new_keys() {
    let plane = Plane::start(config()).unwrap();
    for suite in [SrtpSuite::AesCm128HmacSha1_80, SrtpSuite::AesCm128HmacSha1_32] {
        let (one, _one_events) = plane.open(plain()).unwrap();
        let (other, _other_events) = plane.open(plain()).unwrap();
        for loud in [4_000, -8_000] {
            let keys = keys(suite);
            connect(&one, &other, keys.clone());
            connect(&other, &one, mirrored(&keys));
            one.answer(Instant::now()).unwrap();
            other.answer(Instant::now()).unwrap();
            one.play(Source::samples(vec![loud; 800_000].into())).unwrap();
            hears(&other, loud).await;
            other.play(Source::samples(vec![-loud; 800_000].into())).unwrap();
            hears(&one, -loud).await;
        }
    }
}

#[tokio::test]
async fn what_is_not_authentic_is_dropped_and_pins_nothing() {
    let plane = Plane::start(config()).unwrap();
    let mut stranger = FarEnd::new().await;
    let (one, _one_events) = plane.open(plain()).unwrap();
    let (other, _other_events) = plane.open(plain()).unwrap();
    let keys = keys(SrtpSuite::AesCm128HmacSha1_80);
    connect(&one, &other, keys.clone());
    one.answer(Instant::now()).unwrap();
    for _ in 0..5 {
        stranger.say(one.bound(), &[1_000; 160]).await;
    }
    until("they are counted", || one.counts().packets_unauthentic == 5).await;
    connect(&other, &one, mirrored(&keys));
    other.answer(Instant::now()).unwrap();
    until("the peer is heard", || one.counts().packets_received > 10).await;
    assert_eq!(one.counts().packets_unauthentic, 5);
}

#[tokio::test]
async fn nothing_leaves_in_the_clear_where_keys_were_agreed_on() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = plane.open(plain()).unwrap();
    let srtp = Some(keys(SrtpSuite::AesCm128HmacSha1_80));
    session.connect(Peer { srtp, ..far.peer() }).unwrap();
    session.answer(Instant::now()).unwrap();
    let silence = [Codec::Pcma.encode(0); 160];
    let mut bytes = [0; 2_048];
    for _ in 0..5 {
        let received = far.rtp.recv_from(&mut bytes);
        let (length, _) = tokio::time::timeout(PATIENCE, received).await.unwrap().unwrap();
        let packet = rtp::parse(&bytes[..length]).unwrap();
        assert_eq!(packet.payload.len(), 160 + 10);
        assert_ne!(packet.payload[..160], silence);
    }
}
