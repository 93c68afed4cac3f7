//! The lines of a task: which caller ID a call shows, and what happens when a trunk fails. (SPEC 3, 9.)

use std::collections::BTreeSet;

use harness::World;
use harness::campaign::{results, silent_numbers};
use serde_json::{Value, json};

/// The caller IDs that were shown, call by call, by their last two digits.
fn shown(records: &[Value]) -> Vec<String> {
    let last = |record: &Value| {
        let number = record["outbound_number"].as_str().expect("a number");
        number[number.len() - 2..].to_owned()
    };
    records.iter().map(last).collect()
}

/// Caller IDs of the world's trunk.
async fn callers(world: &World, places: &[(&str, &str, &str)]) -> Vec<String> {
    let mut callers = Vec::new();
    for (last, province, city) in places {
        let phone = format!("+8621555003{last}");
        let caller =
            json!({"trunk": world.trunk, "phone": phone, "province": province, "city": city});
        callers.push(world.made("caller_ids", caller).await);
    }
    callers
}

#[tokio::test]
async fn caller_ids_take_turns_one_after_another() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let callers = callers(&world, &[("01", "", ""), ("02", "", ""), ("03", "", "")]).await;
    let task = world.task("turns", json!({"concurrency": 1, "caller_ids": callers})).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(7)).await;
    world.start(&task).await;
    let records = world.until_records(&task, 7).await;
    assert_eq!(shown(&records).join(" "), "01 02 03 01 02 03 01");
    world.end().await;
}

#[tokio::test]
async fn caller_ids_are_drawn_at_random() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let callers = callers(&world, &[("01", "", ""), ("02", "", "")]).await;
    let config = json!({"concurrency": 1, "caller_ids": callers, "rotation": "random"});
    let task = world.task("random", config).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(40)).await;
    world.start(&task).await;
    let shown = shown(&world.until_records(&task, 40).await);
    assert_eq!(shown.iter().collect::<BTreeSet<_>>().len(), 2, "{shown:?}");
    assert!(shown.windows(2).any(|pair| pair[0] == pair[1]), "not in turns: {shown:?}");
    world.end().await;
}

#[tokio::test]
async fn by_location_a_callee_of_unknown_location_is_called_in_turns() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let places = [("01", "Beijing", "Beijing"), ("02", "Shanghai", "Shanghai")];
    let callers = callers(&world, &places).await;
    let config = json!({"concurrency": 1, "caller_ids": callers, "rotation": "location"});
    let task = world.task("location", config).await;
    // No prefix of a mobile network: nobody knows where it is.
    world.import(&task, "all", &["+442071838750", "+442071838751", "+442071838752"]).await;
    world.start(&task).await;
    let records = world.until_records(&task, 3).await;
    assert_eq!(shown(&records).join(" "), "01 02 01");
    world.end().await;
}

#[tokio::test]
async fn by_location_a_callee_sees_a_number_of_its_city_else_of_its_province() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let places = [("01", "北京", "北京"), ("02", "山东", "青岛"), ("03", "江苏", "常州")];
    let callers = callers(&world, &places).await;
    let config = json!({"concurrency": 1, "caller_ids": callers, "rotation": "location"});
    let task = world.task("location", config).await;
    // From Changzhou, Jinan (of Shandong, as Qingdao is), Beijing and Changzhou again.
    let phones = ["13000010003", "13000000003", "13800000003", "13000010103"];
    world.import(&task, "all", &phones).await;
    world.start(&task).await;
    let records = world.until_records(&task, 4).await;
    assert_eq!(shown(&records).join(" "), "03 02 01 03");
    assert_eq!(records[1]["customer_number_location"], "山东 济南");
    assert_eq!(records[1]["outbound_number_location"], "山东 青岛");
    world.end().await;
}

#[tokio::test]
async fn a_caller_id_of_the_row_goes_before_the_tasks() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    callers(&world, &[("01", "", "")]).await;
    let task = world.task("own", json!({"concurrency": 1})).await;
    let numbers = vec![
        json!({"phone_number": "13900010003", "caller_id": "+862155500301"}),
        json!({"phone_number": "13900020003"}),
    ];
    world.import_numbers(&task, &json!({"batch_name": "all"}), numbers).await;
    world.start(&task).await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(shown(&records).join(" "), "01 00");
    world.end().await;
}

/// A trunk whose carrier refuses everything, and a task of twelve numbers that call through it.
async fn failing(world: &World) -> (String, String) {
    let carrier = json!({"refuse_percent": 100, "test_numbers": false, "mix": {"answered": 1}});
    let breaker = json!({"breaker": {"calls": 3, "refused_percent": 90, "probe_seconds": 20}});
    let (trunk, caller) = world.line("failing", "+862155500201", carrier, breaker).await;
    let redial = json!({"enabled": true, "retry_seconds": [600]});
    let config = json!({"concurrency": 3, "caller_ids": [caller], "redial": redial});
    let task = world.task("on a failing line", config).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(12)).await;
    world.start(&task).await;
    world.until_state(&task, "paused trunk_failure").await;
    (trunk, task)
}

