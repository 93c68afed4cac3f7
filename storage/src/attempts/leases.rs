//! Leases: workers renew them, and what a dead worker held comes back.

use std::time::Duration;

use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId, TrunkId};
use outbound::outcome::{CallResult, CalledStatus, cause};
use outbound::timing::CLAIM_LEASE;
use sqlx::postgres::PgConnectOptions;
use sqlx::types::Uuid;
use sqlx::{Connection, PgConnection};

use super::{ClaimedAttempt, order};
use crate::finish::{Finished, FinishedAs, finish_many};
use crate::{Store, StoreError};

/// The worker that an attempt belongs to while its loss is being recorded.
const SWEEP: &str = "sweep";
/// Attempts of one statement, at most.
const CHUNK_MAX: i64 = 500;

/// Renews the leases of a worker's calls over a connection of its own. So after an outage it does not wait behind
/// others for a connection of a pool.
#[derive(Debug)]
pub struct Renewals {
    options: PgConnectOptions,
    /// None after a query failed, or was given up before its answer came.
    connection: Option<PgConnection>,
}

impl Renewals {
    pub fn of(store: &Store) -> Self {
        Self { options: store.hot.connect_options().as_ref().clone(), connection: None }
    }

    /// Renew the leases of the calls that a worker has up; gives those that it still holds. A call that is not
    /// among them belongs to somebody else by now, and must be hung up without a record. An attempt whose begin
    /// was committed without the worker knowing, as the answer got lost, is not in `up` and so is not renewed.
    /// When this fails or is dropped, the next renewal connects anew.
    ///
    /// Locks those attempts in the order of their ids, as everybody does who locks several.
    pub async fn renew(
        &mut self,
        worker: &str,
        lease: Duration,
        up: &[AttemptId],
    ) -> Result<Vec<AttemptId>, StoreError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => PgConnection::connect_with(&self.options).await?,
        };
        let ours = renew(&mut connection, worker, lease, up).await?;
        self.connection = Some(connection);
        Ok(ours)
    }
}

async fn renew(
    conn: &mut PgConnection,
    worker: &str,
    lease: Duration,
    up: &[AttemptId],
) -> Result<Vec<AttemptId>, StoreError> {
    let up: Vec<Uuid> = up.iter().map(|attempt| attempt.uuid()).collect();
    let rows = sqlx::query_scalar!(
        "with held as (
             select id from attempt where id = any($3) and worker = $1 and phase = 'begun'
              order by id for no key update)
         update attempt a set lease_until = clock_timestamp() + make_interval(secs => $2)
           from held where a.id = held.id returning a.id",
        worker,
        lease.as_secs_f64(),
        &up
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(AttemptId::from).collect())
}

/// An attempt whose worker is lost. Its call may still be up. The worker's token is old, so it can write nothing
/// more. The slot stays taken until [`finish_lost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostAttempt {
    pub attempt: AttemptId,
    pub token: i64,
    pub enterprise: EnterpriseId,
    pub trunk: TrunkId,
}

/// The attempts whose leases ran out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Nobody began these. Push their jobs again, with the new token.
    pub again: Vec<ClaimedAttempt>,
    /// The workers of these are lost. Ask the line for the call, hang it up, then call [`finish_lost`].
    pub lost: Vec<LostAttempt>,
}

/// Take over the attempts whose lease ran out, some hundreds at a time. Each gets a new token, so that its worker
/// can write nothing more. When this process dies before it has recorded a loss, another finds the attempt again
/// after `lease`.
///
/// No lease ends before the database has been back for `back_for`: a whole lease, except in tests. It counts from the
/// start of the server, and from the first answer that this process got after an outage. Workers that are alive have
/// renewed their leases by then.
///
/// Locks those attempts, and skips those that somebody else has locked.
pub async fn expire_leases(
    store: &Store,
    lease: Duration,
    back_for: Duration,
) -> Result<Expired, StoreError> {
    let expired = try_expire(store, lease, back_for).await;
    match &expired {
        Ok(_) => store.presence.answered(),
        Err(_) => store.presence.lost(),
    }
    expired
}

