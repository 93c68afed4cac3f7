//! A robot: what it opens with, who thinks for it, and how it takes turns.
//!
//! The figures of an environment come from the guide's table (step 3, noise reduction and VAD).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::script::Script;

/// Characters of a robot's name.
pub const NAME_CHARS_MAX: usize = 100;
/// Characters of an opening, a prompt or a phrase.
pub const SPEECH_CHARS_MAX: usize = 2_000;
/// Phrases or words of one list.
pub const LIST_MAX: usize = 100;
/// The silence that ends an expression where no robot says otherwise, in milliseconds.
pub const END_OF_SPEECH_MS: u32 = 800;
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
}

/// Who thinks for a robot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentConfig {
    /// The built-in agent: intents by keywords and patterns; needs no network.
    Scripted(Script),
}

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

/// Where the customers of a task are, typically (the guide's table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Low noise, distant chatter.
    Office,
    /// Occasional sounds: television, children.
    Home,
    /// Traffic and wind.
    OutdoorStreet,
    /// Mechanical noise and many speakers.
    SubwayBus,
    /// Machines and impacts.
    IndustrialWarehouse,
    /// A closed space with low rumble.
    InCar,
}

impl Environment {
    /// Every environment, in the order of the guide's table.
    pub const ALL: [Self; 6] = [
        Self::Office,
        Self::Home,
        Self::OutdoorStreet,
        Self::SubwayBus,
        Self::IndustrialWarehouse,
        Self::InCar,
    ];

    /// The figures that the guide recommends; everything else stays at its default.
    #[must_use]
    pub fn preset(self) -> TurnSettings {
        let (noise_reduction, end_of_speech_ms, asr) = match self {
            Self::Office => (NoiseReduction::Low, 500, 0.5),
            Self::Home => (NoiseReduction::Medium, 800, 0.7),
            Self::OutdoorStreet => (NoiseReduction::High, 800, 1.0),
            Self::SubwayBus => (NoiseReduction::High, 1_000, 1.0),
            Self::IndustrialWarehouse => (NoiseReduction::VeryHigh, 1_200, 1.0),
            Self::InCar => (NoiseReduction::Medium, 800, 0.7),
        };
        TurnSettings { noise_reduction, end_of_speech_ms, asr, ..TurnSettings::default() }
    }
}

/// One thing wrong with a robot's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer into the configuration.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
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
        self.turn.check_into(&mut faults);
        faults.0
    }

    /// What it says of its own, beside its agent: commands in it are obeyed as they are in an agent's text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let asks = self.turn.no_input.enabled && self.turn.no_input.max > 0;
        let prompts = self.turn.no_input.prompts.iter().filter(move |_| asks);
        [&self.opening].into_iter().chain(prompts).map(String::as_str)
    }

    /// The signs of listening that it gives: variables are put in, and nothing in them is obeyed.
    pub fn signs(&self) -> impl Iterator<Item = &str> {
        let backchannel = &self.turn.backchannel;
        backchannel.phrases.iter().filter(|_| backchannel.enabled).map(String::as_str)
    }
}

impl TurnSettings {
    fn check_into(&self, faults: &mut Faults) {
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

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.to_owned(), detail: detail.into() });
    }

    fn range(&mut self, pointer: &str, value: u32, min: u32, max: u32) {
        if !(min..=max).contains(&value) {
            self.add(pointer, format!("must be between {min} and {max}"));
        }
    }

    fn list<'a>(&mut self, pointer: &str, texts: impl ExactSizeIterator<Item = &'a String>) {
        if texts.len() > LIST_MAX {
            self.add(pointer, format!("must have at most {LIST_MAX} entries"));
        }
        for (index, text) in texts.enumerate() {
            if text.trim().is_empty() || text.chars().count() > SPEECH_CHARS_MAX {
                let detail = format!("must have 1 to {SPEECH_CHARS_MAX} characters");
                self.add(&format!("{pointer}/{index}"), detail);
            }
        }
    }
}

