//! A dialer fills the slot that it frees, as a dispatcher would.

use std::sync::atomic::{AtomicBool, Ordering};

use storage::claim::{FollowOn, LockWait};
use storage::finish::finish_and_follow_on;
use storage::store::Listener;

use super::*;

/// What a worker has after a finish.
struct After {
    next: Vec<DialOrder>,
    /// Attempts that were claimed only; `None`: no claim was made.
    claimed: Option<Vec<ClaimedAttempt>>,
}

impl After {
    fn who(&self) -> Vec<u64> {
        self.next.iter().map(|order| nth(order.facts.callee)).collect()
    }
}

impl Floor {
    /// Whether dispatchers were told of this floor since they were last asked.
    async fn hears_of_itself(&self, heard: &mut Listener<EnterpriseId>) -> bool {
        // Of another enterprise, so that what comes first tells whether there was one before.
        let other = clock::new_id::<EnterpriseId>();
        let tell = "select pg_notify('dispatch', $1::text)";
        sqlx::query(tell).bind(other.uuid()).execute(&self.pool).await.unwrap();
        let mut own = false;
        loop {
            match heard.next().await.unwrap() {
                id if id == other => return own,
                id => own |= id == self.enterprise,
            }
        }
    }

    /// These calls end with `result`, and as many others may follow.
    async fn go_on(&mut self, orders: &[DialOrder], result: CallResult, now: Time) -> After {
        self.go_on_within(orders, result, now, Duration::from_millis(20)).await
    }

    /// The same, with this much time for somebody else's claim.
    async fn go_on_within(
        &mut self,
        orders: &[DialOrder],
        result: CallResult,
        now: Time,
        at_most: Duration,
    ) -> After {
        self.go_on_in_line(orders, result, now, LockWait { at_most, now: &|| now }).await
    }

