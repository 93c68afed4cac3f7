//! A robot: what it opens with, who thinks for it, and how it takes turns.
//!
//! What a call runs is the robot as it was when its navigation was published; providers are named, so that a new key or
//! address holds at once.

mod environment;
mod faults;
mod settings;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::llm::LlmAgent;
use crate::script::Script;

pub use environment::Environment;
pub use faults::Fault;
pub(crate) use faults::Faults;
pub use settings::{Backchannel, Interruption, NoInput, NoiseReduction, TurnSettings};

/// Characters of a robot's name.
pub const NAME_CHARS_MAX: usize = 100;
/// Characters of an opening, a prompt or a phrase.
pub const SPEECH_CHARS_MAX: usize = 2_000;
/// Phrases or words of one list.
pub const LIST_MAX: usize = 100;
/// The silence that ends an expression where no robot says otherwise, in milliseconds.
pub const END_OF_SPEECH_MS: u32 = 800;
/// Providers of one kind that a robot may name.
pub const PROVIDERS_MAX: usize = 5;
/// The longest wait that a turn setting may name, in milliseconds.
pub const WAIT_MS_MAX: u32 = 120_000;

/// One robot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RobotConfig {
    /// The name, shown in call records.
    #[schemars(length(min = 1, max = 64), regex(pattern = crate::NAME_PATTERN))]
    pub name: String,
    /// What it says first; variables in double braces. Empty: it waits for the customer.
    #[serde(default)]
    #[schemars(length(max = SPEECH_CHARS_MAX))]
    pub opening: String,
    /// Who thinks for it.
    pub agent: AgentConfig,
    /// How it takes turns.
    #[serde(default)]
    pub turn: TurnSettings,
    /// With what it hears and speaks.
    #[serde(default)]
    pub speech: SpeechSettings,
    /// What it says when it can't go on because what it thinks or hears with has failed; then the call leaves it.
    #[serde(default = "apology")]
    #[schemars(length(min = 1, max = SPEECH_CHARS_MAX))]
    pub apology: String,
}

fn apology() -> String {
    "I am sorry, something has gone wrong on our side. Goodbye.".to_owned()
}

/// With what a robot hears and speaks: providers by their names. The first is asked; the others in turn when it fails or
/// is full. This machine's own come last by themselves: espeak-ng speaks, pocketsphinx hears a scripted agent's keywords.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SpeechSettings {
    /// Providers that hear words, at most 5.
    #[schemars(length(max = PROVIDERS_MAX), inner(length(min = 1, max = 64)))]
    pub recognisers: Vec<String>,
    /// Providers that speak words, at most 5.
    #[schemars(length(max = PROVIDERS_MAX), inner(length(min = 1, max = 64)))]
    pub synthesisers: Vec<String>,
    /// The voice, as the first synthesiser names it; empty: that provider's own.
    #[schemars(length(max = 100))]
    pub voice: String,
    /// The language that is spoken, as `en` or `zh`; empty: the providers' own.
    #[schemars(length(max = 16))]
    pub language: String,
}

/// Who thinks for a robot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentConfig {
    /// The built-in agent: intents by keywords and patterns; needs no network.
    Scripted(Script),
    /// A language model behind an OpenAI-compatible endpoint, with tools and knowledge.
    Llm(Box<LlmAgent>),
}

impl AgentConfig {
    /// Its script, where it is a scripted one.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Self::Scripted(script) => Some(script),
            Self::Llm(_) => None,
        }
    }

    /// Its model, where one thinks for it.
    pub fn llm(&self) -> Option<&LlmAgent> {
        match self {
            Self::Scripted(_) => None,
            Self::Llm(agent) => Some(agent),
        }
    }

    /// The texts that are written for it: a script's replies, or a model's prompt.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Scripted(script) => script.texts().collect(),
            Self::Llm(agent) => vec![&agent.prompt],
        }
    }

    /// The variables that it may set.
    pub fn captures(&self) -> Vec<String> {
        match self {
            Self::Scripted(script) => script.captures(),
            Self::Llm(agent) => agent.captures.iter().map(|capture| capture.name.clone()).collect(),
        }
    }
}

/// What a provider is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    Hear,
    Speak,
    Think,
    Call,
}

impl RobotConfig {
    /// Everything that is wrong with this configuration, its script aside (`script` checks that); empty when
    /// it may be used.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        let name_chars = self.name.trim().chars().count();
        if !(1..=NAME_CHARS_MAX).contains(&name_chars) {
            faults.add("/name", format!("must have 1 to {NAME_CHARS_MAX} characters"));
        }
        if self.opening.chars().count() > SPEECH_CHARS_MAX {
            faults.add("/opening", format!("must have at most {SPEECH_CHARS_MAX} characters"));
        }
        let apology_chars = self.apology.trim().chars().count();
        if !(1..=SPEECH_CHARS_MAX).contains(&apology_chars) {
            faults.add("/apology", format!("must have 1 to {SPEECH_CHARS_MAX} characters"));
        }
        self.turn.check_into(&mut faults);
        self.speech.check_into(&mut faults);
        if let Some(agent) = self.agent.llm() {
            agent.check_into(&mut faults);
        }
        faults.0
    }

    /// What it says of its own, beside its agent: commands in it are obeyed as they are in an agent's text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let asks = self.turn.no_input.enabled && self.turn.no_input.max > 0;
        let prompts = self.turn.no_input.prompts.iter().filter(move |_| asks);
        [&self.opening, &self.apology].into_iter().chain(prompts).map(String::as_str)
    }

    /// The providers that it names, by what they are wanted for.
    pub fn providers(&self) -> impl Iterator<Item = (Need, &str)> {
        let speech = &self.speech;
        let hears = speech.recognisers.iter().map(|name| (Need::Hear, name.as_str()));
        let speaks = speech.synthesisers.iter().map(|name| (Need::Speak, name.as_str()));
        let agent = self.agent.llm();
        let thinks = agent.into_iter().flat_map(|agent| &agent.providers);
        let calls = agent.into_iter().flat_map(|agent| &agent.tools);
        hears
            .chain(speaks)
            .chain(thinks.map(|name| (Need::Think, name.as_str())))
            .chain(calls.map(|tool| (Need::Call, tool.provider.as_str())))
    }

    /// The signs of listening that it gives: variables are put in, and nothing in them is obeyed.
    pub fn signs(&self) -> impl Iterator<Item = &str> {
        let backchannel = &self.turn.backchannel;
        backchannel.phrases.iter().filter(|_| backchannel.enabled).map(String::as_str)
    }
}

impl SpeechSettings {
    fn check_into(&self, faults: &mut Faults) {
        faults.names("/speech/recognisers", &self.recognisers, PROVIDERS_MAX);
        faults.names("/speech/synthesisers", &self.synthesisers, PROVIDERS_MAX);
        if self.voice.chars().count() > 100 {
            faults.add("/speech/voice", "must have at most 100 characters");
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.language.len() > 16 || !self.language.chars().all(fits) {
            faults.add("/speech/language", "must be a language as `en` or `zh-CN`, or empty");
        }
    }
}
