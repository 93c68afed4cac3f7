//! Two sessions joined: what one hears goes out on the other, both ways, as a transferred call needs it.

use std::sync::Arc;

use super::MediaError;
use super::bridge_end::BridgeEnd;
use super::session::{Audio, Request};

/// Two sessions are joined until this is dropped or either is over.
#[derive(Debug)]
pub struct Bridge {
    /// Both ends look whether it is still there.
    _held: Arc<()>,
}

impl Bridge {
    /// Join two sessions, until the bridge is dropped: what one hears, the other sends. Both are recorded as ever.
    pub fn join(one: &Audio, other: &Audio) -> Result<Self, MediaError> {
        let held = Arc::new(());
        let [first, second] = BridgeEnd::pair(&held);
        one.request(Request::Bridge(first))?;
        other.request(Request::Bridge(second))?;
        Ok(Self { _held: held })
    }
}
