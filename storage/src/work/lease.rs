//! Long work in a worker's hands: one lease for imports, exports and whatever comes.
//!
//! A lease names a row and the fencing token that its worker took it with. Every write names both, so a worker that
//! lost its lease writes nothing any more. What the work is, and how it ends well, is its own module's.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::time::Duration;

use outbound::Time;
use outbound::ids::{EnterpriseId, ExportId, ImportId};

use super::{Going, Try, WorkStatus, over, seconds, status};
use crate::{Store, StoreError};

/// A row in a worker's hands, by the token that it was taken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease<W> {
    pub work: W,
    pub token: i64,
}

/// A kind of long work, by the id of its rows.
pub trait LongWork: Copy + Debug + Display + Send + Sync + 'static {
    /// For logs: `import`, `export`.
    const WORD: &'static str;

    /// See [`Lease::progress`].
    fn progress(
        store: &Store,
        lease: Lease<Self>,
        done: u64,
        total: Option<u64>,
        lasts: Duration,
    ) -> impl Future<Output = Result<Going, StoreError>> + Send;

    /// See [`Lease::give_back`].
    fn give_back(
        store: &Store,
        lease: Lease<Self>,
        tried: Try<'_>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// See [`Lease::cancelled`].
    fn cancelled(
        store: &Store,
        lease: Lease<Self>,
        now: Time,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ask for a cancel. What is queued is cancelled at once; what runs, when its worker next reports, unless it is
    /// done first. Locks the row.
    fn cancel(
        store: &Store,
        enterprise: EnterpriseId,
        id: Self,
        now: Time,
    ) -> impl Future<Output = Result<WorkStatus, StoreError>> + Send;

    /// Queue again what a worker left: rows whose lease ran out, at most `limit`. Locks those rows.
    fn requeue_expired(
        store: &Store,
        limit: u32,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// What is queued, oldest first, with the tokens that jobs must carry: the sweep pushes a job for each again, and
    /// the queue keeps one of a kind. Locks nothing.
    fn queued(
        store: &Store,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<(Self, i64)>, StoreError>> + Send;

    /// Whose it is; none when it is gone. Locks nothing.
    fn enterprise_of(
        store: &Store,
        id: Self,
    ) -> impl Future<Output = Result<Option<EnterpriseId>, StoreError>> + Send;

    /// What an enterprise has had queued for longest, with its token. Locks nothing.
    fn next_queued(
        store: &Store,
        enterprise: EnterpriseId,
    ) -> impl Future<Output = Result<Option<(Self, i64)>, StoreError>> + Send;
}

impl<W: LongWork> Lease<W> {
    /// Say how far it is, renew the lease for `lasts`, and hear whether to go on. Locks the row.
    pub async fn progress(
        self,
        store: &Store,
        done: u64,
        total: Option<u64>,
        lasts: Duration,
    ) -> Result<Going, StoreError> {
        W::progress(store, self, done, total, lasts).await
    }

    /// Give it back before its lease ends, with what came of the try: whoever comes next takes it at once. False: it is
    /// not this worker's any more. Locks the row.
    pub async fn give_back(self, store: &Store, tried: Try<'_>) -> Result<bool, StoreError> {
        W::give_back(store, self, tried).await
    }

    /// The worker heard that it is cancelled, and left nothing behind. Locks the row.
    pub async fn cancelled(self, store: &Store, now: Time) -> Result<(), StoreError> {
        W::cancelled(store, self, now).await
    }
}

/// The queries are the same for every table, and checked for each.
macro_rules! long_work {
    ($id:ty, $table:tt) => {
        impl LongWork for $id {
            const WORD: &'static str = $table;

            async fn progress(
                store: &Store,
                lease: Lease<Self>,
                done: u64,
                total: Option<u64>,
                lasts: Duration,
            ) -> Result<Going, StoreError> {
                let cancel = sqlx::query_scalar!(
                    "update " + $table
                        + " set done = $3, total = coalesce($4, total),
                                lease_until = clock_timestamp() + make_interval(secs => $5)
                             where id = $1 and token = $2 and status = 'running' returning cancel",
                    lease.work.uuid(),
                    lease.token,
                    i64::try_from(done).unwrap_or(i64::MAX),
                    total.map(|total| i64::try_from(total).unwrap_or(i64::MAX)),
                    seconds(lasts)
                )
                .fetch_optional(&store.api)
                .await?
                .ok_or(StoreError::LeaseLost)?;
                Ok(if cancel { Going::Cancelled } else { Going::On })
            }

            async fn give_back(
                store: &Store,
                lease: Lease<Self>,
                tried: Try<'_>,
            ) -> Result<bool, StoreError> {
                let (off, trouble) = tried.columns();
                let given = sqlx::query!(
                    "update " + $table
                        + " set lease_until = clock_timestamp(), tries = greatest(tries - $3, 0),
                                trouble = coalesce($4, trouble)
                             where id = $1 and token = $2 and status = 'running'",
                    lease.work.uuid(),
                    lease.token,
                    off,
                    trouble
                )
                .execute(&store.api)
                .await?;
                Ok(given.rows_affected() > 0)
            }

            async fn cancelled(
                store: &Store,
                lease: Lease<Self>,
                now: Time,
            ) -> Result<(), StoreError> {
                let ended = sqlx::query!(
                    "update " + $table
                        + " set status = 'cancelled', finished_at = $3, lease_until = null
                             where id = $1 and token = $2 and status = 'running' and cancel",
                    lease.work.uuid(),
                    lease.token,
                    now
                )
                .execute(&store.api)
                .await?;
                if ended.rows_affected() == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
            }

            async fn cancel(
                store: &Store,
                enterprise: EnterpriseId,
                id: Self,
                now: Time,
            ) -> Result<WorkStatus, StoreError> {
                let after = sqlx::query_scalar!(
                    "update " + $table
                        + " set cancel = true,
                                status = case status when 'queued' then 'cancelled' else status end,
                                finished_at = case status when 'queued' then $3 else finished_at end
                             where id = $1 and enterprise_id = $2 and status in ('queued', 'running')
                         returning status",
                    id.uuid(),
                    enterprise.uuid(),
                    now
                )
                .fetch_optional(&store.api)
                .await?;
                if let Some(word) = after {
                    return status(&word);
                }
                let word = sqlx::query_scalar!(
                    "select status from " + $table + " where id = $1 and enterprise_id = $2",
                    id.uuid(),
                    enterprise.uuid()
                )
                .fetch_optional(&store.api)
                .await?;
                Err(over(status(&word.ok_or(StoreError::NotFound($table))?)?))
            }

            async fn requeue_expired(store: &Store, limit: u32) -> Result<u64, StoreError> {
                let requeued = sqlx::query!(
                    "update " + $table
                        + " set status = 'queued', lease_until = null where id in (select id from "
                        + $table
                        + " where status = 'running' and lease_until < clock_timestamp()
                            order by id limit $1 for update skip locked)",
                    i64::from(limit)
                )
                .execute(&store.api)
                .await?;
                Ok(requeued.rows_affected())
            }

            async fn queued(store: &Store, limit: u32) -> Result<Vec<(Self, i64)>, StoreError> {
                let rows = sqlx::query!(
                    "select id, token from " + $table
                        + " where status = 'queued' order by id limit $1",
                    i64::from(limit)
                )
                .fetch_all(&store.api)
                .await?;
                Ok(rows.into_iter().map(|row| (row.id.into(), row.token)).collect())
            }

            async fn enterprise_of(
                store: &Store,
                id: Self,
            ) -> Result<Option<EnterpriseId>, StoreError> {
                let found = sqlx::query_scalar!(
                    "select enterprise_id from " + $table + " where id = $1",
                    id.uuid()
                )
                .fetch_optional(&store.api)
                .await?;
                Ok(found.map(EnterpriseId::from))
            }

            async fn next_queued(
                store: &Store,
                enterprise: EnterpriseId,
            ) -> Result<Option<(Self, i64)>, StoreError> {
                let found = sqlx::query!(
                    "select id, token from " + $table
                        + " where enterprise_id = $1 and status = 'queued' order by id limit 1",
                    enterprise.uuid()
                )
                .fetch_optional(&store.api)
                .await?;
                Ok(found.map(|found| (found.id.into(), found.token)))
            }
        }
    };
}

long_work!(ImportId, "import");
long_work!(ExportId, "export");
