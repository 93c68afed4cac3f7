//! Imports and exports as rows: one worker at a time has one, and a worker that was lost loses it.

use std::time::Duration;

use outbound::export::{Content, ExportFormat, ExportOptions};
use outbound::ids::{ExportId, ImportId, TaskId};
use outbound::import::{
    Dedupe, ImportFormat, ImportOptions, ImportProblem, ImportResult, StartType,
};
use sqlx::PgPool;
use storage::StoreError;
use storage::exports::{self, NewExport, Written};
use storage::imports::{self, Landed, NewImport};
use storage::rows::Page;
use storage::work::{Going, Lease, LongWork, Try, WorkStatus};

use crate::data::{World, enterprise, minutes, nine, world};

const LEASE: Duration = Duration::from_secs(30);

fn import_options() -> ImportOptions {
    ImportOptions {
        batch_name: "november".into(),
        batch_priority: 0,
        dedupe: Dedupe::None,
        start: StartType::Manual,
        all_or_nothing: false,
        format: ImportFormat::Csv,
        encoding: outbound::import::ENCODING_AUTO.into(),
        hidden_rows: outbound::import::HiddenRows::Skip,
    }
}

fn export_options() -> ExportOptions {
    ExportOptions {
        task: None,
        content: Content::CallRecords,
        format: ExportFormat::Csv,
        fields: vec![],
        filter: None,
    }
}

fn numbers(import: &imports::Import) -> imports::Numbers {
    import.numbers().expect("an import of numbers").clone()
}

async fn new_import(world: &World) -> ImportId {
    let id = clock::new_id::<ImportId>();
    let options = import_options();
    let new = NewImport {
        id,
        enterprise: world.enterprise,
        task: world.task,
        options: &options,
        object_key: "imports/x/source",
        actor: "key",
    };
    imports::create(&world.store, new, nine()).await.unwrap();
    id
}

async fn new_export(world: &World) -> ExportId {
    let id = clock::new_id::<ExportId>();
    let options = export_options();
    let new = NewExport {
        id,
        enterprise: world.enterprise,
        options: &options,
        file_name: "records.csv",
        reveal: false,
        actor: "key",
    };
    exports::create(&world.store, new, nine()).await.unwrap();
    id
}

fn lease<W>(work: W, token: i64) -> Lease<W> {
    Lease { work, token }
}

fn lost(result: Result<impl Sized, StoreError>) -> bool {
    matches!(result, Err(StoreError::LeaseLost))
}

