//! Tells of playing when it is heard, not when it was sent.
//!
//! What is sent waits in Asterisk's queue for a moment. The beginning and the end of a playback are followed by a mark, and
//! told when Asterisk has come to it; what comes after them waits for them. A playback that is stopped has its rest
//! thrown away, and tells only what was played before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use dialog::conversation::Input;

use super::connection::Connection;
use crate::hearing::Heard;

/// How long a mark is waited for. Then Asterisk is slow or broken, and the conversation goes on.
const MARK_WAIT: Duration = Duration::from_millis(500);
/// Things that wait, at most; then all are told as they are.
const WAITING_MAX: usize = 256;

/// See the module.
#[derive(Default)]
pub(super) struct Echo {
    waiting: VecDeque<Waiting>,
    last_mark: u64,
}

struct Waiting {
    heard: Heard,
    /// None: it only waits for those before it.
    mark: Option<(u64, tokio::time::Instant)>,
}

impl Echo {
    /// What is to be told now, of this and of what waits.
    pub(super) fn tell(&mut self, heard: Vec<Heard>, voice: Option<&Connection>) -> Vec<Heard> {
        let mut now = Vec::new();
        for (at, input) in heard {
            match input {
                Input::PlaybackStarted { .. } | Input::PlaybackFinished { .. } => {
                    let mark = voice.and_then(|voice| self.mark(voice));
                    self.wait((at, input), mark);
                }
                Input::PlaybackStopped { utterance, played_ms } => {
                    // The marks of those before are thrown away with the rest.
                    now.extend(self.release());
                    let unheard_ms = match (voice, played_ms) {
                        (Some(voice), 1..) => voice.flush(),
                        _ => 0,
                    };
                    let played_ms = played_ms.saturating_sub(unheard_ms);
                    now.push((at, Input::PlaybackStopped { utterance, played_ms }));
                }
                input => self.wait((at, input), None),
            }
            now.extend(self.ready());
        }
        now
    }

    /// Asterisk has come to a mark.
    pub(super) fn played(&mut self, mark: u64) -> Vec<Heard> {
        let now = Instant::now();
        for waiting in &mut self.waiting {
            if waiting.mark.is_some_and(|(own, _)| own <= mark) {
                waiting.mark = None;
                waiting.heard.0 = now;
            }
        }
        self.ready()
    }

    /// When a mark is waited for no more.
    pub(super) fn due(&self) -> Option<tokio::time::Instant> {
        self.waiting.front().and_then(|waiting| waiting.mark).map(|(_, until)| until)
    }

    /// What was waited for too long.
    pub(super) fn give_up(&mut self, now: tokio::time::Instant) -> Vec<Heard> {
        for waiting in &mut self.waiting {
            waiting.mark = waiting.mark.filter(|(_, until)| *until > now);
        }
        self.ready()
    }

    /// All of it, as the call ends.
    pub(super) fn release(&mut self) -> Vec<Heard> {
        self.waiting.drain(..).map(|waiting| waiting.heard).collect()
    }

    fn mark(&mut self, voice: &Connection) -> Option<(u64, tokio::time::Instant)> {
        let mark = self.last_mark + 1;
        voice.mark(mark).then(|| {
            self.last_mark = mark;
            (mark, tokio::time::Instant::now() + MARK_WAIT)
        })
    }

    fn wait(&mut self, heard: Heard, mark: Option<(u64, tokio::time::Instant)>) {
        let mark = mark.filter(|_| self.waiting.len() < WAITING_MAX);
        self.waiting.push_back(Waiting { heard, mark });
        if self.waiting.len() > WAITING_MAX {
            for waiting in &mut self.waiting {
                waiting.mark = None;
            }
        }
    }

    fn ready(&mut self) -> Vec<Heard> {
        let until = self.waiting.iter().position(|waiting| waiting.mark.is_some());
        let until = until.unwrap_or(self.waiting.len());
        self.waiting.drain(..until).map(|waiting| waiting.heard).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::{self, Echoes, VoiceRequest};
    use super::*;

    fn inputs(heard: Vec<Heard>) -> Vec<Input> {
        heard.into_iter().map(|(_, input)| input).collect()
    }

    fn at_once(input: Input) -> Vec<Heard> {
        vec![(Instant::now(), input)]
    }

    const STARTED: Input = Input::PlaybackStarted { utterance: 1 };
    const FINISHED: Input = Input::PlaybackFinished { utterance: 1 };

    #[tokio::test]
    async fn what_is_played_is_told_when_asterisk_has_come_to_it_and_in_order() {
        let (voice, mut carrier) = connection::channel(Echoes::Marks);
        let mut echo = Echo::default();
        assert_eq!(inputs(echo.tell(at_once(STARTED), Some(&voice))), []);
        assert_eq!(carrier.requests.recv().await, Some(VoiceRequest::Mark(1)));
        // A key that is pressed meanwhile waits its turn: times never go back.
        assert_eq!(inputs(echo.tell(at_once(Input::Digit('1')), Some(&voice))), []);
        assert_eq!(inputs(echo.tell(at_once(FINISHED), Some(&voice))), []);
        assert_eq!(inputs(echo.played(1)), [STARTED, Input::Digit('1')]);
        assert_eq!(inputs(echo.played(2)), [FINISHED]);
    }

    #[tokio::test]
    async fn a_playback_that_is_stopped_is_flushed_and_tells_what_was_heard() {
        let (voice, carrier) = connection::channel(Echoes::Marks);
        let mut echo = Echo::default();
        carrier.behind(60);
        let _ = echo.tell(at_once(STARTED), Some(&voice));
        let stopped = Input::PlaybackStopped { utterance: 1, played_ms: 500 };
        let heard = inputs(echo.tell(at_once(stopped), Some(&voice)));
        assert_eq!(heard, [STARTED, Input::PlaybackStopped { utterance: 1, played_ms: 440 }]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_that_never_comes_holds_nothing_up_for_long() {
        let (voice, _carrier) = connection::channel(Echoes::Marks);
        let mut echo = Echo::default();
        let _ = echo.tell(at_once(FINISHED), Some(&voice));
        let due = echo.due().unwrap();
        assert_eq!(inputs(echo.give_up(due - Duration::from_millis(1))), []);
        assert_eq!(inputs(echo.give_up(due)), [FINISHED]);
    }

    #[tokio::test]
    async fn without_marks_all_is_told_at_once() {
        let (voice, _carrier) = connection::channel(Echoes::Nothing);
        let mut echo = Echo::default();
        assert_eq!(inputs(echo.tell(at_once(STARTED), Some(&voice))), [STARTED]);
        assert_eq!(inputs(echo.tell(at_once(FINISHED), None)), [FINISHED]);
    }
}
