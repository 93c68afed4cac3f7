//! Leases and fencing, within one process.

use std::time::Duration;

use jobs::Subscription;

use crate::place::{Acts, Note, Place, Told, subscription};

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
    place.expire(1).await;
    // A worker that has just started fetches at once, so it takes the job before it is renewed,
    // unless the machine is very slow; then the lease is simply let go once more.
    let mut second = place.work(leased(10_000), Acts::Waits);
    loop {
        tokio::select! {
            started = second.starts() => {
                assert_eq!(started, (1, 2));
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => place.expire(1).await,
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
    place.expire(1).await;
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
    // As if another's fetch had found it expired, and died before it took it.
    let mut found = redis::pipe();
    found.atomic().zrem(place.key("leased"), "n1").ignore();
    found.zadd(place.key("ready"), "n1", 1).ignore();
    let _: () = found.query_async(&mut place.redis().await).await.unwrap();
    assert_eq!(place.counts().await, "1 0 0 0");
    place.until_counts("0 0 1 0").await;
    worker.let_go(1);
    place.until_no_keys().await;
    let told = worker.stop().await;
    assert!(matches!(told[..], [Told::Ended(1)]), "{told:?}");
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
