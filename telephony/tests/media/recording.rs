//! What a recording of a real call holds.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use telephony::media::{Bridge, Direction, Happened, Peer, Plane, RecordingOutcome, Source};

use crate::peer::{FarEnd, config, every_frame};
use crate::{answered, check, in_time, next, plain, recorded};

/// Left (the peer) and right (what was sent).
fn read(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let mut wav = hound::WavReader::open(path).unwrap();
    let samples: Vec<i16> = wav.samples::<i16>().map(Result::unwrap).collect();
    let side = |first: usize| samples.iter().skip(first).step_by(2).copied().collect();
    (side(0), side(1))
}

fn first_loud(samples: &[i16]) -> usize {
    samples.iter().position(|sample| sample.abs() > 2_000).expect("something is loud")
}

/// A session's recording, whole.
async fn whole(session: telephony::media::Session) -> telephony::recording::Recorded {
    match session.close().await.unwrap().recording {
        Some(RecordingOutcome::Whole(recorded)) => recorded,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn both_sides_stand_where_they_were_on_the_wire() {
    in_time(echoed).await;
}

async fn echoed() -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let answered_at = Instant::now();
    let (session, _events) = answered(&plane, recorded(&path), &far);
    let to = session.bound();
    let (mut sent_at_ms, mut frames) = (None, 0);
    session.play(Source::samples([vec![0; 4_000], vec![8_000; 800]].concat().into())).unwrap();
    // The peer says back what it hears, at once; one packet in twenty gets lost.
    while frames < 75 {
        let heard = far.hear().await;
        frames += 1;
        if frames % 20 == 7 {
            far.lose();
            continue;
        }
        if heard[0] > 2_000 {
            sent_at_ms.get_or_insert(answered_at.elapsed().as_millis());
        }
        far.say(to, &heard.try_into().unwrap()).await;
    }
    let length = answered_at.elapsed();
    let recorded = whole(session).await;
    assert_eq!(recorded.bytes, fs::metadata(&path).unwrap().len());
    check(u128::from(recorded.duration_ms).abs_diff(length.as_millis()) < 60, recorded)?;
    let (left, right) = read(&path);
    let (left_ms, right_ms) = (first_loud(&left) / 8, first_loud(&right) / 8);
    check(left_ms.abs_diff(right_ms) <= 40, (left_ms, right_ms))?;
    let sent_at_ms = usize::try_from(sent_at_ms.unwrap()).unwrap();
    check(right_ms.abs_diff(sent_at_ms) <= 60, (right_ms, sent_at_ms))?;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    Ok(())
}

#[tokio::test]
async fn hold_leaves_silence_and_no_gap() {
    in_time(held).await;
}

async fn held() -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let plane = Plane::start(config()).unwrap();
    let mut far = FarEnd::new().await;
    let answered_at = Instant::now();
    let (session, _events) = answered(&plane, recorded(&path), &far);
    let mut ticks = every_frame();
    for frame in 0..60 {
        ticks.tick().await;
        if frame == 20 {
            session.connect(Peer { direction: Direction::Neither, ..far.peer() }).unwrap();
        }
        if frame == 40 {
            session.connect(far.peer()).unwrap();
        }
        far.say(session.bound(), &[6_000; 160]).await;
    }
    let length_ms = answered_at.elapsed().as_millis();
    let recorded = whole(session).await;
    check(u128::from(recorded.duration_ms).abs_diff(length_ms) < 60, recorded)?;
    let (left, _) = read(&path);
    // 200 ms within the hold, and the end after it.
    let held = &left[600 * 8..700 * 8];
    check(held.iter().all(|sample| sample.abs() < 100), "sound within the hold")?;
    check(left[300 * 8] > 5_000, left[300 * 8])?;
    check(left[left.len() - 800..].iter().any(|sample| *sample > 5_000), "silence after it")
}

#[tokio::test]
async fn a_bridge_is_recorded_on_both_channels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let plane = Plane::start(config()).unwrap();
    let (mut customer, mut agent) = (FarEnd::new().await, FarEnd::new().await);
    let (session, _events) = answered(&plane, recorded(&path), &customer);
    let (leg, _leg_events) = answered(&plane, plain(), &agent);
    let _bridge = Bridge::join(&session.audio(), &leg.audio()).unwrap();
    let mut ticks = every_frame();
    for _ in 0..40 {
        ticks.tick().await;
        customer.say(session.bound(), &[6_000; 160]).await;
        agent.say(leg.bound(), &[-6_000; 160]).await;
    }
    whole(session).await;
    let (left, right) = read(&path);
    assert!(
        left.iter().any(|sample| *sample > 5_000) && left.iter().all(|sample| *sample > -5_000)
    );
    assert!(
        right.iter().any(|sample| *sample < -5_000) && right.iter().all(|sample| *sample < 5_000)
    );
}

#[tokio::test]
async fn a_full_disk_loses_the_recording_and_not_the_call() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    std::os::unix::fs::symlink("/dev/full", folder.path().join("call.part")).unwrap();
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, mut events) = answered(&plane, recorded(&path), &far);
    assert_eq!(next(&mut events).await, Happened::RecordingFailed);
    far.forget();
    far.receive().await;
    let summary = session.close().await.unwrap();
    assert!(matches!(summary.recording, Some(RecordingOutcome::Failed { .. })), "{summary:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_session_that_is_dropped_leaves_a_whole_recording() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = answered(&plane, recorded(&path), &far);
    for _ in 0..10 {
        far.receive().await;
    }
    drop(session);
    crate::until("the recording appears", || path.exists()).await;
    assert!(read(&path).0.len() >= 9 * 160);
}

#[tokio::test]
async fn a_call_that_nobody_answered_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = plane.open(recorded(&folder.path().join("call.wav"))).unwrap();
    session.connect(far.peer()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(session.close().await.unwrap().recording, None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
