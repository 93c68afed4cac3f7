//! Lanes: the queues that numbers stand in, and the counters that are kept as they move.
//!
//! All numbers of a lane have one order. Claims, finishes, promotions and imports write lanes by this file alone.
//!
//! # The order of locks
//!
//! A transaction that locks more than one of these locks them from the top down, and rows of one kind in the order
//! of their keys. Else two transactions could wait for each other for ever:
//!
//! 1. an enterprise's advisory lock of claims ([`lock_claims`]), a task's of imports, its promotion's;
//!    the pace of calls per second is locked in transactions of its own, with nothing else;
//! 2. the enterprise's row, trunks, human agents, then what a configuration refers to;
//! 3. tasks;
//! 4. live attempts;
//! 5. ready and waiting rows, then numbers;
//! 6. lanes, then batches;
//! 7. counters: trunk health, numbers, calls.
//!
//! A number that has not ended has exactly one row in `ready`, `waiting` or `attempt`. Whoever locks that row owns the
//! number, so its own row in `number` needs no lock before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use outbound::Time;
use outbound::ids::{EnterpriseId, NumberId};
use outbound::number::NumberState;
use outbound::order::{LaneClass, Rank, UncalledOrder, rank};
use outbound::wait::WaitReason;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::StoreError;

/// The SQLSTATE when a lock was not free within `lock_timeout`.
const LOCK_TIMEOUT: &str = "55P03";

/// What a lane is for. There is at most one lane for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LaneSpec {
    pub task: Uuid,
    /// None: a lane of backups, or one of a task's uncalled numbers in random order.
    pub batch: Option<Uuid>,
    pub class: LaneClass,
    pub round: i16,
    pub order_revision: i32,
}

/// A number that enters a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub lane: i64,
    pub task: Uuid,
    pub number: Uuid,
    pub rank: Rank,
}

/// The rank of a number's redials and backups, whatever order its first call had.
pub(crate) fn later_rank(priority: i32, seq: i64) -> Rank {
    rank(UncalledOrder::Sequential, u32::try_from(priority).unwrap_or(0), seq, 0)
}

/// A number's place in random order: the last 32 bits of its id, a UUIDv7, which are random.
pub(crate) fn chance(number: NumberId) -> u32 {
    u32::try_from(number.uuid().as_u128() & u128::from(u32::MAX)).unwrap_or(0)
}

/// Wait for the lock of an enterprise's claims, so that no claim runs at the same time as this transaction.
pub(crate) async fn lock_claims(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 1))",
        enterprise.uuid()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Work that only one transaction does at a time, and whose commit need not wait for the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OneAtATime {
    /// The claims of an enterprise: the same lock as [`lock_claims`]'s.
    Claims = 1,
    /// The promotions of a task's numbers.
    Promotions = 4,
}

/// Try to get the lock of such work, and let the commit not wait for the disk. False: somebody else has the lock.
pub(crate) async fn try_lock(
    conn: &mut PgConnection,
    what: OneAtATime,
    of: Uuid,
) -> Result<bool, StoreError> {
    let locked = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1::uuid::text, $2)) as "locked!"
             from (select set_config('synchronous_commit', 'off', true) offset 0) settings"#,
        of,
        what as i64
    )
    .fetch_one(conn)
    .await?;
    Ok(locked)
}

/// [`lock_claims`] that waits for `wait` at most, which is at least a millisecond. False: somebody else still has the
/// lock. Roll the transaction back then, as PostgreSQL allows nothing more in it.
pub(crate) async fn lock_claims_within(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    wait: Duration,
) -> Result<bool, StoreError> {
    let locked = sqlx::query!(
        "select set_config('lock_timeout', locked.before, true) from (
             select before, pg_advisory_xact_lock(hashtextextended($1::uuid::text, 1)) from (
                 select current_setting('lock_timeout') as before,
                        set_config('lock_timeout', $2, true) offset 0) waits
              offset 0) locked",
        enterprise.uuid(),
        wait.as_millis().max(1).to_string()
    )
    .fetch_one(conn)
    .await;
    match locked {
        Ok(_) => Ok(true),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_TIMEOUT) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// The ids of lanes, made where they are missing. Locks the lanes that it makes.
