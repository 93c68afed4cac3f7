use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use tokio::sync::oneshot;

use super::super::counters::CallCounts;
use super::super::recording::{RecordingFormat, RecordingOutcome};
use super::super::session::SessionSummary;
use super::super::writer::Last;
use super::*;
use crate::recording::Recorded;

fn spec(path: &Path) -> RecordingSpec {
    RecordingSpec { path: path.to_owned(), format: RecordingFormat::Wav }
}

fn finish(recorder: Recorder) -> RecordingOutcome {
    let (writer, piece) = recorder.finish();
    let (waits, done) = oneshot::channel();
    let summary = SessionSummary { recording: None, counts: CallCounts::default() };
    let mut last = Box::new(Last { piece, summary, waits });
    while let Some(again) = writer.finish(last) {
        last = again;
        std::thread::yield_now();
    }
    done.blocking_recv().unwrap().recording.unwrap()
}

/// Left and right samples of a finished recording.
fn read(path: &Path) -> (Vec<i16>, Vec<i16>) {
    let mut wav = hound::WavReader::open(path).unwrap();
    assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = wav.samples::<i16>().map(Result::unwrap).collect();
    let side = |first: usize| samples.iter().skip(first).step_by(2).copied().collect();
    (side(0), side(1))
}

#[test]
fn a_sample_stands_where_it_was_on_the_wire() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let writer = Writer::start().unwrap();
    // Answered 7.5 ms before the first frame.
    let ago = Duration::from_micros(7_500);
    let mut recorder = Recorder::start(writer, &spec(&path), ago, 2);
    for index in 0..120_i16 {
        recorder.sent(&[1_000 + index; FRAME_SAMPLES]);
        // What comes out of the jitter buffer was on the wire two frames ago.
        assert_eq!(recorder.heard(&[index - 2; FRAME_SAMPLES]), Recording::GoesOn);
    }
    assert_eq!(recorder.unheard(), 2);
    recorder.heard(&[118; FRAME_SAMPLES]);
    recorder.heard(&[119; FRAME_SAMPLES]);
    assert_eq!(recorder.unheard(), 0);
    let rows = 60 + 120 * 160;
    let recorded = Recorded { bytes: 44 + rows * 4, duration_ms: 2_407 };
    assert_eq!(finish(recorder), RecordingOutcome::Whole(recorded));
    assert_eq!(fs::metadata(&path).unwrap().len(), recorded.bytes);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let (left, right) = read(&path);
    assert_eq!((left[59], right[59]), (0, 0));
    for frame in 0..120 {
        let at = 60 + frame * 160;
        assert_eq!((left[at], right[at]), (frame as i16, 1_000 + frame as i16), "{frame}");
    }
}

#[test]
fn a_full_disk_fails_the_recording_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (full, fine) = (folder.path().join("full.wav"), folder.path().join("fine.wav"));
    symlink("/dev/full", folder.path().join("full.part")).unwrap();
    let writer = Writer::start().unwrap();
    let mut recorders: Vec<_> = [&full, &fine]
        .into_iter()
        .map(|path| Recorder::start(writer.clone(), &spec(path), Duration::ZERO, 2))
        .collect();
    let mut lost = [false; 2];
    let until = Instant::now() + Duration::from_secs(20);
    for _ in 0..1_000 {
        for (recorder, lost) in recorders.iter_mut().zip(&mut lost) {
            recorder.sent(&SILENCE);
            *lost |= recorder.heard(&SILENCE) == Recording::Lost;
        }
        // As fast as the writer, or the queue is full.
        std::thread::sleep(Duration::from_micros(300));
        assert!(Instant::now() < until);
    }
    assert_eq!(lost, [true, false]);
    let outcomes: Vec<_> = recorders.into_iter().map(finish).collect();
    assert!(
        matches!(&outcomes[0], RecordingOutcome::Failed { reason } if reason.contains("space"))
    );
    assert!(matches!(&outcomes[1], RecordingOutcome::Whole(_)));
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["fine.wav"]);
}

#[test]
fn a_recording_whose_folder_is_missing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start().unwrap();
    let path = folder.path().join("missing").join("call.wav");
    let recorder = Recorder::start(writer, &spec(&path), Duration::ZERO, 2);
    assert!(matches!(finish(recorder), RecordingOutcome::Failed { .. }));
}

#[test]
fn a_long_recording_needs_no_more_memory_than_a_short_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let writer = Writer::start().unwrap();
    let mut recorder = Recorder::start(writer, &spec(&path), Duration::ZERO, 2);
    let mut most = 0;
    for _ in 0..10 * 60 * 50 {
        recorder.sent(&SILENCE);
        assert_eq!(recorder.heard(&SILENCE), Recording::GoesOn);
        // The test is faster than any disk, so it waits for the writer.
        while recorder.piece.len() >= PIECE_SAMPLES {
            std::thread::yield_now();
            assert_eq!(recorder.hand_over(), Recording::GoesOn);
        }
        most = most.max(recorder.piece.capacity());
        assert!(recorder.sent.len() <= 3);
    }
    assert!(most <= PIECE_SAMPLES + 2 * FRAME_SAMPLES, "{most}");
    let RecordingOutcome::Whole(recorded) = finish(recorder) else { panic!("it is lost") };
    assert_eq!(recorded.duration_ms, 10 * 60_000 - 40);
}
