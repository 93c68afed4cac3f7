//! How fast the SQL of the dial path is, by itself. Not part of a test run: figures of one machine.
//!
//! `cargo test -p storage --test dialling speed -- --ignored --nocapture`

use std::time::Instant;

use super::*;

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

impl Floor {
    /// The pools as they are in service.
    async fn serve(&mut self) {
        use sqlx::ConnectOptions;
        let url = self.pool.connect_options().to_url_lossy();
        self.store = Store::connect(&storage::StoreConfig::new(url)).unwrap();
    }
}
