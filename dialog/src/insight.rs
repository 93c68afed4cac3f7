//! After the call: intent tags, captured information and the process hang-up point, by rules.

use std::collections::BTreeMap;

use crate::navigation::Published;
use crate::reply::Reply;
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
        let Some(script) = robot.agent.script() else { continue };
        let anywhere = Script {
            intents: script
                .intents
                .iter()
                .filter(|intent| intent.when.is_none())
                .cloned()
                .collect(),
            fallback: vec![String::new()],
            thinks_ms: 0,
            prepared: script::Prepared::default(),
        };
        for line in transcript.iter().filter(|line| line.speaker == Speaker::Customer) {
            add(&mut insight, script::reply(&anywhere, &line.text, &BTreeMap::new()));
        }
    }
    insight
}

fn add(insight: &mut Insight, reply: Reply) {
    use crate::command::{Action, Piece};
    let (mut tags, mut captures) = (reply.tags, Vec::from_iter(reply.captures));
    for piece in crate::command::parse(&reply.text) {
        match piece {
            Piece::Act(Action::Tag(tag)) => tags.push(tag),
            Piece::Act(Action::Set { name, value }) => captures.push((name, value)),
            _ => {}
        }
    }
    for tag in tags {
        if !insight.intent_tags.contains(&tag) {
            insight.intent_tags.push(tag);
        }
    }
    for (name, value) in captures.into_iter().filter(|(name, _)| !name.starts_with('_')) {
        insight.captures.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content() -> Published {
        let content = json!({
            "navigation": { "name": "n", "start": "talk", "nodes": [] },
            "robots": { "anna": { "name": "Anna", "agent": {
                "kind": "scripted",
                "intents": [
                    { "name": "vip", "keywords": ["gold"], "next_step": "sure", "reply": "Fine." },
                    { "name": "moved", "patterns": ["to (?P<newTime>[0-9]+ pm)"], "reply": "" },
                    { "name": "sure", "keywords": ["yes"], "when": "sure", "reply": "" },
                ],
                "fallback": ["{tag lost}Pardon?"],
            } } },
        });
        serde_json::from_value(content).expect("it is right")
    }

    fn said(speaker: Speaker, text: &str) -> Line {
        Line {
            at_ms: 0,
            speaker,
            text: text.into(),
            cut: false,
            heard_ms: None,
            start_ms: 0,
            end_ms: 0,
        }
    }

    #[test]
    fn what_the_rules_find_is_added_to_what_the_agent_found() {
        let transcript = [
            said(Speaker::Robot, "Are you a gold customer?"),
            said(Speaker::Customer, "yes, move it to 3 pm"),
            said(Speaker::Customer, "no, to 4 pm"),
            said(Speaker::Customer, "what"),
        ];
        let insight = analyze(&content(), &transcript, Insight::default());
        assert_eq!(insight.intent_tags, ["moved"], "once, and not what the robot said");
        assert_eq!(insight.captures, BTreeMap::from([("newTime".into(), "3 pm".into())]));

        let found = Insight {
            intent_tags: vec!["moved".into()],
            captures: BTreeMap::from([("newTime".into(), "5 pm".into())]),
            process_hangup_point: "talk".into(),
        };
        let gold =
            [said(Speaker::Customer, "gold, and to 3 pm"), said(Speaker::Customer, "to 3 pm")];
        let insight = analyze(&content(), &gold, found);
        assert_eq!(insight.intent_tags, ["moved", "vip"]);
        assert_eq!(
            insight.captures,
            BTreeMap::from([("newTime".into(), "5 pm".into())]),
            "the agent knows better, and a step is no capture"
        );
        assert_eq!(insight.process_hangup_point, "talk");
    }
}
