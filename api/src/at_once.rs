//! The API works on so many requests of one enterprise at a time. An enterprise that sends more waits until its own are
//! answered. Without this, everybody else would wait behind them.
//!
//! While an enterprise uses all of its places, each rests after a request for as long as that took. So requests that are
//! heavy leave the servers to others half of the time.
//!
//! It is per process, as the rates of keys are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outbound::ids::EnterpriseId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a request waits for a place, at most; then it is refused.
pub const WAIT_MAX: Duration = Duration::from_secs(10);
/// Requests of one enterprise that are worked on at a time, for each processor.
pub const PER_PROCESSOR: usize = 1;
/// But never fewer than these.
pub const AT_ONCE_MIN: usize = 2;
/// How long a place rests, at most.
const REST_MAX: Duration = Duration::from_secs(1);
/// Enterprises that are remembered; those with no request go when there are more.
const ENTERPRISES_MAX: usize = 10_000;

/// The places of all enterprises. Clones share them.
#[derive(Debug, Clone)]
pub struct AtOnce {
    each: usize,
    places: Arc<Mutex<HashMap<EnterpriseId, Arc<Semaphore>>>>,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self::new(each())
    }
}

/// Requests of one enterprise that are worked on at a time, on this machine.
pub fn each() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (PER_PROCESSOR * processors).max(AT_ONCE_MIN)
}

impl AtOnce {
    fn new(each: usize) -> Self {
        Self { each, places: Arc::default() }
    }

    /// Wait for a place. `None`: none came free in [`WAIT_MAX`].
    pub async fn place(&self, enterprise: EnterpriseId) -> Option<Place> {
        let places = {
            let mut all = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= ENTERPRISES_MAX {
                // Whoever has or waits for a place holds a clone.
                all.retain(|_, places| Arc::strong_count(places) > 1);
            }
            Arc::clone(all.entry(enterprise).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
        };
        let permit =
            tokio::time::timeout(WAIT_MAX, places.clone().acquire_owned()).await.ok()?.ok()?;
        Some(Place { places, permit: Some(permit), taken_at: Instant::now() })
    }
}

/// The place of a request that is worked on; drop it when the request is answered.
#[derive(Debug)]
pub struct Place {
    places: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    taken_at: Instant,
}

impl Drop for Place {
    fn drop(&mut self) {
        let permit = self.permit.take();
        if self.places.available_permits() > 0 {
            return;
        }
        let rest = self.taken_at.elapsed().min(REST_MAX);
        tokio::spawn(async move {
            tokio::time::sleep(rest).await;
            drop(permit);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_enterprise_waits_for_its_own_requests_and_others_do_not() {
        let (at_once, busy, other) =
            (AtOnce::new(2), clock::new_id::<EnterpriseId>(), clock::new_id::<EnterpriseId>());
        let first = at_once.place(busy).await.unwrap();
        let _second = at_once.place(busy).await.unwrap();
        assert!(at_once.place(busy).await.is_none(), "no place comes free");
        assert!(at_once.place(other).await.is_some());
        let waits = tokio::spawn({
            let at_once = at_once.clone();
            async move { at_once.place(busy).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waits.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn an_enterprise_that_uses_all_its_places_leaves_the_servers_to_others_half_of_the_time()
    {
        let (at_once, busy) = (AtOnce::new(2), clock::new_id::<EnterpriseId>());
        let began = Instant::now();
        let (first, second) = (at_once.place(busy).await, at_once.place(busy).await);
        tokio::time::advance(Duration::from_millis(300)).await;
        drop(first);
        let _next = at_once.place(busy).await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 600);
        drop(second);
        // Alone, a place rests no more.
        let alone = clock::new_id::<EnterpriseId>();
        let (began, only) = (Instant::now(), at_once.place(alone).await);
        tokio::time::advance(Duration::from_millis(300)).await;
        drop(only);
        let _again = (at_once.place(alone).await.unwrap(), at_once.place(alone).await.unwrap());
        assert_eq!(began.elapsed().as_millis(), 300);
    }

    #[tokio::test]
    async fn places_of_enterprises_without_requests_are_forgotten() {
        let at_once = AtOnce::new(2);
        let _held = at_once.place(clock::new_id::<EnterpriseId>()).await;
        for _ in 0..ENTERPRISES_MAX {
            assert!(at_once.place(clock::new_id::<EnterpriseId>()).await.is_some());
        }
        assert!(at_once.places.lock().unwrap().len() <= 2);
    }
}
