//! Judging what tenants write, where that may take a moment: patterns are compiled for it.
//!
//! One thread judges, after everybody else who wants a processor: calls and other requests must not feel it.

use std::sync::LazyLock;

use rustix::process::setpriority_process;
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// Those who wait for their turn; past it, they wait to be let in.
const WAITING_MAX: usize = 64;
/// How much the judge gives way to others, from 0 to 19. With 19 it would get next to nothing while others are busy.
const NICE: i32 = 10;

type Judging = Box<dyn FnOnce() + Send>;

/// Judge on the thread for such work. Hold no transaction meanwhile: others would wait for its locks.
pub(crate) async fn judged<T: Send + 'static>(
    judge: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let broken = || StoreError::Damaged("what was to be judged can't be".into());
    let (tell, told) = oneshot::channel();
    let judging: Judging = Box::new(move || {
        // Whoever asked may have gone.
        let _ = tell.send(judge());
    });
    let Some(judge) = JUDGE.as_ref() else { return Err(broken()) };
    judge.send(judging).await.map_err(|_| broken())?;
    told.await.map_err(|_| broken())
}

static JUDGE: LazyLock<Option<mpsc::Sender<Judging>>> = LazyLock::new(|| {
    let (ask, mut asked) = mpsc::channel::<Judging>(WAITING_MAX);
    let work = move || {
        // Of this thread alone.
        if let Err(error) = setpriority_process(None, NICE) {
            tracing::warn!(%error, "what tenants write is judged with the priority of calls");
        }
        while let Some(judging) = asked.blocking_recv() {
            // The panic hook has logged where it was; who asked is told that there is no answer.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(judging));
        }
    };
    match std::thread::Builder::new().name("judge".into()).spawn(work) {
        Ok(_) => Some(ask),
        Err(error) => {
            tracing::error!(%error, "the thread that judges can't be started");
            None
        }
    }
});
