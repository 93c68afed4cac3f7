//! The pools: one for the dial path, one for the API, one for long reads.

use std::marker::PhantomData;
use std::time::Duration;

use outbound::ids::{AttemptId, EnterpriseId};
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use uuid::Uuid;

use crate::StoreError;
use crate::attempts::immutable::Immutable;
use crate::attempts::slots::Slots;
use crate::presence::Presence;
use crate::reach::database_url;
use crate::sealing::{SEAL_KEY_BYTES, SealKey, SealKeySource, Sealing};

/// Where PostgreSQL is, and how many connections each use may hold.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `postgres://…`
    pub url: String,
    /// Claims, begins, finishes, sweeps.
    pub hot_connections: u32,
    /// The API's reads and writes.
    pub api_connections: u32,
    /// Imports and exports, which hold a connection for long.
    pub long_connections: u32,
    /// What passwords of trunks are sealed with; without it none can be kept or used.
    pub seal_key: Option<SealKeySource>,
}

impl StoreConfig {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            hot_connections: 8,
            api_connections: 8,
            long_connections: 6,
            seal_key: None,
        }
    }
}

/// PostgreSQL, by what it is used for. Clones share the pools.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) hot: PgPool,
    pub(crate) api: PgPool,
    pub(crate) long: PgPool,
    pub(crate) immutable: Immutable,
    pub(crate) slots: Slots,
    pub(crate) presence: Presence,
    pub(crate) sealing: Sealing,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a short transaction may wait for its own process between two statements. A process that is
/// suspended inside one (a stopped machine, a debugger) holds its locks, and all dispatch behind them,
/// no longer than this: the database ends its session, and what it was about to do is done by another.
const STALLED_MAX_MS: &str = "2000";
/// The same for a landing import, which computes between its statements.
pub(crate) const LANDING_STALLED_MAX: &str = "30s";

impl Store {
    /// Pools that connect when they are first used.
    pub fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let options = database_url(&config.url)
            .map_err(|why| StoreError::Unavailable(format!("DATABASE_URL {why}")))?
            .application_name("callwright")
            .log_statements(tracing::log::LevelFilter::Trace);
        let pool = |connections, test| {
            PgPoolOptions::new()
                .max_connections(connections)
                .test_before_acquire(test)
                .acquire_timeout(CONNECT_TIMEOUT)
        };
        // Queues go from empty to millions of rows and back, and planning anew each time costs as much
        // as the statement. So a plan is made once and kept, and queries and settings leave the planner
        // one way: by the index, row by row.
        let short =
            options.clone().options([("idle_in_transaction_session_timeout", STALLED_MAX_MS)]);
        let walking = short.clone().options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
        ]);
        let slots = Slots::default();
        let hot = {
            let slots = slots.clone();
            // A ping before each use would cost the dial path a round trip; a broken connection
            // fails its first query, and the job that made it is delivered again.
            pool(config.hot_connections, false).after_connect(move |_, _| {
                slots.forget();
                Box::pin(async { Ok(()) })
            })
        };
        Ok(Self {
            hot: hot.connect_lazy_with(walking),
            api: pool(config.api_connections, true).connect_lazy_with(short),
            long: pool(config.long_connections, true).connect_lazy_with(options),
            immutable: Immutable::default(),
            slots,
            presence: Presence::default(),
            sealing: Sealing::by(config.seal_key.clone()),
        })
    }

    /// One pool for every use: for tests, each on a database of its own.
    pub fn over(pool: PgPool) -> Self {
        Self {
            hot: pool.clone(),
            api: pool.clone(),
            long: pool,
            immutable: Immutable::default(),
            slots: Slots::default(),
            presence: Presence::default(),
            sealing: Sealing::by(Some(SealKeySource::Given(SealKey::new([7; SEAL_KEY_BYTES])))),
        }
    }

    /// Apply the migrations that are still missing.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        sqlx::migrate!("../migrations")
            .run(&self.long)
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!("select 1").fetch_one(&self.api).await?;
        Ok(())
    }

    /// Whether the looks at leases that have run out ([`crate::attempts::expire_leases`]) have had an answer
    /// for so long: who ends other leases goes by it, too.
    pub fn has_answered_for(&self, time: Duration) -> bool {
        self.presence.lasts(time)
    }

    /// Listen for enterprises that have a claim to make.
    pub async fn listen_dispatch(&self) -> Result<Listener<EnterpriseId>, StoreError> {
        Listener::start(self, DISPATCH).await
    }

    /// Listen for attempts whose call is to be hung up.
    pub async fn listen_hang_up(&self) -> Result<Listener<AttemptId>, StoreError> {
        Listener::start(self, HANG_UP).await
    }

    pub async fn close(&self) {
        self.hot.close().await;
        self.api.close().await;
        self.long.close().await;
    }
}

