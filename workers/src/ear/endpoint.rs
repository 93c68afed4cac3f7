//! When the customer's speech begins and when it is over: told from their voice, from what the recogniser hears, and from a
//! model's judgement of a pause.
//!
//! It knows no clock and does nothing: events go in with their moments, what is to be done comes out. It promises: each
//! speech has one beginning and one end, in turn; while one waits for anything there is a moment at which it ends anyway.

use std::time::{Duration, Instant};

use dialog::conversation::Input;

/// How long the words of a speech may take once it is over. Providers have shorter times of their own.
const RESULT_WAIT: Duration = Duration::from_secs(10);
/// From this probability on a model's judgement counts as: the customer has ended.
const ENDED_FROM: f32 = 0.5;
/// Up to this one it counts as: the customer goes on.
const GOES_ON_TO: f32 = 0.2;
/// What is left of the silence that is waited for when the customer has probably ended, in percent.
const SHORT_PERCENT: u32 = 40;
/// And when they probably go on.
const LONG_PERCENT: u32 = 200;

/// How a robot waits for the end of a speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// The silence that ends a speech.
    pub(super) silence: Duration,
    /// Whether the words are wanted as soon as the speech is probably over.
    pub(super) eager: bool,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Do {
    /// Tell the conversation.
    Tell(Input),
    /// Tell the recogniser that a piece of speech begins.
    Begin,
    /// Tell the recogniser that it is over.
    End,
    /// Have the model judge the pause, where there is one.
    Judge,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Endpoint {
    patience: Patience,
    state: State,
    recogniser: Piece,
    /// Pieces that have ended and whose words are still to come.
    pending: u32,
    /// The same of speeches that were given up: their words come first, and are thrown away.
    stale: u32,
}

/// What the recogniser has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// There is no recogniser.
    None,
    Begun,
    Ended,
}

#[derive(Debug)]
enum State {
    Quiet,
    Speaking(Speech),
    /// The speech is over, and its last words are awaited.
    Ending {
        speech: Speech,
        until: Instant,
        /// The customer speaks again.
        next: Option<Speech>,
    },
}

#[derive(Debug, Default)]
struct Speech {
    /// The words of its pieces that have ended.
    ended: String,
    /// The words of the running piece so far.
    partial: String,
    /// The voice has paused.
    pause: Option<Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    since: Instant,
    over_at: Instant,
    likely_over: bool,
}

