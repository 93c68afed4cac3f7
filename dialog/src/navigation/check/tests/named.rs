//! What a navigation names beside its robots: sounds and providers, and the nodes that do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{Navigation, publish};
use super::robots;
use crate::navigation::{NodeKind, Published, PublishedSound, Resources};
use crate::robot::{Need, RobotConfig};

fn resources() -> Resources {
    let sound = |name: &str| {
        let sound = PublishedSound { object: format!("sounds/{name}"), duration_ms: 1_200 };
        (name.to_owned(), sound)
    };
    let provider = |(name, need): (&str, Need)| (name.to_owned(), need);
    Resources {
        robots: robots(),
        sounds: ["welcome", "music", "unused"].map(sound).into(),
        providers: [("crm", Need::Call), ("ears", Need::Hear), ("mind", Need::Think)]
            .map(provider)
            .into(),
    }
}

/// A navigation of these nodes, one after the other.
fn flow(nodes: Value) -> Navigation {
    let start = nodes[0]["name"].clone();
    let flow = json!({"name": "flow", "start": start, "nodes": nodes});
    serde_json::from_value(flow).expect("a navigation")
}

fn problems(nodes: Value, has: &Resources) -> Vec<String> {
    let problems = publish(&flow(nodes), has).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{} {}", problem.pointer, problem.code)).collect()
}

#[test]
fn nodes_play_sounds_that_are_published_with_them() {
    let nodes = json!([
        {"name": "hold", "kind": "queue_message", "sound": "music", "next": "hello"},
        {"name": "hello", "kind": "play", "sound": "welcome", "text": "Welcome to us.", "next": "ask"},
        {"name": "ask", "kind": "menu", "sound": "welcome", "choices": {"1": "end"}},
        {"name": "end", "kind": "hangup"},
    ]);
    let published = publish(&flow(nodes), &resources()).expect("it is whole");
    let names: Vec<&str> = published.sounds.keys().map(String::as_str).collect();
    assert_eq!(names, ["music", "welcome"], "a sound that no node names is not kept");
    assert_eq!(published.sounds["music"].object, "sounds/music");
    let kept = serde_json::to_value(&published).expect("JSON");
    assert_eq!(
        serde_json::from_value::<Published>(kept.clone()).expect("it reads back"),
        published
    );
    // One that was published before there were sounds.
    let mut before = kept;
    before.as_object_mut().expect("an object").remove("sounds");
    assert_eq!(serde_json::from_value::<Published>(before).expect("it reads").sounds.len(), 0);
}

#[test]
fn a_sound_that_is_not_there_and_a_node_that_says_nothing_are_told() {
    for (node, wrong) in [
        (json!({"kind": "play", "text": "Hello."}), ""),
        (json!({"kind": "play", "sound": "gone"}), "/nodes/0/sound unknown_sound"),
        (json!({"kind": "play"}), "/nodes/0/text nothing_to_say"),
        (json!({"kind": "play", "text": " "}), "/nodes/0/text nothing_to_say"),
        (json!({"kind": "queue_message"}), "/nodes/0/text nothing_to_say"),
        (json!({"kind": "queue_message", "sound": ""}), "/nodes/0/sound unknown_sound"),
        (json!({"kind": "menu", "choices": {"1": "a"}}), "/nodes/0/prompt nothing_to_say"),
        (
            json!({"kind": "menu", "choices": {"1": "a"}, "prompt": "One?", "sound": "gone"}),
            "/nodes/0/sound unknown_sound",
        ),
        (
            json!({"kind": "play", "sound": "welcome", "text": "x".repeat(2_001)}),
            "/nodes/0/text too_long",
        ),
        (
            json!({"kind": "play", "sound": "welcome", "text": "Hello {{who}}."}),
            "/nodes/0 unknown_variable",
        ),
    ] {
        let mut node = node;
        node["name"] = json!("a");
        assert_eq!(problems(json!([node]), &resources()).join(", "), wrong, "{node}");
    }
}

/// An `http` node with what is changed, and a node that speaks of what it has found.
fn look_up(change: Value) -> Value {
    let mut node = json!({"name": "a", "kind": "http", "provider": "crm", "path": "/customers",
        "save": {"customer": "/data/0/name"}, "next": "say"});
    node.as_object_mut().expect("an object").extend(change.as_object().expect("too").clone());
    json!([node, {"name": "say", "kind": "play", "text": "Hello {{customer}}."}])
}

#[test]
fn an_http_node_asks_a_system_and_sets_variables() {
    let nodes = look_up(json!({}));
    let published = publish(&flow(nodes), &resources()).expect("it is whole");
    let NodeKind::Http { timeout_ms, otherwise, body, .. } = &published.navigation.nodes[0].kind
    else {
        panic!("another node");
    };
    assert_eq!((*timeout_ms, otherwise, body), (3_000, &None, &None));
}