///
/// A new lane gets the call order of the other lanes of its revision. There is always one, as an import makes the
/// first and every number comes by an import.
pub(crate) async fn find_or_make(
    conn: &mut PgConnection,
    specs: impl IntoIterator<Item = LaneSpec>,
) -> Result<HashMap<LaneSpec, i64>, StoreError> {
    let mut wanted: Vec<LaneSpec> = specs.into_iter().collect();
    let key = |spec: &LaneSpec| {
        (spec.task, spec.batch, spec.class.word(), spec.round, spec.order_revision)
    };
    wanted.sort_by_key(key);
    wanted.dedup();
    let mut found = find(conn, &wanted).await?;
    wanted.retain(|spec| !found.contains_key(spec));
    if !wanted.is_empty() {
        make(conn, &wanted).await?;
        found.extend(find(conn, &wanted).await?);
    }
    match wanted.iter().find(|spec| !found.contains_key(*spec)) {
        Some(spec) => Err(StoreError::Damaged(format!("no lane for {spec:?}"))),
        None => Ok(found),
    }
}

async fn find(
    conn: &mut PgConnection,
    specs: &[LaneSpec],
) -> Result<HashMap<LaneSpec, i64>, StoreError> {
    if specs.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = Columns::of(specs);
    let rows = sqlx::query!(
        r#"select l.id, u.place as "place!"
             from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::integer[])
                  with ordinality as u (task, batch, class, round, revision, place)
             join lane l on l.task_id = u.task and l.class = u.class and l.round = u.round
                        and l.order_revision = u.revision
                        and (l.batch_id = u.batch or (l.batch_id is null and u.batch is null))"#,
        &columns.tasks,
        &columns.batches as &[Option<Uuid>],
        &columns.classes as &[&str],
        &columns.rounds,
        &columns.revisions
    )
    .fetch_all(conn)
    .await?;
    let spec = |place: i64| usize::try_from(place - 1).ok().and_then(|place| specs.get(place));
    Ok(rows.into_iter().filter_map(|row| Some((*spec(row.place)?, row.id))).collect())
}

/// Make the lanes. One that somebody else made meanwhile is left as it is.
async fn make(conn: &mut PgConnection, specs: &[LaneSpec]) -> Result<(), StoreError> {
    let columns = Columns::of(specs);
    sqlx::query!(
        "insert into lane (task_id, batch_id, class, round, order_revision, call_order)
         select u.task, u.batch, u.class, u.round, u.revision,
                (select l.call_order from lane l
                  where l.task_id = u.task and l.order_revision = u.revision limit 1)
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::integer[])
                as u (task, batch, class, round, revision)
             on conflict do nothing",
        &columns.tasks,
        &columns.batches as &[Option<Uuid>],
        &columns.classes as &[&str],
        &columns.rounds,
        &columns.revisions
    )
    .execute(conn)
    .await?;
    Ok(())
}

struct Columns {
    tasks: Vec<Uuid>,
    batches: Vec<Option<Uuid>>,
    classes: Vec<&'static str>,
    rounds: Vec<i16>,
    revisions: Vec<i32>,
}

impl Columns {
    fn of(specs: &[LaneSpec]) -> Self {
        Self {
            tasks: specs.iter().map(|spec| spec.task).collect(),
            batches: specs.iter().map(|spec| spec.batch).collect(),
            classes: specs.iter().map(|spec| spec.class.word()).collect(),
            rounds: specs.iter().map(|spec| spec.round).collect(),
            revisions: specs.iter().map(|spec| spec.order_revision).collect(),
        }
    }
}

/// Put numbers into their lanes. They may be dialled once this is committed. Locks those lanes.
pub(crate) async fn enter(conn: &mut PgConnection, entries: &[Entry]) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let lanes: Vec<i64> = entries.iter().map(|entry| entry.lane).collect();
    let ords: Vec<i64> = entries.iter().map(|entry| entry.rank.ord).collect();
    let plain_ords: Vec<i64> = entries.iter().map(|entry| entry.rank.plain_ord).collect();
    let numbers: Vec<Uuid> = entries.iter().map(|entry| entry.number).collect();
    let tasks: Vec<Uuid> = entries.iter().map(|entry| entry.task).collect();
    sqlx::query!(
        "insert into ready (lane_id, ord, plain_ord, number_id, task_id)
         select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[])",
        &lanes,
        &ords,
        &plain_ords,
        &numbers,
        &tasks
    )
    .execute(&mut *conn)
    .await?;
    entered(conn, lanes.into_iter().collect()).await
}

