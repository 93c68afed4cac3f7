//! A call is dialled at most once, by one worker, and a worker that was given up writes nothing.

use outbound::outcome::cause;
use sqlx::ConnectOptions;
use storage::attempts::{PutOff, Renewals, expire_leases, finish_lost, lost_jobs, withdraw};

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn a_job_that_is_delivered_twice_is_dialled_once(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=2)).await;
    let calls = floor.claim(2, at("09:00")).await;
    let order = floor.begin(&calls[..1], at("09:00")).await.remove(0);
    assert_eq!(order.facts.callee, phone(1));
    assert_eq!((order.facts.task_name.as_str(), order.facts.batch_name.as_str()), ("A", "first"));
    let other = floor.try_begin("dialer-2", &calls[..1], at("09:00")).await;
    assert!(matches!(other[0], Begun::Refused));
    let stale = Call { token: 2, ..calls[1] };
    assert!(matches!(floor.try_begin(WORKER, &[stale], at("09:00")).await[0], Begun::Refused));
}

/// Its handler panicked, or an error ended it: whether the phone rang, nobody knows.
#[sqlx::test(migrations = "../migrations")]
async fn a_job_that_failed_after_its_begin_does_not_ring_again(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=2)).await;
    let calls = floor.claim(2, at("09:00")).await;
    let order = floor.begin(&calls[..1], at("09:00")).await.remove(0);
    // It knows that no INVITE left: it goes on.
    assert_eq!(dials(floor.begin_again(calls[0], at("09:00")).await).token, order.token);
    // It does not.
    let both = floor.try_begin(WORKER, &calls, at("09:01")).await;
    let [Begun::Lost(lost), Begun::Dial(_)] = both[..] else { panic!("{both:?}") };
    assert_eq!((lost.attempt, lost.token), (calls[0].attempt, calls[0].token + 1));
    let late = floor.begin_again(calls[0], at("09:01")).await;
    assert!(matches!(late, Begun::Refused), "{late:?}");
    let zombie = finished(&order, ANSWERED, at("09:00"), at("09:01"));
    assert!(!finish_many(&floor.store, at("09:01"), &[zombie]).await.unwrap()[0].written);
    assert!(finish_lost(&floor.store, at("09:01"), &[lost]).await.unwrap()[0].written);
    let causes: Vec<String> =
        sqlx::query_scalar("select cause from call_record").fetch_all(&floor.pool).await.unwrap();
    assert_eq!(causes, [cause::WORKER_LOST]);
    assert_eq!(floor.waits(1).await.unwrap().1, "redial");
    assert_eq!(floor.count(task, "calling").await, 1);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_of_a_paused_task_does_not_start_and_its_number_is_next_again(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=5)).await;
    let calls = floor.claim(3, at("09:00")).await;
    storage::tasks::pause(&floor.store, floor.enterprise, task, at("09:01"), ACTOR).await.unwrap();
    let begun = floor.try_begin(WORKER, &calls, at("09:01")).await;
    assert!(begun.iter().all(|begun| matches!(begun, Begun::Refused)));
    assert_eq!(floor.claim(10, at("09:01")).await.len(), 0);
    assert_eq!(floor.count(task, "pending").await, 5);
    floor.sound().await;
    floor.start(task, at("09:02")).await;
    assert_eq!(who(&floor.claim(10, at("09:02")).await), [1, 2, 3, 4, 5]);
}