async fn land(pool: &PgPool, id: ImportId, token: i64) -> Result<(), StoreError> {
    let result = ImportResult { rows: 10, imported: 9, invalid: 1, ..ImportResult::default() };
    let landed = Landed { result: &result, batch: None, error_key: Some("errors.csv") };
    let mut tx = pool.begin().await.unwrap();
    imports::finish(&mut tx, id, token, landed, nine()).await?;
    tx.commit().await.unwrap();
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn an_import_has_one_worker_and_a_result(pool: PgPool) {
    let world = world(pool).await;
    let id = new_import(&world).await;
    assert_eq!(ImportId::queued(&world.store, 10).await.unwrap(), [(id, 0)]);
    let taken = imports::take(&world.store, id, 0, LEASE).await.unwrap().expect("it is free");
    assert_eq!(
        (taken.status, taken.token, numbers(&taken).options),
        (WorkStatus::Running, 1, import_options())
    );
    for token in [0, 1] {
        let second = imports::take(&world.store, id, token, LEASE).await.unwrap();
        assert_eq!(second, None, "it is taken");
    }
    assert!(ImportId::queued(&world.store, 10).await.unwrap().is_empty());
    let going = lease(id, 1).progress(&world.store, 5, Some(10), LEASE).await.unwrap();
    assert_eq!(going, Going::On);
    let seen = imports::get(&world.store, world.enterprise, id).await.unwrap();
    assert_eq!((seen.done, seen.total), (5, Some(10)));
    land(&world.pool, id, 1).await.unwrap();
    let done = imports::get(&world.store, world.enterprise, id).await.unwrap();
    assert_eq!(done.status, WorkStatus::Done);
    assert_eq!(numbers(&done).result.map(|result| result.imported), Some(9));
    assert_eq!(done.error_key.as_deref(), Some("errors.csv"));
    assert!(lost(land(&world.pool, id, 1).await), "it landed once");
}

#[sqlx::test(migrations = "../migrations")]
async fn work_of_a_lost_worker_is_queued_again_and_the_lost_one_writes_nothing(pool: PgPool) {
    let world = world(pool).await;
    let id = new_import(&world).await;
    imports::take(&world.store, id, 0, Duration::ZERO).await.unwrap().expect("it is free");
    let other = new_import(&world).await;
    imports::take(&world.store, other, 0, LEASE).await.unwrap().expect("it is free");
    assert_eq!(ImportId::requeue_expired(&world.store, 10).await.unwrap(), 1, "only the lost one");
    assert_eq!(ImportId::queued(&world.store, 10).await.unwrap(), [(id, 1)]);
    assert!(lost(lease(id, 1).progress(&world.store, 1, None, LEASE).await));
    assert!(lost(land(&world.pool, id, 1).await));
    let again = imports::take(&world.store, id, 1, LEASE).await.unwrap().expect("it is free again");
    assert_eq!(again.token, 2);
    let problem =
        ImportProblem { code: "late".into(), detail: "of a lost worker".into(), faults: vec![] };
    assert!(lost(imports::fail(&world.store, id, 1, &problem, None, nine()).await));
    imports::fail(&world.store, id, 2, &problem, None, nine()).await.unwrap();
    let failed = imports::get(&world.store, world.enterprise, id).await.unwrap();
    assert_eq!((failed.status, failed.problem), (WorkStatus::Failed, Some(problem)));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cancel_stops_what_is_queued_at_once_and_what_runs_at_its_next_report(pool: PgPool) {
    let world = world(pool).await;
    let cancel = |id| ImportId::cancel(&world.store, world.enterprise, id, nine());
    let queued = new_import(&world).await;
    assert_eq!(cancel(queued).await.unwrap(), WorkStatus::Cancelled);
    assert_eq!(imports::take(&world.store, queued, 0, LEASE).await.unwrap(), None);
    let again = cancel(queued).await;
    assert!(matches!(again, Err(StoreError::Conflict { code: "already_over", .. })));

    let running = new_import(&world).await;
    imports::take(&world.store, running, 0, LEASE).await.unwrap().expect("it is free");
    assert_eq!(cancel(running).await.unwrap(), WorkStatus::Running);
    let going = lease(running, 1).progress(&world.store, 1, None, LEASE).await.unwrap();
    assert_eq!(going, Going::Cancelled);
    let landed = land(&world.pool, running, 1).await;
    assert!(matches!(landed, Err(StoreError::Cancelled)));
    lease(running, 1).cancelled(&world.store, nine()).await.unwrap();
    let seen = imports::get(&world.store, world.enterprise, running).await.unwrap();
    assert_eq!(seen.status, WorkStatus::Cancelled);
    assert_eq!(numbers(&seen).result, None, "nothing landed");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_export_is_written_listed_and_expires(pool: PgPool) {
    let world = world(pool).await;
    let id = new_export(&world).await;
    assert_eq!(ExportId::queued(&world.store, 10).await.unwrap(), [(id, 0)]);
    let taken = exports::take(&world.store, id, 0, Duration::ZERO).await.unwrap().expect("free");
    assert_eq!((taken.token, taken.file_name.as_str(), taken.reveal), (1, "records.csv", false));
    assert_eq!(ExportId::requeue_expired(&world.store, 10).await.unwrap(), 1);
    let taken = exports::take(&world.store, id, 1, LEASE).await.unwrap().expect("free again");
    assert_eq!(taken.token, 2);
    lease(id, 2).progress(&world.store, 7, Some(9), LEASE).await.unwrap();
    let written = Written {
        object_key: "exports/x.csv",
        bytes: 1_234,
        rows: 9,
        expires_at: nine() + minutes(60),
        note: None,
        cells_cut: 7,
    };
    assert!(lost(exports::finish(&world.store, id, 1, written.clone(), nine()).await));
    exports::finish(&world.store, id, 2, written, nine()).await.unwrap();
    let done = exports::get(&world.store, world.enterprise, id).await.unwrap();
    assert_eq!((done.status, done.bytes, done.done), (WorkStatus::Done, Some(1_234), 9));
    assert_eq!(done.cells_cut, 7);

    let expired = |at| exports::expired_files(&world.store, at, None, 10);
    assert!(expired(nine()).await.unwrap().is_empty());
    let gone = expired(nine() + minutes(60)).await.unwrap();
    assert_eq!(gone, [(id, world.enterprise)]);
    let behind = exports::expired_files(&world.store, nine() + minutes(60), Some(id), 10).await;
    assert!(behind.unwrap().is_empty(), "one that could not be deleted is passed over");
    exports::forget_files(&world.store, &[id]).await.unwrap();
    assert!(expired(nine() + minutes(60)).await.unwrap().is_empty());
    let kept = exports::get(&world.store, world.enterprise, id).await.unwrap();
    assert_eq!((kept.status, kept.object_key), (WorkStatus::Done, None));
}

#[sqlx::test(migrations = "../migrations")]
async fn lists_are_of_ones_own_enterprise_and_newest_first(pool: PgPool) {
    let world = world(pool).await;
    let (other, _) = enterprise(&world.pool, "Other", 365).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push((new_import(&world).await, new_export(&world).await));
    }
    let page =
        imports::list(&world.store, world.enterprise, world.task, Page::first(2)).await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|import| import.id).collect();
    assert_eq!((ids, page.next), (vec![made[2].0, made[1].0], Some(made[1].0)));
    let page = Page { limit: 2, after: Some(made[1].1) };
    let page = exports::list(&world.store, world.enterprise, page).await.unwrap();
    assert_eq!((page.rows.len(), page.rows[0].id, page.next), (1, made[0].1, None));
    assert!(exports::list(&world.store, other, Page::first(9)).await.unwrap().rows.is_empty());
    let foreign = imports::get(&world.store, other, made[0].0).await;
    assert!(matches!(foreign, Err(StoreError::NotFound(_))));
    let options = import_options();
    let new = NewImport {
        id: clock::new_id::<ImportId>(),
        enterprise: other,
        task: world.task,
        options: &options,
        object_key: "x",
        actor: "key",
    };
    assert!(matches!(
        imports::create(&world.store, new, nine()).await,
        Err(StoreError::NotFound("task"))
    ));
    let options = ExportOptions { task: Some(clock::new_id::<TaskId>()), ..export_options() };
    let new = NewExport {
        id: clock::new_id::<ExportId>(),
        enterprise: other,
        options: &options,
        file_name: "x",
        reveal: false,
        actor: "key",
    };
    assert!(matches!(
        exports::create(&world.store, new, nine()).await,
        Err(StoreError::NotFound("task"))
    ));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_try_that_a_worker_died_of_counts_and_one_that_a_server_broke_off_does_not(pool: PgPool) {
    let world = world(pool).await;
    let id = new_import(&world).await;
    let export = new_export(&world).await;
    for (token, tries, trouble) in
        [(0, 1, None), (1, 2, None), (2, 2, None), (3, 3, Some("it broke"))]
    {
        let taken = imports::take(&world.store, id, token, Duration::ZERO).await.unwrap();
        let taken = taken.expect("it is free");
        assert_eq!((taken.tries, taken.trouble.as_deref()), (tries, trouble), "import {token}");
        let taken = exports::take(&world.store, export, token, Duration::ZERO).await.unwrap();
        let taken = taken.expect("it is free");
        assert_eq!((taken.tries, taken.trouble.as_deref()), (tries, trouble), "export {token}");
        // The first worker dies, the second hears of a server's absence, the third fails.
        let tried = match token {
            1 => Try::NoFault,
            2 => Try::Failed("it broke"),
            _ => continue,
        };
        assert!(lease(id, token + 1).give_back(&world.store, tried).await.unwrap());
        assert!(lease(export, token + 1).give_back(&world.store, tried).await.unwrap());
        assert!(!lease(id, token).give_back(&world.store, tried).await.unwrap(), "an old token");
    }
}
