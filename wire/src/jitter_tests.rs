use proptest::prelude::*;

use super::*;

const LENGTH: u32 = FRAME_SAMPLES as u32;
/// Timestamps begin near the end of their range, so that they wrap in every test.
const START: u32 = u32::MAX - 1_000;

/// Packet `index` carries its own number plus one in all samples.
fn packet(index: u32) -> (u32, Vec<i16>) {
    (START.wrapping_add(index * LENGTH), vec![(index % 30_000) as i16 + 1; FRAME_SAMPLES])
}

fn insert(buffer: &mut JitterBuffer, index: u32) -> Inserted {
    let (timestamp, samples) = packet(index);
    buffer.insert(timestamp, &samples)
}

fn pull(buffer: &mut JitterBuffer) -> (i16, Heard) {
    let mut frame = [0; FRAME_SAMPLES];
    let heard = buffer.pull(&mut frame);
    (frame[0], heard)
}

fn pull_away(buffer: &mut JitterBuffer, frames: usize) {
    for _ in 0..frames {
        pull(buffer);
    }
}

#[test]
fn packets_are_heard_in_order_after_the_delay() {
    let mut buffer = JitterBuffer::new(40);
    assert_eq!(pull(&mut buffer), (0, Heard::Silent));
    assert_eq!(insert(&mut buffer, 0), Inserted::Kept);
    assert_eq!(pull(&mut buffer), (0, Heard::Silent));
    assert_eq!(insert(&mut buffer, 2), Inserted::Kept);
    assert_eq!(pull(&mut buffer), (0, Heard::Silent));
    assert_eq!(insert(&mut buffer, 1), Inserted::Kept);
    assert_eq!(insert(&mut buffer, 1), Inserted::Duplicate);
    for index in 0..3 {
        assert_eq!(pull(&mut buffer), (index + 1, Heard::Whole));
    }
}

#[test]
fn a_lost_packet_is_concealed_and_shifts_nothing() {
    let mut buffer = JitterBuffer::new(40);
    let mut heard = Vec::new();
    for index in 0..20 {
        if index % 5 != 2 {
            insert(&mut buffer, index);
        }
        heard.push(pull(&mut buffer));
    }
    for (frame, (sample, how)) in heard.iter().enumerate().skip(2) {
        let index = frame as i16 - 2;
        if index % 5 == 2 {
            assert_eq!(*how, Heard::Concealed);
        } else {
            assert_eq!((*sample, *how), (index + 1, Heard::Whole));
        }
    }
}

#[test]
fn a_late_packet_is_not_heard() {
    let mut buffer = JitterBuffer::new(40);
    for index in [0, 1, 3, 4] {
        insert(&mut buffer, index);
    }
    for _ in 0..5 {
        pull(&mut buffer);
    }
    assert_eq!(insert(&mut buffer, 2), Inserted::Late);
}

#[test]
fn when_all_packets_are_late_the_delay_follows_them() {
    let mut buffer = JitterBuffer::new(40);
    for index in 0..10 {
        insert(&mut buffer, index);
        pull(&mut buffer);
    }
    // The path is 200 ms longer from now on.
    pull_away(&mut buffer, 10);
    let mut whole = 0;
    for index in 10..60 {
        insert(&mut buffer, index);
        whole += u32::from(pull(&mut buffer).1 == Heard::Whole);
    }
    assert!(whole >= 45, "{whole}");
    assert!(buffer.waiting_ms() <= 60);
}

#[test]
fn a_stream_that_jumps_goes_on_there() {
    let mut buffer = JitterBuffer::new(40);
    insert(&mut buffer, 0);
    assert_eq!(buffer.insert(START ^ 0x8000_0000, &[7; FRAME_SAMPLES]), Inserted::Stray);
    assert_eq!(insert(&mut buffer, 1), Inserted::Kept);
    let there = START ^ 0x4000_0000;
    assert_eq!(buffer.insert(there, &[7; FRAME_SAMPLES]), Inserted::Stray);
    assert_eq!(buffer.insert(there.wrapping_add(LENGTH), &[8; FRAME_SAMPLES]), Inserted::Kept);
    pull_away(&mut buffer, 2);
    assert_eq!(pull(&mut buffer), (8, Heard::Whole));
}

#[test]
fn a_packet_half_a_turn_of_the_clock_away_is_a_stray_one() {
    let mut buffer = JitterBuffer::new(40);
    insert(&mut buffer, 0);
    let State::Running { next, .. } = buffer.state else { panic!("it runs") };
    let opposite = next.wrapping_add(1 << 31);
    assert_eq!(buffer.insert(opposite, &[7; FRAME_SAMPLES]), Inserted::Stray);
    assert_eq!(insert(&mut buffer, 1), Inserted::Kept);
}