impl Endpoint {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, state: State::Quiet, recogniser: Piece::None, pending: 0, stale: 0 }
    }

    /// From the next pause on.
    pub(super) fn wait_like(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Another recogniser hears from now on. Words that the last one still owed are lost.
    pub(super) fn recogniser_is_new(&mut self) -> Vec<Do> {
        let mut to_do = self.recogniser_is_gone();
        self.recogniser = Piece::Ended;
        if self.voice_is_heard() {
            to_do.push(self.begin());
        }
        to_do
    }

    /// Nobody hears words any more.
    pub(super) fn recogniser_is_gone(&mut self) -> Vec<Do> {
        (self.recogniser, self.pending, self.stale) = (Piece::None, 0, 0);
        match self.state {
            State::Ending { .. } => self.finish(),
            State::Quiet | State::Speaking(_) => Vec::new(),
        }
    }

    pub(super) fn voice_started(&mut self) -> Vec<Do> {
        match &mut self.state {
            State::Quiet => {
                self.state = State::Speaking(Speech::default());
                let mut to_do = vec![Do::Tell(Input::SpeechStarted)];
                to_do.extend(self.begin_piece());
                to_do
            }
            State::Speaking(speech) => {
                speech.pause = None;
                self.begin_piece()
            }
            State::Ending { next, .. } => {
                next.get_or_insert_default().pause = None;
                self.begin_piece()
            }
        }
    }

    /// Something is heard that may turn out to be the voice: until this moment no pause ends the speech.
    pub(super) fn hold(&mut self, until: Instant) {
        if let State::Speaking(Speech { pause: Some(pause), .. }) = &mut self.state {
            pause.over_at = pause.over_at.max(until);
        }
    }

    /// The voice was last heard at this moment.
    pub(super) fn voice_paused(&mut self, at: Instant) -> Vec<Do> {
        let over_at = at + self.patience.silence;
        let pause = Pause { since: at, over_at, likely_over: false };
        match &mut self.state {
            State::Speaking(speech) if speech.pause.is_none() => {
                speech.pause = Some(pause);
                vec![Do::Tell(Input::VoicePaused), Do::Judge]
            }
            State::Ending { next: Some(next), .. } => {
                next.pause.get_or_insert(pause);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// How probable it is that the customer has ended, as the model judges the present pause.
    pub(super) fn judged(&mut self, ended: f32) -> Vec<Do> {
        let Patience { silence, eager } = self.patience;
        let State::Speaking(Speech { pause: Some(pause), .. }) = &mut self.state else {
            return Vec::new();
        };
        if ended <= GOES_ON_TO {
            pause.over_at = pause.since + silence * LONG_PERCENT / 100;
        } else if ended >= ENDED_FROM {
            pause.over_at = pause.since + silence * SHORT_PERCENT / 100;
            pause.likely_over = true;
            if eager {
                return self.end_piece();
            }
        }
        Vec::new()
    }

    /// The words of the running piece so far.
    pub(super) fn partial(&mut self, text: &str) -> Vec<Do> {
        match &mut self.state {
            State::Speaking(speech) if self.pending == 0 => {
                text.clone_into(&mut speech.partial);
                vec![Do::Tell(Input::SpeechPartial { text: speech.words() })]
            }
            State::Ending { speech, next: None, .. } => {
                text.clone_into(&mut speech.partial);
                Vec::new()
            }
            // Whose words these are can't be told.
            _ => Vec::new(),
        }
    }

    /// All words of the oldest piece that has ended.
    pub(super) fn words(&mut self, text: &str) -> Vec<Do> {
        if let Some(stale) = self.stale.checked_sub(1) {
            self.stale = stale;
            return Vec::new();
        }
        self.pending = self.pending.saturating_sub(1);
        match &mut self.state {
            State::Quiet => Vec::new(),
            State::Speaking(speech) => {
                speech.take(text);
                let over = speech.pause.is_some_and(|pause| pause.likely_over);
                let tell = Do::Tell(Input::LikelyOver { text: speech.words() });
                if over && self.pending == 0 { vec![tell] } else { Vec::new() }
            }
            State::Ending { speech, .. } => {
                speech.take(text);
                if self.pending == 0 { self.finish() } else { Vec::new() }
            }
        }
    }

    /// When [`Endpoint::tick`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Quiet => None,
            State::Speaking(speech) => speech.pause.map(|pause| pause.over_at),
            State::Ending { until, .. } => Some(*until),
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Vec<Do> {
        if self.due().is_none_or(|due| now < due) {
            return Vec::new();
        }
        match std::mem::replace(&mut self.state, State::Quiet) {
            State::Quiet => Vec::new(),
            State::Speaking(speech) => {
                let mut to_do = self.end_piece();
                self.state = State::Ending { speech, until: now + RESULT_WAIT, next: None };
                if self.pending == 0 {
                    to_do.extend(self.finish());
                }
                to_do
            }
            ending @ State::Ending { .. } => {
                self.state = ending;
                self.stale += self.pending;
                self.pending = 0;
                self.finish()
            }
        }
    }

    /// The speech is over, with the words that are there.
    fn finish(&mut self) -> Vec<Do> {
        let State::Ending { speech, next, .. } = std::mem::replace(&mut self.state, State::Quiet)
        else {
            return Vec::new();
        };
        let mut to_do = vec![Do::Tell(Input::SpeechFinal { text: speech.words() })];
        if let Some(next) = next {
            self.state = State::Speaking(next);
            to_do.push(Do::Tell(Input::SpeechStarted));
        }
        to_do
    }

    fn voice_is_heard(&self) -> bool {
        let speech = match &self.state {
            State::Quiet => return false,
            State::Speaking(speech) => Some(speech),
            State::Ending { next, .. } => next.as_ref(),
        };
        speech.is_some_and(|speech| speech.pause.is_none())
    }

    fn begin_piece(&mut self) -> Vec<Do> {
        match self.recogniser {
            Piece::Ended => vec![self.begin()],
            Piece::None | Piece::Begun => Vec::new(),
        }
    }

    fn begin(&mut self) -> Do {
        self.recogniser = Piece::Begun;
        Do::Begin
    }

    fn end_piece(&mut self) -> Vec<Do> {
        if self.recogniser != Piece::Begun {
            return Vec::new();
        }
        self.recogniser = Piece::Ended;
        self.pending += 1;
        vec![Do::End]
    }
}

impl Speech {
    fn take(&mut self, text: &str) {
        self.partial.clear();
        join(&mut self.ended, text);
    }

    fn words(&self) -> String {
        let mut words = self.ended.clone();
        join(&mut words, &self.partial);
        words
    }
}

fn join(words: &mut String, more: &str) {
    let more = more.trim();
    if !words.is_empty() && !more.is_empty() {
        words.push(' ');
    }
    words.push_str(more);
}

#[cfg(test)]
mod tests;