/// Under load begins wait for each other; if that counted, they would be late each time they are tried.
#[sqlx::test(migrations = "../migrations")]
async fn the_time_for_an_invite_counts_from_when_its_begin_waits_no_more(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let mut edit = floor.pool.begin().await.unwrap();
    sqlx::query("select from task for update").execute(&mut *edit).await.unwrap();
    let (store, call) = (floor.store.clone(), calls[0]);
    let begin = tokio::spawn(async move {
        let call = [to_begin(&call)];
        begin_many(&store, WORKER, LEASE, at("09:00"), &call).await.unwrap().remove(0)
    });
    until_it_waits(&floor, &begin).await;
    let goes_on = std::time::Instant::now();
    edit.rollback().await.unwrap();
    let Begun::Dial(order) = begin.await.unwrap() else { panic!("a begin was refused") };
    assert!(order.fenced >= goes_on);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_withdrawn_before_its_invite_goes_back_to_its_place_or_waits(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=3)).await;
    let calls = floor.claim(2, at("09:00")).await;
    let [first, second] = [calls[0], calls[1]];
    withdraw(&floor.store, first.attempt, first.token, at("09:00"), None).await.unwrap();
    let until = PutOff::callee_window(at("10:00"));
    withdraw(&floor.store, second.attempt, second.token, at("09:00"), Some(until)).await.unwrap();
    // A stale token undoes nothing.
    let third = floor.claim(1, at("09:00")).await[0];
    withdraw(&floor.store, third.attempt, 9, at("09:00"), None).await.unwrap();
    assert_eq!(who(&[third]), [1]);
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [3]);
    assert_eq!(floor.waits(2).await.unwrap(), (at("10:00"), "callee_window".into()));
    floor.sound().await;
    floor.promote(at("10:00")).await;
    assert_eq!(who(&floor.claim(9, at("10:00")).await), [2]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_claimed_call_that_no_worker_took_is_handed_out_again(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let call = floor.claim(1, at("09:00")).await[0];
    assert_eq!(lost_jobs(&floor.store, Duration::from_secs(5)).await.unwrap(), []);
    floor.sql("update attempt set pushed_at = pushed_at - interval '6 s'", &[]).await;
    let lost = lost_jobs(&floor.store, Duration::from_secs(5)).await.unwrap();
    assert_eq!(lost, [ClaimedAttempt { attempt: call.attempt, token: call.token }]);
    assert_eq!(lost_jobs(&floor.store, Duration::from_secs(5)).await.unwrap(), []);

    floor.sql("update attempt set lease_until = clock_timestamp() - interval '1 s'", &[]).await;
    assert!(matches!(floor.try_begin(WORKER, &[call], at("09:00")).await[0], Begun::Refused));
    let expired = expire_leases(&floor.store, LEASE, Duration::ZERO).await.unwrap();
    assert_eq!(expired.again, [ClaimedAttempt { attempt: call.attempt, token: 2 }]);
    assert!(matches!(floor.try_begin(WORKER, &[call], at("09:00")).await[0], Begun::Refused));
    floor.begin(&[Call { token: 2, ..call }], at("09:00")).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn after_redis_was_emptied_all_claimed_calls_are_handed_out_again_at_once(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1_000)).await;
    let mut calls: Vec<_> =
        floor.claim(1_000, at("09:00")).await.iter().map(|call| call.attempt).collect();
    assert_eq!(calls.len(), 1_000);
    floor.sql("update attempt set pushed_at = pushed_at - interval '6 s'", &[]).await;
    let lost = lost_jobs(&floor.store, Duration::from_secs(5)).await.unwrap();
    let mut lost: Vec<_> = lost.iter().map(|claimed| claimed.attempt).collect();
    calls.sort();
    lost.sort();
    assert_eq!(lost, calls);
}

/// Both lock many attempts. In different orders they would wait for each other until PostgreSQL breaks one
/// of them off, a second later: a second in which nothing is dialled.
#[sqlx::test(migrations = "../migrations")]
async fn ends_of_calls_and_renewals_of_leases_never_wait_for_each_other_in_a_circle(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=9)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let mut ids: Vec<_> = calls.iter().map(|call| call.attempt.uuid()).collect();
    ids.sort();
    // The rows come to lie in the reverse order of their ids.
    for id in ids.iter().rev() {
        floor.sql("update attempt set pushed_at = clock_timestamp() where id = $1", &[*id]).await;
    }
    let ends = orders.iter().rev().map(|order| finished(order, BUSY, at("09:00"), at("09:00")));
    let ends: Vec<_> = ends.collect();
    let store = floor.store.clone();
    let up: Vec<_> = calls.iter().map(|call| call.attempt).collect();
    let renewal = async move {
        let renewed = Renewals::of(&store).renew(WORKER, LEASE, &up).await.unwrap();
        assert_eq!(renewed.len(), 9);
    };
    assert_eq!(locked_past_the_first(&floor, ids[0], renewal).await, 0);
    let store = floor.store.clone();
    let finish = async move {
        let done = finish_many(&store, at("09:00"), &ends).await.unwrap();
        assert!(done.iter().all(|done| done.written));
    };
    assert_eq!(locked_past_the_first(&floor, ids[0], finish).await, 0);
    floor.sound().await;
}

