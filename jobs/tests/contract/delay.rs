//! Delayed jobs: to the millisecond, never early, however many are due at one moment.

use std::collections::BTreeMap;
use std::time::Duration;

use jobs::Job;
use tokio::time::Instant;

use crate::place::{Acts, Note, Place, Server, Told, subscription};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_job_is_never_early_and_hardly_late() {
    let place = Place::new().await;
    let mut worker = place.work(subscription(50), Acts::Returns);
    let mut due = BTreeMap::new();
    for n in 0..150 {
        // Also sub-millisecond parts, and delays that fall before those already pushed.
        let delay = Duration::from_micros((n * 7_919) % 900_000 + 137);
        due.insert(n, Instant::now() + delay);
        place.queues.push_in(&Note { n }, delay).await.unwrap();
    }
    let mut late = Vec::new();
    while late.len() < due.len() {
        if let (Told::Started { n, .. }, at) = worker.tells().await {
            assert!(at >= due[&n], "{n} is early by {:?}", due[&n] - at);
            late.push(at - due[&n]);
        }
    }
    late.sort();
    println!("delayed: late by {:?} (p50), {:?} (p99)", late[75], late[148]);
    assert!(late[75] < Duration::from_millis(100), "late by {:?}", late[75]);
    worker.stop().await;
    assert_eq!(place.keys().await, [""; 0]);
}

#[tokio::test]
async fn a_queue_that_nobody_works_on_tells_how_long_its_oldest_job_has_been_due() {
    let place = Place::new().await;
    let later = Note { n: 0 };
    place.queues.push_in(&later, Duration::from_secs(3_600)).await.unwrap();
    let age = || async { place.queues.stats(later.queue()).await.unwrap().oldest_due_age };
    assert_eq!(age().await, Duration::ZERO, "the only job is due in an hour");

    // Delayed jobs are made ready by whoever fetches, and nobody does.
    place.queues.push_in(&Note { n: 1 }, Duration::from_millis(1)).await.unwrap();
    let started = Instant::now();
    while age().await < Duration::from_millis(100) {
        assert!(started.elapsed() < Duration::from_secs(10), "its age does not grow");
    }
    place.queues.push(&Note { n: 2 }).await.unwrap();
    assert!(age().await >= Duration::from_millis(100), "the oldest counts, not the newest");
    assert!(age().await <= started.elapsed() + Duration::from_millis(50));
}

#[tokio::test]
async fn a_due_job_reaches_an_idle_worker_while_the_one_that_was_told_is_busy() {
    let place = Place::new().await;
    let mut busy = place.work(subscription(1), Acts::Waits);
    place.queues.push(&Note { n: 0 }).await.unwrap();
    busy.starts().await;
    let mut idle = place.work(subscription(1), Acts::Returns);
    let pushed = Instant::now();
    place.queues.push_in(&Note { n: 1 }, Duration::from_millis(50)).await.unwrap();
    idle.starts().await;
    assert!(pushed.elapsed() >= Duration::from_millis(50));
    busy.let_go(1);
    for worker in [busy, idle] {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_jobs_due_at_one_moment_all_run_once_by_bounded_scripts() {
    let server = Server::start().await;
    let place = Place::at(&server.url()).await;
    watch_for_slow_scripts(&place).await;
    let jobs: Vec<_> = (0..100_000).map(|n| (Note { n }, Duration::from_millis(500))).collect();
    place.queues.push_all_in(&jobs).await.unwrap();
    let mut worker = place.work(subscription(200), Acts::Returns);
    let mut seen = vec![false; jobs.len()];
    for _ in 0..jobs.len() {
        let (n, deliveries) = worker.starts().await;
        let first = !std::mem::replace(&mut seen[usize::try_from(n).unwrap()], true);
        assert!(first && deliveries == 1, "{n} came twice");
    }
    place.until_no_keys().await;
    worker.stop().await;
    assert_eq!(slow_scripts(&place).await, 0);
}

#[tokio::test]
async fn a_million_jobs_due_at_one_moment_stall_neither_redis_nor_other_queues() {
    let server = Server::start().await;
    let place = Place::at(&server.url()).await;
    seed_due(&place, 1_000_000).await;
    watch_for_slow_scripts(&place).await;
    let mut worker = place.work(subscription(100), Acts::Returns);
    let mut slowest = Duration::ZERO;
    for n in 0..20_000 {
        worker.starts().await;
        if n % 1_000 == 0 {
            let asked = Instant::now();
            place.queues.ping().await.unwrap();
            slowest = slowest.max(asked.elapsed());
        }
    }
    println!("a million due: Redis answered others within {slowest:?}");
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    worker.stop().await;
    let left = place.stats().await;
    assert_eq!(left.in_flight, 0);
    assert!(left.ready + left.delayed <= 980_000);
    assert_eq!(slow_scripts(&place).await, 0);
}

/// As if a million had been pushed a while ago; pushing them would take the test's time.
async fn seed_due(place: &Place, jobs: u32) {
    let script = r#"
        for n = ARGV[1], ARGV[2] do
          local id = 'n' .. n
          redis.call('HSET', KEYS[1], id, '{"kind":"note","job":{"n":' .. n .. '}}')
          redis.call('ZADD', KEYS[2], 1700000000000, id)
        end"#;
    let mut redis = place.redis().await;
    for first in (0..jobs).step_by(20_000) {
        let _: () = redis::cmd("EVAL")
            .arg(script)
            .arg(2)
            .arg(&[place.key("jobs"), place.key("delayed")])
            .arg(first)
            .arg(first + 19_999)
            .query_async(&mut redis)
            .await
            .unwrap();
    }
}

/// A script over all due jobs would take seconds; one that is bounded takes a few milliseconds.
async fn watch_for_slow_scripts(place: &Place) {
    let mut redis = place.redis().await;
    let mut config = redis::cmd("CONFIG");
    config.arg("SET").arg("slowlog-log-slower-than").arg(200_000);
    let _: () = config.query_async(&mut redis).await.unwrap();
    let _: () = redis::cmd("SLOWLOG").arg("RESET").query_async(&mut redis).await.unwrap();
}

async fn slow_scripts(place: &Place) -> u64 {
    redis::cmd("SLOWLOG").arg("LEN").query_async(&mut place.redis().await).await.unwrap()
}