    /// The same, with what the time is then.
    async fn go_on_in_line(
        &mut self,
        orders: &[DialOrder],
        result: CallResult,
        now: Time,
        lock_wait: LockWait<'_>,
    ) -> After {
        let ended: Vec<_> = orders.iter().map(|order| finished(order, result, now, now)).collect();
        self.claims += 1;
        let follow_on = FollowOn {
            claimer: &mut self.claimer,
            enterprise: self.enterprise,
            at_most: u32::try_from(orders.len()).unwrap(),
            worker: WORKER,
            lease: LEASE,
            lock_wait,
            random_seed: self.claims,
        };
        let finishing = finish_and_follow_on(&self.store, now, &ended, follow_on).await.unwrap();
        let next = finishing.orders().to_vec();
        let claimed = finishing.claimed().map(|claimed| claimed.attempts.clone());
        let done = finishing.commit(&self.store).await.unwrap();
        assert!(done.iter().all(|done| done.written));
        After { next, claimed }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_freed_slot_rings_again_at_once_with_the_number_that_is_next(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let variables = json!({ "concurrency": 2, "variables": { "city": "Shanghai", "name": "you" } });
    let task = floor.running("A", variables, &rows(1..=9)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    // A better batch that came in meanwhile goes first, as in any claim.
    floor.import(task, json!({ "batch_name": "vip", "batch_priority": 9 }), &rows(21..=22)).await;
    let after = floor.go_on(&orders[..1], ANSWERED, at("09:01")).await;
    assert_eq!(after.who(), [21]);
    let [next] = &after.next[..] else { panic!("one call follows") };
    assert_eq!((next.token, next.paced, next.begun_at), (1, false, at("09:01")));
    let facts = &next.facts;
    assert_eq!((facts.batch_name.as_str(), facts.task_name.as_str()), ("vip", "A"));
    assert_eq!(facts.variables.get("city").map(String::as_str), Some("Shanghai"));
    // It is begun: its worker has the lease, another may not begin it, and it is finished as any.
    let begun = [Call { attempt: next.attempt, token: 1, task, phone: phone(21) }];
    assert!(matches!(floor.try_begin("dialer-2", &begun, at("09:01")).await[0], Begun::Refused));
    let again = dials(floor.begin_again(begun[0], at("09:01")).await);
    let same = |order: &DialOrder| {
        let order = DialOrder { fenced: next.fenced, ..order.clone() };
        format!("{order:?}")
    };
    assert_eq!(same(&again), same(next), "a begin gives the same order");
    assert_eq!(floor.count(task, "calling").await, 2);
    floor.sound().await;
    let both = [orders[1].clone(), next.clone()];
    assert_eq!(floor.go_on(&both, BUSY, at("09:02")).await.who(), [22, 3]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn no_call_follows_past_a_limit_or_a_pause(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({ "concurrency": 4 }), &rows(1..=20)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    floor.edit(task, json!({ "concurrency": 3 }), at("09:01")).await;
    assert_eq!(floor.go_on(&orders[..1], BUSY, at("09:01")).await.who(), [0_u64; 0]);
    assert_eq!(floor.go_on(&orders[1..2], BUSY, at("09:01")).await.who(), [5]);
    storage::tasks::pause(&floor.store, floor.enterprise, task, at("09:02"), ACTOR).await.unwrap();
    assert_eq!(floor.go_on(&orders[2..3], BUSY, at("09:02")).await.who(), [0_u64; 0]);
    floor.start(task, at("09:03")).await;
    floor.edit_enterprise(json!({ "concurrency_limit": 2 }), at("09:03")).await;
    assert_eq!(floor.go_on(&orders[3..], BUSY, at("09:03")).await.who(), [6]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_call_with_calls_per_second_is_claimed_and_waits_for_its_turn(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 1, "calls_per_second": 2 }), &rows(1..=3)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let after = floor.go_on(&orders, BUSY, at("09:01")).await;
    assert_eq!(after.who(), [0_u64; 0]);
    let claimed = after.claimed.unwrap();
    assert_eq!(claimed.len(), 1);
    let call = floor.call_of(claimed[0].attempt, claimed[0].token).await;
    assert_eq!(call.phone, phone(2));
    assert!(floor.begin(&[call], at("09:01")).await[0].paced);
    floor.sound().await;
}

/// Somebody who claims for the floor.
async fn claiming(floor: &Floor) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut claim = floor.pool.begin().await.unwrap();
    let lock = "select pg_advisory_xact_lock(hashtextextended($1::text, 1))";
    sqlx::query(lock).bind(floor.enterprise.uuid()).execute(&mut *claim).await.unwrap();
    claim
}

/// Until so many wait for the claims.
async fn lock_wait(pool: &PgPool, n: i64) {
    let waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database
                    where d.datname = current_database() and locktype = 'advisory' and not granted";
    let all = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await.unwrap() < n {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("they wait for the claims");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_slot_that_is_freed_while_somebody_claims_rings_again_after_that_claim(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 2 }), &rows(1..=9)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let claim = claiming(&floor).await;
    let (pool, attempt) = (floor.pool.clone(), orders[0].attempt.uuid());
    let (after, ()) = tokio::join!(
        floor.go_on_within(&orders[..1], BUSY, at("09:01"), Duration::from_secs(30)),
        async {
            lock_wait(&pool, 1).await;
            // What a claim waits for is not held by who waits for a claim.
            let held = "select true from attempt where id = $1 for update nowait";
            sqlx::query(held).bind(attempt).fetch_one(&pool).await.unwrap();
            claim.rollback().await.unwrap();
        }
    );
    assert_eq!(after.who(), [3]);
    floor.sound().await;
}

/// The window closes at 10:04, while they wait for somebody else's claim.
#[sqlx::test(migrations = "../migrations")]
async fn a_dialer_and_a_dispatcher_in_line_go_by_the_time_of_their_turn(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let period =
        json!({ "name": "Day", "kind": "call", "ranges": [{ "start": "09:00", "end": "10:04" }] });
    let period = serde_json::from_value(period).unwrap();
    let period = storage::periods::create(&floor.store, floor.enterprise, period, at("07:00"));
    let schedule = json!({ "call_period": period.await.unwrap().id });
    floor.running("A", json!({ "concurrency": 2, "schedule": schedule }), &rows(1..=9)).await;
    let calls = floor.claim(1, at("10:00")).await;
    let orders = floor.begin(&calls, at("10:00")).await;
    let late = AtomicBool::new(false);
    let now = || if late.load(Ordering::SeqCst) { at("10:05") } else { at("10:03") };
    let line = LockWait { at_most: Duration::from_secs(30), now: &now };
    let claim = claiming(&floor).await;
    let (pool, store, enterprise) = (floor.pool.clone(), floor.store.clone(), floor.enterprise);
    let mut dispatcher = Claimer::new();
    let (claimed, after, ()) = tokio::join!(
        dispatcher.claim_waiting(&store, enterprise, 9, 1, line),
        floor.go_on_in_line(&orders, BUSY, at("10:03"), line),
        async {
            lock_wait(&pool, 2).await;
            late.store(true, Ordering::SeqCst);
            claim.rollback().await.unwrap();
        }
    );
    assert_eq!(claimed.unwrap().attempts, []);
    assert!(after.next.is_empty(), "{:?}", after.who());
    floor.sound().await;
}

/// Its number may have fallen due, and been made ready, after the claim read the time.
#[sqlx::test(migrations = "../migrations")]
async fn a_call_that_follows_on_is_not_older_than_the_look_that_found_its_number(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 1 }), &rows(1..=9)).await;
    let calls = floor.claim(1, at("10:00")).await;
    let orders = floor.begin(&calls, at("10:00")).await;
    let read = AtomicBool::new(false);
    let now = || if read.swap(true, Ordering::SeqCst) { at("10:02") } else { at("10:01") };
    let line = LockWait { at_most: Duration::ZERO, now: &now };
    let after = floor.go_on_in_line(&orders, BUSY, at("10:01"), line).await;
    let [next] = &after.next[..] else { panic!("one call follows") };
    assert_eq!(next.begun_at, at("10:02"));
    let started_at: Time =
        sqlx::query_scalar("select started_at from attempt").fetch_one(&floor.pool).await.unwrap();
    assert_eq!(started_at, at("10:02"));
    floor.sound().await;
}

/// Dialers that fill their slots are always in line; a dispatcher that is has its turn.
#[sqlx::test(migrations = "../migrations")]
async fn a_claim_in_line_comes_before_those_who_asked_later(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 2 }), &rows(1..=9)).await;
    let calls = floor.claim(1, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let claim = claiming(&floor).await;
    let (pool, store, long) = (floor.pool.clone(), floor.store.clone(), Duration::from_secs(30));
    let (mut dispatcher, enterprise) = (Claimer::new(), floor.enterprise);
    let line = LockWait { at_most: long, now: &|| at("09:01") };
    let busy = dispatcher.claim(&store, enterprise, at("09:01"), 9, 1).await.unwrap();
    assert!(busy.busy);
    let (claimed, after, ()) = tokio::join!(
        dispatcher.claim_waiting(&store, enterprise, 9, 2, line),
        async {
            lock_wait(&pool, 1).await;
            floor.go_on_within(&orders, BUSY, at("09:01"), long).await
        },
        async {
            lock_wait(&pool, 2).await;
            claim.rollback().await.unwrap();
        }
    );
    assert_eq!(claimed.unwrap().attempts.len(), 1);
    assert_eq!(after.who(), [3], "the dispatcher took 2");
    floor.sound().await;
}

