//! The pools: one for the dial path, one for the API, one for long reads.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use crate::StoreError;

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
}

impl StoreConfig {
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), hot_connections: 8, api_connections: 8, long_connections: 6 }
    }
}

/// PostgreSQL, by what it is used for. Clones share the pools.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) hot: PgPool,
    pub(crate) api: PgPool,
    pub(crate) long: PgPool,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Store {
    /// Pools that connect when they are first used.
    pub fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let options: PgConnectOptions = config
            .url
            .parse::<PgConnectOptions>()
            .map_err(|_| StoreError::Unavailable("DATABASE_URL is not a PostgreSQL URL".into()))?
            .application_name("callwright")
            .log_statements(tracing::log::LevelFilter::Trace);
        let pool = |connections, test| {
            PgPoolOptions::new()
                .max_connections(connections)
                .test_before_acquire(test)
                .acquire_timeout(CONNECT_TIMEOUT)
                .connect_lazy_with(options.clone())
        };
        Ok(Self {
            // A ping before each use would cost the dial path a round trip; a broken connection
            // fails its first query, and the job that made it is delivered again.
            hot: pool(config.hot_connections, false),
            api: pool(config.api_connections, true),
            long: pool(config.long_connections, true),
        })
    }

    /// One pool for every use: for tests, each on a database of its own.
    pub fn over(pool: PgPool) -> Self {
        Self { hot: pool.clone(), api: pool.clone(), long: pool }
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

    /// Listen for claims to make: every payload is an enterprise's UUID.
    pub async fn listen_dispatch(&self) -> Result<sqlx::postgres::PgListener, StoreError> {
        let mut listener = sqlx::postgres::PgListener::connect_with(&self.long).await?;
        listener.listen("dispatch").await?;
        Ok(listener)
    }

    pub async fn close(&self) {
        self.hot.close().await;
        self.api.close().await;
        self.long.close().await;
    }
}
