//! Who answered the phone: a person, an answering machine, a call assistant, a call screening.
//!
//! An [`AnswererDetector`] is fed one stream of what is heard on the line ([`LineEvent`]) and gives exactly one
//! verdict, by one deadline, whatever the recogniser and the voice activity disagree about. It judges by words and
//! their timing, never by lengths of speech alone: a greeting of 2.3 s and a pause of 0.5 s sound like a person and
//! may be a voicemail. The conversation need not wait for it.
//!
//! A wrong “machine” hangs up on a person, so the rules lean to [`Answerer::Unknown`]:
//!
//! - Words that no person says decide at once ([`phrases`]). Hints decide at the deadline, two topics of them.
//! - A person is found by a greeting or a person's phrase and a short quiet, without any hint; at the deadline also
//!   by other words and a quiet.
//! - Words that may answer the robot are worth half: a person may ask “are you a virtual assistant?”.
//! - Later words may correct “person” and “unknown” once, for a while. Nothing else is ever taken back, as
//!   something may have been done about it.
//!
//! After a machine it tells once when to leave a message ([`Finding::LeaveMessage`]).

mod evidence;
mod hearing;
mod message;
mod phrases;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::transcript::Millis;
use evidence::POINTS_AGAINST_PERSON;
use hearing::Hearing;
pub use hearing::LineEvent;
pub use message::MessageCue;

/// Who answered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// A person.
    Person,
    /// An answering machine, a voicemail, a menu or another recording.
    Machine,
    /// An app or a service of the operator that answers in the place of the person called.
    Assistant,
    /// A phone that asks who calls and why, before its owner decides.
    Screening,
    /// Nobody could tell.
    Unknown,
}

impl Answerer {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Person, Self::Machine, Self::Assistant, Self::Screening, Self::Unknown];

    /// The word that stands in records and in the interaction log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Machine => "machine",
            Self::Assistant => "assistant",
            Self::Screening => "screening",
            Self::Unknown => "unknown",
        }
    }
}

/// How long to listen before each decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DetectionSettings {
    /// The verdict is given by this time after the answer, in milliseconds. Who answers begins to speak half a second
    /// to a second after the answer, so the default listens for five seconds.
    #[schemars(range(min = 500, max = 30_000))]
    pub deadline_ms: u32,
    /// The quiet after a person's words that makes them whole, in milliseconds.
    #[schemars(range(min = 100, max = 5_000))]
    pub quiet_ms: u32,
    /// How long after a verdict later words may correct it, in milliseconds.
    #[schemars(range(max = 60_000))]
    pub correction_ms: u32,
    /// The quiet after a machine's greeting at which a message may begin without a beep, in milliseconds.
    #[schemars(range(min = 500, max = 10_000))]
    pub message_quiet_ms: u32,
    /// A message begins by this time after the answer, beep or not, in milliseconds.
    #[schemars(range(min = 1_000, max = 120_000))]
    pub message_deadline_ms: u32,
}

impl Default for DetectionSettings {
    fn default() -> Self {
        Self {
            deadline_ms: 6_000,
            quiet_ms: 700,
            correction_ms: 15_000,
            message_quiet_ms: 1_500,
            message_deadline_ms: 30_000,
        }
    }
}

/// What the detector found, and when, in milliseconds after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Who answered. Comes once.
    Verdict {
        /// Who it is.
        answerer: Answerer,
        /// When it was known, the deadline at the latest.
        at_ms: Millis,
    },
    /// The verdict was wrong. Comes once at most, after a verdict of a person or of nobody known.
    Corrected {
        /// The verdict.
        from: Answerer,
        /// Who it is: a machine, an assistant or a screening.
        to: Answerer,
        /// When it was known.
        at_ms: Millis,
    },
    /// A message to the machine may begin now. Comes once, and only where a machine answered.
    LeaveMessage {
        /// By what.
        cue: MessageCue,
        /// Since when.
        at_ms: Millis,
    },
}

/// Finds out who answered one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswererDetector {
    settings: DetectionSettings,
    hearing: Hearing,
    now: Millis,
    verdict: Option<(Answerer, Millis)>,
    corrected: Option<(Answerer, Millis)>,
    message_cued: bool,
}

impl AnswererDetector {
    /// A call that was answered just now.
    #[must_use]
    pub fn new(settings: DetectionSettings) -> Self {
        Self {
            settings,
            hearing: Hearing::default(),
            now: 0,
            verdict: None,
            corrected: None,
            message_cued: false,
        }
    }

    /// Takes in what happened at a time after the answer. An event that comes late is judged after the deadlines
    /// before it; a time that goes back counts as the last one.
    pub fn judge(&mut self, at_ms: Millis, event: LineEvent<'_>) -> Vec<Finding> {
        self.now = self.now.max(at_ms);
        let mut findings = Vec::new();
        self.pass_deadlines(&mut findings);
        self.hearing.hear(self.now, event);
        self.judge_words(&mut findings);
        self.cue_message(&mut findings);
        findings
    }

