use super::*;
use crate::script::Script;

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
        speech: SpeechSettings::default(),
        apology: apology(),
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
