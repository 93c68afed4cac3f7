//! Delivery: once by healthy workers, within the permits, by id, and nothing left behind.

use std::collections::BTreeMap;

use crate::place::{Acts, Note, Place, Server, Told, Worker, notes, subscription};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthy_workers_run_each_job_once_and_leave_nothing() {
    let place = Place::new().await;
    let mut workers: Vec<Worker> =
        (0..4).map(|_| place.work(subscription(25), Acts::Takes(2))).collect();
    for chunk in notes(0..4_000).chunks(400) {
        place.queues.push_all(chunk).await.unwrap();
    }
    place.until_no_keys().await;
    let mut runs = BTreeMap::<u64, u32>::new();
    for worker in &mut workers {
        for told in worker.told_so_far() {
            if let Told::Ended(n) = told {
                *runs.entry(n).or_default() += 1;
            }
        }
    }
    assert_eq!(runs.len(), 4_000);
    assert!(runs.values().all(|runs| *runs == 1));
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(place.keys().await, [""; 0]);
}

#[tokio::test]
async fn jobs_are_started_in_the_order_they_were_pushed_in() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..1_200)).await.unwrap();
    place.queues.push(&Note { n: 1_200 }).await.unwrap();
    let mut worker = place.work(subscription(1), Acts::Returns);
    for n in 0..=1_200 {
        assert_eq!(worker.starts().await, (n, 1));
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_clock_of_redis_that_steps_back_does_not_turn_the_order() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let mut ahead = redis::cmd("ZADD");
    ahead.arg(place.key("ready")).arg("XX").arg("INCR").arg(3_600_000_000_u64).arg("n1");
    let _: f64 = ahead.query_async(&mut place.redis().await).await.unwrap();
    place.queues.push_all(&notes(2..4)).await.unwrap();
    let mut worker = place.work(subscription(1), Acts::Returns);
    for n in 1..4 {
        assert_eq!(worker.starts().await, (n, 1));
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_never_has_more_than_its_permits() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..10)).await.unwrap();
    let mut worker = place.work(subscription(3), Acts::Waits);
    for n in 0..10 {
        worker.starts().await;
        let in_flight = place.stats().await.in_flight;
        assert!(in_flight <= 3, "{in_flight} in flight");
        if n >= 2 {
            worker.let_go(1);
        }
    }
    worker.let_go(10);
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn pushing_an_id_again_is_once_while_it_is_queued_delayed_or_in_flight() {
    let place = Place::new().await;
    let (note, hour) = (Note { n: 7 }, std::time::Duration::from_secs(3_600));
    place.queues.push_all(&[note.clone(), note.clone()]).await.unwrap();
    place.queues.push(&note).await.unwrap();
    place.queues.push_in(&note, hour).await.unwrap();
    assert_eq!(place.counts().await, "1 0 0 0");

    let later = Note { n: 8 };
    place.queues.push_in(&later, hour).await.unwrap();
    place.queues.push(&later).await.unwrap();
    assert_eq!(place.counts().await, "1 1 0 0");

    let mut worker = place.work(subscription(2), Acts::Waits);
    assert_eq!(worker.starts().await, (7, 1));
    place.queues.push(&note).await.unwrap();
    assert_eq!(place.counts().await, "0 1 1 0");

    worker.let_go(2);
    place.until_counts("0 1 0 0").await;
    place.queues.push(&note).await.unwrap();
    assert_eq!(worker.starts().await, (7, 1), "once it is done, its id is free again");
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_waits_can_be_cancelled_by_its_id_and_one_in_flight_not() {
    let place = Place::new().await;
    let hour = std::time::Duration::from_secs(3_600);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    place.queues.push_in(&Note { n: 2 }, hour).await.unwrap();
    assert!(place.queues.cancel("note", "n1").await.unwrap());
    assert!(place.queues.cancel("note", "n2").await.unwrap());
    assert!(!place.queues.cancel("note", "n2").await.unwrap());
    assert_eq!(place.keys().await, [""; 0]);

    let mut worker = place.work(subscription(1), Acts::Waits);
    place.queues.push(&Note { n: 3 }).await.unwrap();
    assert_eq!(worker.starts().await, (3, 1));
    assert!(!place.queues.cancel("note", "n3").await.unwrap());
    worker.let_go(1);
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn an_idle_worker_is_woken_while_another_has_its_hands_full() {
    let place = Place::new().await;
    let mut busy = place.work(subscription(1), Acts::Waits);
    place.queues.push(&Note { n: 0 }).await.unwrap();
    busy.starts().await;
    let mut idle = place.work(subscription(2), Acts::Returns);
    place.queues.push_all(&notes(1..50)).await.unwrap();
    for _ in 1..50 {
        idle.starts().await;
    }
    busy.let_go(1);
    place.until_no_keys().await;
    for worker in [busy, idle] {
        worker.stop().await;
    }
}

#[tokio::test]
async fn one_push_of_two_jobs_wakes_two_idle_workers() {
    let place = Place::new().await;
    let mut workers = [0; 2].map(|_| place.work(subscription(1), Acts::Waits));
    let mut waited = std::time::Duration::ZERO;
    for round in 0..8 {
        place.until_no_keys().await;
        let pushed = std::time::Instant::now();
        place.queues.push_all(&notes(2 * round..2 * round + 2)).await.unwrap();
        for worker in &mut workers {
            worker.starts().await;
        }
        waited += pushed.elapsed();
        for worker in &workers {
            worker.let_go(1);
        }
    }
    // Unwoken, the second would look by itself after half a second on average.
    assert!(waited.as_secs() < 2, "{waited:?}");
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_bell_that_rings_for_a_worker_with_its_hands_full_is_passed_on() {
    let server = Server::start().await;
    let mut waited = std::time::Duration::ZERO;
    for _ in 0..4 {
        let place = Place::at(&server.url()).await;
        let mut full = place.work(subscription(1), Acts::Waits);
        place.blocked_clients(1).await;
        // Taken at its time, so with the bell still listened to, as the first in the line.
        place.queues.push_in(&Note { n: 0 }, std::time::Duration::from_millis(20)).await.unwrap();
        full.starts().await;
        let mut idle = place.work(subscription(1), Acts::Returns);
        place.blocked_clients(2).await;
        let pushed = std::time::Instant::now();
        place.queues.push(&Note { n: 1 }).await.unwrap();
        idle.starts().await;
        waited += pushed.elapsed();
        full.let_go(1);
        for worker in [full, idle] {
            worker.stop().await;
        }
        place.blocked_clients(0).await;
    }
    // Unwoken, the other would look by itself after a second each time.
    assert!(waited.as_secs() < 2, "{waited:?}");
}

#[tokio::test]
async fn a_drain_finishes_what_is_started_and_takes_nothing_new() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..3)).await.unwrap();
    let mut worker = place.work(subscription(3), Acts::Waits);
    for _ in 0..3 {
        worker.starts().await;
    }
    worker.ask_to_stop();
    place.queues.push_all(&notes(3..6)).await.unwrap();
    worker.let_go(6);
    let told = worker.stop().await;
    let ended = told.iter().filter(|told| matches!(told, Told::Ended(_))).count();
    assert_eq!(ended, 3, "{told:?}");
    assert_eq!(place.counts().await, "3 0 0 0", "the acknowledgements were sent before the end");

    let mut next = place.work(subscription(3), Acts::Returns);
    for _ in 0..3 {
        let (n, deliveries) = next.starts().await;
        assert!((3..6).contains(&n) && deliveries == 1, "{n} came {deliveries} times");
    }
    next.stop().await;
}

