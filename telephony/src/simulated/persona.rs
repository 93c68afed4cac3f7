//! Simulated customers: what they say, when they interrupt, how they hesitate, when they hang up.

use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

/// How one kind of customer acts. The files lie in `telephony/personas/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Persona {
    pub(super) name: String,
    /// What is said after answering, before the robot is heard.
    #[serde(default)]
    pub(super) greeting: Option<Reaction>,
    /// The first that matches what was heard since the customer last spoke holds.
    #[serde(default)]
    pub(super) rules: Vec<Reaction>,
    /// When no rule matches; none: silence.
    #[serde(default)]
    pub(super) default: Option<Reaction>,
    #[serde(default)]
    pub(super) backchannel: Option<Backchannel>,
    /// Milliseconds of silence on both sides after which the customer hangs up; none: never.
    #[serde(default)]
    pub(super) patience_ms: Option<u64>,
}

/// What a customer does about what the robot says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reaction {
    /// Matches the robot's words; none: any words.
    #[serde(default, deserialize_with = "pattern")]
    pub(super) when: Option<Regex>,
    /// What is said; several fragments: hesitating in mid-sentence, with a silence between them.
    #[serde(default, deserialize_with = "fragments")]
    pub(super) say: Vec<String>,
    /// Keys that are pressed after the words.
    #[serde(default)]
    pub(super) press: String,
    /// Milliseconds from the end of the robot's words.
    #[serde(default = "thinking_ms")]
    pub(super) after_ms: u64,
    /// Milliseconds of silence between fragments.
    #[serde(default = "hesitates_ms")]
    pub(super) hesitates_ms: u64,
    /// Milliseconds into the robot's words at which the customer does it already then.
    #[serde(default)]
    pub(super) interrupts_at_ms: Option<u64>,
    /// How often at most in a call; none: always.
    #[serde(default)]
    pub(super) times: Option<u32>,
    /// Hangs up after it.
    #[serde(default)]
    pub(super) hangs_up: bool,
}

/// What a customer murmurs while the robot speaks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Backchannel {
    pub(super) say: String,
    /// Milliseconds into the robot's words.
    pub(super) at_ms: u64,
}

impl Reaction {
    pub(super) fn matches(&self, heard: &str) -> bool {
        self.when.as_ref().is_none_or(|when| when.is_match(heard))
    }
}

fn thinking_ms() -> u64 {
    800
}

fn hesitates_ms() -> u64 {
    900
}

fn pattern<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Regex>, D::Error> {
    let text = String::deserialize(from)?;
    Regex::new(&format!("(?i){text}")).map(Some).map_err(serde::de::Error::custom)
}

fn fragments<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Say {
        Whole(String),
        Fragments(Vec<String>),
    }
    Ok(match Say::deserialize(from)? {
        Say::Whole(text) => vec![text],
        Say::Fragments(fragments) => fragments,
    })
}

const FILES: &[&str] = &[
    include_str!("../../personas/asks_in_pieces.json"),
    include_str!("../../personas/attentive.json"),
    include_str!("../../personas/call_assistant.json"),
    include_str!("../../personas/curious.json"),
    include_str!("../../personas/declines.json"),
    include_str!("../../personas/do_not_call.json"),
    include_str!("../../personas/hangs_up_in_opening.json"),
    include_str!("../../personas/hangs_up_midway.json"),
    include_str!("../../personas/hesitant.json"),
    include_str!("../../personas/impatient.json"),
    include_str!("../../personas/mailbox.json"),
    include_str!("../../personas/polite.json"),
    include_str!("../../personas/presses_keys.json"),
    include_str!("../../personas/reschedules.json"),
    include_str!("../../personas/screens_calls.json"),
    include_str!("../../personas/silent.json"),
    include_str!("../../personas/talkative.json"),
    include_str!("../../personas/wants_a_person.json"),
];

static PERSONAS: LazyLock<Vec<Persona>> = LazyLock::new(|| {
    let read = |file: &&str| serde_json::from_str(file).expect("built-in personas are tested");
    FILES.iter().map(read).collect()
});

/// All that are built in, by name.
pub(super) fn personas() -> &'static [Persona] {
    &PERSONAS
}

/// The built-in persona of that name.
pub(super) fn persona(name: &str) -> &'static Persona {
    let found = personas().iter().find(|persona| persona.name == name);
    found.expect("the personas of rules are built in: tested")
}

/// The names that a trunk's `simulated.personas` may hold.
pub fn persona_names() -> impl Iterator<Item = &'static str> {
    personas().iter().map(|persona| persona.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_personas_read_and_stand_in_order_of_their_names() {
        let names: Vec<_> = persona_names().collect();
        assert!(names.is_sorted() && names.len() == FILES.len());
        assert_eq!(names, outbound::trunk::PERSONAS, "what a trunk's configuration may name");
    }
    #[test]
    fn the_persona_in_the_documents_is_one_that_a_file_may_hold() {
        let document = include_str!("../../../docs/simulated-line.md");
        let block = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        let persona: Persona = serde_json::from_str(block.expect("a block")).expect("a persona");
        assert_eq!((persona.name.as_str(), persona.rules.len()), ("example", 4));
    }
}