fn words(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [&str; 0] = [];

    fn robot() -> RobotConfig {
        RobotConfig {
            name: "Anna".into(),
            opening: "Hello".into(),
            agent: AgentConfig::Scripted(Script {
                intents: Vec::new(),
                fallback: Vec::new(),
                thinks_ms: 0,
                prepared: crate::script::Prepared::default(),
            }),
            turn: TurnSettings::default(),
        }
    }

    #[test]
    fn the_guides_table_of_environments() {
        let table = Environment::ALL.map(|environment| {
            let turn = environment.preset();
            (turn.noise_reduction, turn.end_of_speech_ms, turn.asr)
        });
        assert_eq!(
            table,
            [
                (NoiseReduction::Low, 500, 0.5),
                (NoiseReduction::Medium, 800, 0.7),
                (NoiseReduction::High, 800, 1.0),
                (NoiseReduction::High, 1_000, 1.0),
                (NoiseReduction::VeryHigh, 1_200, 1.0),
                (NoiseReduction::Medium, 800, 0.7),
            ]
        );
    }

    #[test]
    fn every_preset_is_right_as_it_is() {
        for environment in Environment::ALL {
            let config = RobotConfig { turn: environment.preset(), ..robot() };
            assert_eq!(config.check(), [], "{environment:?}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_named_by_its_place() {
        let mut config = robot();
        config.name = " ".into();
        config.turn.end_of_speech_ms = 20;
        config.turn.asr = f32::NAN;
        config.turn.no_input.after_ms = 0;
        config.turn.backchannel.enabled = true;
        config.turn.backchannel.phrases = Vec::new();
        let pointers: Vec<String> = config.check().into_iter().map(|f| f.pointer).collect();
        assert_eq!(
            pointers,
            [
                "/name",
                "/turn/end_of_speech_ms",
                "/turn/backchannel/phrases",
                "/turn/no_input/after_ms",
                "/turn/asr"
            ]
        );
    }

    fn pointers(change: impl FnOnce(&mut RobotConfig)) -> Vec<String> {
        let mut config = robot();
        change(&mut config);
        config.check().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn texts_and_lists_may_be_as_long_as_they_say() {
        let phrases = |count: usize| vec!["Okay".to_owned(); count];
        assert_eq!(pointers(|robot| robot.name = "n".repeat(100)), NOTHING);
        assert_eq!(pointers(|robot| robot.name = "n".repeat(101)), ["/name"]);
        assert_eq!(pointers(|robot| robot.opening = "好".repeat(2_000)), NOTHING);
        assert_eq!(pointers(|robot| robot.opening = "好".repeat(2_001)), ["/opening"]);
        let list = "/turn/backchannel/phrases";
        assert_eq!(pointers(|robot| robot.turn.backchannel.phrases = phrases(100)), NOTHING);
        assert_eq!(pointers(|robot| robot.turn.backchannel.phrases = phrases(101)), [list]);
        for (phrase, wrong) in
            [("好".repeat(2_000), false), ("好".repeat(2_001), true), (" ".into(), true)]
        {
            let pointers = pointers(|robot| {
                robot.turn.backchannel.phrases = vec!["Okay".into(), phrase];
            });
            assert_eq!(pointers.contains(&format!("{list}/1")), wrong);
        }
    }

    #[test]
    fn what_is_switched_off_needs_no_phrase_and_no_prompt() {
        assert_eq!(pointers(|robot| robot.turn.backchannel.phrases = Vec::new()), NOTHING);
        for (enabled, max, wrong) in [(true, 1, 1), (true, 0, 0), (false, 2, 0)] {
            let pointers = pointers(|robot| {
                robot.turn.no_input =
                    NoInput { enabled, max, prompts: Vec::new(), ..NoInput::default() };
            });
            assert_eq!(pointers, vec!["/turn/no_input/prompts"; wrong], "{enabled} {max}");
        }
    }

    #[test]
    fn settings_that_are_left_out_take_their_defaults() {
        let json = serde_json::json!({"accumulation": false, "interruption": {"min_words": 3}});
        let turn: TurnSettings = serde_json::from_value(json).expect("it is right");
        assert!(!turn.accumulation);
        assert_eq!((turn.interruption.min_words, turn.interruption.min_ms), (3, 500));
        assert_eq!(turn.no_input, NoInput::default());
    }
}