#[tokio::test]
async fn restarts_under_load_lose_nothing_and_count_no_delivery_that_did_not_start() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..2_000)).await.unwrap();
    let mut ended = std::collections::BTreeSet::new();
    while ended.len() < 2_000 {
        let mut worker = place.work(subscription(50), Acts::Takes(1));
        worker.starts().await;
        for told in worker.stop().await {
            match told {
                Told::Started { n, deliveries } => assert_eq!(deliveries, 1, "job {n}"),
                Told::Ended(n) => assert!(ended.insert(n), "{n} ran twice"),
                Told::Dropped(n) => panic!("{n} was dropped"),
            }
        }
        // The first start was asked for above, its end tells of it as well.
        if place.keys().await.is_empty() {
            break;
        }
    }
    assert_eq!(ended.len(), 2_000);
}

#[tokio::test]
async fn a_worker_that_is_dropped_gives_its_jobs_back_at_once() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..2)).await.unwrap();
    let mut worker = place.work(subscription(2), Acts::Waits);
    worker.starts().await;
    worker.starts().await;
    worker.kill().await;
    let mut other = place.work(subscription(2), Acts::Returns);
    assert_eq!(other.starts().await.1, 2, "the delivery that was cut off counts");
    assert_eq!(other.starts().await.1, 2);
    place.until_no_keys().await;
    other.stop().await;
}

#[tokio::test]
async fn queues_are_listed_by_name_with_what_they_hold() {
    let place = Place::new().await;
    place.queues.push_all(&notes(0..3)).await.unwrap();
    let upload = jobs::UploadRecording {
        attempt: clock::new_id::<outbound::ids::AttemptId>(),
        spool: "a1".into(),
    };
    place.queues.push_in(&upload, std::time::Duration::from_secs(60)).await.unwrap();
    let listed: Vec<String> = place
        .queues
        .queues()
        .await
        .unwrap()
        .into_iter()
        .map(|queue| format!("{} {} {}", queue.name, queue.ready, queue.delayed))
        .collect();
    assert_eq!(listed, ["note 3 0", "upload.a1 0 1"]);
}

#[tokio::test]
async fn the_trace_of_who_pushes_goes_on_in_who_runs() {
    static ADOPTED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut place = Place::new().await;
    place.queues = place.queues.clone().with_tracing(jobs::Tracing {
        current: || Some(TRACE.into()),
        adopt: |_, trace| ADOPTED.store(trace == TRACE, std::sync::atomic::Ordering::SeqCst),
    });
    let mut worker = place.work(subscription(1), Acts::Returns);
    place.queues.push(&Note { n: 1 }).await.unwrap();
    worker.starts().await;
    assert!(ADOPTED.load(std::sync::atomic::Ordering::SeqCst));
    worker.stop().await;
}
