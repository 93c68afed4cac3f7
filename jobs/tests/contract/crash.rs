//! Workers in processes of their own, that are stopped and killed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jobs::{Queues, Subscription};

use crate::place::{Acts, DEADLINE, Note, Place, Told, Worker, patient, subscription};

const URL: &str = "CONTRACT_WORKER_URL";
const PREFIX: &str = "CONTRACT_WORKER_PREFIX";

fn short() -> Subscription {
    Subscription { lease: Duration::from_millis(600), ..subscription(1) }
}

/// Not a test by itself: the worker process of the tests below, which start this binary anew.
#[tokio::test]
async fn worker_process() {
    let (Ok(url), Ok(prefix)) = (std::env::var(URL), std::env::var(PREFIX)) else { return };
    let queues = Queues::connect(&url, &prefix).await.unwrap();
    let mut worker = Worker::start(&queues, short(), Acts::Waits);
    let mut redis = patient(&url).await;
    let heard = format!("{{{prefix}:heard}}");
    loop {
        let word = match worker.tells().await.0 {
            Told::Started { .. } => "started",
            Told::Ended(_) => "ended",
            Told::Dropped(_) => "dropped",
        };
        let _: () =
            redis::cmd("RPUSH").arg(&heard).arg(word).query_async(&mut redis).await.unwrap();
    }
}

struct Process(Child);

impl Process {
    fn start(place: &Place) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::worker_process"])
            .env(URL, &place.url)
            .env(PREFIX, &place.prefix)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    async fn tells(place: &Place) -> String {
        let (_, word): (String, String) = redis::cmd("BLPOP")
            .arg(format!("{{{}:heard}}", place.prefix))
            .arg(DEADLINE.as_secs())
            .query_async(&mut place.redis().await)
            .await
            .unwrap();
        word
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_job_of_a_killed_worker_goes_to_another_when_its_lease_expires() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let process = Process::start(&place);
    assert_eq!(Process::tells(&place).await, "started");
    process.signal("-KILL");
    let mut worker = place.work(short(), Acts::Returns);
    assert_eq!(worker.starts().await, (1, 2));
    place.until_no_keys().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_was_stopped_past_its_lease_finds_its_handler_cancelled() {
    let place = Place::new().await;
    place.queues.push(&Note { n: 1 }).await.unwrap();
    let process = Process::start(&place);
    assert_eq!(Process::tells(&place).await, "started");
    process.signal("-STOP");
    let mut worker = place.work(short(), Acts::Waits);
    assert_eq!(worker.starts().await, (1, 2));
    process.signal("-CONT");
    assert_eq!(Process::tells(&place).await, "dropped");
    assert_eq!(place.counts().await, "0 0 1 0");
    worker.let_go(1);
    place.until_counts("0 0 0 0").await;
    worker.stop().await;
}
