//! Guide, step 3: the robot talks. Real conversations on the simulated line, twenty times as fast.

use std::io::Cursor;

use callwright::commands::demo_task;
use harness::files::read_csv;
use harness::{Answer, Line, World, eventually};
use reqwest::Method;
use serde_json::{Value, json};

/// One call, as its record and its conversation tell it.
pub struct Call {
    pub record: Value,
    pub transcript: Vec<Value>,
    pub log: Vec<Value>,
}

impl Call {
    /// What one side said, line by line.
    pub fn said(&self, speaker: &str) -> Vec<&str> {
        let lines = self.transcript.iter().filter(|line| line["speaker"] == speaker);
        lines.map(|line| line["text"].as_str().expect("words")).collect()
    }

    /// How often the interaction log has an entry of this kind.
    pub fn logged(&self, kind: &str) -> usize {
        self.log.iter().filter(|entry| entry["kind"] == kind).count()
    }

    fn tags(&self) -> Vec<&str> {
        self.record["intent_tags"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }
}

/// A world with the test drive reminders of the examples, and its task.
async fn dealership() -> (World, String) {
    let world = World::with("2026-12-01T10:00:00+08:00", 20, Line::Natural).await;
    let task = demo_task(&world.api, "reminders").await.expect("the demo's task");
    (world, task)
}

/// Call one number of this ending with the reminder, and hear what became of it.
pub async fn remind(world: &World, task: &str, end: &str) -> Call {
    let variables = json!({"customerName": "Ms. Li", "ModelName": "Tianrun X7", "appointmentTime": "9:00 AM on January 1"});
    let number = json!({"phone_number": format!("1380000{end}"), "variables": variables});
    world.import_numbers(task, &json!({"batch_name": end, "start": "auto"}), vec![number]).await;
    let phone = format!("+861380000{end}");
    let record = eventually("the call to end", || async {
        world.records(task).await.into_iter().find(|record| record["customer_number"] == phone)
    })
    .await;
    let path = format!("records/{}", record["id"].as_str().expect("an id"));
    // The analysis after the call is a job of its own.
    let conversation = eventually("the analysis", || async {
        let conversation = world.get(&format!("{path}/conversation")).await;
        (conversation["analyzed"] == true).then_some(conversation)
    })
    .await;
    let list = |name: &str| conversation[name].as_array().expect("a list").clone();
    Call { record: world.get(&path).await, transcript: list("transcript"), log: list("log") }
}

#[tokio::test]
async fn a_basic_conversation_is_told_turn_by_turn() {
    let (world, task) = dealership().await;
    let call = remind(&world, &task, "0001").await;
    let robot = call.said("robot");
    assert_eq!(
        robot[0],
        "Hello Ms. Li, this is a Tinet official consultant. Your scheduled Tianrun X7 test drive will begin at \
         9:00 AM on January 1. Will you be able to come?"
    );
    assert_eq!(call.said("customer")[0], "Yes, that works for me.");
    assert!(robot[1].starts_with("Perfect. Please arrive at the dealership on time"), "{robot:?}");

    let record = &call.record;
    assert_eq!(
        (&record["result"], &record["robot_answer_result"]),
        (&json!("answered"), &json!("robot_answered"))
    );
    assert_eq!(
        (&record["robot_name"], &record["interruptions"]),
        (&json!("reminders robot"), &json!(0))
    );
    assert!(record["turns"].as_u64() >= Some(1), "{record}");
    assert_eq!(call.tags(), ["confirm", "high intent"]);
    assert_eq!(
        (&record["opening_hangup_seconds"], &record["transferred"]),
        (&Value::Null, &json!(false))
    );
    assert!(record["robot_entered_at"].as_str() >= record["answered_at"].as_str(), "{record}");
    assert!(record["robot_ended_at"].as_str() <= record["ended_at"].as_str(), "{record}");

    // Commands are obeyed and never spoken.
    assert!(robot.iter().all(|words| !words.contains(['#', '{', '}'])), "{robot:?}");
    for kind in [
        "answered",
        "node_enter",
        "tts",
        "playback_start",
        "playback_stop",
        "speech_started",
        "asr_result",
        "agent_request",
        "agent_reply",
        "command",
    ] {
        assert!(call.logged(kind) > 0, "{kind} in {:?}", call.log);
    }
    let times: Vec<_> =
        call.log.iter().map(|entry| entry["at_ms"].as_u64().expect("a time")).collect();
    assert!(times.is_sorted(), "{times:?}");

    // The conversation text is exported whole: of conversations, and of call records where it is chosen.
    for content in ["conversations", "call_records"] {
        let options = json!({"task": task, "content": content, "format": "csv", "fields": ["id", "conversation_text"]});
        let export = world.exported(options).await;
        let path = format!("exports/{}/download", export["id"].as_str().expect("an id"));
        let rows = read_csv(&world.download(&path).await);
        assert_eq!((rows.len(), json!(rows[1][0])), (2, record["id"].clone()));
        let lines: Vec<&str> = rows[1][1].lines().collect();
        assert_eq!(lines.len(), call.transcript.len(), "{lines:?}");
        assert_eq!(lines[0], format!("[00:00] Robot: {}", robot[0]), "{content}");
        assert!(lines[1].ends_with("] Customer: Yes, that works for me."), "{lines:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn an_interruption_stops_the_robot_and_a_murmur_does_not() {
    let (world, task) = dealership().await;
    let impatient = remind(&world, &task, "0016").await;
    assert!(impatient.record["interruptions"].as_u64() >= Some(1), "{}", impatient.record);
    let opening = &impatient.transcript[0];
    assert_eq!((&opening["speaker"], &opening["cut"]), (&json!("robot"), &json!(true)));
    assert!(
        opening["text"].as_str().is_some_and(|text| text.ends_with('…') && text.len() < 120),
        "{opening}"
    );
    assert_eq!(impatient.said("customer")[0], "Wait, who is calling please?");
    assert!(
        impatient.log.iter().any(|entry| entry["kind"] == "interruption" && entry["valid"] == true)
    );

    let attentive = remind(&world, &task, "0023").await;
    assert_eq!(attentive.record["interruptions"], 0, "{}", attentive.record);
    assert_eq!(attentive.transcript[0]["cut"], false);
    assert!(
        attentive
            .log
            .iter()
            .any(|entry| entry["kind"] == "interruption" && entry["valid"] == false)
    );
    world.end().await;
}

#[tokio::test]
async fn a_hesitant_customer_is_heard_out() {
    let (world, task) = dealership().await;
    let call = remind(&world, &task, "0022").await;
    assert_eq!(
        call.said("customer")[..3],
        ["Well, I think", "the appointment", "is fine for me, yes."]
    );
    // The scripted agent answers at once, so each piece has its own answer, and the next piece stops it.
    // (Pieces that come while the agent still thinks: the stories of turn-taking.)
    assert!(call.record["interruptions"].as_u64() >= Some(1), "{}", call.record);
    assert!(
        call.said("robot").last().is_some_and(|words| words.starts_with("Perfect.")),
        "{:?}",
        call.said("robot")
    );
    assert!(call.tags().contains(&"confirm"), "{:?}", call.tags());
    world.end().await;
}

#[tokio::test]
async fn hash_commands_leave_the_agent_by_their_edge() {
    let (world, task) = dealership().await;
    let person = remind(&world, &task, "0024").await;
    assert_eq!(person.record["transferred"], true);
    assert!(
        person
            .said("robot")
            .iter()
            .any(|words| words.starts_with("All of our colleagues are in a call"))
    );
    let declined = remind(&world, &task, "0027").await;
    assert_eq!(
        (&declined.record["hangup_party"], &declined.record["transferred"]),
        (&json!("system"), &json!(false))
    );
    assert!(declined.tags().contains(&"decline"), "{:?}", declined.tags());
    assert_eq!(
        declined.record["process_hangup_point"], "reminder",
        "#Hangup# ended it in the agent node"
    );
    world.end().await;
}

#[tokio::test]
async fn what_the_customer_says_is_captured() {
    let (world, task) = dealership().await;
    let line = json!({"mix": {"answered": 1, "no_answer": 0, "busy": 0, "power_off": 0, "out_of_service": 0,
        "invalid_number": 0, "call_assistant": 0}, "personas": ["reschedules"]});
    for trunk in world.get("trunks").await["data"].as_array().expect("trunks") {
        let path = format!("trunks/{}", trunk["id"].as_str().expect("an id"));
        world.patch(&path, json!({"simulated": line})).await;
    }
    let call = remind(&world, &task, "7001").await;
    let time = call.record["captures"]["newTime"].as_str().unwrap_or_default();
    assert!(time.to_lowercase().starts_with("tomorrow"), "{}", call.record);
    let noted = format!("I have noted {time} for your Tianrun X7.");
    assert!(
        call.said("robot").iter().any(|words| words.starts_with(&noted)),
        "{:?}",
        call.said("robot")
    );
    assert!(call.tags().contains(&"reschedule"), "{:?}", call.tags());
    world.end().await;
}

#[tokio::test]
async fn who_hangs_up_in_the_opening_and_who_stays_silent_is_told() {
    let (world, task) = dealership().await;
    let left = remind(&world, &task, "0013").await;
    let point = left.record["opening_hangup_seconds"].as_f64().expect("a point");
    assert!((1.9..2.6).contains(&point), "two seconds into the opening: {point}");
    assert_eq!(
        (&left.record["hangup_party"], &left.record["turns"]),
        (&json!("customer"), &json!(0))
    );
    assert_eq!(left.record["process_hangup_point"], "reminder");

    let silent = remind(&world, &task, "0015").await;
    assert!(silent.said("customer").is_empty());
    assert!(silent.logged("no_input") > 0);
    let robot = silent.said("robot");
    assert!(
        robot.contains(&"Are you still there?") && robot.contains(&"Can you hear me?"),
        "{robot:?}"
    );
    assert!(
        robot.iter().any(|words| words.starts_with("I cannot hear you well, Ms. Li.")),
        "{robot:?}"
    );
    assert_eq!(silent.record["opening_hangup_seconds"], Value::Null);
    world.end().await;
}

#[tokio::test]
async fn who_asks_not_to_be_called_is_never_called_again() {
    let (world, task) = dealership().await;
    let call = remind(&world, &task, "0017").await;
    assert!(call.tags().contains(&"do not call"), "{:?}", call.tags());
    let listed = world.get("suppressions?phone=13800000017").await;
    assert_eq!(
        (&listed["data"][0]["source"], &listed["data"][0]["phone"]),
        (&json!("robot"), &json!("+8613800000017"))
    );
    let again = world.import(&task, "again", &["13800000017"]).await;
    assert_eq!(
        again["result"]["suppressed"].as_u64().unwrap_or(0)
            + again["result"]["invalid"].as_u64().unwrap_or(0),
        1,
        "{again}"
    );
    assert_eq!(again["result"]["imported"], 0);
    world.end().await;
}

#[tokio::test]
async fn bracket_actions_act_and_stay_and_a_menu_hears_the_key() {
    let world = World::with("2026-12-01T10:00:00+08:00", 20, Line::Natural).await;
    let robot = json!({"name": "host", "opening": "Welcome, would you like to come?", "agent": {"kind": "scripted",
        "intents": [
            {"name": "yes", "keywords": ["yes"], "reply": "{tag vip}{set room=blue}{press 12}{wait 1s}Good, the {{room}} room is yours.#Menu#"},
        ], "fallback": ["Pardon? #Hangup#"]}});
    let robot = world.made("robots", robot).await;
    let navigation = json!({"name": "host", "start": "talk", "nodes": [
        {"name": "talk", "kind": "agent", "robot": robot, "edges": {"Menu": "menu"}},
        {"name": "menu", "kind": "menu", "prompt": "Please press 1 to confirm.", "choices": {"1": "done"}},
        {"name": "done", "kind": "play", "text": "Confirmed, goodbye.", "next": "end"},
        {"name": "end", "kind": "hangup"},
    ]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world.task("host", json!({"navigation": navigation})).await;
    let call = remind(&world, &task, "0026").await;
    let robot = call.said("robot");
    assert!(robot.contains(&"Good, the blue room is yours."), "{robot:?}");
    assert!(robot.contains(&"Confirmed, goodbye."), "{robot:?}");
    assert!(call.tags().contains(&"vip"), "{:?}", call.tags());
    assert_eq!(call.record["captures"]["room"], "blue");
    let keys: Vec<_> = call.log.iter().filter(|entry| entry["kind"] == "dtmf").collect();
    assert!(keys.len() >= 2, "sent 12, heard 1: {keys:?}");
    world.end().await;
}

#[tokio::test]
async fn each_call_leaves_a_stereo_recording_behind_its_link() {
    let (world, task) = dealership().await;
    let call = remind(&world, &task, "0001").await;
    let path = format!("records/{}", call.record["id"].as_str().expect("an id"));
    eventually("the recording to be uploaded", || async {
        (world.get(&path).await["recording_state"] == "ready").then_some(())
    })
    .await;
    let path = format!("{path}/recording");
    let wav = world.download(&path).await;
    let mut reader = hound::WavReader::new(Cursor::new(wav)).expect("a WAV");
    assert_eq!(reader.spec().channels, 2);
    let rate = reader.spec().sample_rate;
    let seconds = f64::from(reader.duration()) / f64::from(rate);
    let talk = call.record["talk_seconds"].as_f64().expect("a time");
    assert!((seconds - talk).abs() < 0.5, "{seconds} s of {talk} s");
    let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("a sample")).collect();
    let loud = |line: &Value, side: usize| {
        let at = |ms: &Value| {
            usize::try_from(ms.as_u64().expect("a time") * u64::from(rate) / 1_000)
                .expect("a place")
        };
        let span = samples
            .chunks(2)
            .skip(at(&line["start_ms"]))
            .take(at(&line["end_ms"]) - at(&line["start_ms"]));
        span.map(|pair| i32::from(pair[side]).abs()).max().unwrap_or(0)
    };
    // Customer left, robot right.
    for line in &call.transcript[..2] {
        let (own, other) = if line["speaker"] == "customer" { (0, 1) } else { (1, 0) };
        assert!(loud(line, own) > 1_000 && loud(line, other) < 100, "{line}");
    }

    let asked =
        Answer::to(world.api.request(Method::GET, &path).header("accept", "application/json"))
            .await;
    assert_eq!((asked.told().as_str(), asked.header("cache-control")), ("200", "no-store"));
    let deaf = world.key("admin", &["export", "see_full_numbers"]).await;
    assert_eq!(
        harness::ask(&deaf, "GET", &path, Value::Null).await.told(),
        "403 permission_required"
    );
    world.end().await;
}

#[tokio::test]
async fn a_task_that_records_nothing_leaves_no_recording() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let mut states = Vec::new();
    for (recording, phone) in [(true, "13800000001"), (false, "13900010001")] {
        let task = world.task(phone, json!({"recording": recording})).await;
        world.import_auto(&task, "all", &[phone]).await;
        let record = world.until_records(&task, 1).await.remove(0);
        assert_eq!(record["result"], "answered");
        let path = format!("records/{}/recording", record["id"].as_str().expect("an id"));
        if recording {
            eventually("the recording", || async {
                let status = harness::ask(&world.api, "GET", &path, Value::Null).await.status;
                (status < 400).then_some(())
            })
            .await;
        } else {
            let answer = harness::ask(&world.api, "GET", &path, Value::Null).await;
            assert_eq!(answer.told(), "404 not_found");
        }
        states.push(record["recording_state"].clone());
    }
    assert!(states[0].is_string() && states[1].is_null(), "{states:?}");
    world.end().await;
}
