//! Calls that talk to each other on this machine, for whoever measures the plane. What they need is in
//! [`Plane::counts`] and [`Session::counts`].

use std::path::Path;
use std::time::Instant;

use super::{
    Codec, DigitsBy, Direction, MediaError, Noise, Peer, Plane, RecordingFormat, RecordingSpec,
    Session, SessionEvents, SessionSpec, VoiceActivity,
};

/// Open so many pairs of sessions, each pair connected to one another and answered: two-way G.711, RTCP, voice
/// detection, and a recording of each in `recordings`, where that is given.
///
/// Their bind address must be one that packets can be sent to.
pub fn talking_pairs(
    plane: &Plane,
    pairs: usize,
    recordings: Option<&Path>,
) -> Result<Vec<(Session, SessionEvents)>, MediaError> {
    let open = |index: usize| {
        let recording = recordings.map(|folder| RecordingSpec {
            path: folder.join(format!("{index}.wav")),
            format: RecordingFormat::Wav,
        });
        plane.open(SessionSpec { noise: Noise::Untouched, recording, voice: VoiceActivity::On })
    };
    let sessions = (0..pairs * 2).map(open).collect::<Result<Vec<_>, _>>()?;
    for pair in sessions.chunks_exact(2) {
        for (one, other) in [(&pair[0].0, &pair[1].0), (&pair[1].0, &pair[0].0)] {
            one.connect(Peer {
                rtp: other.bound(),
                rtcp: None,
                codec: Codec::Pcma,
                digits: DigitsBy::Tones,
                direction: Direction::Both,
                srtp: None,
            })?;
            one.answer(Instant::now())?;
        }
    }
    Ok(sessions)
}
