//! Providers by name, and how many requests each may have open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use outbound::provider::ProviderConfig;

use crate::failure::SpeechError;

/// The providers that one enterprise has configured.
#[async_trait]
pub trait Providers: Send + Sync {
    /// The provider of this name as it is configured now; none where there is none.
    async fn find(&self, name: &str) -> Result<Option<Provider>, SpeechError>;
}

/// A provider as it is configured now. All of the process's calls that use it share its places.
#[derive(Debug, Clone)]
pub struct Provider {
    pub config: Arc<ProviderConfig>,
    pub places: Arc<Places>,
}

/// Requests that are open with one provider. The limit comes with each request, so that a new one holds at once while the
/// count goes on.
#[derive(Debug, Default)]
pub struct Places(AtomicU32);

/// The right to have one request open. It ends when this is dropped.
#[derive(Debug)]
pub struct Place(Arc<Places>);

impl Places {
    /// Take a place; none while `at_once` are taken. It never waits: a customer is on the line.
    pub fn take(self: &Arc<Self>, at_once: u32) -> Option<Place> {
        let more = |taken: u32| (taken < at_once).then_some(taken + 1);
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.is_ok().then(|| Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_request_has_ended_and_a_new_limit_holds_at_once() {
        let places = Arc::new(Places::default());
        let [one, two] = [places.take(2), places.take(2)];
        assert!(one.is_some() && two.is_some() && places.take(2).is_none());
        let three = places.take(3);
        assert!(three.is_some());
        drop(one);
        assert!(places.take(2).is_none(), "the limit went down, and two are still open");
        drop(two);
        assert!(places.take(2).is_some());
    }
}
