//! What was heard on the line since the answer: speech, words and tones, with their times.

use super::evidence::{Accord, Evidence};
use super::words::words;
use crate::transcript::Millis;

/// Words kept of one accord; older ones go.
const WORDS_MAX: usize = 400;
/// Speech that begins this long after the robot's may answer it.
pub(super) const REPLY_AFTER_MS: Millis = 1_500;
/// The most that a recogniser's words lag behind the speech. Voice activity that began longer before the first of
/// them was noise; words that come longer after a beep were said after it.
const WORDS_LAG_MS: Millis = 1_500;
/// Words that come unbroken for this long are a hint, beside others: hardly anybody greets for so long.
pub(super) const MONOLOGUE_MS: Millis = 6_000;

/// Something heard on the line of an answered call, or said on it by the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEvent<'a> {
    /// Voice activity began.
    SpeechStarted,
    /// The words so far of what is being said; they take the place of the last ones.
    Partial(&'a str),
    /// The words of a piece of speech, for good.
    Final(&'a str),
    /// Voice activity ended.
    SpeechStopped,
    /// A beep has ended.
    Tone,
    /// The robot begins to speak.
    RobotSpeaks,
    /// Nothing; a deadline has come.
    Due,
}

/// What was heard so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hearing {
    speaking_since: Option<Millis>,
    /// When the speech began that words now belong to.
    speech_at: Option<Millis>,
    /// When speech last ended.
    stopped_at: Option<Millis>,
    words_at: Option<Millis>,
    /// When the words began that have come unbroken since.
    run_at: Option<Millis>,
    robot_at: Option<Millis>,
    /// When a beep ended that no speech followed.
    tone_at: Option<Millis>,
    tone_after_speech: bool,
    monologue: bool,
    own: Vec<String>,
    replies: Vec<String>,
    partial: Vec<String>,
}

impl Hearing {
    /// Takes an event in.
    pub(super) fn hear(&mut self, now: Millis, event: LineEvent<'_>) {
        match event {
            LineEvent::SpeechStarted => {
                self.speaking_since.get_or_insert(now);
                self.speech_at = Some(now);
                self.tone_at = None;
            }
            LineEvent::SpeechStopped => {
                self.run_at = None;
                if self.speaking_since.take().is_some() {
                    self.stopped_at = Some(now);
                }
            }
            LineEvent::Partial(text) => self.partial_came(now, words(text)),
            LineEvent::Final(text) => self.final_came(now, words(text)),
            LineEvent::Tone => {
                self.tone_at = Some(now);
                self.tone_after_speech |= self.stopped_at.or(self.words_at).is_some();
            }
            LineEvent::RobotSpeaks => {
                self.robot_at.get_or_insert(now);
            }
            LineEvent::Due => {}
        }
    }

    /// What the words, and the speech and the tones around them, tell.
    pub(super) fn evidence(&self) -> Evidence {
        let mut evidence = Evidence::default();
        for (accord, said) in [(Accord::Own, &self.own), (Accord::Reply, &self.replies)] {
            let partial = if accord == self.accord() { self.partial.as_slice() } else { &[] };
            evidence.read(&[said, partial].concat(), accord);
        }
        evidence.count_sounds([self.monologue, self.tone_after_speech]);
        evidence
    }

    /// Whether voice activity goes on.
    pub(super) fn is_speaking(&self) -> bool {
        self.speaking_since.is_some()
    }

    /// Since when nothing was said, if something was said before.
    pub(super) fn quiet_since(&self) -> Option<Millis> {
        self.stopped_at.max(self.words_at).filter(|_| !self.is_speaking())
    }

    /// When a beep ended, if nobody has spoken since.
    pub(super) fn tone_at(&self) -> Option<Millis> {
        self.tone_at
    }

    /// Whether a beep came after somebody had spoken.
    pub(super) fn tone_after_speech(&self) -> bool {
        self.tone_after_speech
    }

    /// Whether the words that come now may answer the robot.
    fn accord(&self) -> Accord {
        self.accord_since(self.speech_at)
    }

    fn accord_since(&self, speech_at: Option<Millis>) -> Accord {
        match self.robot_at.zip(speech_at) {
            Some((robot, speech)) if speech >= robot.saturating_add(REPLY_AFTER_MS) => {
                Accord::Reply
            }
            _ => Accord::Own,
        }
    }

    fn partial_came(&mut self, now: Millis, words: Vec<String>) {
        if !words.is_empty() {
            if self.partial.is_empty() {
                let earliest = now.saturating_sub(WORDS_LAG_MS);
                self.speech_at = Some(self.speech_at.map_or(now, |at| at.max(earliest)));
            }
            self.words_came(now);
        }
        self.partial = words;
    }

    fn final_came(&mut self, now: Millis, words: Vec<String>) {
        self.partial.clear();
        if words.is_empty() {
            return;
        }
        self.words_came(now);
        self.speech_at.get_or_insert(now);
        let kept = match self.accord() {
            Accord::Own => &mut self.own,
            Accord::Reply => &mut self.replies,
        };
        kept.extend(words);
        let too_many = kept.len().saturating_sub(WORDS_MAX);
        kept.drain(..too_many);
        self.speech_at = None;
    }

