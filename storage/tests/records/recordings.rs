//! Recordings: from the spool folder to the object store, and away again.

use chrono::TimeDelta;
use outbound::ids::AttemptId;
use sqlx::PgPool;
use storage::work::Try;
use storage::{recordings, records};

use crate::data::{Call, World, minutes, nine, world};

async fn state(world: &World, attempt: AttemptId) -> Option<String> {
    records::get(&world.store, world.enterprise, attempt).await.unwrap().record.recording_state
}

#[sqlx::test(migrations = "../migrations")]
async fn a_recording_is_pending_until_it_is_safe_and_its_record_says_so(pool: PgPool) {
    let world = world(pool).await;
    let mut calls = Vec::new();
    for n in 0..3 {
        let id = world.call(Call::at(nine() + minutes(n))).await;
        world.recording(id, nine() + minutes(n), "pending").await;
        calls.push(id);
    }
    let waiting = |after, limit| recordings::pending(&world.store, "spool-a", after, limit);
    let first = waiting(None, 2).await.unwrap();
    assert_eq!(first.iter().map(|recording| recording.attempt).collect::<Vec<_>>(), calls[..2]);
    let rest = waiting(Some(calls[1]), 2).await.unwrap();
    assert_eq!(rest.iter().map(|recording| recording.attempt).collect::<Vec<_>>(), calls[2..]);
    assert!(recordings::pending(&world.store, "spool-b", None, 9).await.unwrap().is_empty());

    for _ in 0..2 {
        recordings::mark_ready(&world.store, calls[0], 1_000_044).await.unwrap();
    }
    recordings::mark_failed(&world.store, calls[1], "it is gone").await.unwrap();
    // Too late: it is safe already.
    recordings::mark_failed(&world.store, calls[0], "it is gone").await.unwrap();
    assert_eq!(state(&world, calls[0]).await.as_deref(), Some("ready"));
    assert_eq!(state(&world, calls[1]).await.as_deref(), Some("failed"));
    assert_eq!(waiting(None, 9).await.unwrap().len(), 1);
    let kept = recordings::get(&world.store, world.enterprise, calls[0]).await.unwrap();
    assert_eq!(
        (kept.state.as_str(), kept.bytes, kept.duration_ms),
        ("ready", Some(1_000_044), 62_500)
    );
}

#[sqlx::test(migrations = "../migrations")]
async fn the_tries_of_an_upload_are_counted_but_for_those_that_a_server_broke_off(pool: PgPool) {
    let world = world(pool).await;
    let id = world.call(Call::at(nine())).await;
    world.recording(id, nine(), "pending").await;
    let take = || async { recordings::take(&world.store, id).await.unwrap() };
    assert_eq!(take().await.unwrap().tries, 1);
    recordings::give_back(&world.store, id, Try::NoFault).await.unwrap();
    assert_eq!(take().await.unwrap().tries, 1);
    recordings::give_back(&world.store, id, Try::Failed("a bad block")).await.unwrap();
    // A worker that dies of it says nothing.
    assert_eq!(take().await.unwrap().tries, 2);
    let third = take().await.unwrap();
    assert_eq!((third.tries, third.trouble.as_deref()), (3, Some("a bad block")));
    recordings::mark_failed(&world.store, id, "a bad block").await.unwrap();
    assert_eq!(take().await, None, "it is over");
    // Its file is the only one there is.
    assert!(recordings::needed(&world.store, &[id]).await.unwrap().contains(&id));
}

#[sqlx::test(migrations = "../migrations")]
async fn recordings_past_their_days_are_forgotten_but_never_one_that_waits(pool: PgPool) {
    let world = world(pool).await;
    let old = nine() - TimeDelta::days(366);
    let [gone, waits, young] = [Call::at(old), Call::at(old), Call::at(nine())];
    let [gone, waits, young] =
        [world.call(gone).await, world.call(waits).await, world.call(young).await];
    world.recording(gone, old, "ready").await;
    world.recording(waits, old, "pending").await;
    world.recording(young, nine(), "ready").await;
    let expired = recordings::expired(&world.store, nine(), None, 10).await.unwrap();
    assert_eq!(expired, [(gone, format!("recordings/{gone}.wav"))]);
    recordings::forget(&world.store, &[gone]).await.unwrap();
    assert_eq!(state(&world, gone).await, None);
    assert!(recordings::expired(&world.store, nine(), None, 10).await.unwrap().is_empty());
    assert!(recordings::get(&world.store, world.enterprise, young).await.is_ok());
}
