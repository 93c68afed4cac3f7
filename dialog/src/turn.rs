//! Whose turn it is inside an agent node, and how long words take.
//!
//! [`Turn`] holds what the customer said and is not yet answered, the one request that is under way, and the
//! silences. It is data with moves and no clock: the conversation asks it what is due and when.

use crate::accumulate::{Accumulator, Mode};
use crate::backchannel::Signs;
use crate::command::Parser;
use crate::reply::Reply;
use crate::robot::{NoInput, TurnSettings};
use crate::sentences::Sentences;
use crate::transcript::Millis;

/// How long the agent may think before its first words, in milliseconds.
pub const AGENT_WAIT_MS_MAX: Millis = 15_000;
/// How long it may pause within an answer, and how long an answer may take in all, in milliseconds.
pub const AGENT_PAUSE_MS_MAX: Millis = 8_000;
/// See [`AGENT_PAUSE_MS_MAX`].
pub const AGENT_ANSWER_MS_MAX: Millis = 60_000;
/// Characters of an answer; what comes after them is left out.
pub const ANSWER_CHARS_MAX: usize = 8_000;
/// Milliseconds that a letter takes to be spoken, and the sign of a script without spaces.
const LETTER_MS: Millis = 60;
const UNSPACED_SIGN_MS: Millis = 220;
/// The shortest speech, in milliseconds.
const SPEECH_MS_MIN: Millis = 250;

/// A stretch of the customer's speech that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// When it began.
    pub started_at: Millis,
    /// When something was last heard of it.
    pub heard_at: Millis,
    /// Its words so far.
    pub words: String,
    /// It has stopped the robot.
    pub interrupted: bool,
    /// It is no person's: it is written down, and nobody answers it.
    pub machine: bool,
}

impl Speech {
    /// Speech that begins now.
    #[must_use]
    pub fn starting(at: Millis) -> Self {
        Self {
            started_at: at,
            heard_at: at,
            words: String::new(),
            interrupted: false,
            machine: false,
        }
    }

    /// When its last word ended, once it is known to be `whole`: the last partial result may have had all
    /// of it already, and after it came the silence that ended it.
    #[must_use]
    pub fn ended_at(&self, now: Millis, whole: &str) -> Millis {
        if self.words == whole { self.heard_at } else { now }
    }

    /// Speech whose beginning nobody reported: reckoned back from its words.
    #[must_use]
    pub fn reckoned(at: Millis, words: &str) -> Self {
        Self { started_at: at.saturating_sub(speech_ms(words)), ..Self::starting(at) }
    }
}

/// The request to the agent that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// The request's id.
    pub id: u64,
    /// What was asked.
    pub text: String,
    /// When.
    pub asked_at: Millis,
    /// When something was last heard of the answer.
    pub heard_at: Option<Millis>,
    /// It was asked while the customer might still go on; the answer is kept back until they have ended.
    pub early: bool,
    /// What has come of the answer and is kept back.
    pub said: String,
    /// The end of the answer, kept back.
    pub reply: Option<Reply>,
    /// The whole answer, for the log.
    pub whole: String,
    /// The answer as it is spoken; none while nothing of it was given to the mouth.
    pub spoken: Option<Spoken>,
}

/// An answer that is being spoken while it comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Takes commands out.
    pub parser: Parser,
    /// Cuts sentences.
    pub sentences: Sentences,
}

impl Asking {
    /// Asked now, and not answered.
    #[must_use]
    pub fn new(id: u64, text: String, asked_at: Millis) -> Self {
        Self {
            id,
            text,
            asked_at,
            heard_at: None,
            early: false,
            said: String::new(),
            reply: None,
            whole: String::new(),
            spoken: None,
        }
    }

    /// When the agent counts as failed, unless its answer is whole before.
    #[must_use]
    pub fn due_at(&self) -> Option<Millis> {
        if self.reply.is_some() {
            return None;
        }
        let first = self.asked_at + AGENT_WAIT_MS_MAX;
        let next = self.heard_at.map(|heard| heard + AGENT_PAUSE_MS_MAX);
        Some(next.map_or(first, |next| next.min(self.asked_at + AGENT_ANSWER_MS_MAX)))
    }
}

