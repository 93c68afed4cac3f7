//! The media plane on real sockets and in real time, against a peer on loopback.

#![allow(clippy::unwrap_used)]

mod hold_and_move;
mod keys;
mod load;
mod peer;
mod playing;
mod receiving;
mod recording;
mod room;
mod secure;

use std::time::Instant;

use peer::{FarEnd, PATIENCE};
use telephony::media::{
    Happened, Noise, Plane, RecordingFormat, RecordingSpec, Session, SessionEvents, SessionSpec,
    VoiceActivity,
};
use tokio::time::timeout;

/// Neither recorded nor listened to.
fn plain() -> SessionSpec {
    SessionSpec { noise: Noise::Untouched, recording: None, voice: VoiceActivity::Off }
}

fn recorded(path: &std::path::Path) -> SessionSpec {
    let recording = RecordingSpec { path: path.to_owned(), format: RecordingFormat::Wav };
    SessionSpec { recording: Some(recording), ..plain() }
}

/// A call that was answered now.
fn answered(plane: &Plane, spec: SessionSpec, far: &FarEnd) -> (Session, SessionEvents) {
    let (session, events) = plane.open(spec).unwrap();
    session.connect(far.peer()).unwrap();
    session.answer(Instant::now()).unwrap();
    (session, events)
}

/// The next event.
async fn next(events: &mut SessionEvents) -> Happened {
    timeout(PATIENCE, events.next()).await.expect("something happens").expect("the call is up").what
}

/// Run a scenario that measures time. On a machine that is too busy to run it in time it is run again; what is wrong
/// stays wrong.
async fn in_time<F: Future<Output = Result<(), String>>>(scenario: impl Fn() -> F) {
    let mut wrong = Vec::new();
    for _ in 0..6 {
        match scenario().await {
            Ok(()) => return,
            Err(what) => wrong.push(what),
        }
    }
    panic!("never as it should be: {wrong:?}");
}

/// What is wrong, unless this holds.
fn check(holds: bool, what: impl std::fmt::Debug) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what:?}")) }
}

/// Wait until this holds; the plane has no event for it.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}
