//! After the call: intent tags, captured information and the process hang-up point, by rules.

use std::collections::BTreeMap;

use crate::navigation::Published;
use crate::robot::AgentConfig;
use crate::script::{self, Script};
use crate::transcript::{Line, Speaker};

/// What is known of a conversation after it was looked through again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Insight {
    pub intent_tags: Vec<String>,
    pub captures: BTreeMap<String, String>,
    pub process_hangup_point: String,
}

/// Look through a conversation: what the agent found in the call stays, what the rules find in the whole of
/// what the customer said is added. Rules that belong to a step of the talk are left to the call itself.
pub fn analyze(content: &Published, transcript: &[Line], found: Insight) -> Insight {
    let mut insight = found;
    for robot in content.robots.values() {
        let AgentConfig::Scripted(script) = &robot.agent;
        let anywhere = Script {
            intents: script
                .intents
                .iter()
                .filter(|intent| intent.when.is_none())
                .cloned()
                .collect(),
            fallback: vec![String::new()],
            thinks_ms: 0,
        };
        for line in transcript.iter().filter(|line| line.speaker == Speaker::Customer) {
            add(&mut insight, &script::reply(&anywhere, &line.text, &BTreeMap::new()));
        }
    }
    insight
}

fn add(insight: &mut Insight, reply: &str) {
    use crate::command::{Action, Piece};
    for piece in crate::command::parse(reply) {
        match piece {
            Piece::Act(Action::Tag(tag)) if !insight.intent_tags.contains(&tag) => {
                insight.intent_tags.push(tag);
            }
            Piece::Act(Action::Set { name, value }) if !name.starts_with('_') => {
                insight.captures.entry(name).or_insert(value);
            }
            _ => {}
        }
    }
}
