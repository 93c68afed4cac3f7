//! Connections that say nothing, say it slowly, or say it again and again.

use std::time::{Duration, Instant};

use api::strangers::FAILURES;
use harness::{Answer, World};
use reqwest::Method;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_body_that_stalls_is_given_up_after_half_a_minute() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let begun = Instant::now();
    let task = world.task("stalls", serde_json::json!({})).await;
    let stalled = |path: &str, kind: &str| {
        let head = format!(
            "POST /v1/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Idempotency-Key: stalls\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\n{{",
            world.key
        );
        let world = &world;
        async move { world.raw(&head).await }
    };
    let import = format!("tasks/{task}/imports?batch_name=May");
    let answers =
        tokio::join!(stalled("periods", "application/json"), stalled(&import, "text/csv"));
    for answer in [answers.0, answers.1] {
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    world.end().await;
}

#[tokio::test]
async fn who_has_as_many_requests_under_way_as_it_may_waits_for_them_and_nobody_else_does() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let stranger = world.stranger().await;
    // Bodies that never come, one for each place.
    let mut held = Vec::new();
    for place in 0..api::at_once::each() {
        let head = format!(
            "POST /v1/periods HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Idempotency-Key: held{place}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
            world.key
        );
        let mut stream = tokio::net::TcpStream::connect(world.address).await.expect("connected");
        stream.write_all(head.as_bytes()).await.expect("sent");
        held.push(stream);
    }
    let read = || Answer::to(world.api.request(Method::GET, "tasks"));
    let mut next = std::pin::pin!(read());
    loop {
        // Until all places are taken, a request of theirs comes through.
        let one = tokio::time::timeout(Duration::from_secs(1), next.as_mut()).await;
        let Ok(answer) = one else { break };
        assert_eq!(answer.status, 200);
        next.set(read());
    }
    let other = Answer::to(stranger.request(Method::GET, "tasks"));
    tokio::select! {
        biased;
        answer = other => assert_eq!(answer.status, 200),
        _ = next.as_mut() => panic!("the stranger waited for them"),
    }
    let refused = next.await;
    assert_eq!(refused.told(), "429 too_many_at_once");
    assert_eq!(refused.header("retry-after"), "1");
    drop(held);
    assert_eq!(read().await.status, 200, "places come free with their connections");
    world.end().await;
}

#[tokio::test]
async fn keys_that_open_nothing_are_looked_up_so_often_and_those_that_are_known_go_on() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let known = world.key("viewer", &[]).await;
    let read = |api: &callwright::client::Api| Answer::to(api.request(Method::GET, "tasks"));
    assert_eq!(read(&known).await.status, 200);
    let mut refused = None;
    for n in 0..=FAILURES.requests + 5 {
        let answer = read(&world.by(&format!("cw_guess{n}"))).await;
        match answer.status {
            401 => assert!(n < FAILURES.requests + 5, "{n} were looked up"),
            _ => {
                assert!(n >= FAILURES.requests, "{n}");
                refused = Some(answer);
                break;
            }
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.told(), "429 too_many_failures");
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=3).contains(&seconds), "{seconds}");
    assert_eq!(read(&known).await.status, 200, "a key that is known goes on");
    assert_eq!(read(&world.api).await.status, 200);
    // What is no key costs nothing, and is told so.
    assert_eq!(read(&world.by("guess")).await.told(), "401 key_required");
    world.end().await;
}

#[tokio::test]
async fn who_has_no_key_learns_whether_it_is_well_and_nothing_else() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let http = reqwest::Client::new();
    let page = |path: &str| Answer::to(http.get(format!("http://{}{path}", world.address)));
    let live = page("/health").await;
    assert_eq!((live.status, live.json()), (200, serde_json::json!({"status": "ok"})));
    let ready = page("/ready").await;
    let parts = serde_json::json!({"database": "up", "queue": "up", "objects": "up"});
    assert_eq!((ready.status, ready.json()), (200, parts));
    assert_eq!(page("/metrics").await.status, 404, "metrics have an address of their own");
    for answer in [live, ready] {
        for header in ["server", "x-powered-by", "via"] {
            assert_eq!(answer.header(header), "");
        }
    }
    assert!(callwright::metrics_listen::MetricsListen::default().is_loopback());
    world.end().await;
}
