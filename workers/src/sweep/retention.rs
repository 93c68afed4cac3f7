//! Partitions ahead, files and replies whose time is over: all of it in one look, however much there is, in
//! batches.

use std::future::Future;

use futures::{StreamExt, stream};
use storage::objects::{Objects, keys};
use storage::{StoreError, exports, idempotency, imports, recordings, records, trunks};

use crate::{Environment, faults};

/// Rows of one batch.
const ROWS_MAX: u32 = 1_000;
/// Batches of one kind in one look: two million rows. The next look goes on.
const BATCHES_MAX: u32 = 2_000;
/// Objects that are deleted at a time.
const DELETIONS_AHEAD: usize = 16;
/// Trunk health older than any breaker's window.
const HEALTH_KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(2);

/// What one kind of thing came to does not stop the others: a store that refuses to delete one object must
/// not keep records beyond their time.
pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let now = env.clock.now();
    let mut found = 0;
    let mut failed = None;
    let kinds = [
        ("partitions", records::ensure_partitions(&env.store, now).await.map(|_| 0)),
        ("exports", exported(&env).await),
        ("imports", imported(&env).await),
        ("recordings", recorded(&env).await),
        ("idempotency", in_batches(&env, || idempotency::expire(&env.store, ROWS_MAX)).await),
        ("records", called(&env).await),
        ("workers", storage::workers::forget_gone(&env.store).await.map(|_| 0)),
        ("watched trunks", trunks::health::forget_gone(&env.store).await.map(|()| 0)),
        ("health", storage::finish::forget_health(&env.store, now - HEALTH_KEPT).await.map(|_| 0)),
    ];
    for (kind, looked) in kinds {
        match looked {
            Ok(gone) => found += gone,
            Err(error) => {
                tracing::warn!(kind, %error, "what is kept too long could not all be deleted");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(found), Err)
}

/// Batch after batch, until one is not full.
async fn in_batches<Batch>(env: &Environment, batch: impl Fn() -> Batch) -> Result<u64, StoreError>
where
    Batch: Future<Output = Result<u64, StoreError>>,
{
    let mut found = 0;
    for _ in 0..BATCHES_MAX {
        let gone = batch().await?;
        found += gone;
        if gone < u64::from(ROWS_MAX) || env.stopping.is_cancelled() {
            break;
        }
    }
    Ok(found)
}

/// Records, as many as their own steps delete at a time.
async fn called(env: &Environment) -> Result<u64, StoreError> {
    let mut found = 0;
    for _ in 0..BATCHES_MAX {
        let dropped = records::drop_expired(&env.store, env.clock.now()).await?;
        found += dropped.rows + dropped.partitions.len() as u64;
        if !dropped.more || env.stopping.is_cancelled() {
            break;
        }
    }
    Ok(found)
}

async fn recorded(env: &Environment) -> Result<u64, StoreError> {
    let (now, mut after, mut found) = (env.clock.now(), None, 0);
    for _ in 0..BATCHES_MAX {
        let batch = recordings::expired(&env.store, now, after, ROWS_MAX).await?;
        let Some((last, _)) = batch.last() else { break };
        after = Some(*last);
        let batch = batch.into_iter().map(|(attempt, key)| (attempt, vec![key]));
        let gone = deleted(&env.objects, batch).await?;
        recordings::forget(&env.store, &gone).await?;
        found += gone.len() as u64;
        if env.stopping.is_cancelled() {
            break;
        }
    }
    Ok(found)
}

async fn imported(env: &Environment) -> Result<u64, StoreError> {
    let (now, mut after, mut found) = (env.clock.now(), None, 0);
    for _ in 0..BATCHES_MAX {
        let batch = imports::expired_files(&env.store, now, after, ROWS_MAX).await?;
        let Some((last, _)) = batch.last() else { break };
        after = Some(*last);
        let gone = deleted(&env.objects, batch.into_iter()).await?;
        imports::forget_files(&env.store, &gone).await?;
        found += gone.len() as u64;
        if env.stopping.is_cancelled() {
            break;
        }
    }
    Ok(found)
}

/// Everything below the prefix of an export: its file, and those of runs that lost their lease.
async fn exported(env: &Environment) -> Result<u64, StoreError> {
    let (now, mut after, mut found) = (env.clock.now(), None, 0);
    for _ in 0..BATCHES_MAX {
        let batch = exports::expired_files(&env.store, now, after, ROWS_MAX).await?;
        let Some((last, _)) = batch.last() else { break };
        after = Some(*last);
        let mut files = Vec::new();
        for (export, enterprise) in batch {
            let prefix = keys::export_prefix(enterprise, export);
            // Each run has a file of its own, and there are a few runs at most.
            let page = env.objects.list(&prefix, None, storage::objects::LIST_PAGE_MAX).await?;
            env.objects.abort_uploads(&prefix).await?;
            files.push((export, page.objects.into_iter().map(|object| object.key).collect()));
        }
        let gone = deleted(&env.objects, files.into_iter()).await?;
        exports::forget_files(&env.store, &gone).await?;
        found += gone.len() as u64;
        if env.stopping.is_cancelled() {
            break;
        }
    }
    Ok(found)
}

/// Delete the objects of each, some at a time; gives those all of whose objects are gone. One that the store
/// refuses to delete is passed over, counted, and tried again by the next look.
async fn deleted<Id: Copy>(
    objects: &Objects,
    of: impl Iterator<Item = (Id, Vec<String>)>,
) -> Result<Vec<Id>, StoreError> {
    let deletions: Vec<_> = of
        .map(|(id, keys)| async move {
            for key in keys {
                objects.delete(&key).await.map_err(|error| (key, error))?;
            }
            Ok::<_, (String, StoreError)>(id)
        })
        .collect();
    let mut deletions = stream::iter(deletions).buffer_unordered(DELETIONS_AHEAD);
    let (mut gone, mut refused) = (Vec::new(), 0);
    while let Some(deletion) = deletions.next().await {
        match deletion {
            Ok(id) => gone.push(id),
            Err((key, error)) => {
                faults::tell_of("object", &key, &error);
                refused += 1;
                // Where all are refused, the store may be away: then the look ends with that.
                if refused == DELETIONS_AHEAD && gone.is_empty() {
                    objects.list("", None, 1).await?;
                }
            }
        }
    }
    Ok(gone)
}