/// How many attempts `work` has locked while it waits for the one that it must lock first.
async fn locked_past_the_first(
    floor: &Floor,
    first: sqlx::types::Uuid,
    work: impl Future<Output = ()> + Send + 'static,
) -> i64 {
    let mut holder = floor.pool.begin().await.unwrap();
    sqlx::query("select from attempt where id = $1 for update")
        .bind(first)
        .execute(&mut *holder)
        .await
        .unwrap();
    let work = tokio::spawn(work);
    until_it_waits(floor, &work).await;
    let locked = "select (select count(*) from attempt) - 1 - count(*) from (
                      select from attempt for update skip locked) free";
    let locked = sqlx::query_scalar(locked).fetch_one(&floor.pool).await.unwrap();
    holder.rollback().await.unwrap();
    work.await.unwrap();
    locked
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_whose_worker_died_is_recorded_as_worker_lost_and_redialled(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let order = floor.begin(&calls, at("09:00")).await.remove(0);
    let up = [order.attempt];
    let mut renewals = Renewals::of(&floor.store);
    assert_eq!(renewals.renew(WORKER, LEASE, &up).await.unwrap(), up);
    assert_eq!(renewals.renew(WORKER, LEASE, &[]).await.unwrap(), []);

    floor.sql("update attempt set lease_until = clock_timestamp() - interval '1 s'", &[]).await;
    let expired = expire_leases(&floor.store, LEASE, Duration::ZERO).await.unwrap();
    assert_eq!((expired.lost[0].attempt, expired.lost[0].trunk), (order.attempt, floor.trunk));
    assert_eq!(floor.claim(9, at("09:02")).await.len(), 0, "the slot is taken until it is hung up");

    // The worker was only asleep: what it knows is nobody's by now.
    assert_eq!(renewals.renew(WORKER, LEASE, &up).await.unwrap(), []);
    let zombie = finished(&order, ANSWERED, at("09:00"), at("09:01"));
    let done = finish_many(&floor.store, at("09:02"), &[zombie]).await.unwrap();
    assert!(!done[0].written);
    assert!(matches!(floor.try_begin(WORKER, &calls, at("09:02")).await[0], Begun::Refused));

    let done = finish_lost(&floor.store, at("09:02"), &expired.lost).await.unwrap();
    assert!(done[0].written);
    assert_eq!(done[0].due_at(), Some(at("09:10")));
    let journey = journey_of(&floor, 1).await;
    let calls: Vec<_> =
        journey.calls.iter().map(|call| (call.result.word(), call.cause.as_str())).collect();
    assert_eq!(calls, [("call_failed", cause::WORKER_LOST)]);
    assert_eq!(floor.count(task, "waiting").await, 1);
    floor.sound().await;
    assert_eq!(finish_lost(&floor.store, at("09:02"), &expired.lost).await.unwrap().len(), 0);
}

/// While it was away, nobody could renew a lease.
#[sqlx::test(migrations = "../migrations")]
async fn no_lease_ends_before_the_database_has_been_back_for_a_whole_one(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let order = floor.begin(&calls, at("09:00")).await.remove(0);
    floor.sql("update attempt set lease_until = clock_timestamp() - interval '1 s'", &[]).await;
    let url = floor.pool.connect_options().to_url_lossy().to_string();
    let sweeper = Store::connect(&storage::StoreConfig::new(url)).unwrap();
    let (lease, back) = (Duration::from_secs(5), Duration::from_millis(300));
    let look = async |back_for| expire_leases(&sweeper, lease, back_for).await;
    // The server has not been up for so long.
    assert_eq!(look(Duration::from_secs(1_000_000)).await.unwrap().lost, []);
    cut(&floor).await;
    look(back).await.expect_err("the connection was cut");
    let cut_at = std::time::Instant::now();
    let lost = loop {
        let lost = look(back).await.unwrap().lost;
        if !lost.is_empty() {
            break lost;
        }
    };
    assert!(cut_at.elapsed() >= back, "after {:?}", cut_at.elapsed());
    assert_eq!(lost[0].attempt, order.attempt);
}

#[sqlx::test(migrations = "../migrations")]
async fn leases_are_renewed_at_once_when_the_database_is_back(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let up = [floor.begin(&calls, at("09:00")).await.remove(0).attempt];
    let mut renewals = Renewals::of(&floor.store);
    assert_eq!(renewals.renew(WORKER, LEASE, &up).await.unwrap(), up);
    cut(&floor).await;
    renewals.renew(WORKER, LEASE, &up).await.expect_err("the connection was cut");
    // And while everything else waits for the pool.
    let mut taken = Vec::new();
    while taken.len() < floor.pool.options().get_max_connections() as usize {
        taken.push(floor.pool.acquire().await.unwrap());
    }
    assert_eq!(renewals.renew(WORKER, LEASE, &up).await.unwrap(), up);
}

