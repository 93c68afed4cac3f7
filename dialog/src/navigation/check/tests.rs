use serde_json::{Value, json};

use super::*;
use crate::robot::{AgentConfig, RobotConfig};

mod named;

/// Publish for an enterprise that has these robots, and nothing else to name.
fn publish(
    draft: &Navigation,
    robots: &BTreeMap<String, RobotConfig>,
) -> Result<Published, Vec<Problem>> {
    super::publish(draft, &Resources { robots: robots.clone(), ..Resources::default() })
}

fn robots() -> BTreeMap<String, RobotConfig> {
    let robot = json!({
        "name": "Reminder",
        "opening": "Hello {{customerName}}",
        "agent": {"kind": "scripted", "intents": [
            {"name": "yes", "keywords": ["yes"], "reply": "Good. #Hangup#"},
            {"name": "person", "keywords": ["person"], "reply": "#Transfer to Agent#"},
        ], "fallback": ["Pardon?"]},
    });
    let robot = serde_json::from_value(robot).expect("a robot");
    [("reminder".to_owned(), robot)].into()
}

fn draft(change: impl FnOnce(&mut Value)) -> Navigation {
    let mut draft = json!({
        "name": "Reminder",
        "variables": [{"name": "customerName", "required": true}],
        "start": "talk",
        "nodes": [
            {"name": "talk", "kind": "agent", "robot": "reminder", "edges": {"Transfer to Agent": "sorry"}},
            {"name": "sorry", "kind": "play", "text": "All are busy, {{customerName}}.", "next": "end"},
            {"name": "end", "kind": "hangup"},
        ],
    });
    change(&mut draft);
    serde_json::from_value(draft).expect("a navigation")
}

#[test]
fn a_transfer_names_one_of_its_three_and_keeps_to_its_times() {
    let draft = |node: Value| -> Navigation {
        serde_json::from_value(json!({"name": "n", "start": "a", "nodes": [node]})).unwrap()
    };
    let problems = |node| match publish(&draft(node), &BTreeMap::new()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| problem.pointer).collect::<Vec<_>>(),
    };
    for (node, pointers) in [
        (json!({"name": "a", "kind": "transfer", "skill": "billing"}), vec![]),
        (json!({"name": "a", "kind": "transfer"}), vec!["/nodes/0/skill"]),
        (
            json!({"name": "a", "kind": "transfer", "skill": "x", "number": "1"}),
            vec!["/nodes/0/number"],
        ),
        (
            json!({"name": "a", "kind": "transfer", "skill": "x", "ring_seconds": 4, "wait_seconds": 601}),
            vec!["/nodes/0/ring_seconds", "/nodes/0/wait_seconds"],
        ),
        (
            json!({"name": "a", "kind": "transfer", "skill": "x", "otherwise": "b"}),
            vec!["/nodes/0/otherwise"],
        ),
        (
            json!({"name": "a", "kind": "queue_message", "text": "{{who}}", "every_seconds": 0}),
            vec!["/nodes/0/every_seconds", "/nodes/0"],
        ),
        (
            json!({"name": "a", "kind": "callback", "after_minutes": 0}),
            vec!["/nodes/0/after_minutes"],
        ),
        (json!({"name": "a", "kind": "callback", "after_minutes": 43_200}), vec![]),
    ] {
        assert_eq!(problems(node.clone()), pointers, "{node}");
    }
}

#[test]
fn a_whole_navigation_is_published_with_its_robots() {
    let published = publish(&draft(|_| ()), &robots()).expect("it is whole");
    assert_eq!(published.robots.len(), 1);
    assert_eq!(published.variables()[0].name, "customerName");
}

/// A navigation with every kind of node, at the bounds of what is right.
fn every_kind(change: impl FnOnce(&mut Value)) -> Navigation {
    let mut draft = json!({
        "name": "n".repeat(64),
        "variables": [{"name": "customerName"}],
        "start": "talk",
        "nodes": [
            {"name": "talk", "kind": "agent", "robot": "reminder",
             "edges": {"Transfer to Agent": "ask"}, "next": "ask"},
            {"name": "ask", "kind": "menu", "prompt": "Press 1, {{customerName}}.",
             "choices": {"1": "choose", "*": "end", "#": "end"}, "wait_ms": 500, "retries": 5,
             "otherwise": "other"},
            {"name": "choose", "kind": "branch", "otherwise": "end", "cases": [
                {"variable": "intent", "test": "is", "value": "yes", "next": "keep"}]},
            {"name": "keep", "kind": "set", "variables": {"greeting": "Hi {{customerName}}"},
             "next": "say"},
            {"name": "say", "kind": "play", "text": "{{greeting}} {{newTime}}", "next": "end"},
            {"name": "other", "kind": "play", "text": "x".repeat(2_000)},
            {"name": "end", "kind": "hangup"},
        ],
    });
    change(&mut draft);
    serde_json::from_value(draft).expect("a navigation")
}

