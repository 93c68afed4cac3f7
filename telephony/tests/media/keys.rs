//! Key presses, both ways.

use telephony::media::{Digit, DigitsBy, Happened, Peer, Plane, dtmf};

use crate::peer::{EVENTS, FarEnd, config};
use crate::{answered, next, plain};

#[tokio::test]
async fn digits_are_sent_as_events_that_any_peer_understands() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let audio = far.receive().await;
    session.send_digits("4#".parse().unwrap()).unwrap();
    assert_eq!(next(&mut events).await, Happened::DigitsSent);
    let (mut presses, mut last) = (Vec::<(u32, Vec<dtmf::Event>)>::new(), audio.sequence);
    while presses.len() < 2 || presses[1].1.len() < 8 {
        let packet = far.receive().await;
        assert_eq!(packet.sequence, last.wrapping_add(1));
        last = packet.sequence;
        if packet.payload_type != EVENTS {
            continue;
        }
        let event = dtmf::parse(&packet.payload).unwrap();
        match presses.last_mut().filter(|(timestamp, _)| *timestamp == packet.timestamp) {
            Some((_, events)) => events.push(event),
            None => presses.push((packet.timestamp, vec![event])),
        }
        assert_eq!(packet.marker, presses.last().unwrap().1.len() == 1);
    }
    let keys: Vec<_> = presses.iter().map(|(_, events)| events[0].event).collect();
    assert_eq!(keys, [4, 11]);
    for (_, events) in &presses {
        assert_eq!(events.iter().filter(|event| event.end).count(), 3);
        assert!(events.iter().all(|event| event.duration <= 800));
    }
    let apart = presses[1].0.wrapping_sub(presses[0].0);
    assert_eq!(apart, 13 * 160);
    assert!("1x".parse::<telephony::media::Digits>().is_err());
}

#[tokio::test]
async fn where_events_were_not_agreed_on_keys_are_heard_as_tones() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    session.connect(Peer { digits: DigitsBy::Tones, ..far.peer() }).unwrap();
    session.send_digits("1".parse().unwrap()).unwrap();
    assert_eq!(next(&mut events).await, Happened::DigitsSent);
    let mut loud = Vec::new();
    while loud.len() < 5 * 160 {
        let frame = far.hear().await;
        if frame.iter().any(|sample| sample.abs() > 1_000) {
            loud.extend(frame);
        }
    }
    let power = |hz: f64| {
        let turn = |at: usize| at as f64 * hz * std::f64::consts::TAU / 8_000.0;
        let (sum_cos, sum_sin) =
            loud.iter().enumerate().fold((0.0, 0.0), |(c, s), (at, sample)| {
                let sample = f64::from(*sample);
                (c + sample * turn(at).cos(), s + sample * turn(at).sin())
            });
        (sum_cos * sum_cos + sum_sin * sum_sin).sqrt() / loud.len() as f64
    };
    assert!(power(697.0) > 3_000.0 && power(1_209.0) > 3_000.0);
    assert!(power(770.0) < 500.0 && power(1_336.0) < 500.0);
}

#[tokio::test]
async fn a_key_press_of_the_peer_is_told_once_though_its_ends_are_lost() {
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, plain(), &far);
    let to = session.bound();
    for (event, ends) in [(5, 3), (5, 0), (11, 1)] {
        for duration in [160, 320, 480] {
            let payload = dtmf::write(dtmf::Event { event, end: false, volume: 10, duration });
            let bytes = far.packet(EVENTS, &payload);
            far.rtp.send_to(&bytes, to).await.unwrap();
        }
        for _ in 0..ends {
            let payload = dtmf::write(dtmf::Event { event, end: true, volume: 10, duration: 640 });
            let bytes = far.packet(EVENTS, &payload);
            far.rtp.send_to(&bytes, to).await.unwrap();
        }
        far.timestamp = far.timestamp.wrapping_add(1_600);
    }
    for key in ['5', '5', '#'] {
        let digit = Digit::from_char(key).unwrap();
        assert_eq!(next(&mut events).await, Happened::Digit { digit });
    }
    session.send_digits("1".parse().unwrap()).unwrap();
    assert_eq!(next(&mut events).await, Happened::DigitsSent);
}
