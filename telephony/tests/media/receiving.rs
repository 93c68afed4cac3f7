//! What is heard of the peer, and what is not let in.

use std::time::Duration;

use telephony::media::{Codec, Happened, MediaConfig, Plane, Tone, VoiceActivity, rtcp};

use crate::peer::{FarEnd, PATIENCE, config, every_frame, tone};
use crate::{answered, check, in_time, next, plain, until};

#[tokio::test]
async fn a_recogniser_gets_each_frame_once_and_in_order() {
    in_time(recognised).await;
}

async fn recognised() -> Result<(), String> {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &far);
    let mut frames = session.listen().unwrap();
    let mut ticks = every_frame();
    let (mut last_ms, mut heard) = (None, Vec::new());
    for index in 0..60_i16 {
        ticks.tick().await;
        if index < 50 {
            far.say(session.bound(), &[(index + 1) * 256; 160]).await;
        }
        let frame = tokio::time::timeout(PATIENCE, frames.next()).await.unwrap().unwrap();
        if let Some(last_ms) = last_ms {
            check(frame.at_ms == last_ms + 20, (last_ms, frame.at_ms))?;
        }
        last_ms = (frame.at_ms > 0).then_some(frame.at_ms);
        // What is between two frames is concealed, where this test was not run in time.
        heard.push((f64::from(frame.samples[80]) / 256.0).round() as i16);
    }
    let whole: Vec<i16> = (1..=50).filter(|index| heard.contains(index)).collect();
    let places = whole.iter().map(|index| heard.iter().position(|other| other == index));
    check(whole.len() >= 40 && places.is_sorted(), heard)
}

#[tokio::test]
async fn a_recogniser_that_reads_nothing_loses_frames_and_holds_nobody_up() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &far);
    let mut frames = session.listen().unwrap();
    until("frames are lost", || session.counts().heard_frames_lost > 5).await;
    let mut waiting = 0;
    while session.counts().heard_frames_lost < 10 {
        far.receive().await;
    }
    let later = session.listen().unwrap();
    while frames.next().await.is_some() {
        waiting += 1;
    }
    assert_eq!(waiting, 50);
    drop(later);
}

#[tokio::test]
async fn a_call_is_the_first_sources_and_nobody_elses() {
    let plane = Plane::start(config()).unwrap();
    let (mut far, mut stranger) = (FarEnd::new().await, FarEnd::new().await);
    // The SDP names an address behind a NAT; packets come from elsewhere.
    let told = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &told);
    told.receive().await;
    far.say(session.bound(), &[1_000; 160]).await;
    far.receive().await;
    told.forget();
    for _ in 0..10 {
        stranger.say(session.bound(), &[2_000; 160]).await;
    }
    until("foreign packets are counted", || session.counts().packets_foreign == 10).await;
    assert_eq!(session.counts().packets_received, 1);
    assert!(stranger.hears_nothing_for(Duration::from_millis(60)).await);
    assert!(told.hears_nothing_for(Duration::from_millis(60)).await);
    far.receive().await;
}

#[tokio::test]
async fn garbage_pins_nothing_and_breaks_nothing() {
    let plane = Plane::start(config()).unwrap();
    let (mut far, stranger) = (FarEnd::new().await, FarEnd::new().await);
    let (session, _events) = answered(&plane, plain(), &far);
    let to = session.bound();
    let cut_off = far.packet(8, &[0; 160])[..11].to_vec();
    let other_type = far.packet(96, &[0; 160]);
    for bytes in [&[][..], b"x", b"GET / HTTP/1.1\r\n", &cut_off, &[0x80, 200, 0, 99]] {
        stranger.rtp.send_to(bytes, to).await.unwrap();
    }
    stranger.rtp.send_to(&other_type, to).await.unwrap();
    until("garbage is counted", || {
        let counts = session.counts();
        counts.packets_garbage == 5 && counts.packets_unknown_type == 1
    })
    .await;
    far.say(to, &[1_000; 160]).await;
    until("the peer is heard", || session.counts().packets_received == 1).await;
    assert_eq!(session.counts().packets_foreign, 0);
}

#[tokio::test]
async fn lost_late_and_copied_packets_are_counted() {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &far);
    let to = session.bound();
    let codec = Codec::Pcma;
    let frame = |far: &mut FarEnd| {
        let bytes = far.packet(codec.payload_type(), &[codec.encode(1_000); 160]);
        far.timestamp = far.timestamp.wrapping_add(160);
        bytes
    };
    let first = frame(&mut far);
    let second = frame(&mut far);
    far.lose();
    let fourth = frame(&mut far);
    for bytes in [&first, &fourth, &second, &second] {
        far.rtp.send_to(bytes, to).await.unwrap();
    }
    // Comfort noise belongs to the stream.
    let noise = far.packet(13, &[40]);
    far.rtp.send_to(&noise, to).await.unwrap();
    until("they are counted", || session.counts().comfort_noise == 1).await;
    let counts = session.counts();
    assert_eq!((counts.packets_received, counts.packets_lost), (5, 1));
    assert_eq!((counts.packets_reordered, counts.packets_duplicate), (1, 1));
}