/// The turn-taking of one agent node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What is said and not answered.
    pub said: Accumulator,
    /// The request under way; there is never a second one.
    pub asking: Option<Asking>,
    /// Signs of listening.
    pub signs: Signs,
    /// Since when nobody has said anything.
    pub silent_since: Option<Millis>,
    /// Silences in a row that the robot has broken.
    pub silences: u32,
    /// Requests in a row that failed.
    pub failures: u32,
    /// The robot is saying its apology, and is left when it is said.
    pub leaving: bool,
}

/// What a silence leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Ask again with this.
    AskAgain(String),
    /// Give up waiting.
    Leave,
}

impl Turn {
    /// Nothing said yet.
    #[must_use]
    pub fn new(settings: &TurnSettings) -> Self {
        let mode = if settings.accumulation { Mode::Together } else { Mode::Apart };
        Self {
            said: Accumulator::new(mode),
            asking: None,
            signs: Signs::default(),
            silent_since: None,
            silences: 0,
            failures: 0,
            leaving: false,
        }
    }

    /// Takes back the request under way because the customer goes on speaking; none when pieces stay apart, unless it was
    /// asked early.
    pub fn take_back(&mut self) -> Option<Asking> {
        match self.said.mode() {
            Mode::Together => self.asking.take(),
            Mode::Apart => self.asking.take_if(|asking| asking.early),
        }
    }

    /// Whether a reply that comes while the customer is speaking is kept back.
    #[must_use]
    pub fn keeps_back(&self) -> bool {
        self.said.mode() == Mode::Together
    }

    /// Nothing is said that waits for an answer, and nothing is being asked.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.said.is_empty() && self.asking.is_none()
    }

    /// When the silence has lasted long enough.
    #[must_use]
    pub fn silence_due_at(&self, settings: &NoInput) -> Option<Millis> {
        let after_ms = Millis::from(settings.after_ms.max(1));
        let times = if settings.enabled { 1 } else { Millis::from(settings.max) + 1 };
        self.silent_since.map(|since| since + after_ms * times)
    }

    /// The silence has lasted long enough: what now.
    pub fn break_silence(&mut self, settings: &NoInput) -> Silence {
        self.silent_since = None;
        let last = settings.prompts.len().saturating_sub(1);
        let prompt = settings.prompts.get(last.min(self.silences as usize));
        match prompt.filter(|_| settings.enabled && self.silences < settings.max) {
            Some(prompt) => {
                self.silences += 1;
                Silence::AskAgain(prompt.clone())
            }
            None => Silence::Leave,
        }
    }
}

/// How long a text takes to be spoken at a common pace, in milliseconds.
#[must_use]
pub fn speech_ms(text: &str) -> Millis {
    let ms: Millis = text.chars().map(sign_ms).sum();
    ms.max(SPEECH_MS_MIN)
}

fn sign_ms(sign: char) -> Millis {
    if ('\u{2e80}'..='\u{9fff}').contains(&sign) { UNSPACED_SIGN_MS } else { LETTER_MS }
}

