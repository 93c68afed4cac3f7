//! The Asterisk servers of a process: one connection to each, however many trunks call through it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use outbound::trunk::AsteriskTrunk;
use rustls::ClientConfig;

use super::ari::{self, Ari};
use super::server::Server;

/// What makes two trunks' servers the same.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    url: String,
    user: String,
    password: String,
    app: String,
}

/// See the module.
pub(super) struct Servers {
    tls: Arc<ClientConfig>,
    /// What our applications are told apart by from those of other processes: Asterisk gives the events of an application to
    /// the one that has asked last.
    own: String,
    open: Mutex<HashMap<Key, Weak<Server>>>,
}

impl Servers {
    pub(super) fn new() -> Result<Self, String> {
        let own = format!("{:08x}", rand::random::<u32>());
        Ok(Self { tls: ari::tls()?, own, open: Mutex::default() })
    }

    /// The server of a trunk. It stays connected while somebody holds it.
    pub(super) fn of(&self, trunk: &AsteriskTrunk) -> Result<Arc<Server>, String> {
        let key = Key {
            url: trunk.ari_url.clone(),
            user: trunk.user.clone(),
            password: trunk.password.reveal().to_owned(),
            app: trunk.app.clone(),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = open.get(&key).and_then(Weak::upgrade) {
            return Ok(server);
        }
        open.retain(|_, server| server.strong_count() > 0);
        let app = format!("{}-{}", trunk.app, self.own);
        let server = Server::start(Ari::new(trunk, app, Arc::clone(&self.tls))?);
        open.insert(key, Arc::downgrade(&server));
        Ok(server)
    }
}