    /// When to call [`Self::judge`] with [`LineEvent::Due`] if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        if self.verdict.is_none() {
            let person = self.person_at().unwrap_or(Millis::MAX);
            return Some(person.min(self.settings.deadline_ms.into()));
        }
        self.message_due().map(|(at_ms, _)| at_ms)
    }

    /// Who answered, as far as is known now; none before the verdict.
    #[must_use]
    pub fn answerer(&self) -> Option<Answerer> {
        self.corrected.or(self.verdict).map(|(answerer, _)| answerer)
    }

    /// Decides what was due before now.
    fn pass_deadlines(&mut self, findings: &mut Vec<Finding>) {
        if self.verdict.is_none() {
            let deadline: Millis = self.settings.deadline_ms.into();
            match self.person_at().filter(|at_ms| *at_ms < deadline) {
                Some(at_ms) if at_ms <= self.now => self.decide(Answerer::Person, at_ms, findings),
                None if deadline <= self.now => {
                    self.decide(self.guess_at(deadline), deadline, findings);
                }
                _ => {}
            }
        }
        self.cue_message(findings);
    }

    /// Decides, or corrects a decision, by the words so far.
    fn judge_words(&mut self, findings: &mut Vec<Finding>) {
        if self.verdict.is_some() && !self.may_correct() {
            return;
        }
        let evidence = self.hearing.evidence();
        let Some(answerer) = evidence.answerer() else { return };
        match self.verdict.map(|(from, _)| from) {
            None => {
                let whole = evidence.is_plain() || self.hearing.tone_after_speech();
                if whole && evidence.points() >= evidence.needed() {
                    self.decide(answerer, self.now, findings);
                }
            }
            Some(from) => {
                let needed = match from {
                    Answerer::Person => POINTS_AGAINST_PERSON,
                    _ => evidence.needed(),
                };
                if evidence.points() >= needed {
                    self.corrected = Some((answerer, self.now));
                    findings.push(Finding::Corrected { from, to: answerer, at_ms: self.now });
                }
            }
        }
    }

    /// Whether the verdict leaves room for another, now.
    fn may_correct(&self) -> bool {
        let soft = self.verdict.filter(|(answerer, _)| {
            matches!(answerer, Answerer::Person | Answerer::Unknown) && self.corrected.is_none()
        });
        soft.is_some_and(|(_, at_ms)| self.now - at_ms <= self.settings.correction_ms.into())
    }

    fn decide(&mut self, answerer: Answerer, at_ms: Millis, findings: &mut Vec<Finding>) {
        self.verdict = Some((answerer, at_ms));
        findings.push(Finding::Verdict { answerer, at_ms });
    }

    /// When a person is known by the quiet after clear words.
    fn person_at(&self) -> Option<Millis> {
        let quiet_since = self.hearing.quiet_since()?;
        let clear = self.hearing.evidence().is_clearly_person();
        clear.then(|| quiet_since.saturating_add(self.settings.quiet_ms.into()))
    }

    /// The best that can be said at the deadline.
    fn guess_at(&self, deadline: Millis) -> Answerer {
        let evidence = self.hearing.evidence();
        if let Some(answerer) =
            evidence.answerer().filter(|_| evidence.points() >= evidence.needed())
        {
            return answerer;
        }
        if evidence.person || evidence.is_clearly_person() {
            return Answerer::Person;
        }
        let quiet_ms: Millis = self.settings.quiet_ms.into();
        let quiet = self
            .hearing
            .quiet_since()
            .is_some_and(|since| since.saturating_add(quiet_ms) <= deadline);
        let plain = evidence.words && evidence.points() == 0 && !self.hearing.tone_after_speech();
        if quiet && plain { Answerer::Person } else { Answerer::Unknown }
    }

    /// When a message to the machine may begin, as things stand, if it has not been told yet.
    fn message_due(&self) -> Option<(Millis, MessageCue)> {
        let machine = self.corrected.or(self.verdict);
        let (_, known_at) = machine.filter(|(answerer, _)| *answerer == Answerer::Machine)?;
        let (at_ms, cue) = message::due(&self.hearing, &self.settings);
        (!self.message_cued).then_some((at_ms.max(known_at), cue))
    }

    fn cue_message(&mut self, findings: &mut Vec<Finding>) {
        if let Some((at_ms, cue)) = self.message_due().filter(|(at_ms, _)| *at_ms <= self.now) {
            self.message_cued = true;
            findings.push(Finding::LeaveMessage { cue, at_ms });
        }
    }
}