/// The beginning of a text that was heard when it was stopped after `played_ms`: whole words only, where there
/// are spaces between words.
#[must_use]
pub fn heard_part(text: &str, played_ms: Millis) -> &str {
    if played_ms >= speech_ms(text) {
        return text;
    }
    let mut ms = 0;
    let mut end = 0;
    let mut word_end = 0;
    for (at, sign) in text.char_indices() {
        let unspaced = sign_ms(sign) == UNSPACED_SIGN_MS;
        if sign.is_whitespace() || unspaced {
            word_end = at;
        }
        ms += sign_ms(sign);
        if ms > played_ms {
            return text[..word_end].trim_end();
        }
        end = at + sign.len_utf8();
        if unspaced {
            word_end = end;
        }
    }
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_heard_ends_with_a_whole_word() {
        for (text, played_ms, heard) in [
            ("Hello, this is Anna", 0, ""),
            ("Hello, this is Anna", 7 * 60, "Hello,"),
            ("Hello, this is Anna", 12 * 60, "Hello, this"),
            ("Hello, this is Anna", 60_000, "Hello, this is Anna"),
            ("你好我是安娜", 3 * 220, "你好我"),
        ] {
            assert_eq!(heard_part(text, played_ms), heard, "{played_ms}");
        }
    }

    #[test]
    fn silences_are_broken_so_often_and_then_the_node_is_left() {
        let settings = NoInput::default();
        let mut turn = Turn::new(&TurnSettings::default());
        turn.silent_since = Some(1_000);
        assert_eq!(turn.silence_due_at(&settings), Some(9_000));
        let prompts = [(); 3].map(|()| turn.break_silence(&settings));
        assert_eq!(
            prompts,
            [
                Silence::AskAgain("Are you still there?".into()),
                Silence::AskAgain("Can you hear me?".into()),
                Silence::Leave
            ]
        );
    }

    #[test]
    fn a_text_shorter_than_any_speech_is_heard_as_far_as_it_goes() {
        for (text, played_ms, heard) in [
            ("Hi", 119, ""),
            ("Hi", 120, "Hi"),
            ("Hi", 249, "Hi"),
            ("Hi", 250, "Hi"),
            ("好", 219, ""),
        ] {
            assert_eq!(heard_part(text, played_ms), heard, "{text} {played_ms}");
        }
        assert_eq!(heard_part("Say 好, 我 is I", 4 * 60 + 220), "Say 好");
        assert_eq!([speech_ms("Hi"), speech_ms("Hello"), speech_ms("你好")], [250, 300, 440]);
    }

    #[test]
    fn speech_whose_beginning_was_missed_is_reckoned_back_from_its_words() {
        let speech = Speech::reckoned(10_000, "Hello");
        assert_eq!((speech.started_at, speech.heard_at), (9_700, 10_000));
        assert!(speech.words.is_empty() && !speech.interrupted);
        assert_eq!(Speech::reckoned(100, "Hello").started_at, 0, "not before the answer");
    }

    #[test]
    fn switched_off_one_silence_as_long_as_all_of_them_leaves_the_node() {
        let settings = NoInput { enabled: false, ..NoInput::default() };
        let mut turn = Turn::new(&TurnSettings::default());
        assert_eq!(turn.silence_due_at(&settings), None, "nobody is silent yet");
        turn.silent_since = Some(1_000);
        assert_eq!(turn.silence_due_at(&settings), Some(25_000));
        assert_eq!(turn.break_silence(&settings), Silence::Leave);
    }

    #[test]
    fn the_last_prompt_is_repeated_and_without_one_the_node_is_left() {
        let settings = NoInput { max: 3, ..NoInput::default() };
        let mut turn = Turn::new(&TurnSettings::default());
        let again = Silence::AskAgain("Can you hear me?".into());
        let prompts = [(); 4].map(|()| turn.break_silence(&settings));
        assert_eq!(prompts[1..], [again.clone(), again, Silence::Leave]);
        let none = NoInput { prompts: Vec::new(), ..NoInput::default() };
        let mut turn = Turn::new(&TurnSettings::default());
        assert_eq!(turn.break_silence(&none), Silence::Leave);
    }

    #[test]
    fn a_turn_is_idle_when_nothing_is_said_and_nothing_is_asked() {
        let mut turn = Turn::new(&TurnSettings::default());
        assert!(turn.is_idle());
        turn.said.push("hello");
        assert!(!turn.is_idle(), "something is said");
        turn.said.answered();
        turn.asking = Some(Asking::new(1, String::new(), 0));
        assert!(!turn.is_idle(), "something is asked");
    }

    proptest! {
        #[test]
        fn what_was_heard_is_a_beginning_and_grows(text in ".{0,60}", one in 0u64..9_000, more in 0u64..900) {
            let (shorter, longer) = (heard_part(&text, one), heard_part(&text, one + more));
            prop_assert!(text.starts_with(longer));
            prop_assert!(longer.starts_with(shorter));
        }
    }
}
