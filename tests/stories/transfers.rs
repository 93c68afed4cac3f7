//! A customer who wants a person gets one: human agents, who of them is called, and what happens when nobody comes.
//! (SPEC 10, `transfer`; the guide's `#Transfer to Agent#`.)

use harness::campaign::merge;
use harness::sipp::Sipp;
use harness::{Line, World, ask, eventually};
use serde_json::{Value, json};

/// A person whose phone ends so.
async fn person(world: &World, number: &str, phone_end: &str, skills: &[&str]) -> String {
    let person = json!({
        "employee_number": number, "name": format!("Agent {number}"),
        "phone": format!("+861390000{phone_end}"), "skills": skills, "on_duty": true,
    });
    world.made("agents", person).await
}

/// A task whose customers say that they want a person, and are handed over as `transfer` says.
async fn hotline(world: &World, transfer: Value, more: Value) -> String {
    let robot = json!({"name": "host", "opening": "How can I help you?", "agent": {"kind": "scripted",
        "intents": [{"name": "person", "keywords": ["person"], "reply": "Hold the line.#Transfer to Agent#"}],
        "fallback": ["Pardon?"]}});
    let robot = world.made("robots", robot).await;
    let mut hand_over = json!({"name": "person", "kind": "transfer", "otherwise": "sorry"});
    merge(&mut hand_over, transfer);
    let navigation = json!({"name": "hotline", "start": "talk", "nodes": [
        {"name": "talk", "kind": "agent", "robot": robot, "edges": {"Transfer to Agent": "hold"}},
        {"name": "hold", "kind": "queue_message", "text": "Somebody will be with you soon.", "next": "person"},
        hand_over,
        {"name": "sorry", "kind": "callback", "after_minutes": 30, "next": "bye"},
        {"name": "bye", "kind": "play", "text": "Nobody is free, we will call you again. Goodbye."},
    ]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let mut config = json!({"navigation": navigation});
    merge(&mut config, more);
    world.task("hotline", config).await
}

async fn call(world: &World, task: &str, end: &str, count: usize) -> Vec<Value> {
    let phones = (0..count).map(|n| json!({"phone_number": format!("138{n:04}{end}")})).collect();
    world.import_numbers(task, &json!({"batch_name": "all", "start": "auto"}), phones).await;
    world.until_records(task, count).await
}

async fn log(world: &World, record: &Value) -> Vec<String> {
    let path = format!("records/{}/conversation", record["id"].as_str().expect("an id"));
    let conversation = eventually("the conversation", || async {
        let conversation = world.get(&path).await;
        (conversation["analyzed"] == true).then_some(conversation)
    })
    .await;
    let entries = conversation["log"].as_array().expect("a log").iter();
    let told = entries.map(|entry| (entry["kind"].as_str(), entry["detail"].as_str()));
    told.map(|(kind, detail)| format!("{} {}", kind.unwrap_or(""), detail.unwrap_or(""))).collect()
}

#[tokio::test]
async fn the_longest_idle_with_the_skill_is_called_first_and_the_next_when_they_are_busy() {
    let world = World::with("2026-12-01T10:00:00+08:00", 20, Line::Natural).await;
    // Has been idle the longest, and is on the phone; the next answers; the third is of another skill.
    person(&world, "1003", "0001", &["sales"]).await;
    person(&world, "1001", "0002", &["billing"]).await;
    person(&world, "1002", "0001", &["billing", "sales"]).await;
    let task = hotline(&world, json!({"skill": "billing"}), json!({})).await;
    let records = call(&world, &task, "0024", 1).await;
    let record = &records[0];
    assert_eq!(
        [&record["agent_id"], &record["agent_name"], &record["agent_phone"], &record["cause"]],
        [&json!("1002"), &json!("Agent 1002"), &json!("+8613900000001"), &json!("agent_hung_up")]
    );
    assert_eq!((&record["transferred"], &record["result"]), (&json!(true), &json!("answered")));
    assert_eq!(record["callback_at"], Value::Null);
    // The person talks for 20 s; the robot was off the call before.
    let seconds = |field: &str| record[field].as_f64().expect("seconds");
    assert!(seconds("talk_seconds") - seconds("robot_talk_seconds") > 20.0, "{record}");
    let log = log(&world, record).await;
    let of = |what: &str| {
        log.iter().filter(|entry| entry.starts_with(what)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("transfer_request"), ["transfer_request skill billing"]);
    assert_eq!(of("transfer_ringing"), ["transfer_ringing 1001", "transfer_ringing 1002"]);
    assert_eq!(of("transfer_connected"), ["transfer_connected 1002"]);
    // At once, and again while the phones ring.
    assert_eq!(of("tts Somebody will be")[0], "tts Somebody will be with you soon.");
    for agent in world.get("agents").await["data"].as_array().expect("a list") {
        assert_eq!(agent["busy"], false, "{agent}");
    }
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}

#[tokio::test]
async fn a_customer_whom_nobody_can_take_hears_so_and_is_called_again_as_agreed() {
    let world = World::with("2026-12-01T10:00:00+08:00", 20, Line::Natural).await;
    let off_duty = person(&world, "1001", "0001", &["billing"]).await;
    world.patch(&format!("agents/{off_duty}"), json!({"on_duty": false})).await;
    let task = hotline(&world, json!({"skill": "billing"}), json!({})).await;
    let record = call(&world, &task, "0024", 1).await.remove(0);
    assert_eq!((&record["transferred"], &record["agent_id"]), (&json!(true), &Value::Null));
    let log = log(&world, &record).await;
    assert!(log.contains(&"transfer_failed nobody who fits is on duty".to_owned()), "{log:?}");
    assert!(record["callback_at"].as_str() > record["ended_at"].as_str(), "{record}");
    assert_eq!(world.number_states(&task).await, "waiting");
    // Somebody comes on duty, and half an hour later the customer is called again, and handed over.
    world.patch(&format!("agents/{off_duty}"), json!({"on_duty": true})).await;
    world.set("2026-12-01T10:40:00+08:00");
    let records = world.until_records(&task, 2).await;
    let again = records.iter().find(|record| record["round"] == 1).expect("the callback");
    assert!(again["started_at"].as_str() >= record["callback_at"].as_str(), "{again}");
    assert_eq!(again["agent_id"], "1001");
    world.until_state(&task, "paused no_pending_numbers").await;
    assert_eq!(world.number_states(&task).await, "connected");
    world.end().await;
}

/// Three lines: three customers at a time would leave no line for a person, so one waits for a line to become free.
#[tokio::test]
async fn a_call_to_a_person_takes_a_line_of_the_trunk_and_never_one_more() {
    let world = World::with("2026-12-01T10:00:00+08:00", 20, Line::Natural).await;
    world.edit(&format!("trunks/{}", world.trunk), json!({"concurrency": 3})).await;
    for number in ["1001", "1002", "1003"] {
        person(&world, number, "0001", &[]).await;
    }
    let more = json!({"concurrency": 2});
    let to = json!({"number": "+8613911110001", "wait_seconds": 600, "otherwise": null});
    let task = hotline_without_way_on(&world, to, more).await;
    let records = call(&world, &task, "0021", 4).await;
    let phones: Vec<_> = records.iter().map(|record| record["agent_phone"].clone()).collect();
    assert_eq!(phones, vec![json!("+8613911110001"); 4]);
    assert!(
        records.iter().all(|record| record["agent_id"].is_null()),
        "a fixed number is nobody's"
    );
    // The journal's check counts both kinds of calls against the trunk's limit.
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}

async fn hotline_without_way_on(world: &World, to: Value, more: Value) -> String {
    let mut node = json!({"name": "person", "kind": "transfer"});
    merge(&mut node, to);
    let navigation = json!({"name": "direct", "start": "person", "nodes": [node]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let mut config = json!({"navigation": navigation});
    merge(&mut config, more);
    world.task("direct", config).await
}

#[tokio::test]
async fn people_are_kept_shown_and_deleted_like_everything_else() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let id = person(&world, "1001", "0001", &["billing"]).await;
    let path = format!("agents/{id}");
    let taken = json!({"employee_number": "1001", "name": "B", "phone": "13900000002"});
    assert_eq!(ask(&world.api, "POST", "agents", taken).await.told(), "409 employee_number_taken");
    for (body, told) in [
        (json!({"employee_number": "2", "name": "B", "phone": "12"}), "/phone"),
        (json!({"employee_number": "", "name": "B", "phone": "13900000002"}), "/employee_number"),
    ] {
        let answer = ask(&world.api, "POST", "agents", body.clone()).await;
        assert_eq!(answer.json()["errors"][0]["pointer"], told, "{body}: {}", answer.told());
    }
    // In the national form of the enterprise's region, and shown in full only to who may see it.
    let other = json!({"employee_number": "1002", "name": "B", "phone": "139 0000 0002"});
    let other = world.made("agents", other).await;
    assert_eq!(world.get(&format!("agents/{other}")).await["phone"], "+8613900000002");
    let viewer = world.key("viewer", &[]).await;
    assert_eq!(viewer.get(&path).await.expect("it")["phone"], "139****0001");
    let off = world.patch(&path, json!({"on_duty": false, "skills": []})).await;
    assert_eq!((&off["on_duty"], &off["skills"]), (&json!(false), &json!([])));
    let stranger = world.stranger().await;
    assert_eq!(ask(&stranger, "GET", &path, Value::Null).await.status, 404);
    assert_eq!(ask(&world.api, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(ask(&world.api, "GET", &path, Value::Null).await.status, 404);
    world.end().await;
}

/// Calls on a SIP trunk, each handed over at once to a fixed number. `sip` is put over the trunk's section.
async fn handed_over_on_sip(world: &World, sipp: &Sipp, sip: Value) -> Value {
    let host = json!({"host": "127.0.0.1", "port": sipp.address.port()});
    let mut section = json!({"hosts": [host], "options_seconds": null});
    merge(&mut section, sip);
    let trunk = json!({"name": "carrier", "driver": "sip", "concurrency": 5, "sip": section});
    let trunk = world.made("trunks", trunk).await;
    let caller = json!({"trunk": trunk, "phone": "+862155500200"});
    let caller = world.made("caller_ids", caller).await;
    let more = json!({"caller_ids": [caller], "recording": true, "max_call_seconds": 30});
    let to = json!({"number": "+8613911110001", "ring_seconds": 10});
    let task = hotline_without_way_on(world, to, more).await;
    call(world, &task, "1234", 1).await.remove(0)
}

#[tokio::test]
async fn on_a_sip_trunk_the_person_is_reached_by_a_second_call_that_ends_with_the_first() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let sipp = Sipp::play("answers", &[]).await;
    let record = handed_over_on_sip(&world, &sipp, json!({})).await;
    assert_eq!(
        [&record["agent_phone"], &record["cause"], &record["hangup_party"]],
        [&json!("+8613911110001"), &json!("max_call"), &json!("system")]
    );
    // Both calls were hung up: the journal's check, at the end, misses no BYE.
    let legs =
        world.sql("select answered_at is not null and ended_at is not null from transfer_leg");
    assert_eq!(legs.await.trim(), "t");
    world.end().await;
}

#[tokio::test]
async fn a_far_end_that_takes_refer_calls_the_person_itself() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let sipp = Sipp::play("takes_refer", &[]).await;
    let record = handed_over_on_sip(&world, &sipp, json!({"transfer": "refer"})).await;
    assert_eq!(
        (&record["transferred"], &record["agent_phone"]),
        (&json!(true), &json!("+8613911110001"))
    );
    world.end().await;
}

#[tokio::test]
async fn a_far_end_that_refuses_refer_leaves_the_call_with_the_robot() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let sipp = Sipp::play("refuses_refer", &[]).await;
    let record = handed_over_on_sip(&world, &sipp, json!({"transfer": "refer"})).await;
    assert_eq!((&record["transferred"], &record["agent_phone"]), (&json!(true), &Value::Null));
    let log = log(&world, &record).await;
    assert!(log.contains(&"transfer_failed nobody answered".to_owned()), "{log:?}");
    world.end().await;
}
