//! Redis stalls, restarts and forgets everything; the workers go on.

use std::time::Duration;

use crate::place::{Acts, Note, Place, Server, Told, notes, subscription};

#[tokio::test]
async fn after_flushall_workers_go_on_with_all_their_permits() {
    let server = Server::start().await;
    let place = Place::at(&server.url()).await;
    let mut worker = place.work(subscription(2), Acts::Waits);
    place.queues.push_all(&notes(0..10)).await.unwrap();
    worker.starts().await;
    worker.starts().await;
    let mut redis = place.redis().await;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await.unwrap();
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut redis).await.unwrap();

    // What was in flight ends as it would have; its acknowledgement means nothing any more.
    worker.let_go(100);
    worker.until(Told::Ended(0)).await;
    place.queues.push_all(&notes(20..30)).await.unwrap();
    let mut started = Vec::new();
    while started.len() < 10 {
        started.push(worker.starts().await.0);
    }
    started.sort_unstable();
    assert_eq!(started, (20..30).collect::<Vec<_>>());
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_job_pushed_anew_after_flushall_is_not_finished_by_the_old_delivery() {
    let server = Server::start().await;
    let place = Place::at(&server.url()).await;
    let mut old = place.work(subscription(1), Acts::Waits);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    assert_eq!(old.starts().await, (1, 1));
    let _: () = redis::cmd("FLUSHALL").query_async(&mut place.redis().await).await.unwrap();
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut new = place.work(subscription(1), Acts::Waits);
    assert_eq!(new.starts().await, (1, 1));
    old.let_go(1);
    place.queues.push(&Note { n: 2 }).await.unwrap();
    assert_eq!(old.starts().await, (2, 1));
    assert_eq!(place.counts().await, "0 0 2 0");
    new.let_go(1);
    old.let_go(1);
    place.until_no_keys().await;
    for worker in [old, new] {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_stall_of_two_seconds_delays_jobs_and_repeats_none() {
    let server = Server::start().await;
    let place = Place::at(&server.url()).await;
    let mut workers = [0; 2].map(|_| place.work(subscription(10), Acts::Takes(100)));
    place.queues.push_all(&notes(0..100)).await.unwrap();
    workers[0].starts().await;
    let mut redis = place.redis().await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(2_000).arg("ALL");
    let _: () = pause.query_async(&mut redis).await.unwrap();
    place.queues.push_all(&notes(100..200)).await.unwrap();
    place.until_no_keys().await;
    let mut ended = Vec::new();
    for worker in &mut workers {
        for told in worker.told_so_far() {
            match told {
                Told::Ended(n) => ended.push(n),
                Told::Started { deliveries, .. } => assert_eq!(deliveries, 1),
                Told::Dropped(n) => panic!("{n} was dropped"),
            }
        }
    }
    ended.sort_unstable();
    assert_eq!(ended, (0..200).collect::<Vec<_>>());
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn workers_and_jobs_outlive_a_restart_of_redis() {
    let mut server = Server::start_durable().await;
    let place = Place::at(&server.url()).await;
    let mut worker = place.work(subscription(2), Acts::Waits);
    place.queues.push_all(&notes(0..6)).await.unwrap();
    place.queues.push_in(&Note { n: 6 }, Duration::from_millis(300)).await.unwrap();
    worker.starts().await;
    worker.starts().await;
    server.restart().await;
    worker.let_go(100);
    place.queues.push(&Note { n: 7 }).await.unwrap();
    let mut started = Vec::new();
    while started.len() < 6 {
        let (n, deliveries) = worker.starts().await;
        assert_eq!(deliveries, 1, "{n}");
        started.push(n);
    }
    started.sort_unstable();
    assert_eq!(started, [2, 3, 4, 5, 6, 7]);
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_starts_or_stops_while_redis_is_away_does_so_without_an_error() {
    let mut server = Server::start_durable().await;
    let place = Place::at(&server.url()).await;
    let mut redis = place.redis().await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(1_000).arg("ALL");
    let _: () = pause.query_async(&mut redis).await.unwrap();
    let worker = place.work(subscription(1), Acts::Returns);
    worker.stop().await;
    let mut worker = place.work(subscription(1), Acts::Returns);
    server.restart().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    assert_eq!(worker.starts().await, (1, 1));
    worker.stop().await;
}

#[tokio::test]
async fn what_is_fetched_while_the_worker_stops_is_given_back_and_not_counted() {
    let server = Server::start().await;
    let place = Place::at(&server.url()).await;
    place.queues.push_all(&notes(0..3)).await.unwrap();
    let mut redis = place.redis().await;
    let mut pause = redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(1_500).arg("WRITE");
    let _: () = pause.query_async(&mut redis).await.unwrap();
    let worker = place.work(subscription(3), Acts::Waits);
    // Redis holds the fetch back.
    place.blocked_clients(1).await;
    assert_eq!(worker.stop().await, []);
    assert_eq!(place.counts().await, "3 0 0 0");
    let mut next = place.work(subscription(3), Acts::Returns);
    for n in 0..3 {
        assert_eq!(next.starts().await, (n, 1));
    }
    next.stop().await;
}
