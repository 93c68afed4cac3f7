//! How the SIP trunks of a process are, told to metrics and to the database.

use outbound::ids::TrunkId;
use outbound::trunk::health::{HostState, TrunkHealth};
use storage::{Store, StoreError, trunks};

/// Tell how each trunk is, as this process sees it.
pub(super) async fn tell(
    store: &Store,
    worker: &str,
    seen: &[(TrunkId, TrunkHealth)],
) -> Result<(), StoreError> {
    if seen.is_empty() {
        return Ok(());
    }
    for (trunk, health) in seen {
        let up = health.hosts.iter().filter(|host| host.state == HostState::Up).count();
        let trunk = trunk.to_string();
        metrics::gauge!("callwright_sip_hosts_up", "trunk" => trunk.clone()).set(up as f64);
        metrics::gauge!("callwright_sip_hosts", "trunk" => trunk).set(health.hosts.len() as f64);
    }
    trunks::health::tell(store, worker, seen).await
}

/// This process looks no more. What it has told counts as old after a while in any case.
pub(super) async fn leave(store: &Store, worker: &str) {
    if let Err(error) = trunks::health::leave(store, worker).await {
        tracing::warn!(%error, "what this process saw of SIP trunks is not deleted");
    }
}
