//! A handler that goes on with another job: it is in flight like any, and the first one is done.

use redis::AsyncCommands;
use tokio::time::{Duration, Instant};

use crate::place::{Acts, DEADLINE, FOLLOWS_BY, Note, Place, notes, subscription};

/// Until Redis knows the job of this number, and not the one that it follows.
async fn until_adopted(place: &Place, n: u64) {
    let mut redis = place.redis().await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let mut ids: Vec<String> = redis.hkeys(place.key("jobs")).await.unwrap();
        ids.sort();
        if ids == [format!("n{n}")] {
            return;
        }
        assert!(Instant::now() < deadline, "n{n} is awaited, there are {ids:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_job_that_follows_is_in_flight_in_place_of_the_first_and_leaves_nothing() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut worker = place.work(subscription(1), Acts::Follows);
    assert_eq!(worker.starts().await, (1, 1));
    until_adopted(&place, 1 + FOLLOWS_BY).await;
    assert_eq!(place.counts().await, "0 0 1 0");
    worker.let_go(1);
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn jobs_of_one_fetch_are_each_followed_by_their_own() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..100)).await.unwrap();
    let mut worker = place.work(subscription(100), Acts::Follows);
    for _ in 0..100 {
        worker.starts().await;
    }
    let mut redis = place.redis().await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let ids: Vec<String> = redis.hkeys(place.key("jobs")).await.unwrap();
        let followed = ids.iter().filter(|id| id.len() == "n1000".len()).count();
        if (ids.len(), followed) == (100, 100) {
            break;
        }
        assert!(Instant::now() < deadline, "{followed} of {} follow", ids.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.let_go(100);
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn the_job_that_a_lost_worker_went_on_with_comes_back_and_the_first_does_not() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut lost = place.work(subscription(1), Acts::Follows);
    lost.starts().await;
    until_adopted(&place, 1 + FOLLOWS_BY).await;
    place.expire().await;
    let mut other = place.work(subscription(1), Acts::Returns);
    assert_eq!(other.starts().await, (1 + FOLLOWS_BY, 2));
    place.until_no_keys().await;
    // Whoever had it is told at the next renewal, and settles nothing.
    lost.let_go(1);
    lost.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_failure_after_going_on_is_the_second_jobs() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut worker = place.work(subscription(1), Acts::FollowsAndFails);
    assert_eq!(worker.starts().await, (1, 1));
    worker.let_go(1);
    assert_eq!(worker.starts().await, (1 + FOLLOWS_BY, 2));
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_dropped_gives_back_the_job_that_it_went_on_with() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut worker = place.work(subscription(1), Acts::Follows);
    worker.starts().await;
    until_adopted(&place, 1 + FOLLOWS_BY).await;
    worker.kill().await;
    place.until_counts("1 0 0 0").await;
    let mut other = place.work(subscription(1), Acts::Returns);
    assert_eq!(other.starts().await, (1 + FOLLOWS_BY, 2));
    place.until_no_keys().await;
    other.stop().await;
}

#[tokio::test]
async fn after_flushall_a_job_that_follows_is_persisted_all_the_same() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 2 }).await.unwrap();
    let mut worker = place.work(subscription(1), Acts::FollowsLater);
    worker.starts().await;
    let all = place.keys().await;
    let _: () = place.redis().await.del(all).await.unwrap();
    worker.let_go(1);
    until_adopted(&place, 2 + FOLLOWS_BY).await;
    assert_eq!(place.counts().await, "0 0 1 0");
    place.expire().await;
    let mut other = place.work(subscription(1), Acts::Returns);
    assert_eq!(other.starts().await, (2 + FOLLOWS_BY, 2));
    worker.let_go(1);
    worker.stop().await;
    other.stop().await;
}