/// Whoever claims may not see the slot that is being freed: the dispatchers are told.
#[sqlx::test(migrations = "../migrations")]
async fn a_slot_that_is_freed_while_somebody_claims_for_long_is_left_to_the_dispatchers(
    pool: PgPool,
) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 2 }), &rows(1..=9)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let mut heard = floor.store.listen_dispatch().await.unwrap();
    let claim = claiming(&floor).await;
    let after = floor.go_on(&orders[..1], BUSY, at("09:01")).await;
    assert!(after.next.is_empty() && after.claimed.is_none());
    claim.rollback().await.unwrap();
    assert_eq!(heard.next().await.unwrap(), floor.enterprise);
    assert_eq!(who(&floor.claim(9, at("09:01")).await), [3]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn dispatchers_are_told_only_of_what_is_left_for_them(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({ "concurrency": 2 }), &rows(1..=4)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let mut heard = floor.store.listen_dispatch().await.unwrap();
    let next = floor.go_on(&orders[..1], BUSY, at("09:01")).await.next;
    assert!(!floor.hears_of_itself(&mut heard).await, "the slot was filled");
    // There is room for more than what may follow.
    floor.edit(task, json!({ "concurrency": 3 }), at("09:02")).await;
    floor.hears_of_itself(&mut heard).await;
    assert_eq!(floor.go_on(&next, BUSY, at("09:02")).await.who(), [4]);
    assert!(floor.hears_of_itself(&mut heard).await);
    floor.sound().await;
}

/// With calls per second a claim may be worth while at a time that nothing else tells. Whoever was told
/// looks again by itself.
#[sqlx::test(migrations = "../migrations")]
async fn dispatchers_are_told_once_of_a_time_to_look_again(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 1 }), &rows(1..=9)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let mut plain = floor.begin(&calls, at("09:00")).await;
    floor.running("B", json!({ "concurrency": 9, "calls_per_second": 2 }), &rows(11..=19)).await;
    let mut heard = floor.store.listen_dispatch().await.unwrap();
    let mut paced = Vec::new();
    for _ in 0..2 {
        let calls = floor.claim(9, at("09:00")).await;
        floor.begin(&calls, at("09:00")).await;
        assert!(floor.hears_of_itself(&mut heard).await, "a begin made room for a claim");
        paced.extend(calls);
    }
    let attempts: Vec<_> = paced.iter().map(|call| call.attempt).collect();
    assert_eq!(attempts.len(), 4);
    storage::attempts::pace_many(&floor.store, at("09:00"), &attempts).await.unwrap();
    dials(floor.begin_again(paced[0], at("09:00")).await);
    assert!(!floor.hears_of_itself(&mut heard).await, "begun again in its turn");
    // Turns are given out until 09:00:02.2: there is one to claim for from 09:00:01.2 on.
    let mut told = Vec::new();
    for _ in 0..3 {
        let after = floor.go_on(&plain, BUSY, at("09:00")).await;
        assert!(after.claimed.unwrap().is_empty());
        plain = after.next;
        told.push(floor.hears_of_itself(&mut heard).await);
    }
    assert_eq!(told, [true, false, false]);
    floor.sound().await;
}

/// A backup is dialled right after the phone before it; it is in its lane when the dispatcher looks.
#[sqlx::test(migrations = "../migrations")]
async fn a_number_that_goes_on_with_a_backup_leaves_its_slot_to_the_dispatchers(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let chained = [chain(1, &[11]), row(2)];
    floor.running("A", json!({ "concurrency": 1 }), &chained).await;
    let calls = floor.claim(9, at("09:00")).await;
    let orders = floor.begin(&calls, at("09:00")).await;
    let after = floor.go_on(&orders, BUSY, at("09:01")).await;
    assert!(after.next.is_empty() && after.claimed.is_none());
    assert_eq!(who(&floor.claim(9, at("09:01")).await), [11]);
    floor.sound().await;
}
