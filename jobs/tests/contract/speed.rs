//! Speed, printed; the bounds are for a debug build on a machine that does other things as well.

use std::time::{Duration, Instant};

use crate::place::{Acts, Note, Place, notes, subscription};

const JOBS: u64 = 50_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_are_pushed_and_run_fast() {
    let place = Place::new().await;
    let all = notes(0..JOBS);
    let began = Instant::now();
    for bulk in all.chunks(500) {
        place.queues.push_all(bulk).await.unwrap();
    }
    let pushed = rate(began);
    let began = Instant::now();
    let mut worker = place.work(subscription(100), Acts::Returns);
    for _ in 0..JOBS {
        worker.starts().await;
    }
    place.until_no_keys().await;
    println!("bulk push {pushed:.0} jobs/s; run at concurrency 100 {:.0} jobs/s", rate(began));
    worker.stop().await;
    assert!(pushed > 2_000.0);
}

fn rate(began: Instant) -> f64 {
    JOBS as f64 / began.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_starts_a_job_at_once() {
    let place = Place::new().await;
    let mut worker = place.work(subscription(10), Acts::Returns);
    let mut waits = Vec::new();
    for n in 0..300 {
        let began = tokio::time::Instant::now();
        place.queues.push(&Note { n }).await.unwrap();
        loop {
            let (told, at) = worker.tells().await;
            if matches!(told, crate::place::Told::Started { .. }) {
                waits.push(at - began);
                break;
            }
        }
        place.until_no_keys().await;
    }
    waits.sort();
    println!("idle, push to start: p50 {:?}, p99 {:?}", waits[150], waits[297]);
    assert!(waits[150] < Duration::from_millis(50));
    worker.stop().await;
}
