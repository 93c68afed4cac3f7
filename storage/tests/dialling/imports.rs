//! How an import lands: whole or not at all, within the limits, by the batch name table.

use storage::batches::InMemory;
use storage::{batches, imports};

use super::*;

async fn names(floor: &Floor, task: TaskId) -> Vec<(String, u32, u64)> {
    let page = storage::rows::Page::first(50);
    let mut listed = batches::list(&floor.store, floor.enterprise, task, page).await.unwrap().rows;
    listed.reverse();
    listed
        .into_iter()
        .map(|batch| (batch.name, batch.priority, batch.numbers.values().sum()))
        .collect()
}

fn named(name: &str, priority: u32) -> Value {
    json!({ "batch_name": name, "batch_priority": priority })
}

#[sqlx::test(migrations = "../migrations")]
async fn a_new_batch_name_is_a_batch_of_its_own(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    floor.import(task, named("march", 1), &rows(1..=2)).await;
    let landed = floor.import(task, named("april", 2), &rows(3..=3)).await;
    assert!(!landed.result.merged);
    assert_eq!(names(&floor, task).await, [("march".into(), 1, 2), ("april".into(), 2, 1)]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn the_name_of_a_batch_that_has_not_started_merges_and_the_new_priority_replaces(
    pool: PgPool,
) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    floor.import(task, named("march", 1), &rows(1..=2)).await;
    floor.import(task, named("april", 5), &rows(11..=11)).await;
    let landed = floor.import(task, named("march", 9), &rows(3..=3)).await;
    assert!(landed.result.merged);
    assert_eq!(names(&floor, task).await, [("march".into(), 9, 3), ("april".into(), 5, 1)]);
    floor.start(task, at("09:00")).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [1, 2, 3, 11]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn the_name_of_a_started_batch_makes_another_of_that_name(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    floor.import(task, named("march", 1), &rows(1..=3)).await;
    floor.start(task, at("09:00")).await;
    assert_eq!(who(&floor.claim(1, at("09:00")).await), [1]);
    let landed = floor.import(task, named("march", 9), &rows(11..=12)).await;
    assert!(!landed.result.merged);
    assert_eq!(names(&floor, task).await, [("march".into(), 1, 3), ("march".into(), 9, 2)]);
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [11, 12, 2, 3]);
}

#[sqlx::test(migrations = "../migrations")]
async fn duplicates_are_dropped_as_asked_and_the_first_row_wins(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let again = |name: &str| LandingRow {
        priority: 1,
        variables: [("v".into(), name.into())].into(),
        ..row(1)
    };
    for (dedupe, imported, duplicates) in
        [("none", 4, 0), ("import", 3, 1), ("task", 1, 3), ("batch", 2, 2)]
    {
        let task = floor.task(dedupe, json!({})).await;
        floor.import(task, named("old", 0), &[row(3)]).await;
        floor.import(task, named("new", 0), &[row(2)]).await;
        let options = json!({ "batch_name": "new", "dedupe": dedupe });
        let landed =
            floor.import(task, options, &[again("first"), again("second"), row(2), row(3)]).await;
        let result = landed.result;
        assert_eq!(
            (result.rows, result.imported, result.duplicates),
            (4, imported, duplicates),
            "{dedupe}"
        );
        if dedupe != "none" {
            let kept: Vec<String> = sqlx::query_scalar(
                "select variables->>'v' from number where task_id = $1 and variables ? 'v'",
            )
            .bind(task.uuid())
            .fetch_all(&floor.pool)
            .await
            .unwrap();
            assert_eq!(kept, ["first"], "{dedupe}");
        }
    }
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn an_import_over_a_limit_is_refused_whole_and_names_the_limit(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    let over = floor.try_import(task, json!({}), &rows(1..=100_001)).await;
    refused_for(over, "batch_numbers_max", "100000");
    floor.import(task, json!({}), &rows(1..=2)).await;
    for (sql, code, limit) in [
        ("update task set number_count = 1000000", "task_numbers_max", "1000000"),
        ("update number_count set n = 100000", "batch_numbers_max", "100000"),
    ] {
        floor.sql(sql, &[]).await;
        refused_for(floor.try_import(task, json!({}), &rows(3..=3)).await, code, limit);
        floor.sql("update task set number_count = 2", &[]).await;
        floor.sql("update number_count set n = 2", &[]).await;
    }
    let full = floor.task("B", json!({})).await;
    floor.sql("update task set number_count = 10000000 where id = $1", &[full.uuid()]).await;
    refused_for(
        floor.try_import(task, json!({}), &rows(3..=3)).await,
        "enterprise_numbers_max",
        "10000000",
    );
    floor.sql("update task set number_count = 0 where id = $1", &[full.uuid()]).await;
    assert_eq!(names(&floor, task).await, [("first".into(), 0, 2)]);
    floor.sound().await;
}

fn refused_for(refused: Result<Landed, StoreError>, code: &str, limit: &str) {
    let Err(StoreError::Conflict { code: found, detail }) = refused else { panic!("{refused:?}") };
    assert_eq!(found, code);
    assert!(detail.contains(limit), "{detail}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cancelled_import_and_one_whose_worker_was_given_up_leave_nothing(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    let options = import_options(json!({}));
    for spoil in ["update import set cancel = true", "update import set token = token + 1"] {
        let (import, token) = floor.taken_import(task, &options).await;
        floor.sql(spoil, &[]).await;
        let landing = Landing {
            import,
            token,
            enterprise: floor.enterprise,
            task,
            options: &options,
            rows: 6_000,
            invalid: 0,
            hidden: 0,
            error_key: None,
            actor: ACTOR,
        };
        let rows = rows(1..=6_000);
        let landed = land(&floor.store, landing, &mut InMemory::new(&rows), at("08:30")).await;
        assert!(landed.is_err());
    }
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from number) + (select count(*) from ready) + (select count(*) from lane)
              + (select count(*) from batch) + (select count(*) from number_count)",
    )
    .fetch_one(&floor.pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_import_lands_once_with_its_result(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    let options = import_options(json!({ "start": "auto" }));
    let (import, token) = floor.taken_import(task, &options).await;
    let landing = Landing {
        import,
        token,
        enterprise: floor.enterprise,
        task,
        options: &options,
        rows: 3,
        invalid: 2,
        hidden: 0,
        error_key: Some("errors.csv"),
        actor: ACTOR,
    };
    let rows = rows(1..=3);
    let mut rows = InMemory::new(&rows);
    let landed = land(&floor.store, landing, &mut rows, at("09:00")).await.unwrap();
    assert_eq!(
        (landed.result.rows, landed.result.invalid, landed.task.state),
        (5, 2, TaskState::Running)
    );
    let again = land(&floor.store, landing, &mut rows, at("09:00")).await;
    assert!(again.is_err(), "a second time");
    let kept = imports::get(&floor.store, floor.enterprise, import).await.unwrap();
    let kept = kept.numbers().expect("numbers");
    assert_eq!((&kept.result, kept.batch), (&Some(landed.result), landed.batch));
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn imports_into_one_task_at_once_land_one_after_another(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    let options = json!({ "batch_name": "march", "dedupe": "task" });
    let all = rows(1..=2_000);
    let imports = (0..4).map(|_| floor.import(task, options.clone(), &all));
    let landed = futures::future::join_all(imports).await;
    let imported: u64 = landed.iter().map(|landed| landed.result.imported).sum();
    assert_eq!(imported, 2_000);
    floor.sound().await;
}
