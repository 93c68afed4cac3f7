//! Who gets in, and what is left behind.

use std::time::Instant;

use telephony::media::{MediaConfig, MediaError, Noise, Plane, Scheduling, SessionSpec};

use crate::peer::{FarEnd, config};
use crate::{answered, plain, until};

#[tokio::test]
async fn a_call_that_does_not_fit_is_refused_until_another_ends() {
    let plane = Plane::start(MediaConfig { shard_budget_us: 2_000, ..config() }).unwrap();
    let suppressed = SessionSpec { noise: Noise::Suppressed, ..plain() };
    let (first, _first_events) = plane.open(suppressed.clone()).unwrap();
    let (_second, _second_events) = plane.open(plain()).unwrap();
    assert!(matches!(plane.open(plain()), Err(MediaError::NoRoom)));
    first.close().await.unwrap();
    until("the room is free", || plane.open(suppressed.clone()).is_ok()).await;
}

#[tokio::test]
async fn calls_that_do_not_fit_on_one_shard_go_to_the_next() {
    let plane = Plane::start(MediaConfig { shards: 2, shard_budget_us: 400, ..config() }).unwrap();
    let _both = [plane.open(plain()).unwrap(), plane.open(plain()).unwrap()];
    assert!(matches!(plane.open(plain()), Err(MediaError::NoRoom)));
}

#[tokio::test]
async fn ports_run_out_and_come_back() {
    // An address of this test's own, so that all of its ports are free.
    let [.., high, low] = std::process::id().to_be_bytes();
    let bind = std::net::Ipv4Addr::new(127, 43, high, low.max(1)).into();
    let plane = Plane::start(MediaConfig { bind, ports: 22_000..=22_003, ..config() }).unwrap();
    let (first, _first_events) = plane.open(plain()).unwrap();
    let (second, _second_events) = plane.open(plain()).unwrap();
    assert_eq!((first.bound().port(), second.bound().port()), (22_000, 22_002));
    assert!(matches!(plane.open(plain()), Err(MediaError::NoPort)));
    assert_eq!(plane.counts().ports_free, 0);
    first.close().await.unwrap();
    drop(second);
    until("the ports are free", || plane.counts().ports_free == 2).await;
    assert_eq!(plane.counts().shards.calls, 0);
}

#[tokio::test]
async fn the_external_address_is_the_one_to_announce() {
    let external = [203, 0, 113, 7].into();
    let plane = Plane::start(MediaConfig { external: Some(external), ..config() }).unwrap();
    let (session, _events) = plane.open(plain()).unwrap();
    assert_eq!(session.announced().ip(), external);
    assert_eq!(session.announced().port(), session.bound().port());
    assert_eq!(session.bound().port() % 2, 0);
}

#[test]
fn settings_that_can_not_work_are_refused() {
    for wrong in [
        MediaConfig { shards: 0, ..config() },
        MediaConfig { ports: 5_001..=5_001, ..config() },
        MediaConfig { jitter_ms: 0, ..config() },
        MediaConfig { bind: [0, 0, 0, 0].into(), ..config() },
    ] {
        assert!(matches!(Plane::start(wrong), Err(MediaError::Settings(_))));
    }
}

#[tokio::test]
async fn a_refused_priority_is_no_failure() {
    let plane = Plane::start(MediaConfig { scheduling: Scheduling::RealTime, ..config() }).unwrap();
    let far = FarEnd::new().await;
    let (_session, _events) = answered(&plane, plain(), &far);
    far.receive().await;
}

#[tokio::test]
async fn a_session_that_is_asked_too_much_says_so() {
    let plane = Plane::start(config()).unwrap();
    let (session, _events) = plane.open(plain()).unwrap();
    let asked = (0..10_000).map(|_| session.answer(Instant::now()));
    let busy = asked.filter(|asked| matches!(asked, Err(MediaError::Busy))).count();
    assert!(busy > 0);
    until("there is room again", || session.answer(Instant::now()).is_ok()).await;
}

#[tokio::test]
async fn calls_go_on_when_their_plane_is_dropped() {
    let plane = Plane::start(config()).unwrap();
    let far = FarEnd::new().await;
    let (session, _events) = answered(&plane, plain(), &far);
    far.receive().await;
    drop(plane);
    far.forget();
    for _ in 0..10 {
        far.receive().await;
    }
    session.close().await.unwrap();
}

#[test]
fn sessions_and_planes_may_be_held_by_any_task() {
    fn shared<T: Send + Sync>() {}
    shared::<Plane>();
    shared::<telephony::media::Session>();
    shared::<telephony::media::SessionEvents>();
    shared::<telephony::media::Bridge>();
}
