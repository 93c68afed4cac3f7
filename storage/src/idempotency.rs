//! One request, one effect: the reply of a request that carried an `Idempotency-Key` is kept and
//! given again.
//!
//! A request may come to its commit and to no answer: its process died, or could not read what it had
//! written. So a key has a seed, the id of whatever its request makes. Sent again, the request finds that
//! it is made already ([`made`]).
//!
//! Ages go by the database's clock: a business clock that jumps must not make a request count twice.

use std::future::Future;

use outbound::ids::EnterpriseId;
use outbound::quota::{IDEMPOTENCY_KEPT_HOURS as KEPT_HOURS, Quota};
use serde_json::Value;
use sqlx::types::Uuid;

use crate::{Store, StoreError, quotas};

/// A request that has not been answered after so many minutes died with its process: its key may be
/// claimed again.
pub const IN_FLIGHT_MINUTES_MAX: i32 = 10;
/// Characters of a key, at most.
pub const KEY_MAX: usize = 255;

/// What a key says about the request that carries it.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Nobody had the key: carry the request out under this seed ([`within`]), then [`store_reply`] or
    /// [`release`].
    Fresh(Seed),
    /// The same request is being carried out.
    InFlight,
    /// The same request was carried out.
    Stored(Reply),
    /// The key belongs to another request.
    Mismatch,
}

/// The id of what a request makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    id: Uuid,
    /// The request was sent before, and may have come to its commit.
    again: bool,
}

tokio::task_local! {
    static SEED: Seed;
}

/// Carry a request out under its key's seed.
pub async fn within<T>(seed: Seed, work: impl Future<Output = T>) -> T {
    SEED.scope(seed, work).await
}

/// The id of what the request at hand makes: the seed of its key, or else the one that was just made.
pub fn id<Id: From<Uuid>>(new: Id) -> Id {
    SEED.try_with(|seed| Id::from(seed.id)).unwrap_or(new)
}

/// What the request at hand has made already, when it was sent before; `get` reads it by its id.
pub async fn made<Id, T, Got>(get: impl FnOnce(Id) -> Got) -> Result<Option<T>, StoreError>
where
    Id: From<Uuid>,
    Got: Future<Output = Result<T, StoreError>>,
{
    let again = SEED.try_with(|seed| seed.again.then_some(seed.id)).ok().flatten();
    let Some(id) = again else { return Ok(None) };
    match get(Id::from(id)).await {
        Ok(found) => Ok(Some(found)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A reply as it was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// An object of header names and values.
    pub headers: Value,
    pub body: Vec<u8>,
}

/// Claim a key for a request, `request_hash` being the SHA-256 of everything that makes it what it
/// is. Of two that claim at the same moment, one is told [`Claim::Fresh`]; the same request within the time
/// that replies are kept gets the same seed. Where an enterprise keeps as many keys as it may, a new one is
/// [`StoreError::Busy`]. Locks the key's row.
pub async fn claim(
    store: &Store,
    enterprise: EnterpriseId,
    key: &str,
    request_hash: [u8; 32],
) -> Result<Claim, StoreError> {
    let new = Uuid::now_v7();
    let fresh = sqlx::query_scalar!(
        r#"insert into idempotency as i (enterprise_id, key, request_hash, created_at, seed)
           select $1, $2, $3, clock_timestamp(), $6
            -- A key that is known needs no room.
            where exists (select from idempotency where enterprise_id = $1 and key = $2)
               or coalesce((select n from stored_count
                             where enterprise_id = $1 and of_table = 'idempotency'), 0) < $7
           on conflict (enterprise_id, key) do update
              set request_hash = excluded.request_hash, status = null, headers = null, body = null,
                  created_at = excluded.created_at, released = false,
                  seed = case when i.request_hash = excluded.request_hash
                               and i.created_at >= clock_timestamp() - make_interval(hours => $4)
                              then i.seed else excluded.seed end
            where i.created_at < clock_timestamp() - make_interval(hours => $4)
               or i.released
               or (i.status is null
                   and i.created_at < clock_timestamp() - make_interval(mins => $5))
           returning seed"#,
        enterprise.uuid(),
        key,
        &request_hash,
        KEPT_HOURS,
        IN_FLIGHT_MINUTES_MAX,
        new,
        i64::try_from(Quota::IdempotencyKeys.max()).unwrap_or(i64::MAX)
    )
    .fetch_optional(&store.api)
    .await?;
    if let Some(id) = fresh {
        return Ok(Claim::Fresh(Seed { id, again: id != new }));
    }
    let found = sqlx::query!(
        "select request_hash, status, headers, body from idempotency
          where enterprise_id = $1 and key = $2",
        enterprise.uuid(),
        key
    )
    .fetch_optional(&store.api)
    .await?;
    let Some(found) = found else {
        quotas::ask(store, enterprise, &[Quota::IdempotencyKeys]).await?;
        // Gone in between: the request that had it failed and may be sent again.
        return Ok(Claim::InFlight);
    };
    if found.request_hash != request_hash {
        return Ok(Claim::Mismatch);
    }
    Ok(match found.status {
        None => Claim::InFlight,
        Some(status) => Claim::Stored(Reply {
            status: u16::try_from(status)
                .map_err(|_| StoreError::Damaged(format!("a stored status of {status}")))?,
            headers: found.headers.unwrap_or_default(),
            body: found.body.unwrap_or_default(),
        }),
    })
}

/// Keep the reply to a request that was claimed.
pub async fn store_reply(
    store: &Store,
    enterprise: EnterpriseId,
    key: &str,
    reply: &Reply,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update idempotency set status = $3, headers = $4, body = $5
          where enterprise_id = $1 and key = $2 and status is null",
        enterprise.uuid(),
        key,
        i32::from(reply.status),
        reply.headers,
        reply.body
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// Give a claimed key back: the request failed through no fault of its own, and may be sent again.
pub async fn release(store: &Store, enterprise: EnterpriseId, key: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "update idempotency set released = true
          where enterprise_id = $1 and key = $2 and status is null",
        enterprise.uuid(),
        key
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// Forget the oldest replies past their time, at most `limit`; gives how many. For a sweep.
pub async fn expire(store: &Store, limit: u32) -> Result<u64, StoreError> {
    let expired = sqlx::query!(
        "delete from idempotency where ctid = any (array(
             select ctid from idempotency
              where created_at < clock_timestamp() - make_interval(hours => $1)
              order by created_at limit $2 for update skip locked))",
        KEPT_HOURS,
        i64::from(limit)
    )
    .execute(&store.api)
    .await?;
    Ok(expired.rows_affected())
}
