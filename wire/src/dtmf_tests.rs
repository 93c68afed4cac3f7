use proptest::prelude::*;

use super::*;

fn event(event: u8, end: bool, duration: u16) -> Event {
    Event { event, end, volume: VOLUME, duration }
}

/// Dial until all has left: the events with their timestamps and markers, and at which frame.
fn dialled(text: &str) -> Vec<(u32, Event, u32, bool)> {
    let mut dialler = Dialler::default();
    assert!(dialler.add(&text.parse().unwrap()));
    let mut sent = Vec::new();
    for frame in 0..1_000 {
        let now = 5_000 + frame * FRAME_SAMPLES as u32;
        if let Some(Dialled::Event { event, timestamp, first }) = dialler.peek_event(now) {
            sent.push((frame, event, timestamp, first));
        }
        if dialler.advance(now) == DialProgress::Done {
            assert!(!dialler.is_dialling());
            return sent;
        }
    }
    panic!("never dialled");
}

#[test]
fn a_key_press_is_one_timestamp_a_growing_duration_and_three_ends() {
    let sent = dialled("5");
    let durations: Vec<_> = sent.iter().map(|(_, event, ..)| (event.duration, event.end)).collect();
    let expected = [
        (160, false),
        (320, false),
        (480, false),
        (640, false),
        (800, false),
        (800, true),
        (800, true),
        (800, true),
    ];
    assert_eq!(durations, expected);
    assert!(sent.iter().all(|(_, event, timestamp, _)| (event.event, *timestamp) == (5, 5_000)));
    let marked: Vec<_> = sent.iter().map(|(.., first)| *first).collect();
    assert_eq!(marked, [true, false, false, false, false, false, false, false]);
}

#[test]
fn keys_have_a_gap_between_them_and_a_comma_is_a_second() {
    let sent = dialled("1,#");
    let first = sent.iter().find(|(_, event, ..)| event.event == 11).unwrap();
    // Eight frames of the key, five of its gap, fifty of the comma.
    assert_eq!((first.0, first.2), (63, 5_000 + 63 * 160));
    assert!(first.3);
}

#[test]
fn all_sixteen_keys_are_heard_as_they_were_pressed() {
    let keys = "0123456789*#ABCD";
    let mut presses = KeyPresses::default();
    let heard: String = dialled(keys)
        .into_iter()
        .filter_map(|(_, event, timestamp, _)| {
            let event = parse(&write(event)).unwrap();
            presses.hear(timestamp, event).map(Digit::as_char)
        })
        .collect();
    assert_eq!(heard, keys);
}

#[test]
fn a_press_is_told_once_whatever_gets_lost_of_it() {
    let mut presses = KeyPresses::default();
    let five = Digit::from_event(5);
    // The first packet, with the marker, is lost, and so are all ends.
    assert_eq!(presses.hear(100, event(5, false, 320)), five);
    assert_eq!(presses.hear(100, event(5, false, 480)), None);
    // The same key again.
    assert_eq!(presses.hear(2_000, event(5, false, 160)), five);
    // A late end of the first press.
    assert_eq!(presses.hear(100, event(5, true, 800)), None);
    assert_eq!(presses.hear(2_000, event(5, true, 800)), None);
    // Only an end arrives.
    assert_eq!(presses.hear(4_000, event(6, true, 800)), Digit::from_event(6));
    // Flash and the like are no keys.
    assert_eq!(presses.hear(5_000, event(16, false, 160)), None);
}

#[test]
fn a_dialler_takes_so_many_digits_and_no_more() {
    let mut dialler = Dialler::default();
    let most: Digits = "1".repeat(60).parse().unwrap();
    assert!(dialler.add(&most));
    assert!(dialler.add(&most));
    assert!(!dialler.add(&most));
    assert!(dialler.add(&"12".parse().unwrap()));
}

proptest! {
    #[test]
    fn no_payload_is_too_strange(payload in prop::collection::vec(any::<u8>(), 0..12)) {
        if let Some(event) = parse(&payload) {
            // Bit 6 is reserved.
            let written = write(event);
            prop_assert_eq!(written[0], payload[0]);
            prop_assert_eq!(written[1], payload[1] & 0xbf);
            prop_assert_eq!(&written[2..], &payload[2..4]);
        } else {
            prop_assert!(payload.len() < EVENT_BYTES);
        }
    }
}
