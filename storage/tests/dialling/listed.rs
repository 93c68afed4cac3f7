//! Numbers whose own phone is put on the do-not-call list end at once, wherever they stand.

use super::fences::until_it_waits;
use super::phones::{forbid, hold, list};
use super::*;
use outbound::suppression::{Entry, FileOptions, FileResult, TableFormat};
use storage::decisions::{Decision, Decisions};
use storage::imports::{self, NewSuppressionImport};
use storage::suppression;
use storage::work::LongWork;

const REDIAL: &str = r#"{ "redial": { "enabled": true, "retry_seconds": [600] } }"#;

fn redial() -> Value {
    serde_json::from_str(REDIAL).expect("a policy")
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_that_waits_ends_as_its_phone_is_listed(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", redial(), &rows(1..=4)).await;
    let other = floor.task("B", json!({})).await;
    floor.import(other, json!({}), &[row(1), chain(5, &[1])]).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    // 1 waits for its redial, 2 is ready; the other task has not been started.
    forbid(&floor, &[1, 2], None).await;
    assert_eq!(floor.count(task, "suppressed").await, 2);
    assert_eq!(floor.count(other, "suppressed").await, 1);
    assert_eq!((floor.count(task, "pending").await, floor.count(other, "pending").await), (2, 1));
    floor.sound().await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [3, 4]);
    assert_eq!(floor.promote(at("09:10")).await.numbers, 0);
    // An entry that expires ends them, too, and a customer who asks does.
    floor.import(task, json!({ "batch_name": "later" }), &rows(6..=7)).await;
    forbid(&floor, &[6], Some(at("09:30"))).await;
    suppression::asked(&floor.store, floor.enterprise, phone(7), at("09:00")).await.unwrap();
    assert_eq!(floor.count(task, "suppressed").await, 4);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn more_numbers_of_a_phone_than_one_transaction_ends_all_end(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    let same: Vec<LandingRow> = (0..4_500).map(|_| row(1)).chain([row(2)]).collect();
    floor.import(task, json!({}), &same).await;
    forbid(&floor, &[1], None).await;
    assert_eq!(floor.count(task, "suppressed").await, 4_500);
    assert_eq!(floor.count(task, "pending").await, 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_that_is_listed_while_its_call_is_up_ends_with_that_call(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let all = [row(1), row(2), chain(3, &[13]), row(4)];
    let task = floor.running("A", redial(), &all).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    forbid(&floor, &[1, 2, 3, 4], None).await;
    assert_eq!(floor.count(task, "calling").await, 4);
    let mut ended: Vec<Finished> = std::iter::zip(&orders, [BUSY, ANSWERED, BUSY, BUSY])
        .map(|(order, result)| finished(order, result, at("09:00"), at("09:01")))
        .collect();
    ended[3].trunk_refused = true;
    finish_many(&floor.store, at("09:01"), &ended).await.unwrap();
    assert_eq!(floor.count(task, "connected").await, 1);
    assert_eq!(floor.count(task, "suppressed").await, 3, "no redial, no backup, not once more");
    floor.sound().await;
}

/// The finish was under way when the number was listed, and waited for that.
#[sqlx::test(migrations = "../migrations")]
async fn a_call_that_ends_as_its_number_is_listed_leaves_nothing_that_waits(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", redial(), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let order = floor.begin(&calls, at("09:00")).await.remove(0);
    let mut listing = hold(&floor).await;
    let entry = "insert into suppression (id, enterprise_id, phone, source, created_at)
                 select gen_random_uuid(), enterprise_id, phone, 'api', now() from attempt";
    sqlx::query(entry).execute(&mut *listing).await.unwrap();
    let store = floor.store.clone();
    let finish = tokio::spawn(async move {
        let ended = finished(&order, BUSY, at("09:00"), at("09:01"));
        finish_many(&store, at("09:01"), &[ended]).await.unwrap()
    });
    until_it_waits(&floor, &finish).await;
    listing.commit().await.unwrap();
    assert_eq!(finish.await.unwrap()[0].next, Some(After::Suppressed));
    assert_eq!(floor.count(task, "suppressed").await, 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_backup_that_was_claimed_before_its_number_was_listed_is_not_called(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", redial(), &[chain(1, &[11])]).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    let backup = floor.claim(1, at("09:00")).await;
    assert_eq!(who(&backup), [11]);
    forbid(&floor, &[1], None).await;
    assert_eq!(floor.count(task, "suppressed").await, 1);
    assert!(matches!(floor.try_begin(WORKER, &backup, at("09:00")).await[0], Begun::Refused));
    floor.sound().await;
}

/// Its row is between two queues when the listing looks for it.
#[sqlx::test(migrations = "../migrations")]
async fn a_number_that_falls_due_as_its_phone_is_listed_ends_too(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", redial(), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    let mut promotion = floor.pool.begin().await.unwrap();
    for step in [
        "insert into ready (lane_id, ord, plain_ord, number_id, task_id)
         select lane_id, ord, plain_ord, number_id, task_id from waiting",
        "delete from waiting",
        "update number set state = 'pending'",
        "update number_count set n = n - 1 where state = 'waiting'",
        "update number_count set n = n + 1 where state = 'pending'",
    ] {
        sqlx::query(step).execute(&mut *promotion).await.unwrap();
    }
    let (store, enterprise) = (floor.store.clone(), floor.enterprise);
    let listing = tokio::spawn(async move { list(&store, enterprise, &[1], None).await });
    until_it_waits(&floor, &listing).await;
    promotion.commit().await.unwrap();
    listing.await.unwrap();
    assert_eq!(floor.count(task, "suppressed").await, 1);
    floor.sound().await;
}

/// An import of a list that a worker has taken.
pub(super) async fn taken_list(floor: &Floor) -> (ImportId, i64) {
    let id = clock::new_id::<ImportId>();
    let options = FileOptions::new(TableFormat::Csv);
    let new = NewSuppressionImport {
        id,
        enterprise: floor.enterprise,
        options: &options,
        object_key: "imports/file",
        actor: ACTOR,
    };
    imports::create_suppressions(&floor.store, new, at("08:30")).await.unwrap();
    let taken = imports::take(&floor.store, id, 0, LEASE).await.unwrap().unwrap();
    (id, taken.token)
}

/// Rows of a file, from line 2 on.
pub(super) fn lines(numbers: &[u64], reason: &str) -> Vec<(u64, Entry)> {
    let entry = |n: &u64| Entry { phone: phone(*n), reason: reason.into(), expires_at: None };
    (2..).zip(numbers.iter().map(entry)).collect()
}

async fn land_list(
    store: &Store,
    (import, token): (ImportId, i64),
    enterprise: EnterpriseId,
    rows: &[(u64, Entry)],
    before: FileResult,
) -> Result<FileResult, StoreError> {
    let landing = suppression::Landing { import, token, enterprise, rows, before };
    suppression::land(store, landing, at("09:00")).await
}

#[sqlx::test(migrations = "../migrations")]
async fn rows_of_a_list_end_what_waits_and_are_counted_once(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=3)).await;
    forbid(&floor, &[9], None).await;
    let (store, enterprise, list) = (&floor.store, floor.enterprise, taken_list(&floor).await);
    let nothing = FileResult { rows: 5, ..FileResult::default() };
    let first = lines(&[1, 9, 2, 1], "bought");
    let result = land_list(store, list, enterprise, &first, nothing).await.unwrap();
    assert_eq!((result.added, result.already_listed), (2, 2), "9 was there, and 1 is there twice");
    assert_eq!(floor.count(task, "suppressed").await, 2);
    floor.sound().await;
    let row = imports::get(store, enterprise, list.0).await.unwrap();
    let seen = row.suppressions().unwrap();
    assert_eq!((seen.landed_line, seen.result), (5, Some(result)));
    assert_eq!((row.done, row.total), (4, Some(5)));

    // A worker that lost it lists nothing more, nor does one that was asked to stop.
    let lost = land_list(store, (list.0, list.1 - 1), enterprise, &lines(&[3], ""), result).await;
    assert!(matches!(lost, Err(StoreError::LeaseLost)));
    ImportId::cancel(store, enterprise, list.0, at("09:00")).await.unwrap();
    let cancelled = land_list(store, list, enterprise, &lines(&[3], ""), result).await;
    assert!(matches!(cancelled, Err(StoreError::Cancelled)));
    let end = imports::finish_suppressions(store, list.0, list.1, &result, None, at("09:00")).await;
    assert!(matches!(end, Err(StoreError::Cancelled)));
    assert_eq!(floor.count(task, "pending").await, 1);
    let page = suppression::list(store, enterprise, None, storage::rows::Page::first(9)).await;
    assert_eq!(page.unwrap().rows.len(), 3);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_list_that_says_nothing_new_does_not_wait_for_claims(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let (store, enterprise) = (floor.store.clone(), floor.enterprise);
    let list = taken_list(&floor).await;
    let rows = lines(&[1, 2], "bought");
    let first = land_list(&store, list, enterprise, &rows, FileResult::default()).await.unwrap();
    let mut claim = floor.pool.begin().await.unwrap();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 1))")
        .bind(enterprise.uuid())
        .execute(&mut *claim)
        .await
        .unwrap();
    let again = land_list(&store, list, enterprise, &rows, first).await.unwrap();
    assert_eq!((again.added, again.already_listed), (2, 2));
    let other = lines(&[1, 2], "another reason");
    let other = tokio::spawn(async move {
        land_list(&store, list, enterprise, &other, FileResult::default()).await
    });
    until_it_waits(&floor, &other).await;
    claim.rollback().await.unwrap();
    assert_eq!(other.await.unwrap().unwrap().already_listed, 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn who_dials_hears_of_phones_that_are_listed_and_of_tasks_that_stop(pool: PgPool) {
    let floor = Floor::open(pool).await;
    let enterprise = floor.enterprise;
    let task = floor.running("A", json!({}), &[row(1)]).await;
    let mut heard = Decisions::listen(&floor.store).await.unwrap();
    let numbers: Vec<u64> = (1_000..2_000).collect();
    forbid(&floor, &numbers, None).await;
    let mut listed = Vec::new();
    while listed.len() < numbers.len() {
        match heard.next().await.unwrap() {
            Decision::Listed { enterprise: of, phones } if of == enterprise => {
                listed.extend(phones)
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(listed.into_iter().map(nth).collect::<Vec<u64>>(), numbers);
    suppression::asked(&floor.store, enterprise, phone(7), at("09:00")).await.unwrap();
    let asked = Decision::Listed { enterprise, phones: vec![phone(7)] };
    assert_eq!(heard.next().await.unwrap(), asked);
    storage::tasks::pause(&floor.store, enterprise, task, at("09:00"), ACTOR).await.unwrap();
    assert_eq!(heard.next().await.unwrap(), Decision::Stopped(task));
}
