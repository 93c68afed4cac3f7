//! A thread with a runtime of its own, for what must go on whatever the rest of the process computes.
//!
//! A call, a script or a file can keep every thread of the common runtime busy. Leases that are renewed on
//! them would end meanwhile, and the calls would be taken for lost.

use std::io;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Run this on a thread of its own. What comes back resolves to its result, or to an error when it panicked;
/// when that is dropped, the thread ends.
///
/// What the work opens belongs to that thread. A socket that was opened before is polled by the runtime
/// that opened it: hand it over as one of the standard library.
pub fn apart<Out: Send + 'static>(
    name: &str,
    work: impl Future<Output = Out> + Send + 'static,
) -> io::Result<oneshot::Receiver<Out>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut done, ended) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let out = runtime.block_on(async {
            tokio::select! {
                out = work => Some(out),
                () = done.closed() => None,
            }
        });
        if let Some(out) = out {
            // Whoever waited may have stopped waiting just now.
            let _ = done.send(out);
        }
    })?;
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_goes_on_while_the_common_runtime_is_busy_and_ends_when_nobody_waits() {
        let (ticks, ticked) = std::sync::mpsc::channel();
        let work = async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                let _ = ticks.send(());
            }
        };
        let ended: oneshot::Receiver<()> = apart("test", work).expect("a thread");
        // The only thread of the common runtime waits here.
        for _ in 0..3 {
            ticked.recv().expect("it ticks");
        }
        drop(ended);
        while ticked.recv().is_ok() {}
    }

    #[tokio::test]
    async fn its_result_comes_back_and_a_panic_is_an_error() {
        assert_eq!(apart("test", async { 7 }).expect("a thread").await, Ok(7));
        let panics = apart("test", async { assert!(ticks_back()) }).expect("a thread");
        assert!(panics.await.is_err());
    }

    fn ticks_back() -> bool {
        false
    }
}
