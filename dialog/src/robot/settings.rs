//! How a robot takes turns with the customer: each habit with its switch and its figures.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::faults::Faults;
use super::{END_OF_SPEECH_MS, LIST_MAX, SPEECH_CHARS_MAX, WAIT_MS_MAX};

/// How a robot takes turns with the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TurnSettings {
    /// When the customer may stop the robot.
    pub interruption: Interruption,
    /// After a stop that turned out to be nothing, the silence after which the robot goes on where it was
    /// stopped, in milliseconds.
    #[schemars(range(min = 200, max = 30_000))]
    pub false_interruption_resume_ms: u32,
    /// Little signs of listening while the customer speaks long.
    pub backchannel: Backchannel,
    /// Put the pieces of a sentence together before answering (the guide's sentence accumulation).
    pub accumulation: bool,
    /// Ask the agent as soon as the customer has probably ended; the answer is spoken only when they have. It answers
    /// some 200 ms earlier, and costs requests that are taken back.
    pub eager: bool,
    /// Let a model judge at each pause whether the customer has ended, which shortens or lengthens the silence that is
    /// waited for. Without the model the silence alone decides.
    pub turn_hint: bool,
    /// Asking again when the customer is silent.
    pub no_input: NoInput,
    /// The silence that ends an expression, in milliseconds (the guide's VAD duration).
    #[schemars(range(min = 100, max = 5_000))]
    pub end_of_speech_ms: u32,
    /// How much of the background is filtered out.
    pub noise_reduction: NoiseReduction,
    /// The guide's ASR figure, 0.0 to 1.0: how strict the recogniser is with weak sounds.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub asr: f32,
}

impl Default for TurnSettings {
    fn default() -> Self {
        Self {
            interruption: Interruption::default(),
            false_interruption_resume_ms: 2_000,
            backchannel: Backchannel::default(),
            accumulation: true,
            eager: false,
            turn_hint: true,
            no_input: NoInput::default(),
            end_of_speech_ms: END_OF_SPEECH_MS,
            noise_reduction: NoiseReduction::Medium,
            asr: 0.7,
        }
    }
}

/// When the customer's speech stops the robot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Interruption {
    /// Off: what the customer says over the robot waits until the robot has finished.
    pub enabled: bool,
    /// Speech shorter than this is not an interruption, in milliseconds.
    #[schemars(range(max = 10_000))]
    pub min_ms: u32,
    /// Fewer words than this are not an interruption; fillers do not count.
    #[schemars(range(max = 20))]
    pub min_words: u32,
    /// The first moments of a playback, in milliseconds, in which nothing interrupts.
    #[schemars(range(max = 30_000))]
    pub guard_ms: u32,
    /// Words that interrupt at once, whatever the figures say ("stop", "wait").
    #[schemars(length(max = LIST_MAX), inner(length(min = 1, max = SPEECH_CHARS_MAX)))]
    pub allow_list: BTreeSet<String>,
    /// Words and phrases that are no interruption ("uh", "mm-hmm").
    #[schemars(length(max = LIST_MAX), inner(length(min = 1, max = SPEECH_CHARS_MAX)))]
    pub fillers: BTreeSet<String>,
}

impl Default for Interruption {
    fn default() -> Self {
        Self {
            enabled: true,
            min_ms: 500,
            min_words: 2,
            guard_ms: 800,
            allow_list: words(&["stop", "wait", "hold on", "no"]),
            fillers: words(&[
                "uh", "um", "uhm", "er", "ah", "oh", "hmm", "mm", "mhm", "mm-hmm", "uh-huh",
                "yeah", "yes", "ok", "okay", "right", "i see",
            ]),
        }
    }
}

/// Little signs of listening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backchannel {
    /// Whether the robot shows that it listens.
    pub enabled: bool,
    /// The time of unbroken speech before the first sign and between two, in milliseconds.
    #[schemars(range(min = 500, max = 60_000))]
    pub after_ms: u32,
    /// What it says, in turn.
    #[schemars(length(max = LIST_MAX), inner(length(min = 1, max = SPEECH_CHARS_MAX)))]
    pub phrases: Vec<String>,
}

impl Default for Backchannel {
    fn default() -> Self {
        let phrases = ["Mm-hmm", "Okay", "I'm listening"].map(String::from).to_vec();
        Self { enabled: false, after_ms: 4_000, phrases }
    }
}

/// Asking again when the customer is silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoInput {
    /// Off: one silence of `after_ms` times (`max` + 1) leaves the node.
    pub enabled: bool,
    /// The silence after which the robot asks again, in milliseconds.
    #[schemars(range(min = 1_000, max = WAIT_MS_MAX))]
    pub after_ms: u32,
    /// What it asks, in turn; the last one is repeated.
    #[schemars(length(max = LIST_MAX), inner(length(min = 1, max = SPEECH_CHARS_MAX)))]
    pub prompts: Vec<String>,
    /// How many times in a row it asks before the agent node is left.
    #[schemars(range(max = 10))]
    pub max: u32,
}

impl Default for NoInput {
    fn default() -> Self {
        let prompts = ["Are you still there?", "Can you hear me?"].map(String::from).to_vec();
        Self { enabled: true, after_ms: 8_000, prompts, max: 2 }
    }
}
/// How much of the background is filtered out before recognition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseReduction {
    /// Nothing is filtered.
    Off,
    /// Keeps weak syllables.
    Low,
    /// Keeps speech details, suppresses sudden noises.
    Medium,
    /// Suppresses steady background noise.
    High,
    /// For machines and halls.
    VeryHigh,
}
impl TurnSettings {
    pub(super) fn check_into(&self, faults: &mut Faults) {
        let barge = &self.interruption;
        faults.range("/turn/interruption/min_ms", barge.min_ms, 0, 10_000);
        faults.range("/turn/interruption/min_words", barge.min_words, 0, 20);
        faults.range("/turn/interruption/guard_ms", barge.guard_ms, 0, 30_000);
        faults.list("/turn/interruption/allow_list", barge.allow_list.iter());
        faults.list("/turn/interruption/fillers", barge.fillers.iter());
        let resume_ms = self.false_interruption_resume_ms;
        faults.range("/turn/false_interruption_resume_ms", resume_ms, 200, 30_000);
        faults.range("/turn/end_of_speech_ms", self.end_of_speech_ms, 100, 5_000);
        faults.range("/turn/backchannel/after_ms", self.backchannel.after_ms, 500, 60_000);
        faults.list("/turn/backchannel/phrases", self.backchannel.phrases.iter());
        if self.backchannel.enabled && self.backchannel.phrases.is_empty() {
            faults.add("/turn/backchannel/phrases", "must name a phrase, as it is switched on");
        }
        faults.range("/turn/no_input/after_ms", self.no_input.after_ms, 1_000, WAIT_MS_MAX);
        faults.range("/turn/no_input/max", self.no_input.max, 0, 10);
        faults.list("/turn/no_input/prompts", self.no_input.prompts.iter());
        if self.no_input.enabled && self.no_input.max > 0 && self.no_input.prompts.is_empty() {
            faults.add("/turn/no_input/prompts", "must name a prompt, as it is switched on");
        }
        if !(0.0..=1.0).contains(&self.asr) {
            faults.add("/turn/asr", "must be between 0.0 and 1.0");
        }
    }
}

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}