/// The robot with another reply to `yes`, and as many others as are asked for.
fn robots_that_say(reply: &str) -> BTreeMap<String, RobotConfig> {
    let mut robots = robots();
    for (id, robot) in [("reminder", reply), ("other", "Bye. #nowhere#")] {
        let mut talks = robots["reminder"].clone();
        let AgentConfig::Scripted(script) = &mut talks.agent else { panic!("a script") };
        script.intents[0].patterns = vec!["(?P<newTime>[0-9]+) pm".into()];
        script.intents[0].reply = robot.to_owned();
        robots.insert(id.to_owned(), talks);
    }
    robots
}

#[test]
fn every_kind_of_node_is_right_at_its_bounds() {
    let robots = robots_that_say("Good. #hang up# {tag yes}");
    let published = publish(&every_kind(|_| ()), &robots).expect("it is whole");
    let kept: Vec<&str> = published.robots.keys().map(String::as_str).collect();
    assert_eq!(kept, ["reminder"], "a robot that no node names is not kept");
    type Change = fn(&mut Value);
    let cases: [Change; 6] = [
        |draft| draft["nodes"][1]["wait_ms"] = json!(60_000),
        |draft| draft["nodes"][2]["cases"] = json!(vec![&draft["nodes"][2]["cases"][0]; 50]),
        |draft| {
            let edges = &mut draft["nodes"][0]["edges"];
            (0..49).for_each(|at| edges[format!("edge {at}")] = json!("end"));
        },
        |draft| {
            let names = (0..99).map(|at| json!({"name": format!("column {at}")}));
            draft["variables"].as_array_mut().expect("a list").extend(names);
        },
        |draft| {
            let nodes = draft["nodes"].as_array_mut().expect("a list");
            nodes[5]["next"] = json!("more 0");
            let more = |at: usize| {
                json!({"name": format!("more {at}"), "kind": "play",
                "text": "And.", "next": format!("more {}", (at + 1) % 193)})
            };
            nodes.extend((0..193).map(more));
        },
        |draft| draft["nodes"][4]["text"] = json!("{{weekday}} {{local_time}} {{intent}}"),
    ];
    for (at, change) in cases.into_iter().enumerate() {
        let problems = publish(&every_kind(change), &robots).err().unwrap_or_default();
        assert_eq!(problems, [], "{at}");
    }
}