#[test]
fn packets_of_any_length_are_heard() {
    for length in [40, 80, 240, 320, 480, 1_600] {
        let mut buffer = JitterBuffer::new(40);
        let (mut sent, mut whole, mut next) = (0, 0, 1_i16);
        for frame in 1..200_u32 {
            while sent < frame * LENGTH {
                let samples: Vec<i16> =
                    (0..length).map(|at| ((sent + at) % 9_973) as i16).collect();
                assert_eq!(buffer.insert(START.wrapping_add(sent), &samples), Inserted::Kept);
                sent += length;
            }
            let mut got = [0; FRAME_SAMPLES];
            if buffer.pull(&mut got) == Heard::Whole {
                if whole > 0 {
                    assert_eq!(got[0], next, "packets of {length}, frame {frame}");
                }
                next = ((i32::from(got[159]) + 1) % 9_973) as i16;
                whole += 1;
            }
        }
        assert!(whole > 150, "packets of {length}: {whole}");
    }
}

#[test]
fn silence_of_the_peer_is_as_long_as_it_was() {
    let mut buffer = JitterBuffer::new(40);
    for index in 0..10 {
        insert(&mut buffer, index);
        pull(&mut buffer);
    }
    pull_away(&mut buffer, 100);
    assert_eq!(pull(&mut buffer).1, Heard::Silent);
    insert(&mut buffer, 111);
    pull(&mut buffer);
    pull(&mut buffer);
    assert_eq!(pull(&mut buffer), (112, Heard::Whole));
}

/// Two hours of a peer whose clock is wrong by so many parts in a million.
fn two_hours_at(ppm: i64) {
    let mut buffer = JitterBuffer::new(40);
    let (mut index, mut late, mut most_ms) = (0_u32, 0, 0);
    for frame in 0..360_000_i64 {
        let sent = frame + frame * ppm / 1_000_000;
        while i64::from(index) <= sent {
            late += u32::from(insert(&mut buffer, index) != Inserted::Kept);
            index += 1;
        }
        pull(&mut buffer);
        most_ms = most_ms.max(buffer.waiting_ms());
    }
    assert_eq!(late, 0, "{ppm} ppm");
    assert!(most_ms <= 100, "{ppm} ppm: {most_ms} ms");
    let drift_ms = 7_200_000 * ppm.unsigned_abs() / 1_000_000;
    assert!(buffer.take_adjusted_ms().abs_diff(drift_ms) <= 100);
}

#[test]
fn a_wrong_clock_never_grows_the_delay() {
    [-500, -100, 0, 100, 500].into_iter().for_each(two_hours_at);
}

#[test]
fn a_burst_that_waits_is_worked_off() {
    let mut buffer = JitterBuffer::new(40);
    insert(&mut buffer, 0);
    for index in 1..15 {
        insert(&mut buffer, index);
    }
    assert!(buffer.waiting_ms() >= 280);
    for index in 15..400 {
        insert(&mut buffer, index);
        pull(&mut buffer);
    }
    assert!(buffer.waiting_ms() <= 80, "{}", buffer.waiting_ms());
}

/// How a packet travels.
#[derive(Debug, Clone, Copy)]
struct Trip {
    delay_frames: u8,
    copies: u8,
}

fn trip() -> impl Strategy<Value = Trip> {
    let delay = prop_oneof![8 => 0_u8..3, 1 => 0_u8..12];
    let copies = prop_oneof![9 => Just(1_u8), 1 => Just(0), 1 => Just(2)];
    (delay, copies).prop_map(|(delay_frames, copies)| Trip { delay_frames, copies })
}

proptest! {
    /// Any order, any loss, any copies: no sample twice, none out of order, and the delay stays within its bound.
    #[test]
    fn no_sample_is_heard_twice_and_none_out_of_order(trips in prop::collection::vec(trip(), 1..300)) {
        let mut buffer = JitterBuffer::new(40);
        let mut given_until = None::<u32>;
        for frame in 0..trips.len() + 40 {
            for (index, trip) in trips.iter().enumerate() {
                if index + usize::from(trip.delay_frames) == frame {
                    for _ in 0..trip.copies {
                        insert(&mut buffer, index as u32);
                    }
                }
            }
            let before = match buffer.state {
                State::Running { given_until, .. } => given_until,
                State::Empty => START,
            };
            pull(&mut buffer);
            if let State::Running { given_until: after, .. } = buffer.state {
                // What is given grows, a frame at a time at most.
                prop_assert!((0..=LENGTH as i32 + 1_600).contains(&difference(after, before)));
                if let Some(last) = given_until {
                    prop_assert!(difference(after, last) >= 0);
                }
                given_until = Some(after);
            }
            prop_assert!(buffer.waiting_ms() <= 400 + 20);
            prop_assert!(buffer.pieces.len() <= PIECES_MAX);
        }
    }

    /// Whatever a peer sends, nothing grows without bound.
    #[test]
    fn no_stream_is_too_strange(packets in prop::collection::vec((any::<u32>(), 0_usize..1_400), 0..200)) {
        let mut buffer = JitterBuffer::new(40);
        for (index, (timestamp, length)) in packets.into_iter().enumerate() {
            let timestamp = if index % 3 == 0 { timestamp } else { timestamp % 6_000 };
            buffer.insert(timestamp, &vec![1; length]);
            prop_assert!(buffer.pieces.len() <= PIECES_MAX);
            if index % 2 == 0 {
                pull(&mut buffer);
            }
        }
    }
}
