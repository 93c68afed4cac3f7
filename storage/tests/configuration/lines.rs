//! Trunks, caller IDs, limits and the breaker.

use outbound::fault::Fault;
use outbound::ids::NumberId;
use outbound::task::{PauseReason, TaskState};
use sqlx::PgPool;
use storage::{StoreError, tasks, trunks};

use super::*;

impl Office {
    async fn breaker(&self, trunk: TrunkId, word: &str) {
        let mut tx = self.pool.begin().await.unwrap();
        sqlx::query("update trunk set breaker = $2 where id = $1")
            .bind(trunk.uuid())
            .bind(word)
            .execute(&mut *tx)
            .await
            .unwrap();
        tasks::trunk_changed(&mut tx, trunk, at("10:00"), "breaker").await.unwrap();
        tx.commit().await.unwrap();
    }
}

const FAILED: TaskState = TaskState::Paused(PauseReason::TrunkFailure);

#[sqlx::test(migrations = "../migrations")]
async fn every_value_of_a_trunks_limit_is_kept(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let mut config = trunks::get(store, enterprise, office.trunk).await.unwrap().config;
    config.concurrency = 5;
    let edited =
        trunks::update(store, enterprise, office.trunk, 1, config.clone(), at("09:00"), ACTOR);
    assert_eq!(edited.await.unwrap().version, 2);
    config.calls_per_second = Some(3);
    trunks::update(store, enterprise, office.trunk, 2, config, at("09:01"), ACTOR).await.unwrap();
    assert_eq!(office.limits("trunk", office.trunk.uuid()).await, [50, 5]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_pauses_when_all_of_its_lines_have_failed_and_goes_on_when_one_is_back(
    pool: PgPool,
) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let config = serde_json::json!({ "name": "Second", "concurrency": 5 });
    let config = serde_json::from_value(config).unwrap();
    let second = trunks::create(store, enterprise, config, at("07:00")).await.unwrap();
    let other = office.caller_id(second.id, 861_012_345_679).await;
    let mut config = office.config("Reminders");
    config.caller_ids.push(other);
    let task = office.filled(config).await;
    office.start(task, at("09:00")).await;

    office.breaker(office.trunk, "open").await;
    assert_eq!(office.get(task).await.state, TaskState::Running);
    office.breaker(second.id, "open").await;
    assert_eq!(office.get(task).await.state, FAILED);
    office.breaker(second.id, "closed").await;
    assert_eq!(office.get(task).await.state, TaskState::Running);
    // Taken out of service, the line that is back counts no more.
    let mut out = second.config;
    out.in_service = false;
    trunks::update(store, enterprise, second.id, 1, out, at("10:01"), ACTOR).await.unwrap();
    assert_eq!(office.get(task).await.state, FAILED);
    // A breaker that is switched off holds nobody back.
    let mut off = trunks::get(store, enterprise, office.trunk).await.unwrap().config;
    off.breaker.enabled = false;
    let trunk =
        trunks::update(store, enterprise, office.trunk, 1, off, at("10:02"), ACTOR).await.unwrap();
    assert_eq!(trunk.breaker, "closed");
    assert_eq!(office.get(task).await.state, TaskState::Running);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_trunk_with_caller_ids_is_not_deleted(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let (code, detail) = conflict(trunks::delete(store, enterprise, office.trunk).await);
    assert_eq!(code, "trunk_in_use");
    assert!(!detail.contains("12345"), "the number is masked: {detail}");
    trunks::delete_caller_id(store, enterprise, office.caller).await.unwrap();
    trunks::delete(store, enterprise, office.trunk).await.unwrap();
    assert!(not_found(trunks::get(store, enterprise, office.trunk).await));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_caller_id_in_use_is_not_deleted(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise) = (&office.store, office.enterprise);
    let task = office.filled(office.config("Reminders")).await;
    let (code, detail) = conflict(trunks::delete_caller_id(store, enterprise, office.caller).await);
    assert_eq!(code, "caller_id_in_use");
    assert!(detail.contains("task “Reminders”"), "{detail}");

    // An imported row may ask for one that no task has.
    let other = office.caller_id(office.trunk, 861_012_345_679).await;
    sqlx::query(
        "insert into number (id, enterprise_id, task_id, batch_id, seq, phone, caller_id, ord,
                             plain_ord, order_revision, state)
         select $1, enterprise_id, task_id, id, 1, 8613800000001, $2, 1, 1, 1, 'pending'
           from batch where task_id = $3",
    )
    .bind(clock::new_id::<NumberId>().uuid())
    .bind(other.uuid())
    .bind(task.uuid())
    .execute(&office.pool)
    .await
    .unwrap();
    let (_, detail) = conflict(trunks::delete_caller_id(store, enterprise, other).await);
    assert!(detail.contains("imported numbers"), "{detail}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_caller_id_is_there_once_and_can_move_to_another_line(pool: PgPool) {
    let office = Office::open(pool).await;
    let (store, enterprise, now) = (&office.store, office.enterprise, at("09:00"));
    let again = trunks::NewCallerId {
        trunk: office.trunk,
        phone: outbound::phone::Phone::from_digits(861_012_345_678),
        label: String::new(),
        province: String::new(),
        city: String::new(),
    };
    let made = trunks::create_caller_id(store, enterprise, again, now).await;
    assert_eq!(conflict(made).0, "caller_id_exists");
    let config = serde_json::from_value(serde_json::json!({ "name": "Second", "concurrency": 5 }));
    let second = trunks::create(store, enterprise, config.unwrap(), now).await.unwrap().id;
    let caller = office.caller;
    let moved =
        trunks::update_caller_id(store, enterprise, caller, 1, second, "Desk", now, ACTOR).await;
    assert_eq!(moved.unwrap(), trunks::get_caller_id(store, enterprise, caller).await.unwrap());
    let stale =
        trunks::update_caller_id(store, enterprise, caller, 1, second, "", now, ACTOR).await;
    assert!(matches!(stale, Err(StoreError::Stale)));
    let listed =
        trunks::list_caller_ids(store, enterprise, Some(second), storage::rows::Page::first(9));
    assert_eq!(listed.await.unwrap().rows[0].id, caller);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_trunk_that_makes_no_sense_is_refused(pool: PgPool) {
    let office = Office::open(pool).await;
    let config = serde_json::from_value(serde_json::json!({ "name": "", "concurrency": 0 }));
    let made = trunks::create(&office.store, office.enterprise, config.unwrap(), at("09:00")).await;
    let Err(StoreError::Refused(found)) = made else { panic!("{made:?}") };
    let pointers: Vec<&str> = found.iter().map(|fault: &Fault| fault.pointer.as_str()).collect();
    assert!(pointers.contains(&"/name") && pointers.contains(&"/concurrency"), "{pointers:?}");
    assert_eq!(office.count("trunk").await, 1);
}