async fn try_expire(
    store: &Store,
    lease: Duration,
    back_for: Duration,
) -> Result<Expired, StoreError> {
    let rows = sqlx::query!(
        r#"with held as (
               select id from attempt
                where lease_until < clock_timestamp() and $5
                  and clock_timestamp() >= pg_postmaster_start_time() + make_interval(secs => $6)
                order by id limit $4 for update skip locked)
           update attempt a
              set token = token + 1, pushed_at = clock_timestamp(),
                  worker = case when phase = 'begun' then $1 end,
                  lease_until = clock_timestamp()
                      + make_interval(secs => case when phase = 'begun'
                                             then $2::double precision else $3 end)
             from held where a.id = held.id
           returning a.id, a.token, a.phase, a.enterprise_id, a.trunk_id"#,
        SWEEP,
        lease.as_secs_f64(),
        CLAIM_LEASE.as_secs_f64(),
        CHUNK_MAX,
        store.presence.lasts(back_for),
        back_for.as_secs_f64()
    )
    .fetch_all(&store.hot)
    .await?;
    let mut expired = Expired::default();
    for row in rows {
        let attempt = AttemptId::from(row.id);
        if row.phase == "claimed" {
            expired.again.push(ClaimedAttempt { attempt, token: row.token });
        } else {
            expired.lost.push(LostAttempt {
                attempt,
                token: row.token,
                enterprise: row.enterprise_id.into(),
                trunk: row.trunk_id.into(),
            });
        }
    }
    Ok(expired)
}

/// Take over attempts that this worker has begun, when it does not know whether their INVITEs left. Each gets a new
/// token, and must be recorded as lost. Attempts that belong to somebody else by now are left alone.
///
/// Locks those attempts.
pub(super) async fn take_over(
    conn: &mut PgConnection,
    worker: &str,
    lease: Duration,
    attempts: &[(Uuid, i64)],
) -> Result<Vec<LostAttempt>, StoreError> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, tokens): (Vec<Uuid>, Vec<i64>) = attempts.iter().copied().unzip();
    let rows = sqlx::query!(
        "with held as (
             select a.id from unnest($1::uuid[], $2::bigint[]) as u (id, token)
               join attempt a on a.id = u.id and a.token = u.token
              where a.phase = 'begun' and a.worker = $3
              order by a.id for update of a)
         update attempt a
            set token = token + 1, worker = $4,
                lease_until = clock_timestamp() + make_interval(secs => $5)
           from held where a.id = held.id
         returning a.id, a.token, a.enterprise_id, a.trunk_id",
        &ids,
        &tokens,
        worker,
        SWEEP,
        lease.as_secs_f64()
    )
    .fetch_all(conn)
    .await?;
    let lost = rows.into_iter().map(|row| LostAttempt {
        attempt: row.id.into(),
        token: row.token,
        enterprise: row.enterprise_id.into(),
        trunk: row.trunk_id.into(),
    });
    Ok(lost.collect())
}

/// Record attempts whose worker was lost with the call up: `call_failed`, cause `worker_lost`. Their
/// numbers go the redial way. Locks what [`finish_many`] locks.
pub async fn finish_lost(
    store: &Store,
    now: Time,
    lost: &[LostAttempt],
) -> Result<Vec<FinishedAs>, StoreError> {
    let ids: Vec<Uuid> = lost.iter().map(|lost| lost.attempt.uuid()).collect();
    let mut found = order::read(&mut *store.hot.acquire().await?, &ids).await?;
    let finished = lost.iter().filter_map(|lost| {
        let found = found.remove(&lost.attempt.uuid())?;
        let failed = CallResult::Unanswered(CalledStatus::CallFailed);
        let ended_at = now.max(found.begun_at);
        let mut record = found.facts.record(lost.attempt, failed, found.begun_at, ended_at);
        record.cause = cause::WORKER_LOST.to_owned();
        Some(Finished::of(lost.token, record))
    });
    finish_many(store, now, &finished.collect::<Vec<_>>()).await
}

/// Claimed attempts that nobody has begun, and whose job was pushed longer than `older_than` ago, so that it may be
/// lost. They are marked as pushed now: push them again. It gives all of them, as there may be thousands after Redis
/// was emptied, and their slots are idle.
///
/// Locks those attempts, some hundreds at a time, and skips those that somebody else has locked.
pub async fn lost_jobs(
    store: &Store,
    older_than: Duration,
) -> Result<Vec<ClaimedAttempt>, StoreError> {
    let before = sqlx::query_scalar!(
        r#"select clock_timestamp() - make_interval(secs => $1) as "before!""#,
        older_than.as_secs_f64()
    )
    .fetch_one(&store.hot)
    .await?;
    let mut lost = Vec::new();
    loop {
        let rows = sqlx::query!(
            "with held as (
                 select id from attempt where phase = 'claimed' and pushed_at < $1
                  order by id limit $2 for update skip locked)
             update attempt a set pushed_at = clock_timestamp() from held where a.id = held.id
             returning a.id, a.token",
            before,
            CHUNK_MAX
        )
        .fetch_all(&store.hot)
        .await?;
        if rows.is_empty() {
            return Ok(lost);
        }
        let claimed = |id: Uuid, token| ClaimedAttempt { attempt: id.into(), token };
        lost.extend(rows.into_iter().map(|row| claimed(row.id, row.token)));
    }
}
