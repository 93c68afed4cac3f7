//! Little signs of listening while the customer speaks on and on.
//!
//! The guide's scenario 3: predefined phrases, in turn, each after another stretch of unbroken speech. They
//! are no turns: nothing is asked of the agent, and they interrupt nobody.

use crate::robot::Backchannel;
use crate::transcript::Millis;

/// The signs given during one speech of the customer, and those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signs {
    given: usize,
    due_at: Option<Millis>,
}

impl Signs {
    /// The customer began to speak.
    pub fn speech_started(&mut self, settings: &Backchannel, at: Millis) {
        let on = settings.enabled && !settings.phrases.is_empty();
        self.due_at = on.then(|| at + after_ms(settings));
    }

    /// The customer stopped speaking.
    pub fn speech_ended(&mut self) {
        self.due_at = None;
    }

    /// When the next sign is due, if the customer goes on until then.
    #[must_use]
    pub fn due_at(&self) -> Option<Millis> {
        self.due_at
    }

    /// The sign to give now, if it is time.
    pub fn take<'a>(&mut self, settings: &'a Backchannel, now: Millis) -> Option<&'a str> {
        self.due_at.filter(|due| *due <= now)?;
        self.due_at = Some(now + after_ms(settings));
        let phrase = settings.phrases.get(self.given % settings.phrases.len().max(1))?;
        self.given += 1;
        Some(phrase)
    }

    /// It is time, and the robot is speaking itself: wait for another stretch of speech.
    pub fn skip(&mut self, settings: &Backchannel, now: Millis) {
        if self.due_at.is_some_and(|due| due <= now) {
            self.due_at = Some(now + after_ms(settings));
        }
    }
}

fn after_ms(settings: &Backchannel) -> Millis {
    u64::from(settings.after_ms.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_used_in_turn_while_the_speech_lasts() {
        let settings = Backchannel { enabled: true, after_ms: 4_000, ..Backchannel::default() };
        let mut signs = Signs::default();
        signs.speech_started(&settings, 1_000);
        assert_eq!(signs.take(&settings, 4_999), None);
        assert_eq!(signs.take(&settings, 5_000), Some("Mm-hmm"));
        assert_eq!(signs.due_at(), Some(9_000));
        assert_eq!(signs.take(&settings, 9_000), Some("Okay"));
        signs.speech_ended();
        assert_eq!((signs.due_at(), signs.take(&settings, 60_000)), (None, None));
        signs.speech_started(&settings, 20_000);
        assert_eq!(signs.take(&settings, 24_000), Some("I'm listening"), "goes on in turn");
        assert_eq!(signs.take(&settings, 28_000), Some("Mm-hmm"), "and begins again");
        assert_eq!(signs.take(&settings, 32_000), Some("Okay"));
    }

    #[test]
    fn while_the_robot_speaks_a_sign_is_passed_over() {
        let settings = Backchannel { enabled: true, after_ms: 4_000, ..Backchannel::default() };
        let mut signs = Signs::default();
        signs.skip(&settings, 1_000);
        assert_eq!(signs.due_at(), None, "nobody is speaking");
        signs.speech_started(&settings, 1_000);
        signs.skip(&settings, 4_999);
        assert_eq!(signs.due_at(), Some(5_000), "it is not time yet");
        signs.skip(&settings, 5_000);
        assert_eq!(signs.due_at(), Some(9_000));
        assert_eq!(signs.take(&settings, 9_000), Some("Mm-hmm"), "no phrase was used up");
    }

    #[test]
    fn switched_off_nothing_is_said() {
        let mut signs = Signs::default();
        signs.speech_started(&Backchannel::default(), 0);
        assert_eq!(signs.due_at(), None);
        let without = Backchannel { enabled: true, phrases: Vec::new(), ..Backchannel::default() };
        signs.speech_started(&without, 0);
        assert_eq!(signs.due_at(), None, "without a phrase");
    }
}