#[test]
fn every_bound_of_a_node_and_every_way_out_of_it_is_checked() {
    type Change = fn(&mut Value);
    let cases: [(&str, &str, Change); 34] = [
        ("/name", "length", |draft| draft["name"] = json!("")),
        ("/name", "length", |draft| draft["name"] = json!("n".repeat(65))),
        ("/nodes", "count", |draft| draft["nodes"] = json!([])),
        ("/nodes", "count", |draft| {
            draft["nodes"] = json!(vec![json!({"name": "talk", "kind": "hangup"}); 201]);
        }),
        ("/variables", "count", |draft| {
            draft["variables"] = json!(vec![json!({"name": "x"}); 101]);
        }),
        ("/variables/0/name", "not_a_name", |draft| {
            draft["variables"][0]["name"] = json!("_step");
        }),
        ("/variables/0/name", "built_in", |draft| {
            draft["variables"][0]["name"] = json!("weekday");
        }),
        ("/variables/1/name", "duplicate", |draft| {
            draft["variables"] = json!([{"name": "city"}, {"name": "city"}]);
        }),
        ("/nodes/6/name", "length", |draft| draft["nodes"][6]["name"] = json!("")),
        ("/nodes/6/name", "length", |draft| draft["nodes"][6]["name"] = json!("e".repeat(65))),
        ("/nodes/1/choices", "count", |draft| draft["nodes"][1]["choices"] = json!({})),
        ("/nodes/1/choices/12", "not_a_digit", |draft| {
            draft["nodes"][1]["choices"]["12"] = json!("end");
        }),
        ("/nodes/1/choices/x", "not_a_digit", |draft| {
            draft["nodes"][1]["choices"]["x"] = json!("end");
        }),
        ("/nodes/1/wait_ms", "range", |draft| draft["nodes"][1]["wait_ms"] = json!(499)),
        ("/nodes/1/wait_ms", "range", |draft| draft["nodes"][1]["wait_ms"] = json!(60_001)),
        ("/nodes/1/retries", "range", |draft| draft["nodes"][1]["retries"] = json!(6)),
        ("/nodes/1/prompt", "too_long", |draft| {
            draft["nodes"][1]["prompt"] = json!("x".repeat(2_001));
        }),
        ("/nodes/5/text", "too_long", |draft| {
            draft["nodes"][5]["text"] = json!("x".repeat(2_001));
        }),
        ("/nodes/2/cases", "count", |draft| draft["nodes"][2]["cases"] = json!([])),
        ("/nodes/2/cases", "count", |draft| {
            draft["nodes"][2]["cases"] = json!(vec![&draft["nodes"][2]["cases"][0]; 51]);
        }),
        ("/nodes/3/variables/1x", "not_a_name", |draft| {
            draft["nodes"][3]["variables"]["1x"] = json!("");
        }),
        ("/nodes/3/variables/intent", "not_a_name", |draft| {
            draft["nodes"][3]["variables"]["intent"] = json!("");
        }),
        ("/nodes/3/variables/greeting", "too_long", |draft| {
            draft["nodes"][3]["variables"]["greeting"] = json!("x".repeat(2_001));
        }),
        ("/nodes/0/edges", "count", |draft| {
            let edges = &mut draft["nodes"][0]["edges"];
            (0..50).for_each(|at| edges[format!("edge {at}")] = json!("end"));
        }),
        ("/nodes/0/edges/x", "missing_target", |draft| {
            draft["nodes"][0]["edges"]["x"] = json!("gone");
        }),
        ("/nodes/0/next", "missing_target", |draft| draft["nodes"][0]["next"] = json!("gone")),
        ("/nodes/1/choices/2", "missing_target", |draft| {
            draft["nodes"][1]["choices"]["2"] = json!("gone");
        }),
        ("/nodes/1/otherwise", "missing_target", |draft| {
            draft["nodes"][1]["otherwise"] = json!("gone");
        }),
        ("/nodes/2/cases/0/next", "missing_target", |draft| {
            draft["nodes"][2]["cases"][0]["next"] = json!("gone");
        }),
        ("/nodes/2/otherwise", "missing_target", |draft| {
            draft["nodes"][2]["otherwise"] = json!("gone");
        }),
        ("/nodes/3/next", "missing_target", |draft| draft["nodes"][3]["next"] = json!("gone")),
        ("/nodes/1", "unknown_variable", |draft| {
            draft["nodes"][1]["prompt"] = json!("{{city}}");
        }),
        ("/nodes/2", "unknown_variable", |draft| {
            draft["nodes"][2]["cases"][0]["variable"] = json!("city");
        }),
        ("/nodes/3", "unknown_variable", |draft| {
            draft["nodes"][3]["variables"]["greeting"] = json!("{{city}}");
        }),
    ];
    let robots = robots_that_say("Good. #Hangup#");
    for (at, (pointer, code, change)) in cases.into_iter().enumerate() {
        let problems = publish(&every_kind(change), &robots).expect_err(code);
        let hits = |problem: &Problem| problem.pointer == pointer && problem.code == code;
        assert!(problems.iter().any(hits), "{at}: {pointer} {code} is not in {problems:?}");
    }
}

#[test]
fn what_a_robot_may_say_is_checked_with_the_node_that_it_talks_in() {
    for (reply, wrong) in [
        ("Good. #Hangup#", ""),
        ("Good. #hang up#", ""),
        ("Never again. #DoNotCall#", ""),
        ("A moment. #transfer to agent#", ""),
        ("A moment. #sales#", "/nodes/0/edges missing_edge"),
        ("{dance}", "/nodes/0/robot unknown_command"),
        ("You live in {{city}}.", "/nodes/0 unknown_variable"),
        ("{set city=Wuxi}You live in {{city}}.", ""),
        (&"x".repeat(2_001), "/nodes/0/robot script"),
    ] {
        let problems = publish(&every_kind(|_| ()), &robots_that_say(reply));
        let problems = problems.err().unwrap_or_default();
        let found: Vec<String> =
            problems.iter().map(|p| format!("{} {}", p.pointer, p.code)).collect();
        assert_eq!(found.join(", "), wrong, "{reply}");
    }
    let mut robots = robots_that_say("Good. #Hangup#");
    robots.get_mut("reminder").expect("it is there").name = String::new();
    let problems = publish(&every_kind(|_| ()), &robots).expect_err("it has no name");
    assert_eq!((&*problems[0].pointer, problems[0].code), ("/nodes/0/robot", "robot"));
    assert_eq!(problems.len(), 1);
}

