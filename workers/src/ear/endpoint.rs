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
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { silence: Duration::from_millis(800), eager: false };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn tell(input: Input) -> Do {
        Do::Tell(input)
    }

    fn over(text: &str) -> Do {
        tell(Input::SpeechFinal { text: text.into() })
    }

    /// With a recogniser that hears.
    fn hearing(patience: Patience) -> Endpoint {
        let mut endpoint = Endpoint::new(patience);
        assert_eq!(endpoint.recogniser_is_new(), []);
        endpoint
    }

    #[test]
    fn a_speech_is_over_after_the_silence_and_has_its_words() {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        assert_eq!(endpoint.due(), None);
        assert_eq!(endpoint.voice_started(), [tell(Input::SpeechStarted), Do::Begin]);
        assert_eq!(endpoint.partial("next"), [tell(Input::SpeechPartial { text: "next".into() })]);
        assert_eq!(endpoint.voice_paused(at), [tell(Input::VoicePaused), Do::Judge]);
        assert_eq!(endpoint.due(), Some(at + ms(800)));
        assert_eq!(endpoint.tick(at + ms(799)), []);
        assert_eq!(endpoint.tick(at + ms(800)), [Do::End]);
        assert_eq!(endpoint.words("next week"), [over("next week")]);
        assert_eq!(endpoint.due(), None);
    }

    #[test]
    fn a_short_pause_ends_nothing() {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        endpoint.voice_started();
        endpoint.voice_paused(at);
        assert_eq!(endpoint.voice_started(), []);
        assert_eq!(endpoint.due(), None);
        endpoint.voice_paused(at + ms(500));
        assert_eq!(endpoint.due(), Some(at + ms(1_300)));
    }

    #[test]
    fn what_may_be_a_voice_holds_the_end_for_a_moment() {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        endpoint.hold(at + ms(300));
        assert_eq!(endpoint.due(), None, "nobody speaks");
        endpoint.voice_started();
        endpoint.voice_paused(at);
        endpoint.hold(at + ms(700));
        assert_eq!(endpoint.due(), Some(at + ms(800)));
        endpoint.hold(at + ms(1_000));
        assert_eq!(endpoint.tick(at + ms(999)), []);
        assert_eq!(endpoint.tick(at + ms(1_000)), [Do::End]);
    }

    #[test]
    fn a_model_shortens_or_lengthens_the_silence() {
        for (ended, over_after_ms) in [(0.9, 320), (0.5, 320), (0.3, 800), (0.1, 1_600)] {
            let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
            endpoint.voice_started();
            assert_eq!(endpoint.judged(ended), [], "nothing pauses");
            endpoint.voice_paused(at);
            assert_eq!(endpoint.judged(ended), []);
            assert_eq!(endpoint.due(), Some(at + ms(over_after_ms)), "{ended}");
        }
    }

    #[test]
    fn an_eager_robot_has_the_words_before_the_silence_is_over_and_goes_on_with_them() {
        let patience = Patience { eager: true, ..PATIENCE };
        let (mut endpoint, at) = (hearing(patience), Instant::now());
        endpoint.voice_started();
        endpoint.voice_paused(at);
        assert_eq!(endpoint.judged(0.9), [Do::End]);
        let likely = |text: &str| tell(Input::LikelyOver { text: text.into() });
        assert_eq!(endpoint.words("I want"), [likely("I want")]);
        assert_eq!(endpoint.voice_started(), [Do::Begin]);
        let so_far = Input::SpeechPartial { text: "I want to".into() };
        assert_eq!(endpoint.partial("to"), [tell(so_far)]);
        endpoint.voice_paused(at + ms(900));
        assert_eq!(endpoint.judged(0.9), [Do::End]);
        assert_eq!(endpoint.words("to book"), [likely("I want to book")]);
        assert_eq!(endpoint.tick(at + ms(1_220)), [over("I want to book")]);
    }

    #[test]
    fn words_that_come_too_late_are_nobody_elses() {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        endpoint.voice_started();
        endpoint.partial("hello");
        endpoint.voice_paused(at);
        let silent = at + ms(800);
        assert_eq!(endpoint.tick(silent), [Do::End]);
        assert_eq!(endpoint.due(), Some(silent + RESULT_WAIT));
        assert_eq!(endpoint.tick(silent + RESULT_WAIT), [over("hello")]);
        endpoint.voice_started();
        assert_eq!(endpoint.words("hello there"), []);
        endpoint.voice_paused(silent + ms(20_000));
        assert_eq!(endpoint.tick(silent + ms(20_800)), [Do::End]);
        assert_eq!(endpoint.words("yes"), [over("yes")]);
    }

    #[test]
    fn who_speaks_again_while_words_are_awaited_begins_a_speech_of_their_own() {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        endpoint.voice_started();
        endpoint.voice_paused(at);
        endpoint.tick(at + ms(800));
        assert_eq!(endpoint.voice_started(), [Do::Begin]);
        assert_eq!(endpoint.partial("and"), [], "whose it is can't be told");
        assert_eq!(endpoint.voice_paused(at + ms(1_000)), []);
        assert_eq!(endpoint.words("one"), [over("one"), tell(Input::SpeechStarted)]);
        assert_eq!(endpoint.due(), Some(at + ms(1_800)));
        assert_eq!(endpoint.tick(at + ms(1_800)), [Do::End]);
        assert_eq!(endpoint.words("two"), [over("two")]);
    }

    #[test]
    fn without_a_recogniser_speech_has_no_words_and_still_ends() {
        let (mut endpoint, at) = (Endpoint::new(PATIENCE), Instant::now());
        assert_eq!(endpoint.voice_started(), [tell(Input::SpeechStarted)]);
        endpoint.voice_paused(at);
        assert_eq!(endpoint.tick(at + ms(800)), [over("")]);
    }

    #[test]
    fn a_recogniser_that_dies_or_is_exchanged_holds_no_speech_up() {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        endpoint.voice_started();
        endpoint.partial("well");
        assert_eq!(endpoint.recogniser_is_new(), [Do::Begin], "the voice goes on");
        endpoint.voice_paused(at);
        endpoint.tick(at + ms(800));
        assert_eq!(endpoint.recogniser_is_gone(), [over("well")]);
        assert_eq!(endpoint.voice_started(), [tell(Input::SpeechStarted)]);
    }
}
