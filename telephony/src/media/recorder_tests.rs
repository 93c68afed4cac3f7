use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::super::counters::CallCounts;
use super::super::recording::{RecordingFormat, RecordingOutcome};
use super::super::writer::CALL_PIECES_MAX;
use super::*;
use crate::recording::Recorded;

fn spec(path: &Path) -> RecordingSpec {
    RecordingSpec { path: path.to_owned(), format: RecordingFormat::Wav }
}

/// The call is over. What comes of its recording comes later.
fn end(recorder: Recorder) -> oneshot::Receiver<SessionSummary> {
    let (waits, done) = oneshot::channel();
    recorder.finish(SessionSummary { recording: None, counts: CallCounts::default() }, waits);
    done
}

fn finish(recorder: Recorder) -> RecordingOutcome {
    end(recorder).blocking_recv().unwrap().recording.unwrap()
}

/// Wait for the writer, as a test is faster than any disk.
fn keep_up(writer: &Writer) {
    while writer.waiting() > 1 {
        std::thread::yield_now();
    }
}

/// A file that takes nothing until somebody reads it, and holds up the writer meanwhile.
fn stuck(folder: &Path, writer: &Writer) -> (Recorder, PathBuf) {
    let part = folder.join("stuck.part");
    nix::unistd::mkfifo(&part, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut recorder =
        Recorder::start(writer.clone(), &spec(&folder.join("stuck.wav")), Duration::ZERO, 0);
    say(&mut recorder, 50);
    (recorder, part)
}

/// So many frames pass. Whether the recording goes on.
fn say(recorder: &mut Recorder, frames: u32) -> bool {
    let mut goes_on = true;
    for _ in 0..frames {
        recorder.sent(&SILENCE);
        goes_on &= recorder.heard(&SILENCE) == Recording::GoesOn;
    }
    goes_on
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
    for _ in 0..1_000 {
        for (recorder, lost) in recorders.iter_mut().zip(&mut lost) {
            recorder.sent(&SILENCE);
            *lost |= recorder.heard(&SILENCE) == Recording::Lost;
        }
        keep_up(&writer);
    }
    assert_eq!(lost, [true, false]);
    let outcomes: Vec<_> = recorders.into_iter().map(finish).collect();
    assert!(
        matches!(&outcomes[0], RecordingOutcome::Failed { reason } if reason.contains("space"))
    );
    assert!(matches!(&outcomes[1], RecordingOutcome::Whole(_)));
    assert_eq!(writer.failed(), 1);
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
    let mut recorder = Recorder::start(writer.clone(), &spec(&path), Duration::ZERO, 2);
    let mut most = 0;
    for _ in 0..10 * 60 * 50 {
        assert!(say(&mut recorder, 1));
        keep_up(&writer);
        most = most.max(recorder.piece.capacity());
        assert!(recorder.sent.len() <= 3);
    }
    assert!(most <= PIECE_SAMPLES + 2 * FRAME_SAMPLES, "{most}");
    let RecordingOutcome::Whole(recorded) = finish(recorder) else { panic!("it is lost") };
    assert_eq!(recorded.duration_ms, 10 * 60_000 - 40);
}

#[test]
fn a_disk_that_does_nothing_for_nine_seconds_loses_no_recording() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start().unwrap();
    let (stuck, part) = stuck(folder.path(), &writer);
    let path = |call: usize| folder.path().join(format!("{call}.wav"));
    let start = |call| Recorder::start(writer.clone(), &spec(&path(call)), Duration::ZERO, 0);
    let mut recorders: Vec<_> = (0..200).map(start).collect();
    assert!(recorders.iter_mut().all(|recorder| say(recorder, 9 * 50)));
    // The calls end, and the disk still does nothing.
    let waits: Vec<_> = recorders.into_iter().map(end).collect();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let read = std::thread::spawn(move || fs::read(part).unwrap());
    finish(stuck);
    for done in waits {
        let recording = done.blocking_recv().unwrap().recording;
        let Some(RecordingOutcome::Whole(recorded)) = recording else { panic!("{recording:?}") };
        assert_eq!(recorded.duration_ms, 9_000);
    }
    assert!((0..200).all(|call| path(call).metadata().unwrap().len() == 44 + 9 * 32_000));
    read.join().unwrap();
}

#[test]
fn a_recording_that_the_disk_is_too_slow_for_is_lost_once_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start().unwrap();
    let (stuck, part) = stuck(folder.path(), &writer);
    let (slow, fine) = (folder.path().join("slow.wav"), folder.path().join("fine.wav"));
    let mut slow = Recorder::start(writer.clone(), &spec(&slow), Duration::ZERO, 0);
    let mut fine = Recorder::start(writer.clone(), &spec(&fine), Duration::ZERO, 0);
    assert!(say(&mut slow, CALL_PIECES_MAX as u32 * 50) && say(&mut fine, 50));
    assert!(!say(&mut slow, 50));
    assert!(say(&mut slow, 500), "it is said once");
    assert_eq!(writer.failed(), 1);
    let waits = [slow, fine].map(end);
    let read = std::thread::spawn(move || fs::read(part).unwrap());
    finish(stuck);
    read.join().unwrap();
    let [slow, fine] = waits.map(|done| done.blocking_recv().unwrap().recording.unwrap());
    assert_eq!(slow, RecordingOutcome::Failed { reason: "the disk is too slow".to_owned() });
    assert!(matches!(fine, RecordingOutcome::Whole(_)));
    // What was written of it before is gone.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(writer.waiting(), 0);
}