/// The server breaks off every other connection to this database.
pub(super) async fn cut(floor: &Floor) {
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()";
    sqlx::query(cut).execute(&floor.pool).await.unwrap();
}

#[sqlx::test(migrations = "../migrations")]
async fn a_loss_whose_finder_died_before_recording_it_is_found_again_after_the_lease(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.begin(&calls, at("09:00")).await;
    floor.sql("update attempt set lease_until = clock_timestamp() - interval '1 s'", &[]).await;
    let lease = Duration::from_secs(5);
    let first = expire_leases(&floor.store, lease, Duration::ZERO).await.unwrap().lost;
    assert_eq!(expire_leases(&floor.store, lease, Duration::ZERO).await.unwrap().lost, []);
    // Five seconds pass, and not a minute: a slot that nobody uses comes back.
    floor.sql("update attempt set lease_until = lease_until - interval '5 s'", &[]).await;
    let second = expire_leases(&floor.store, lease, Duration::ZERO).await.unwrap().lost;
    assert_eq!(second[0].attempt, first[0].attempt);
    let late = finish_lost(&floor.store, at("09:02"), &first).await.unwrap();
    assert!(!late[0].written, "the first finder has come too late");
    assert!(finish_lost(&floor.store, at("09:02"), &second).await.unwrap()[0].written);
    floor.sound().await;
}

pub(crate) async fn journey_of(floor: &Floor, n: u64) -> storage::numbers::Journey {
    let page = storage::rows::Page::first(10);
    let found =
        storage::numbers::search(&floor.store, floor.enterprise, phone(n), page).await.unwrap();
    storage::numbers::journey(&floor.store, floor.enterprise, found.rows[0].id).await.unwrap()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_finished_call_leaves_record_conversation_and_recording_once(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let defaults = json!({ "variables": { "name": "friend", "day": "Monday" } });
    let with = |n, name: &str| {
        let variables =
            [("name", name), ("empty", "")].map(|(name, value)| (name.into(), value.into()));
        LandingRow { variables: variables.into(), ..row(n) }
    };
    let task = floor.running("A", defaults, &[with(1, "Li"), row(2)]).await;
    let calls = floor.claim(2, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    assert_eq!(orders[0].facts.variables["name"], "Li");
    assert_eq!(
        (orders[1].facts.variables["name"].as_str(), orders[1].facts.variables["day"].as_str()),
        ("friend", "Monday")
    );
    let mut done = finished(&orders[0], ANSWERED, at("09:00"), at("09:01"));
    let (transcript, log) = (json!([{ "text": "hello" }]), json!([]));
    done.conversation = Some(storage::finish::NewConversation { transcript, log });
    done.recording = Some(storage::finish::NewRecording {
        spool: "spool-1".into(),
        object_key: "recordings/1".into(),
        duration_ms: 60_000,
    });
    let twice =
        finish_many(&floor.store, at("09:01"), &[done.clone(), done.clone()]).await.unwrap();
    assert!(twice.iter().all(|done| done.written));
    assert!(!finish_many(&floor.store, at("09:01"), &[done]).await.unwrap()[0].written);
    let kept: (i64, i64, i64, String, Vec<String>) = sqlx::query_as(
        "select (select count(*) from call_record), (select count(*) from conversation),
                (select count(*) from recording where state = 'pending'), recording_state, intent_tags
           from call_record",
    )
    .fetch_one(&floor.pool)
    .await
    .unwrap();
    assert_eq!(kept, (1, 1, 1, "pending".into(), vec!["vip".into()]));
    let talk: i64 = sqlx::query_scalar("select talk_ms from call_count where result = 'answered'")
        .fetch_one(&floor.pool)
        .await
        .unwrap();
    assert_eq!(talk, 60_000);
    assert_eq!(floor.count(task, "connected").await, 1);
    floor.sound().await;
}

/// Returns when `work` waits for a lock.
pub(super) async fn until_it_waits<T>(floor: &Floor, work: &tokio::task::JoinHandle<T>) {
    let waits = "select exists (select from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock')";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&floor.pool).await.unwrap() {
        assert!(tokio::time::Instant::now() < deadline && !work.is_finished(), "it never waited");
    }
}