#[test]
fn what_a_robot_says_beside_its_agent_is_checked_too() {
    for (text, opening, prompt, sign) in [
        ("Hello, {{customerName}}.", "", "", ""),
        ("Hello. #Hangup#", "", "", ""),
        ("{set city=Wuxi}From {{city}}?", "", "", "/nodes/0 unknown_variable"),
        (
            "From {{city}}?",
            "/nodes/0 unknown_variable",
            "/nodes/0 unknown_variable",
            "/nodes/0 unknown_variable",
        ),
        ("To sales. #sales#", "/nodes/0/edges missing_edge", "/nodes/0/edges missing_edge", ""),
        ("We are #1!", "/nodes/0/robot unknown_command", "/nodes/0/robot unknown_command", ""),
    ] {
        type Place = fn(&mut RobotConfig, String);
        let places: [(&str, Place); 6] = [
            (opening, |robot, text| robot.opening = text),
            (prompt, |robot, text| robot.turn.no_input.prompts = vec![text]),
            (sign, |robot, text| {
                robot.turn.backchannel.phrases = vec![text];
                robot.turn.backchannel.enabled = true;
            }),
            // What is switched off is never said.
            ("", |robot, text| {
                robot.turn.no_input.prompts = vec![text];
                robot.turn.no_input.enabled = false;
            }),
            ("", |robot, text| {
                robot.turn.no_input.prompts = vec![text];
                robot.turn.no_input.max = 0;
            }),
            ("", |robot, text| robot.turn.backchannel.phrases = vec![text]),
        ];
        for (at, (wrong, put)) in places.into_iter().enumerate() {
            let mut robots = robots_that_say("Good. #Hangup#");
            put(robots.get_mut("reminder").expect("it is there"), text.to_owned());
            let problems = publish(&every_kind(|_| ()), &robots).err().unwrap_or_default();
            let found: Vec<String> =
                problems.iter().map(|p| format!("{} {}", p.pointer, p.code)).collect();
            assert_eq!(found.join(", "), wrong, "{at}: {text}");
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    type Change = fn(&mut Value);
    let cases: [(&str, &str, Change); 9] = [
        ("/start", "missing_target", |draft| draft["start"] = json!("nowhere")),
        ("/nodes/1/next", "missing_target", |draft| draft["nodes"][1]["next"] = json!("gone")),
        ("/nodes/2", "unreachable", |draft| draft["nodes"][1]["next"] = json!(null)),
        // Two that lead to each other, and that nobody comes to.
        ("/nodes/3", "unreachable", |draft| {
            let nodes = draft["nodes"].as_array_mut().expect("its nodes");
            nodes.push(json!({"name": "here", "kind": "play", "text": "Here", "next": "there"}));
            nodes.push(json!({"name": "there", "kind": "play", "text": "There", "next": "here"}));
        }),
        ("/nodes/0/robot", "unknown_robot", |draft| draft["nodes"][0]["robot"] = json!("nobody")),
        ("/nodes/0/edges", "missing_edge", |draft| {
            draft["nodes"][0]["edges"] = json!({"x": "sorry"})
        }),
        ("/nodes/1", "unknown_variable", |draft| draft["nodes"][1]["text"] = json!("{{city}}")),
        ("/nodes/2/name", "duplicate", |draft| draft["nodes"][2]["name"] = json!("talk")),
        ("/variables/0/name", "not_a_name", |draft| draft["variables"][0]["name"] = json!("1x")),
    ];
    for (pointer, code, change) in cases {
        let problems = publish(&draft(change), &robots()).expect_err(code);
        assert!(
            problems.iter().any(|problem| problem.pointer == pointer && problem.code == code),
            "{pointer} {code} is not in {problems:?}"
        );
    }
}