/// Channel of enterprises that have a claim to make; the payload is a UUID.
pub(crate) const DISPATCH: &str = "dispatch";
/// Channel of attempts whose call is to be hung up; the payload is a UUID.
pub(crate) const HANG_UP: &str = "hang_up";

/// Notifications of one channel, as the ids that they carry.
#[derive(Debug)]
pub struct Listener<Id> {
    inner: PgListener,
    id: PhantomData<Id>,
}

impl<Id: From<Uuid>> Listener<Id> {
    async fn start(store: &Store, channel: &str) -> Result<Self, StoreError> {
        let mut inner = PgListener::connect_with(&store.long).await?;
        inner.listen(channel).await?;
        Ok(Self { inner, id: PhantomData })
    }

    /// The next id; an error when the connection is lost and what was said since is unknown.
    pub async fn next(&mut self) -> Result<Id, StoreError> {
        loop {
            let said = self.inner.try_recv().await?;
            let said =
                said.ok_or_else(|| StoreError::Unavailable("a listener was cut off".into()))?;
            if let Ok(id) = said.payload().parse::<Uuid>() {
                return Ok(id.into());
            }
        }
    }

    /// An id that is already here, without waiting.
    pub fn try_next(&mut self) -> Result<Option<Id>, StoreError> {
        let said = self.inner.next_buffered();
        Ok(said.and_then(|said| said.payload().parse::<Uuid>().ok()).map(Id::from))
    }
}

/// Make a database on the server of `url`; one of that name that is there already is left as it is.
/// `name` is a plain identifier.
pub async fn create_database(url: &str, name: &str) -> Result<(), StoreError> {
    let made = maintain(url, &format!("create database {}", identifier(name)?)).await;
    match made {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P04") => Ok(()),
        made => Ok(made?),
    }
}

/// Times that a database is tried to be dropped.
const DROPS_MAX: u32 = 10;
/// PostgreSQL may not end a session for this role.
const NOT_ALLOWED: &str = "42501";
/// Sessions are left.
const IN_USE: &str = "55006";

/// Drop a database of the server of `url`, whoever is connected to it.
///
/// A vacuum that the server runs by itself belongs to the superuser, and who is none can't force it out. A plain
/// drop has it stop, but ends no other session: so both are tried in turn.
pub async fn drop_database(url: &str, name: &str) -> Result<(), StoreError> {
    let plain = format!("drop database if exists {}", identifier(name)?);
    let forced = format!("{plain} with (force)");
    for _ in 1..DROPS_MAX {
        let dropped = match maintain(url, &forced).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NOT_ALLOWED) => {
                maintain(url, &plain).await
            }
            dropped => dropped,
        };
        match dropped {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(IN_USE) => {}
            dropped => return Ok(dropped?),
        }
    }
    Ok(maintain(url, &forced).await?)
}

async fn maintain(url: &str, statement: &str) -> Result<(), sqlx::Error> {
    use sqlx::Connection;
    let mut connection = sqlx::PgConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await?;
    connection.close().await
}

fn identifier(name: &str) -> Result<String, StoreError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
        return Err(StoreError::Unavailable(format!("`{name}` is no plain database name")));
    }
    Ok(format!("\"{name}\""))
}
