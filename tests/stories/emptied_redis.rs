//! Redis loses everything it had: what is still to come stands in the queues again, before it is due.

use std::collections::BTreeMap;

use harness::campaign::silent_numbers;
use harness::{World, eventually};
use serde_json::json;

/// What stands in the queues for later, by the names of the queues.
async fn delayed(world: &World) -> BTreeMap<String, u64> {
    let queues = world.node.queues.queues().await.expect("queues");
    let delayed = queues.into_iter().filter(|queue| queue.delayed > 0);
    delayed.map(|queue| (queue.name, queue.delayed)).collect()
}

/// Delete every key of this world's queues, as FLUSHALL does for a Redis of its own.
async fn empty_redis(world: &World) {
    let url = world.config.redis.clone().expect("a Redis");
    let client = redis::Client::open(url).expect("an address");
    let mut redis = client.get_multiplexed_async_connection().await.expect("a connection");
    let script = "local keys = redis.call('KEYS', ARGV[1]) \
                  for _, key in ipairs(keys) do redis.call('DEL', key) end return #keys";
    let pattern = format!("{{{}:*", world.config.queue_prefix);
    let gone: u64 = redis::Script::new(script)
        .arg(pattern)
        .invoke_async(&mut redis)
        .await
        .expect("an empty Redis");
    assert!(gone > 0, "there was nothing to lose");
}

#[tokio::test]
async fn steps_and_redials_to_come_stand_in_the_queues_again_after_redis_lost_them() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let noon = world.period("Afternoon", "call", "12:00-18:00").await;
    let schedule = json!({"call_period": noon, "scheduled_start": "2026-12-02T12:00:00",
        "scheduled_end": "2026-12-05T18:00:00"});
    world.task("tomorrow", json!({"schedule": schedule})).await;
    // One that is waiting for its window, and one whose number is called again in an hour.
    let waiting = world.task("at noon", json!({"schedule": {"call_period": noon}})).await;
    let redial = json!({"enabled": true, "reference": "last_call", "retry_seconds": [3_600]});
    let called = world.task("now", json!({"redial": redial})).await;
    for task in [&waiting, &called] {
        let options = json!({"batch_name": "silent", "start": "auto"});
        world.import_numbers(task, &options, silent_numbers(1)).await;
    }
    world.until_records(&called, 1).await;
    world.until_state(&waiting, "paused outside_call_period").await;

    let queues = ["redial", "step_edge", "step_end", "step_start"];
    let wanted: BTreeMap<String, u64> = queues.map(|name| (name.to_owned(), 1)).into();
    for what in ["the jobs of what is to come", "the same jobs again"] {
        eventually(what, || async { (delayed(&world).await == wanted).then_some(()) }).await;
        empty_redis(&world).await;
    }
    world.end().await;
}