#[tokio::test]
async fn a_peer_may_change_its_stream_and_its_law() {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &far);
    let mut frames = session.listen().unwrap();
    let mut ticks = every_frame();
    let mut seen = [false; 3];
    let mut sent = 0;
    while seen != [true; 3] {
        ticks.tick().await;
        sent += 1;
        if sent == 20 {
            (far.ssrc, far.sequence, far.timestamp) = (far.ssrc ^ 1, 7, 7);
        }
        if sent == 40 {
            far.codec = Codec::Pcmu;
        }
        let loud = [4_000, 8_000, 16_000][(sent / 20).min(2)];
        far.say(session.bound(), &[loud; 160]).await;
        let heard =
            tokio::time::timeout(PATIENCE, frames.next()).await.unwrap().unwrap().samples[80];
        for (index, loud) in [4_000_i16, 8_000, 16_000].into_iter().enumerate() {
            seen[index] |= heard.abs_diff(loud) < 400;
        }
        assert!(sent < 500, "{seen:?}");
    }
    assert_eq!(session.counts().streams_changed, 1);
}

#[tokio::test]
async fn a_busy_tone_in_early_media_is_recognised() {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let (session, mut events) = plane.open(plain()).unwrap();
    session.connect(far.peer()).unwrap();
    let mut ticks = every_frame();
    // China's: 450 Hz, 350 ms on, 350 ms off; for as long as it takes on a busy machine.
    for frame in 0..1_000_usize {
        tokio::select! {
            event = events.next() => {
                let busy = Happened::Tone { tone: Tone::Busy };
                return assert_eq!(event.map(|event| event.what), Some(busy));
            }
            _ = ticks.tick() => {}
        }
        let samples: [i16; 160] = std::array::from_fn(|at| {
            let sounds = (frame * 160 + at) / 2_800 % 2 == 0;
            if sounds { tone(450.0, frame * 160)[at] } else { 0 }
        });
        far.say(session.bound(), &samples).await;
    }
    panic!("it is not recognised");
}

#[tokio::test]
async fn speech_is_told_from_silence() {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let spec = telephony::media::SessionSpec { voice: VoiceActivity::On, ..plain() };
    let (session, mut events) = answered(&plane, spec, &far);
    let mut ticks = every_frame();
    let mut phase = 0.0_f64;
    for frame in 0..75 {
        ticks.tick().await;
        let samples: [i16; 160] = std::array::from_fn(|_| {
            phase += (110.0 + f64::from(frame % 17)) * std::f64::consts::TAU / 8_000.0;
            let parts = [(1.0, 0.5), (2.0, 0.8), (5.0, 1.0), (6.0, 0.9), (11.0, 0.4)];
            let sum: f64 = parts.iter().map(|(times, loud)| (phase * times).sin() * loud).sum();
            if frame < 40 { (sum * 4_000.0) as i16 } else { 0 }
        });
        far.say(session.bound(), &samples).await;
    }
    assert_eq!(next(&mut events).await, Happened::SpeechStarted);
    assert_eq!(next(&mut events).await, Happened::SpeechStopped);
}

#[tokio::test]
async fn a_wire_that_falls_silent_is_told_of_and_so_is_its_return() {
    let silent_after = Duration::from_millis(200);
    let plane = Plane::start(MediaConfig { wire_silent_after: silent_after, ..config() }).unwrap();
    let mut far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    assert_eq!(next(&mut events).await, Happened::WireSilent);
    far.say(session.bound(), &[0; 160]).await;
    assert_eq!(next(&mut events).await, Happened::WireBack);
    assert_eq!(next(&mut events).await, Happened::WireSilent);
}

#[tokio::test]
async fn reports_go_both_ways_and_the_end_is_a_goodbye() {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let ours = far.receive().await;
    for _ in 0..4 {
        far.say(session.bound(), &[0; 160]).await;
        far.lose();
    }
    until("packets are heard", || session.counts().packets_received == 4).await;
    let mut bytes = [0; 2_048];
    let received = far.rtcp.recv_from(&mut bytes);
    let (length, from) = tokio::time::timeout(PATIENCE, received).await.unwrap().unwrap();
    assert_eq!(from.port(), session.bound().port() + 1);
    let report = rtcp::parse(&bytes[..length]).unwrap();
    let sender = report.sender.unwrap();
    assert_eq!(sender.ssrc, ours.ssrc);
    assert!(sender.packets > 50 && sender.octets == sender.packets * 160, "{sender:?}");
    assert_eq!((report.blocks[0].ssrc, report.blocks[0].lost), (far.ssrc, 3));
    let block = rtcp::Block {
        ssrc: ours.ssrc,
        fraction_lost: 64,
        lost: 9,
        last_report: (sender.ntp >> 16) as u32,
        ..rtcp::Block::default()
    };
    let theirs = rtcp::write(far.ssrc, None, Some(block), "far", rtcp::Farewell::Goodbye);
    far.rtcp.send_to(&theirs, from).await.unwrap();
    assert_eq!(next(&mut events).await, Happened::PeerSaidBye);
    let counts = session.counts();
    assert_eq!((counts.peer_fraction_lost, counts.peer_packets_lost), (64, 9));
    assert!(counts.round_trip_us > 0 && counts.round_trip_us < 5_000_000, "{counts:?}");
    drop(session);
    let goodbye = async {
        loop {
            let (length, _) = far.rtcp.recv_from(&mut bytes).await.unwrap();
            if rtcp::parse(&bytes[..length]).unwrap().goodbye == Some(ours.ssrc) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, goodbye).await.unwrap();
}