/// Tell claimers that numbers entered these lanes, so that they read them from the beginning again. Locks the lanes.
pub(crate) async fn entered(
    conn: &mut PgConnection,
    lanes: BTreeSet<i64>,
) -> Result<(), StoreError> {
    let lanes: Vec<i64> = lanes.into_iter().collect();
    sqlx::query!(
        "with held as (select id from lane where id = any($1) order by id for no key update)
         update lane set entered = entered + 1 from held where lane.id = held.id",
        &lanes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a transaction adds to the counters. It is gathered during the transaction and written at its end, in the
/// order of the keys. So counters that everybody needs are locked for the time of the commit only.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    numbers: BTreeMap<(Uuid, &'static str), (Uuid, i64)>,
    calls: BTreeMap<(Uuid, Uuid, Time, &'static str), (i64, i64)>,
    lines: BTreeMap<(Uuid, Time), (i32, i32)>,
}

impl Counts {
    /// `n` more numbers of a batch are in a state; fewer, when it is negative.
    pub fn number(&mut self, task: Uuid, batch: Uuid, state: NumberState, n: i64) {
        self.numbers.entry((batch, state.word())).or_insert((task, 0)).1 += n;
    }

    /// A number moved from one state to another.
    pub fn moved(&mut self, task: Uuid, batch: Uuid, from: NumberState, to: NumberState) {
        self.number(task, batch, from, -1);
        self.number(task, batch, to, 1);
    }

    /// A call ended that had started in `hour`.
    pub fn call(
        &mut self,
        task: Uuid,
        batch: Uuid,
        hour: Time,
        result: &'static str,
        talk_ms: i64,
    ) {
        let (calls, talked) = self.calls.entry((task, batch, hour, result)).or_default();
        *calls += 1;
        *talked += talk_ms;
    }

    /// A trunk took a call in this span of time, or refused it.
    pub fn line(&mut self, trunk: Uuid, bucket: Time, took: bool) {
        let (accepted, refused) = self.lines.entry((trunk, bucket)).or_default();
        *(if took { accepted } else { refused }) += 1;
    }

    /// Locks the counters until the transaction ends, so it must be the last thing in it.
    pub async fn write(self, conn: &mut PgConnection) -> Result<(), StoreError> {
        self.write_and_notify(conn, BTreeSet::new()).await
    }

    /// [`Self::write`] and [`notify`], in one statement.
    pub async fn write_and_notify(
        self,
        conn: &mut PgConnection,
        enterprises: BTreeSet<Uuid>,
    ) -> Result<(), StoreError> {
        let numbers: Vec<_> = self.numbers.iter().filter(|(_, (_, n))| *n != 0).collect();
        if numbers.is_empty() && self.calls.is_empty() && self.lines.is_empty() {
            return notify(conn, enterprises).await;
        }
        let enterprises: Vec<Uuid> = enterprises.into_iter().collect();
        let batches: Vec<Uuid> = numbers.iter().map(|((batch, _), _)| *batch).collect();
        let states: Vec<&str> = numbers.iter().map(|((_, state), _)| *state).collect();
        let tasks: Vec<Uuid> = numbers.iter().map(|(_, (task, _))| *task).collect();
        let ns: Vec<i64> = numbers.iter().map(|(_, (_, n))| *n).collect();
        let call_tasks: Vec<Uuid> = self.calls.keys().map(|(task, ..)| *task).collect();
        let call_batches: Vec<Uuid> = self.calls.keys().map(|(_, batch, ..)| *batch).collect();
        let hours: Vec<Time> = self.calls.keys().map(|(_, _, hour, _)| *hour).collect();
        let results: Vec<&str> = self.calls.keys().map(|(.., result)| *result).collect();
        let calls: Vec<i64> = self.calls.values().map(|(calls, _)| *calls).collect();
        let talked: Vec<i64> = self.calls.values().map(|(_, talked)| *talked).collect();
        let trunks: Vec<Uuid> = self.lines.keys().map(|(trunk, _)| *trunk).collect();
        let buckets: Vec<Time> = self.lines.keys().map(|(_, bucket)| *bucket).collect();
        let (accepted, refused): (Vec<i32>, Vec<i32>) = self.lines.values().copied().unzip();
        sqlx::query!(
            r#"with numbers as (
                   insert into number_count (batch_id, state, task_id, n)
                   select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
                       on conflict (batch_id, state) do update set n = number_count.n + excluded.n),
               calls as (
                   insert into call_count (task_id, batch_id, hour, result, calls, talk_ms)
                   select * from unnest($5::uuid[], $6::uuid[], $7::timestamptz[], $8::text[],
                                        $9::bigint[], $10::bigint[])
                       on conflict (task_id, batch_id, hour, result)
                       do update set calls = call_count.calls + excluded.calls,
                                     talk_ms = call_count.talk_ms + excluded.talk_ms),
               lines as (
                   insert into trunk_health (trunk_id, bucket, accepted, refused)
                   select * from unnest($12::uuid[], $13::timestamptz[], $14::integer[],
                                        $15::integer[])
                       on conflict (trunk_id, bucket)
                       do update set accepted = trunk_health.accepted + excluded.accepted,
                                     refused = trunk_health.refused + excluded.refused)
               select pg_notify('dispatch', id::text) from unnest($11::uuid[]) as e (id)"#,
            &batches,
            &states as &[&str],
            &tasks,
            &ns,
            &call_tasks,
            &call_batches,
            &hours,
            &results as &[&str],
            &calls,
            &talked,
            &enterprises,
            &trunks,
            &buckets,
            &accepted,
            &refused
        )
        .fetch_all(conn)
        .await?;
        Ok(())
    }
}

/// Wake the dispatchers for these enterprises when this transaction commits.
pub(crate) async fn notify(
    conn: &mut PgConnection,
    enterprises: BTreeSet<Uuid>,
) -> Result<(), StoreError> {
    if enterprises.is_empty() {
        return Ok(());
    }
    let enterprises: Vec<Uuid> = enterprises.into_iter().collect();
    sqlx::query!(
        "select pg_notify('dispatch', id::text) from unnest($1::uuid[]) as e (id)",
        &enterprises
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Read a column that must hold one of the words of an enumeration.
pub(crate) fn word<T>(found: Option<T>, what: &str, word: &str) -> Result<T, StoreError> {
    found.ok_or_else(|| StoreError::Damaged(format!("{what} is {word}")))
}

/// Numbers that will wait. They are gathered, and written in one statement.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    enterprises: Vec<Uuid>,
    entries: Vec<Entry>,
    due: Vec<Time>,
    reasons: Vec<WaitReason>,
    phones: Vec<i64>,
}

impl Waiting {
    /// At `due_at` the number goes to `entry`, to call `phone`.
    pub fn push(
        &mut self,
        enterprise: Uuid,
        entry: Entry,
        due_at: Time,
        reason: WaitReason,
        phone: i64,
    ) {
        self.enterprises.push(enterprise);
        self.entries.push(entry);
        self.due.push(due_at);
        self.reasons.push(reason);
        self.phones.push(phone);
    }

    /// Locks nothing: nobody else can see the new rows.
    pub async fn write(self, conn: &mut PgConnection) -> Result<(), StoreError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let numbers: Vec<Uuid> = self.entries.iter().map(|entry| entry.number).collect();
        let tasks: Vec<Uuid> = self.entries.iter().map(|entry| entry.task).collect();
        let lanes: Vec<i64> = self.entries.iter().map(|entry| entry.lane).collect();
        let ords: Vec<i64> = self.entries.iter().map(|entry| entry.rank.ord).collect();
        let plain_ords: Vec<i64> = self.entries.iter().map(|entry| entry.rank.plain_ord).collect();
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.word()).collect();
        sqlx::query!(
            "insert into waiting (number_id, enterprise_id, task_id, lane_id, ord, plain_ord, due_at,
                                  reason, phone)
             select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[],
                                  $6::bigint[], $7::timestamptz[], $8::text[], $9::bigint[])",
            &numbers,
            &self.enterprises,
            &tasks,
            &lanes,
            &ords,
            &plain_ords,
            &self.due,
            &reasons as &[&str],
            &self.phones
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}
