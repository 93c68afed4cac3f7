//! Judging what tenants write, where that may take a moment: patterns are compiled for it.

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::StoreError;

/// Judged at a time; the others wait. The threads that answer requests judge nothing themselves.
static TURNS: Semaphore = Semaphore::const_new(2);

/// Judge on a thread for such work. Hold no transaction meanwhile: others would wait for its locks.
pub(crate) async fn judged<T: Send + 'static>(
    judge: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let _turn = TURNS.acquire().await;
    spawn_blocking(judge).await.map_err(|error| StoreError::Damaged(error.to_string()))
}
