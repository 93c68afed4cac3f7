//! What the robot says on a call, one text after another.

use std::collections::VecDeque;

use dialog::conversation::Input;

use crate::media::{Happened, PlaybackId, Session, Source};

/// Texts that wait to be played at most; one more is not played at all.
const WAITING_MAX: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Playlist {
    playing: Option<(u64, PlaybackId)>,
    waiting: VecDeque<(u64, Source)>,
}

impl Playlist {
    /// Play this, after what plays already. Returns what there is to tell.
    pub(super) fn add(&mut self, session: &Session, utterance: u64, source: Source) -> Vec<Input> {
        if self.waiting.len() == WAITING_MAX {
            return vec![unheard(utterance)];
        }
        self.waiting.push_back((utterance, source));
        self.go_on(session)
    }

    /// Play it no more. How much of it was heard comes later, where it has begun.
    pub(super) fn stop(&mut self, session: &Session, utterance: u64) -> Vec<Input> {
        if let Some((_, playback)) = self.playing.filter(|(playing, _)| *playing == utterance) {
            // One that has ended by itself meanwhile tells so.
            return match session.stop(playback) {
                Ok(()) => Vec::new(),
                Err(_) => self.failed(session, utterance),
            };
        }
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == utterance);
        place
            .and_then(|place| self.waiting.remove(place))
            .map(|_| unheard(utterance))
            .into_iter()
            .collect()
    }

    /// What a playback's progress means for the texts.
    pub(super) fn on(&mut self, session: &Session, happened: Happened) -> Vec<Input> {
        let (playback, over) = match happened {
            Happened::PlaybackStarted { playback } => (playback, None),
            // Whoever was to make the sound has failed.
            Happened::PlaybackFinished { playback, played_ms: 0 } => (playback, Some(Some(0))),
            Happened::PlaybackFinished { playback, .. } => (playback, Some(None)),
            Happened::PlaybackStopped { playback, played_ms } => (playback, Some(Some(played_ms))),
            _ => return Vec::new(),
        };
        let Some((utterance, _)) = self.playing.filter(|(_, playing)| *playing == playback) else {
            return Vec::new();
        };
        let input = match over {
            None => return vec![Input::PlaybackStarted { utterance }],
            Some(None) => Input::PlaybackFinished { utterance },
            Some(Some(played_ms)) => Input::PlaybackStopped { utterance, played_ms },
        };
        self.playing = None;
        let mut told = vec![input];
        told.extend(self.go_on(session));
        told
    }

    fn go_on(&mut self, session: &Session) -> Vec<Input> {
        let mut told = Vec::new();
        while self.playing.is_none() {
            let Some((utterance, source)) = self.waiting.pop_front() else { break };
            match session.play(source) {
                Ok(playback) => self.playing = Some((utterance, playback)),
                Err(error) => {
                    tracing::warn!(%error, "a text can't be played");
                    told.push(unheard(utterance));
                }
            }
        }
        told
    }

    fn failed(&mut self, session: &Session, utterance: u64) -> Vec<Input> {
        self.playing = None;
        let mut told = vec![unheard(utterance)];
        told.extend(self.go_on(session));
        told
    }
}

fn unheard(utterance: u64) -> Input {
    Input::PlaybackStopped { utterance, played_ms: 0 }
}
