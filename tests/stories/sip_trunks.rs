//! Campaigns on SIP trunks: real signalling and real voice, with sipp for phones. (SPEC 6, 9.)

use std::collections::BTreeMap;

use harness::World;
use harness::sipp::{Sipp, free_udp_port};
use serde_json::{Value, json};
use telephony::journal::Event;

/// A SIP trunk to sipp, and a caller ID on it.
async fn sip_line(world: &World, sipp: &Sipp, more: Value) -> (String, String) {
    let host = json!({"host": "127.0.0.1", "port": sipp.address.port()});
    let mut sip = json!({"hosts": [host], "options_seconds": null});
    sip.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let port = sipp.address.port();
    let trunk =
        json!({"name": format!("carrier {port}"), "driver": "sip", "concurrency": 5, "sip": sip});
    let trunk = world.made("trunks", trunk).await;
    let caller = json!({"trunk": trunk, "phone": format!("+8621{}", 55_500_000 + u32::from(port))});
    let caller = world.made("caller_ids", caller).await;
    (trunk, caller)
}

fn phones(count: u32) -> Vec<Value> {
    (0..count).map(|n| json!({"phone_number": format!("1381234{n:04}")})).collect()
}

fn by_result(records: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records {
        *counts.entry(record["result"].as_str().unwrap_or("none").to_owned()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_campaign_on_a_sip_trunk_talks_records_and_ends_like_one_on_the_simulated_line() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let sipp = Sipp::play("answers", &[]).await;
    let (_, caller) = sip_line(&world, &sipp, json!({})).await;
    let config = json!({"caller_ids": [caller], "concurrency": 5, "recording": true});
    let task = world.task("phones", config).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), phones(12)).await;
    world.start(&task).await;
    let records = world.until_records(&task, 12).await;
    assert_eq!(by_result(&records), BTreeMap::from([("answered".to_owned(), 12)]));
    for record in &records {
        assert_eq!((&record["sip_code"], &record["hangup_party"]), (&json!(200), &json!("system")));
        let talked = record["talk_seconds"].as_f64().expect("a time");
        assert!((0.5..30.0).contains(&talked), "{record}");
    }
    world.until_state(&task, "paused no_pending_numbers").await;
    // The word that the robot said is on its channel of the recording, and nothing on the other.
    let id = records[0]["id"].as_str().expect("an id");
    let path = format!("records/{id}");
    harness::eventually("the recording to be uploaded", || async {
        (world.get(&path).await["recording_state"] == "ready").then_some(())
    })
    .await;
    let wav = world.download(&format!("{path}/recording")).await;
    let (left, right) = loudest(&wav);
    assert!(left < 200 && right > 1_000, "customer {left}, robot {right}");
    world.end().await;
}

/// The loudest sample of each channel.
fn loudest(wav: &[u8]) -> (u16, u16) {
    let mut reader = hound::WavReader::new(std::io::Cursor::new(wav)).expect("a WAV");
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("a sample")).collect();
    let side = |first| samples.iter().skip(first).step_by(2).map(|s| s.unsigned_abs()).max();
    (side(0).unwrap_or(0), side(1).unwrap_or(0))
}

#[tokio::test]
async fn a_number_that_is_busy_on_a_sip_trunk_is_redialled_and_one_that_does_not_exist_is_not() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let sipp = Sipp::play(
        "status",
        &[("progress", "183"), ("code", "486"), ("extra", "Reason: Q.850;cause=17")],
    )
    .await;
    let (trunk, caller) = sip_line(&world, &sipp, json!({})).await;
    let redial =
        json!({"enabled": true, "mode": "advanced", "statuses": ["busy"], "retry_seconds": [60]});
    let task = world.task("busy", json!({"caller_ids": [caller], "redial": redial})).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), phones(1)).await;
    world.start(&task).await;
    let records = world.until_records(&task, 1).await;
    assert_eq!(by_result(&records), BTreeMap::from([("busy".to_owned(), 1)]));
    assert_eq!((&records[0]["sip_code"], &records[0]["q850_cause"]), (&json!(486), &json!(17)));
    // The trunk tells what its calls ended with, and what made it so.
    let outcomes = format!("trunks/{trunk}/outcomes");
    let busy = json!({"result": "busy", "cause": "", "sip_code": 486, "q850_cause": 17,
        "decided_by": "q850_cause", "calls": 1});
    assert_eq!(world.get(&outcomes).await, json!({"calls": 1, "outcomes": [busy]}));
    world.patch(&format!("trunks/{trunk}"), json!({"status_mapping": {"486": "busy"}})).await;
    assert_eq!(world.get(&outcomes).await["outcomes"][0]["decided_by"], "trunk_mapping");
    world.set("2026-12-01T10:01:05+08:00");
    let records = world.until_records(&task, 2).await;
    assert_eq!(records[1]["round"], 1);
    world.end().await;
}

