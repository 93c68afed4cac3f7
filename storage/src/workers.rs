//! The processes that work: their signs of life, and who is gone. All times are the database clock's.

use outbound::Time;
use outbound::fleet::{Fleet, GONE_AFTER, Kind};

use crate::{Store, StoreError};

/// Processes that a list shows, at most: the newest.
const LISTED_MAX: i64 = 1_000;

/// What a process says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOfLife {
    pub id: String,
    pub kinds: Vec<Kind>,
    pub host: String,
    pub pid: u32,
    pub version: String,
    /// Address of its `/metrics`.
    pub metrics: Option<String>,
    pub calls_up: u32,
    /// Calls that it carries at most; 0 when it carries none.
    pub calls_max: u32,
    /// It takes nothing new.
    pub stopping: bool,
}

/// How a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    AtWork,
    /// It takes nothing new, and carries what it has to its end.
    Stopping,
    /// It gave no sign of life for [`GONE_AFTER`], and did not say that it ends.
    Gone,
}

/// A process as others see it.
#[derive(Debug, Clone)]
pub struct Worker {
    pub sign: SignOfLife,
    pub standing: Standing,
    pub started_at: Time,
    pub seen_at: Time,
}

/// Write a sign of life down. Locks the process' own row.
pub async fn announce(store: &Store, sign: &SignOfLife) -> Result<(), StoreError> {
    let kinds: Vec<String> = sign.kinds.iter().map(|kind| kind.word().to_owned()).collect();
    sqlx::query!(
        "insert into worker (id, kinds, host, pid, version, metrics, calls_up, calls_max, stopping)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (id) do update
            set calls_up = excluded.calls_up, calls_max = excluded.calls_max,
                stopping = excluded.stopping, seen_at = clock_timestamp()",
        sign.id,
        &kinds,
        sign.host,
        i64::from(sign.pid),
        sign.version,
        sign.metrics,
        i32::try_from(sign.calls_up).unwrap_or(i32::MAX),
        i32::try_from(sign.calls_max).unwrap_or(i32::MAX),
        sign.stopping
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// The process has ended in order: nobody waits for another sign of it.
pub async fn leave(store: &Store, id: &str) -> Result<(), StoreError> {
    sqlx::query!("delete from worker where id = $1", id).execute(&store.api).await?;
    Ok(())
}

/// Forget processes that have been gone for a day: by then everybody has seen it.
pub async fn forget_gone(store: &Store) -> Result<u64, StoreError> {
    let gone =
        sqlx::query!("delete from worker where seen_at < clock_timestamp() - interval '1 day'")
            .execute(&store.api)
            .await?;
    Ok(gone.rows_affected())
}

/// Who does what. Locks nothing.
pub async fn fleet(store: &Store) -> Result<Fleet, StoreError> {
    let rows = sqlx::query_scalar!(
        "select kinds from worker
          where not stopping and seen_at > clock_timestamp() - make_interval(secs => $1)",
        GONE_AFTER.as_secs_f64()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(Fleet::of(rows.iter().map(|words| kinds(words))))
}

/// All processes, the newest first, also those that are gone since less than a day. Locks nothing.
pub async fn list(store: &Store) -> Result<Vec<Worker>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, kinds, host, pid, version, metrics, calls_up, calls_max, stopping,
                  started_at, seen_at,
                  seen_at <= clock_timestamp() - make_interval(secs => $1) as "gone!"
             from worker order by started_at desc, id limit $2"#,
        GONE_AFTER.as_secs_f64(),
        LISTED_MAX
    )
    .fetch_all(&store.api)
    .await?;
    let worker = rows.into_iter().map(|row| Worker {
        standing: match (row.gone, row.stopping) {
            (true, _) => Standing::Gone,
            (false, true) => Standing::Stopping,
            (false, false) => Standing::AtWork,
        },
        sign: SignOfLife {
            kinds: kinds(&row.kinds),
            id: row.id,
            host: row.host,
            pid: u32::try_from(row.pid).unwrap_or(0),
            version: row.version,
            metrics: row.metrics,
            calls_up: row.calls_up.unsigned_abs(),
            calls_max: row.calls_max.unsigned_abs(),
            stopping: row.stopping,
        },
        started_at: row.started_at,
        seen_at: row.seen_at,
    });
    Ok(worker.collect())
}

/// Another version may do work that this one has no word for.
fn kinds(words: &[String]) -> Vec<Kind> {
    words.iter().filter_map(|word| Kind::from_word(word)).collect()
}
