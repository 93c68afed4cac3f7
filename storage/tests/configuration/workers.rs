//! Processes by their signs of life.

use outbound::fleet::{Absence, Kind};
use sqlx::PgPool;
use storage::Store;
use storage::workers::{self, SignOfLife, Standing};

fn sign(id: &str, kinds: &[Kind]) -> SignOfLife {
    SignOfLife {
        id: id.to_owned(),
        kinds: kinds.to_vec(),
        host: "host".to_owned(),
        pid: 7,
        version: "1".to_owned(),
        metrics: Some("127.0.0.1:9100".to_owned()),
        calls_up: 0,
        calls_max: 0,
        stopping: false,
    }
}

/// As if its last sign had been so long ago.
async fn silent_for(pool: &PgPool, id: &str, span: &str) {
    sqlx::query(
        "update worker set seen_at = clock_timestamp() - ($2::text)::interval where id = $1",
    )
    .bind(id)
    .bind(span)
    .execute(pool)
    .await
    .unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_process_that_gives_no_sign_for_20_seconds_is_gone_and_its_work_is_done_by_nobody(
    pool: PgPool,
) {
    let store = Store::over(pool.clone());
    let dispatcher = sign("a", &[Kind::Sweep, Kind::Step]);
    workers::announce(&store, &dispatcher).await.unwrap();
    workers::announce(&store, &sign("b", &[Kind::Dial])).await.unwrap();
    assert_eq!(workers::fleet(&store).await.unwrap().absent_for_calls(), []);

    silent_for(&pool, "b", "19 seconds").await;
    assert_eq!(workers::fleet(&store).await.unwrap().absent_for_calls(), []);
    silent_for(&pool, "b", "21 seconds").await;
    let fleet = workers::fleet(&store).await.unwrap();
    assert_eq!(fleet.absent_for_calls(), [Absence::NoDialer]);
    let listed = workers::list(&store).await.unwrap();
    let standing: Vec<_> = listed.iter().map(|one| (one.sign.id.as_str(), one.standing)).collect();
    assert_eq!(standing, [("b", Standing::Gone), ("a", Standing::AtWork)]);

    // It only was slow: its next sign brings it back.
    workers::announce(&store, &sign("b", &[Kind::Dial])).await.unwrap();
    assert_eq!(workers::fleet(&store).await.unwrap().absent_for_calls(), []);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_process_that_stops_does_not_count_and_one_that_left_is_not_listed(pool: PgPool) {
    let store = Store::over(pool.clone());
    let mut dialer = sign("a", &[Kind::Dial]);
    workers::announce(&store, &dialer).await.unwrap();
    dialer = SignOfLife { stopping: true, calls_up: 3, ..dialer };
    workers::announce(&store, &dialer).await.unwrap();
    assert_eq!(workers::fleet(&store).await.unwrap().at_work(Kind::Dial), 0);
    let listed = workers::list(&store).await.unwrap();
    assert_eq!((listed[0].standing, listed[0].sign.calls_up), (Standing::Stopping, 3));
    workers::leave(&store, "a").await.unwrap();
    assert!(workers::list(&store).await.unwrap().is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_process_that_has_been_gone_for_a_day_is_forgotten(pool: PgPool) {
    let store = Store::over(pool.clone());
    for id in ["a", "b"] {
        workers::announce(&store, &sign(id, &[Kind::Dial])).await.unwrap();
    }
    silent_for(&pool, "a", "25 hours").await;
    silent_for(&pool, "b", "23 hours").await;
    assert_eq!(workers::forget_gone(&store).await.unwrap(), 1);
    assert_eq!(workers::list(&store).await.unwrap()[0].sign.id, "b");
}