#[test]
fn whatever_is_wrong_with_an_http_node_is_told_by_its_place() {
    let saved = |count: usize| {
        let all = (0..count).map(|n| (format!("v{n}"), json!("/x")));
        let mut all: serde_json::Map<String, Value> = all.collect();
        all.insert("customer".into(), json!(""));
        json!({"save": all})
    };
    for (change, wrong) in [
        (json!({"method": "post", "body": "{\"day\": \"{{weekday}}\"}"}), ""),
        (json!({"path": "/customers?phone={{customer}}"}), ""),
        (json!({"timeout_ms": 100}), ""),
        (json!({"timeout_ms": 10_000}), ""),
        (saved(19), ""),
        (json!({"provider": "gone"}), "/nodes/0/provider unknown_provider"),
        (json!({"provider": "ears"}), "/nodes/0/provider wrong_provider"),
        (json!({"path": "customers"}), "/nodes/0/path not_a_path"),
        (json!({"path": "/../admin"}), "/nodes/0/path not_a_path"),
        (json!({"path": "/a#b"}), "/nodes/0/path not_a_path"),
        (json!({"path": "/a\r\nHost: b"}), "/nodes/0/path not_a_path"),
        (json!({"path": format!("/{}", "x".repeat(500))}), "/nodes/0/path not_a_path"),
        (json!({"body": "x"}), "/nodes/0/body not_sent"),
        (json!({"method": "put", "body": "x".repeat(2_001)}), "/nodes/0/body too_long"),
        (saved(20), "/nodes/0/save count"),
        (json!({"save": {"customer": "data/name"}}), "/nodes/0/save/customer not_a_pointer"),
        (json!({"save": {"customer": "/a~2"}}), "/nodes/0/save/customer not_a_pointer"),
        (json!({"save": {"customer": "/a~"}}), "/nodes/0/save/customer not_a_pointer"),
        (
            json!({"save": {"customer": format!("/{}", "x".repeat(200))}}),
            "/nodes/0/save/customer not_a_pointer",
        ),
        (json!({"save": {"customer": "", "intent": ""}}), "/nodes/0/save/intent not_a_name"),
        (json!({"timeout_ms": 99}), "/nodes/0/timeout_ms range"),
        (json!({"timeout_ms": 10_001}), "/nodes/0/timeout_ms range"),
        (json!({"otherwise": "gone"}), "/nodes/0/otherwise missing_target"),
        (json!({"next": "gone", "otherwise": "say"}), "/nodes/0/next missing_target"),
        (json!({"path": "/{{city}}"}), "/nodes/0 unknown_variable"),
        (json!({"method": "post", "body": "{{city}}"}), "/nodes/0 unknown_variable"),
        (json!({"save": {}}), "/nodes/1 unknown_variable"),
    ] {
        let found = problems(look_up(change.clone()), &resources());
        assert_eq!(found.join(", "), wrong, "{change}");
    }
}

#[test]
fn the_providers_of_a_robot_are_there_and_of_the_kind_that_it_needs() {
    let robot = |change: Value| -> RobotConfig {
        let mut robot = json!({"name": "Anna", "agent": {
            "kind": "llm", "providers": ["mind"], "prompt": "You are Anna.",
            "tools": [{"name": "order", "description": "Finds it.", "provider": "crm", "path": "/o"}]},
            "speech": {"recognisers": ["ears"]}});
        robot.as_object_mut().expect("an object").extend(change.as_object().expect("too").clone());
        serde_json::from_value(robot).expect("a robot")
    };
    for (change, wrong) in [
        (json!({}), ""),
        (
            json!({"speech": {"recognisers": ["ears", "gone"]}}),
            "the enterprise has no provider `gone` (of kind `recogniser`)",
        ),
        (
            json!({"speech": {"synthesisers": ["mind"]}}),
            "the provider `mind` is of kind `agent`, and one of kind `synthesiser` is needed",
        ),
    ] {
        let mut has = resources();
        has.robots = BTreeMap::from([("anna".to_owned(), robot(change.clone()))]);
        let nodes = json!([{"name": "talk", "kind": "agent", "robot": "anna"}]);
        let found = publish(&flow(nodes), &has).err().unwrap_or_default();
        let told: Vec<&str> = found.iter().map(|problem| &*problem.detail).collect();
        assert_eq!(told.join(", "), wrong, "{change}");
        assert!(found.iter().all(|problem| problem.pointer == "/nodes/0/robot"), "{found:?}");
    }
}