#[tokio::test]
async fn the_password_of_a_trunk_is_never_shown_and_stays_when_other_things_are_edited() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let sipp = Sipp::play("digest_401", &[]).await;
    let secret = json!({"user": "clara", "password": "hush"});
    let (trunk, caller) = sip_line(&world, &sipp, secret).await;
    let path = format!("trunks/{trunk}");
    let shown = world.get(&path).await;
    assert_eq!(shown["sip"]["password"], "********");
    let edited = world.patch(&path, json!({"concurrency": 4, "sip": shown["sip"]})).await;
    assert_eq!(
        (&edited["concurrency"], &edited["sip"]["password"]),
        (&json!(4), &json!("********"))
    );
    // What the database holds is sealed.
    let stored =
        world.sql("select row_to_json(t) from trunk t where config ->> 'driver' = 'sip'").await;
    assert!(stored.contains("clara") && !stored.contains("hush"), "{stored}");
    let task = world.task("with a password", json!({"caller_ids": [caller]})).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), phones(2)).await;
    world.start(&task).await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(by_result(&records), BTreeMap::from([("answered".to_owned(), 2)]));
    world.end().await;
}

#[tokio::test]
async fn a_process_without_an_address_for_sip_says_so_and_loses_no_number() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let sipp = Sipp::play("answers", &[]).await;
    let (_, caller) = sip_line(&world, &sipp, json!({})).await;
    let task = world.task("nowhere", json!({"caller_ids": [caller]})).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), phones(2)).await;
    world.start(&task).await;
    let progress = harness::eventually("the numbers to wait", || async {
        let progress = world.get(&format!("tasks/{task}/progress")).await;
        (progress["numbers"]["waiting"] == 2).then_some(progress)
    })
    .await;
    assert_eq!(progress["total"], 2);
    assert!(world.records(&task).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn a_trunk_tells_whether_its_hosts_answer_and_it_is_registered_with() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let (sipp, dead) = (Sipp::play("watched", &[]).await, free_udp_port());
    let hosts = json!([{"host": "127.0.0.1", "port": sipp.address.port()}, {"host": "127.0.0.1", "port": dead}]);
    let more = json!({"hosts": hosts, "options_seconds": 5, "user": "clara", "registration": {}});
    let (trunk, _) = sip_line(&world, &sipp, more).await;
    let path = format!("trunks/{trunk}/health");
    assert_eq!(world.get(&path).await, json!({"workers": []}), "nobody looks");
    world.open_sip().await;
    let seen = harness::eventually("the hosts to be judged", || async {
        let seen = world.get(&path).await["workers"][0].clone();
        let states = [&seen["hosts"][0]["state"], &seen["hosts"][1]["state"]];
        let settled = states == ["up", "down"] && seen["registration"]["state"] == "registered";
        settled.then_some(seen)
    })
    .await;
    assert_eq!(
        (&seen["hosts"][0]["last_error"], &seen["hosts"][1]["last_error"]),
        (&Value::Null, &json!("no_answer"))
    );
    assert!(
        seen["hosts"][0]["round_trip_ms"].is_u64() && seen["registration"]["until"].is_string()
    );
    let workers = world.get("workers").await;
    assert!(
        workers["data"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["id"] == seen["worker"]))
    );
    // A process that stops looks no more.
    world.stop_workers().await;
    assert_eq!(world.get(&path).await, json!({"workers": []}));
    world.end().await;
}

#[tokio::test]
async fn a_dialer_that_stops_hangs_up_and_cancels_and_its_numbers_are_redialled() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.open_sip().await;
    let nodes = json!([{"name": "talk", "kind": "play", "text": "word ".repeat(190), "next": "end"},
        {"name": "end", "kind": "hangup"}]);
    let navigation = json!({"name": "long", "start": "talk", "nodes": nodes});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let redial = json!({"enabled": true, "retry_seconds": [600]});
    let (mut tasks, mut far_ends) = (Vec::new(), Vec::new());
    for (scenario, begun, phone) in
        [("rings_for_ever", Event::Ring, "13812340001"), ("answers", Event::Answer, "13812340002")]
    {
        let sipp = Sipp::play_for(1, scenario).await;
        let (_, caller) = sip_line(&world, &sipp, json!({})).await;
        let config = json!({"navigation": navigation, "caller_ids": [caller], "redial": redial});
        let task = world.task(scenario, config).await;
        world
            .import_numbers(
                &task,
                &json!({"batch_name": "all"}),
                vec![json!({"phone_number": phone})],
            )
            .await;
        world.start(&task).await;
        harness::eventually("the phone to ring or answer", || async {
            let entries = telephony::journal::read_all(&world.config.journal).expect("a journal");
            entries.iter().any(|entry| entry.event == begun).then_some(())
        })
        .await;
        tasks.push(task);
        far_ends.push(sipp);
    }
    world.stop_workers().await;
    for sipp in far_ends {
        sipp.ends_well().await;
    }
    for task in tasks {
        let records = world.records(&task).await;
        assert_eq!(records.len(), 1, "{records:?}");
        let told = ["result", "cause"].map(|field| records[0][field].as_str().unwrap_or_default());
        assert_eq!(told, ["call_failed", "worker_stopping"], "{:#}", records[0]);
        let progress = world.get(&format!("tasks/{task}/progress")).await;
        assert_eq!(progress["waiting"][0]["reason"], "redial", "{progress}");
    }
    world.end().await;
}