#[tokio::test]
async fn a_line_that_refuses_everything_pauses_its_tasks_and_they_resume_when_it_is_back() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let (trunk, task) = failing(&world).await;
    world.until_live(&task, 0).await;
    let refused = world.records(&task).await;
    assert!((3..=6).contains(&refused.len()), "it opened early: {}", refused.len());
    assert!(refused.iter().all(|record| record["cause"] == "trunk_refused"), "{refused:?}");
    assert_eq!(world.get(&format!("tasks/{task}")).await["pause_title"], "Trunk Failure");

    // Each probe is one call; refused, it leaves the breaker open.
    for probes in 1..=2 {
        world.clock.set(world.clock.now() + chrono::TimeDelta::seconds(31));
        let records = world.until_records(&task, refused.len() + probes).await;
        assert_eq!(records.len(), refused.len() + probes, "one probe at a time");
        assert_eq!(world.state(&task).await, "paused trunk_failure");
    }

    // The carrier is back: a probe finds it, the task resumes, and nobody lost a retry.
    let mut line = world.get(&format!("trunks/{trunk}")).await["simulated"].clone();
    line["refuse_percent"] = 0.into();
    world.patch(&format!("trunks/{trunk}"), json!({"simulated": line})).await;
    world.clock.set(world.clock.now() + chrono::TimeDelta::seconds(31));
    world.until_number_states(&task, &["connected"; 12].join(" ")).await;
    let records = world.records(&task).await;
    assert!(records.iter().all(|record| record["round"] == 0), "no retry was burnt");
    let answered = results(&records).split(' ').filter(|result| *result == "answered").count();
    assert_eq!(answered, 12);
    assert_eq!(records.len(), refused.len() + 2 + 12, "two probes were refused, no more");
    world.until_state(&task, "paused no_pending_numbers").await;
    let events = world.events(&task).await;
    assert!(events.contains("start trunk_failed trunk_recovered"), "{events}");
    world.end().await;
}

#[tokio::test]
async fn a_task_with_another_line_goes_on_when_one_fails() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let carrier = json!({"refuse_percent": 100, "test_numbers": false});
    let breaker = json!({"breaker": {"calls": 3, "probe_seconds": 3_600}});
    let (_, failing) = world.line("failing", "+862155500201", carrier, breaker).await;
    let config = json!({"concurrency": 2, "caller_ids": [failing, world.caller]});
    let task = world.task("two lines", config).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(20)).await;
    world.start(&task).await;
    let through = |name: &'static str| {
        let world = &world;
        let task = &task;
        async move {
            let records = world.records(task).await;
            records.iter().filter(|record| record["trunk_name"] == name).count()
        }
    };
    harness::eventually("the good line to have most", || async {
        (through("line").await >= 15).then_some(())
    })
    .await;
    // Those that the bad line refused are called through the good one, after their half minute.
    world.clock.set(world.clock.now() + chrono::TimeDelta::seconds(31));
    world.until_number_states(&task, &["unconnected"; 20].join(" ")).await;
    assert_eq!(through("line").await, 20);
    assert!(through("failing").await <= 6);
    assert!(!world.events(&task).await.contains("trunk_failed"));
    world.end().await;
}

#[tokio::test]
async fn a_trunk_out_of_service_places_no_call() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let (trunk, caller) =
        world.line("off", "+862155500201", json!({}), json!({"in_service": false})).await;
    let task = world.task("waits", json!({"caller_ids": [caller]})).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(2)).await;
    world.start(&task).await;
    let witness = world.task("witness", json!({})).await;
    world.import_auto(&witness, "all", &["13800000002"]).await;
    world.until_records(&witness, 1).await;
    assert!(world.records(&task).await.is_empty());
    world.patch(&format!("trunks/{trunk}"), json!({"in_service": true})).await;
    world.until_records(&task, 2).await;
    world.end().await;
}

#[tokio::test]
async fn a_trunks_own_mapping_says_what_its_answers_mean() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let mapping = json!({"status_mapping": {"486": "power_off", "480/19": "call_restricted"}});
    let (_, caller) = world.line("mapped", "+862155500201", json!({}), mapping).await;
    let redial = json!({"enabled": true, "mode": "advanced", "statuses": ["power_off"],
        "retry_seconds": [600]});
    let mapped =
        world.task("mapped", json!({"caller_ids": [caller], "concurrency": 1, "redial": redial}));
    let mapped = mapped.await;
    let plain = world.task("plain", json!({"concurrency": 1, "redial": redial})).await;
    for (task, area, wanted, states) in [
        (&mapped, 1, "power_off call_restricted power_off", "waiting unconnected waiting"),
        (&plain, 2, "busy no_answer power_off", "unconnected unconnected waiting"),
    ] {
        // By the defaults: busy, no answer, power off.
        let phones = ["0002", "0003", "0004"].map(|last| format!("1390{area:03}{last}"));
        world.import_auto(task, "all", &phones.each_ref().map(String::as_str)).await;
        assert_eq!(results(&world.until_records(task, 3).await), wanted);
        world.until_number_states(task, states).await;
    }
    world.end().await;
}