    fn words_came(&mut self, now: Millis) {
        if self.words_at.is_some_and(|last| now - last > WORDS_LAG_MS) {
            self.run_at = None;
        }
        let run_at = *self.run_at.get_or_insert(now);
        let long = now - run_at >= MONOLOGUE_MS;
        self.monologue |= long && self.accord_since(self.run_at) == Accord::Own;
        self.words_at = Some(now);
        if self.tone_at.is_some_and(|tone_at| now - tone_at > WORDS_LAG_MS) {
            self.tone_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(events: &[(Millis, LineEvent<'_>)]) -> Hearing {
        let mut hearing = Hearing::default();
        for (at, event) in events {
            hearing.hear(*at, *event);
        }
        hearing
    }

    use LineEvent::{Final, Partial, RobotSpeaks, SpeechStarted, SpeechStopped, Tone};

    #[test]
    fn words_that_may_answer_the_robot_are_worth_half() {
        for (speech_at, points) in [(1_999, 4), (2_000, 2)] {
            let events = [
                (500, RobotSpeaks),
                (1_600, RobotSpeaks),
                (speech_at, SpeechStarted),
                (2_500, Partial("leave a message")),
            ];
            assert_eq!(heard(&events).evidence().points(), points, "{speech_at}");
            let last = [(2_600, Final("leave a message"))];
            assert_eq!(heard(&[&events[..], &last].concat()).evidence().points(), points);
        }
    }

    #[test]
    fn words_without_voice_activity_begin_when_they_come() {
        let words = [(0, RobotSpeaks), (1_500, Final("leave a message"))];
        assert_eq!(heard(&words).evidence().points(), 2);
        let words = [(0, RobotSpeaks), (1_499, Partial("leave a message"))];
        assert_eq!(heard(&words).evidence().points(), 4);
    }

    #[test]
    fn noise_long_before_the_words_does_not_make_a_reply_a_greeting() {
        let noise = [(0, SpeechStarted), (500, RobotSpeaks)];
        let late = [(3_500, Partial("leave a message"))];
        assert_eq!(heard(&[noise, [late[0], late[0]]].concat()).evidence().points(), 2);
        let soon = [(3_499, Partial("leave a message"))];
        assert_eq!(heard(&[noise, [soon[0], soon[0]]].concat()).evidence().points(), 4);
    }

    #[test]
    fn after_words_for_good_the_next_begin_anew() {
        let events = [
            (0, SpeechStarted),
            (100, RobotSpeaks),
            (1_000, Final("hello")),
            (3_000, Partial("leave a message")),
        ];
        assert_eq!(heard(&events).evidence().points(), 2);
    }

    #[test]
    fn a_beep_and_a_monologue_are_hints_beside_others_only() {
        let hint = Final("you have reached");
        assert_eq!(heard(&[(500, hint)]).evidence().points(), 2);
        assert_eq!(heard(&[(500, hint), (900, Tone)]).evidence().points(), 4);
        assert_eq!(heard(&[(500, Tone), (900, hint)]).evidence().points(), 2, "before any speech");
        let noise = [(100, SpeechStarted), (300, SpeechStopped), (500, Tone), (900, hint)];
        assert_eq!(heard(&noise).evidence().points(), 4);
        assert_eq!(heard(&[(500, Final("this is Bob")), (900, Tone)]).evidence().points(), 0);
    }

    #[test]
    fn words_that_come_unbroken_are_a_hint_beside_others() {
        let greeting = Partial("you have reached");
        let run = |steps: &[Millis]| -> Vec<(Millis, LineEvent<'static>)> {
            steps.iter().map(|at| (*at, greeting)).collect()
        };
        let points = |events: &[(Millis, LineEvent<'_>)]| heard(events).evidence().points();
        assert_eq!(points(&run(&[100, 1_600, 3_100, 4_600, 6_099])), 2);
        assert_eq!(points(&run(&[100, 1_600, 3_100, 4_600, 6_100])), 4);
        assert_eq!(points(&run(&[100, 1_601, 3_100, 4_600, 6_100])), 2, "with a gap");
        let pause = [(2_000, SpeechStopped)];
        assert_eq!(
            points(&[&run(&[100, 1_600])[..], &pause, &run(&[3_100, 4_600, 6_100])].concat()),
            2,
            "with a pause"
        );
        let robot = [(0, RobotSpeaks)];
        let reply = run(&[1_500, 3_000, 4_500, 6_000, 7_500]);
        assert_eq!(points(&[&robot[..], &reply].concat()), 1, "of a reply");
    }

    #[test]
    fn it_is_quiet_since_the_last_speech_or_words() {
        assert_eq!(heard(&[(100, Tone)]).quiet_since(), None);
        let speech = [(100, SpeechStarted), (200, SpeechStarted), (900, SpeechStopped)];
        assert_eq!(heard(&speech[..2]).quiet_since(), None);
        assert_eq!(heard(&speech).quiet_since(), Some(900));
        assert_eq!(
            heard(&[&speech[..], &[(1_200, Final("hi"))]].concat()).quiet_since(),
            Some(1_200)
        );
        assert_eq!(
            heard(&[&speech[..], &[(1_200, Partial(" "))]].concat()).quiet_since(),
            Some(900)
        );
        assert_eq!(
            heard(&[&speech[..], &[(1_200, SpeechStopped)]].concat()).quiet_since(),
            Some(900)
        );
        assert_eq!(heard(&[(400, Partial("hi"))]).quiet_since(), Some(400));
    }

    #[test]
    fn a_beep_stands_until_somebody_speaks_again() {
        assert_eq!(heard(&[(100, Tone), (1_600, Final("late words"))]).tone_at(), Some(100));
        assert_eq!(heard(&[(100, Tone), (1_601, Final("new words"))]).tone_at(), None);
        assert_eq!(heard(&[(100, Tone), (200, SpeechStarted)]).tone_at(), None);
    }

    #[test]
    fn a_greeting_without_end_is_kept_to_a_bound() {
        let mut hearing = Hearing::default();
        for at in 0..1_000 {
            hearing.hear(at, Final("la la la la"));
        }
        assert_eq!(hearing.own.len(), WORDS_MAX);
        hearing.hear(1_000, Final("leave a message"));
        assert!(hearing.evidence().is_plain(), "the newest words are kept");
    }
}
