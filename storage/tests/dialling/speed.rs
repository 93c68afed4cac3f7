//! How fast the SQL of the dial path is, by itself. Not part of a test run: figures of one machine.
//!
//! `cargo test -p storage --test dialling speed -- --ignored --nocapture`

use std::time::Instant;

use super::*;
use outbound::suppression::FileResult;
use storage::claim::LockWait;
use storage::suppression::{LANDED_MAX, Landing};

#[ignore = "prints figures"]
#[sqlx::test(migrations = "../migrations")]
async fn a_hundred_thousand_rows_land_and_are_called(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    let all = rows(1..=100_000);
    let from = Instant::now();
    floor.import(task, json!({ "batch_name": "first", "dedupe": "task" }), &all).await;
    println!("import of 100,000: {:?}", from.elapsed());
    let more = rows(100_001..=200_000);
    let from = Instant::now();
    floor.import(task, json!({ "batch_name": "second", "dedupe": "task" }), &more).await;
    println!("import of 100,000 beside 100,000: {:?}", from.elapsed());

    floor.start(task, at("09:00")).await;
    floor.serve().await;
    let (mut claims, mut begins, mut finishes) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut called = 0;
    let from = Instant::now();
    while called < 20_000 {
        let turn = Instant::now();
        let claimed = floor.try_claim(100, at("09:00")).await.attempts;
        claims += turn.elapsed();
        let items: Vec<_> =
            claimed.iter().map(|claimed| ToBegin::new(claimed.attempt, claimed.token)).collect();
        let turn = Instant::now();
        let begun = begin_many(&floor.store, WORKER, LEASE, at("09:00"), &items).await.unwrap();
        begins += turn.elapsed();
        let done: Vec<_> = begun
            .iter()
            .map(|begun| match begun {
                Begun::Dial(order) => finished(order, BUSY, at("09:00"), at("09:00")),
                other => panic!("a begin was refused: {other:?}"),
            })
            .collect();
        let turn = Instant::now();
        finish_many(&floor.store, at("09:00"), &done).await.unwrap();
        finishes += turn.elapsed();
        called += done.len();
    }
    let each = |spent: Duration| spent.as_micros() / called as u128;
    println!(
        "{:.0} calls/s; µs a call: claim {}, begin {}, finish {}",
        called as f64 / from.elapsed().as_secs_f64(),
        each(claims),
        each(begins),
        each(finishes)
    );
    floor.sound().await;
}

#[ignore = "prints figures"]
#[sqlx::test(migrations = "../migrations")]
async fn the_rate_holds_while_an_old_snapshot_is_held_open(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    for batch in 0..2 {
        let rows = rows(batch * 100_000 + 1..=(batch + 1) * 100_000);
        floor.import(task, json!({ "batch_name": batch.to_string() }), &rows).await;
    }
    floor.start(task, at("09:00")).await;
    floor.serve().await;
    let mut export = floor.pool.begin().await.unwrap();
    sqlx::query("set transaction isolation level repeatable read")
        .execute(&mut *export)
        .await
        .unwrap();
    sqlx::query("select count(*) from number").execute(&mut *export).await.unwrap();
    for _ in 0..10 {
        let (from, mut called) = (Instant::now(), 0);
        while called < 10_000 {
            let claimed = floor.try_claim(100, at("09:00")).await.attempts;
            let items: Vec<_> = claimed
                .iter()
                .map(|claimed| ToBegin::new(claimed.attempt, claimed.token))
                .collect();
            let begun = begin_many(&floor.store, WORKER, LEASE, at("09:00"), &items).await.unwrap();
            let done = begun.iter().filter_map(|begun| match begun {
                Begun::Dial(order) => Some(finished(order, BUSY, at("09:00"), at("09:00"))),
                Begun::Refused | Begun::Lost(_) => None,
            });
            let done: Vec<_> = done.collect();
            finish_many(&floor.store, at("09:00"), &done).await.unwrap();
            called += done.len();
        }
        println!("{:.0} calls/s", called as f64 / from.elapsed().as_secs_f64());
    }
}

#[ignore = "prints figures"]
#[sqlx::test(migrations = "../migrations")]
async fn a_list_of_a_million_phones_leaves_claims_their_turn(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    floor.import(task, json!({}), &rows(1..=100_000)).await;
    floor.start(task, at("09:00")).await;
    floor.serve().await;
    let (import, token) = listed::taken_list(&floor).await;
    let (store, enterprise) = (floor.store.clone(), floor.enterprise);
    let from = Instant::now();
    let listing = tokio::spawn(async move {
        let mut result = FileResult { rows: 1_000_000, ..FileResult::default() };
        let mut held = Duration::ZERO;
        for chunk in 0..1_000_000 / LANDED_MAX as u64 {
            let first = 50_001 + chunk * LANDED_MAX as u64;
            let numbers: Vec<u64> = (first..first + LANDED_MAX as u64).collect();
            let rows = listed::lines(&numbers, "bought");
            let turn = Instant::now();
            let landing = Landing { import, token, enterprise, rows: &rows, before: result };
            result = storage::suppression::land(&store, landing, at("09:00")).await.unwrap();
            held += turn.elapsed();
            tokio::time::sleep(turn.elapsed()).await;
        }
        (result, held)
    });
    let (mut called, mut waits) = (0, Vec::new());
    while !listing.is_finished() {
        let turn = Instant::now();
        let at_once = LockWait { at_most: Duration::from_secs(1), now: &|| at("09:00") };
        let claim = floor.claimer.claim_waiting(&floor.store, enterprise, 10, 1, at_once).await;
        waits.push(turn.elapsed());
        let items: Vec<_> = claim.unwrap().attempts;
        let items: Vec<_> =
            items.iter().map(|claimed| ToBegin::new(claimed.attempt, claimed.token)).collect();
        let begun = begin_many(&floor.store, WORKER, LEASE, at("09:00"), &items).await.unwrap();
        let done = begun.iter().filter_map(|begun| match begun {
            Begun::Dial(order) => Some(finished(order, BUSY, at("09:00"), at("09:00"))),
            Begun::Refused | Begun::Lost(_) => None,
        });
        let done: Vec<_> = done.collect();
        finish_many(&floor.store, at("09:00"), &done).await.unwrap();
        called += done.len();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    waits.sort_unstable();
    let (result, held) = listing.await.unwrap();
    println!(
        "a million rows in {:?}, {held:?} of it listing; {called} calls meanwhile; a claim took {:?}, at \
         most {:?}; {result:?}",
        from.elapsed(),
        waits[waits.len() / 2],
        waits.last()
    );
    floor.sound().await;
}

impl Floor {
    /// The pools as they are in service.
    async fn serve(&mut self) {
        use sqlx::ConnectOptions;
        let url = self.pool.connect_options().to_url_lossy();
        self.store = Store::connect(&storage::StoreConfig::new(url)).unwrap();
    }
}
