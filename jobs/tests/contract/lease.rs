//! Leases and fencing, within one process.

use std::time::Duration;

use jobs::Subscription;
use redis::AsyncCommands;

use crate::place::{Acts, DEADLINE, Note, Place, Told, notes, subscription};

fn leased(lease_ms: u64) -> Subscription {
    Subscription { lease: Duration::from_millis(lease_ms), ..subscription(2) }
}

#[tokio::test]
async fn a_job_that_takes_longer_than_its_lease_runs_once() {
    let place = Place::new().await;
    let mut workers = [0; 2].map(|_| place.work(leased(300), Acts::Takes(1_500)));
    place.queues.push(&Note { n: 1 }).await.unwrap();
    place.until_no_keys().await;
    let told: Vec<Told> = workers.iter_mut().flat_map(|worker| worker.told_so_far()).collect();
    assert_eq!(told, [Told::Started { n: 1, deliveries: 1 }, Told::Ended(1)]);
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn losing_the_lease_cancels_the_handler() {
    let place = Place::new().await;
    let mut first = place.work(leased(600), Acts::Waits);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    assert_eq!(first.starts().await, (1, 1));
    place.expire().await;
    // A worker that has just started fetches at once, so it takes the job before it is renewed,
    // unless the machine is very slow; then the lease is simply let go once more.
    let mut second = place.work(leased(10_000), Acts::Waits);
    loop {
        tokio::select! {
            started = second.starts() => {
                assert_eq!(started, (1, 2));
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => place.expire().await,
        }
    }
    first.until(Told::Dropped(1)).await;
    assert_eq!(place.counts().await, "0 0 1 0", "the other delivery goes on");
    second.let_go(1);
    place.until_no_keys().await;
    for worker in [first, second] {
        worker.stop().await;
    }
}

#[tokio::test]
async fn the_acknowledgement_of_a_zombie_is_refused() {
    let place = Place::new().await;
    let one = Subscription { concurrency: 1, ..leased(60_000) };
    let mut zombie = place.work(one, Acts::Waits);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    assert_eq!(zombie.starts().await, (1, 1));
    place.expire().await;
    let mut second = place.work(one, Acts::Waits);
    assert_eq!(second.starts().await, (1, 2));

    zombie.let_go(1);
    zombie.until(Told::Ended(1)).await;
    // It takes another job only when its acknowledgement is through.
    place.queues.push(&Note { n: 2 }).await.unwrap();
    assert_eq!(zombie.starts().await, (2, 1));
    assert_eq!(place.counts().await, "0 0 2 0", "the second delivery still has the job");

    // Nor can its failure or its drop give the job to a third.
    second.let_go(1);
    zombie.let_go(1);
    place.until_no_keys().await;
    for worker in [zombie, second] {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_with_nobody_there_is_taken_back_by_its_worker() {
    let place = Place::new().await;
    let mut worker = place.work(Subscription { concurrency: 1, ..leased(300) }, Acts::Waits);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    worker.starts().await;
    place.expire().await;
    let mut redis = place.redis().await;
    let renewed = async {
        while redis.zcount::<_, _, _, u32>(place.key("leased"), 1, 1).await.unwrap() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(DEADLINE, renewed).await.expect("it renews its lease");
    assert_eq!(place.counts().await, "0 0 1 0");
    worker.let_go(1);
    place.until_no_keys().await;
    let told = worker.stop().await;
    assert!(matches!(told[..], [Told::Ended(1)]), "{told:?}");
}

#[tokio::test]
async fn jobs_that_were_taken_together_end_each_for_itself() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..3)).await.unwrap();
    let mut worker = place.work(leased(300), Acts::Waits);
    let mut redis = place.redis().await;
    for n in 0..2 {
        assert_eq!(worker.starts().await, (n, 1));
    }
    assert_eq!(place.counts().await, "1 0 2 0");
    let batches: u32 = redis.zcard(place.key("leased")).await.unwrap();
    assert_eq!(batches, 1);

    worker.let_go(1);
    assert_eq!(worker.starts().await, (2, 1));
    assert_eq!(place.counts().await, "0 0 2 0", "one of the first two, and the third");
    worker.let_go(2);
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn of_a_lease_that_ran_out_only_the_jobs_that_others_took_are_lost() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..2)).await.unwrap();
    let mut late = place.work(leased(60_000), Acts::Waits);
    for n in 0..2 {
        assert_eq!(late.starts().await, (n, 1));
    }
    place.expire().await;
    let mut other = place.work(Subscription { concurrency: 1, ..leased(60_000) }, Acts::Waits);
    assert_eq!(other.starts().await, (0, 2));
    assert_eq!(place.counts().await, "0 0 2 0");

    // Both end: one acknowledgement is refused, the other finishes the job that nobody has taken.
    late.let_go(2);
    place.until_counts("0 0 1 0").await;
    other.let_go(1);
    place.until_no_keys().await;
    assert_eq!(other.stop().await, [Told::Ended(0)], "the second job was not run again");
    late.stop().await;
}

#[tokio::test]
async fn a_redis_that_evicts_what_is_in_flight_does_not_stop_the_queue() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let one = Subscription { concurrency: 1, ..leased(60_000) };
    let mut first = place.work(one, Acts::Waits);
    assert_eq!(first.starts().await, (1, 1));
    let mut redis = place.redis().await;
    let _: () = redis.del(&[place.key("contents"), place.key("held")]).await.unwrap();
    place.expire().await;
    place.queues.push(&Note { n: 2 }).await.unwrap();
    let mut second = place.work(one, Acts::Returns);
    assert_eq!(second.starts().await, (2, 1));
    for worker in [first, second] {
        worker.let_go(2);
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_job_whose_workers_are_lost_again_and_again_is_dead() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    for delivery in 1..=5 {
        let mut worker = place.work(subscription(1), Acts::Waits);
        assert_eq!(worker.starts().await, (1, delivery));
        worker.kill().await;
    }
    let worker = place.work(subscription(1), Acts::Returns);
    place.until_counts("0 0 0 1").await;
    worker.stop().await;
    let dead = place.queues.dead("note", 1).await.unwrap();
    assert_eq!((dead[0].deliveries, dead[0].reason.as_str()), (5, "its workers were lost"));
}
