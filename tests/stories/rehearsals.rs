//! A robot is talked with in text before it calls anybody.

use harness::campaign::refusal;
use harness::{World, ask};
use serde_json::{Value, json};

use crate::command_line::said;

async fn host(world: &World) -> String {
    let robot = json!({"name": "host", "opening": "Hello {{name}}. May I come on Monday?", "agent": {
    "kind": "scripted", "fallback": ["Pardon?"], "intents": [
        {"name": "day", "patterns": ["(?i)\\bon (?P<day>\\w+)"], "reply": "{{day}} it is. #Hangup#"},
        {"name": "person", "keywords": ["person"], "reply": "Hold the line. #Transfer to Agent#"},
        {"name": "never", "keywords": ["never"], "reply": "#DoNotCall#"},
    ]}});
    world.made("robots", robot).await
}

fn told(talk: &Value) -> Vec<String> {
    let lines = talk["transcript"].as_array().expect("a list").iter();
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    lines.map(|line| format!("{}: {}", text(line, "speaker"), text(line, "text"))).collect()
}

#[tokio::test]
async fn a_robot_is_talked_with_and_nobody_is_called() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let robot = host(&world).await;
    let path = format!("robots/{robot}/rehearse");
    let opened = world.post(&path, json!({"variables": {"name": "Ms. Li"}})).await;
    assert_eq!(told(&opened).join(" "), "robot: Hello Ms. Li. May I come on Monday?");
    assert_eq!((&opened["outcome"], &opened["turns"]), (&json!("goes_on"), &json!(0)));
    let said = json!(["What?", "rather on Tuesday", "Hello?"]);
    let ended = world.post(&path, json!({"said": said, "variables": {"name": "Ms. Li"}})).await;
    assert_eq!(
        told(&ended)[1..],
        [
            "customer: What?",
            "robot: Pardon?",
            "customer: rather on Tuesday",
            "robot: Tuesday it is."
        ]
    );
    assert_eq!((&ended["outcome"], &ended["left_by"]), (&json!("ended"), &Value::Null));
    assert_eq!(
        (&ended["intent_tags"], &ended["captures"]),
        (&json!(["day"]), &json!({"day": "Tuesday"}))
    );
    assert!(ended["log"].as_array().expect("a log").iter().any(|entry| entry["kind"] == "command"));
    let left = world.post(&path, json!({"said": ["a person, please"]})).await;
    assert_eq!(
        (&left["outcome"], &left["left_by"], &left["transferred"]),
        (&json!("left"), &json!("Transfer to Agent"), &json!(true))
    );
    let never = world.post(&path, json!({"said": ["never again"]})).await;
    assert_eq!((&never["outcome"], &never["do_not_call"]), (&json!("ended"), &json!(true)));
    assert_eq!(world.get("suppressions").await["data"], json!([]));
    assert_eq!(world.get("records").await["data"], json!([]));
    let done = world.get(&format!("audit?target={robot}")).await;
    assert_eq!(done["data"][0]["action"], "robot.rehearse");
    assert_eq!(done["data"][0]["detail"]["said"], 1, "{}", done["data"][0]);
    world.end().await;
}

#[tokio::test]
async fn a_rehearsal_has_bounds_and_needs_a_script() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let path = format!("robots/{}/rehearse", host(&world).await);
    for (body, pointer, code) in [
        (json!({"said": vec!["yes"; 51]}), "/said", "too_many"),
        (json!({"said": ["yes", "a".repeat(501)]}), "/said/1", "too_long"),
        (json!({"variables": {"name": "a".repeat(1_001)}}), "/variables/name", "too_long"),
    ] {
        let answer = ask(&world.api, "POST", &path, body).await;
        let (told, _) = refusal(&(answer.status, answer.json()));
        assert_eq!(told, format!("422 {pointer} {code}"));
    }
    let viewer = world.key("viewer", &[]).await;
    assert_eq!(ask(&viewer, "POST", &path, json!({})).await.status, 403);
    let robot = json!({"name": "model", "agent": {"kind": "llm", "providers": ["m"], "prompt": "Be kind."}});
    let robot = world.made("robots", robot).await;
    let refused = ask(&world.api, "POST", &format!("robots/{robot}/rehearse"), json!({})).await;
    assert_eq!(refused.told(), "409 robot_not_scripted");
    world.end().await;
}

#[tokio::test]
async fn a_person_types_what_a_customer_would_say() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let robot = host(&world).await;
    let typed =
        said(&world, &["rehearse", &robot, "--variable", "name=Ms. Li"], "What?\non Friday\n")
            .await;
    assert_eq!(
        typed,
        "Robot: Hello Ms. Li. May I come on Monday?\nRobot: Pardon?\nRobot: Friday it is.\n\
         The call ended.\nIntents: day\nCaptures: day=Friday\n"
    );
    let scripted =
        said(&world, &["rehearse", &robot, "--say", "What?", "--say", "a person"], "").await;
    assert!(scripted.ends_with("Customer: a person\nRobot: Hold the line.\nThe robot left by #Transfer to Agent#.\nIntents: person\n"), "{scripted}");
    world.end().await;
}
