//! Failures and dead letters.

use std::time::Duration;

use tokio::time::Instant;

use crate::place::{Acts, Note, Place, Told, subscription};

#[tokio::test]
async fn a_failing_job_waits_twice_as_long_each_time_and_is_dead_in_the_end() {
    let place = Place::new().await;
    let mut worker = place.work(subscription(1), Acts::Fails);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut starts: Vec<(u32, Instant)> = Vec::new();
    while starts.len() < 5 {
        if let (Told::Started { deliveries, .. }, at) = worker.tells().await {
            starts.push((deliveries, at));
        }
    }
    for (pair, wait_ms) in starts.windows(2).zip([40, 80, 160, 320]) {
        assert_eq!(pair[1].0, pair[0].0 + 1);
        let waited = pair[1].1 - pair[0].1;
        assert!(waited >= Duration::from_millis(wait_ms), "{waited:?} of {wait_ms} ms");
    }
    place.until_counts("0 0 0 1").await;
    let dead = place.queues.dead("note", 10).await.unwrap();
    assert_eq!((dead[0].id.as_str(), dead[0].deliveries), ("n1", 5));
    assert_eq!(dead[0].reason, "the sky fell");
    assert!(dead[0].payload.contains(r#""n":1"#), "{}", dead[0].payload);
    assert!(dead[0].at.timestamp() > 1_700_000_000);
    worker.stop().await;
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_worker_goes_on() {
    let place = Place::new().await;
    let mut worker = place.work(subscription(1), Acts::Panics);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    for delivery in 1..=5 {
        assert_eq!(worker.starts().await, (1, delivery));
    }
    place.until_counts("0 0 0 1").await;
    let dead = place.queues.dead("note", 1).await.unwrap();
    assert_eq!(dead[0].reason, "the handler panicked: the floor gave way");
    place.queues.push(&Note { n: 2 }).await.unwrap();
    assert_eq!(worker.starts().await, (2, 1));
    worker.stop().await;
}

async fn bury(place: &Place, id: &str, payload: &str) {
    let mut redis = place.redis().await;
    let mut seed = redis::pipe();
    seed.hset(place.key("jobs"), id, payload).zadd(place.key("ready"), id, 1).ignore();
    let _: () = seed.query_async(&mut redis).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_dead_at_once_and_listed_with_the_reason() {
    let place = Place::new().await;
    bury(&place, "torn", r#"{"kind":"note","job":{"n""#).await;
    bury(&place, "other", r#"{"kind":"dial","job":{"n":1}}"#).await;
    let mut worker = place.work(subscription(2), Acts::Returns);
    place.until_counts("0 0 0 2").await;
    let mut reasons: Vec<_> = place.queues.dead("note", 10).await.unwrap();
    reasons.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(reasons[0].reason, "unreadable: a job of another kind than note");
    assert!(reasons[1].reason.starts_with("unreadable: Eof at 1:"), "{}", reasons[1].reason);
    place.queues.push(&Note { n: 5 }).await.unwrap();
    assert_eq!(worker.starts().await, (5, 1), "the worker goes on");
    worker.stop().await;
}

#[tokio::test]
async fn dead_letters_are_listed_requeued_and_dropped() {
    let place = Place::new().await;
    let failing = place.work(subscription(5), Acts::Fails);
    for n in 1..=3 {
        place.queues.push(&Note { n }).await.unwrap();
    }
    place.until_counts("0 0 0 3").await;
    failing.stop().await;
    assert_eq!(place.queues.dead("note", 2).await.unwrap().len(), 2);
    assert!(place.queues.dead("note", 0).await.unwrap().is_empty());

    assert!(place.queues.requeue("note", "n1").await.unwrap());
    assert!(!place.queues.requeue("note", "n1").await.unwrap());
    assert!(place.queues.drop_dead("note", "n2").await.unwrap());
    assert!(!place.queues.drop_dead("note", "n2").await.unwrap());
    assert_eq!(place.counts().await, "1 0 0 1");

    // One that was pushed anew meanwhile is not there twice.
    place.queues.push(&Note { n: 3 }).await.unwrap();
    assert!(place.queues.requeue("note", "n3").await.unwrap());
    assert_eq!(place.counts().await, "2 0 0 0");

    let mut worker = place.work(subscription(1), Acts::Returns);
    assert_eq!(worker.starts().await, (1, 1), "deliveries are counted anew");
    assert_eq!(worker.starts().await, (3, 1));
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn dead_letters_are_bounded_and_the_oldest_go_first() {
    let place = Place::new().await;
    let above = jobs::DEAD_MAX + 7;
    let mut seed = redis::pipe();
    for n in 0..above {
        let id = format!("x{n}");
        seed.hset(place.key("jobs"), &id, "torn").ignore();
        seed.zadd(place.key("ready"), &id, n + 1).ignore();
    }
    let _: () = seed.query_async(&mut place.redis().await).await.unwrap();
    let worker = place.work(subscription(200), Acts::Returns);
    place.until_counts(&format!("0 0 0 {}", jobs::DEAD_MAX)).await;
    worker.stop().await;
    let graves: usize = redis::cmd("HLEN")
        .arg(place.key("graves"))
        .query_async(&mut place.redis().await)
        .await
        .unwrap();
    assert_eq!(graves, jobs::DEAD_MAX);
    assert!(!place.queues.drop_dead("note", "x0").await.unwrap());
}
