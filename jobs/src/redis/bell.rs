//! The bell: how an idle worker hears at once of a new job.
//!
//! A blocking pop on a connection of its own. Its reply may be waited for again and again, beside a
//! timer: the pop stays where it is when the waiting is given up.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisResult};
use futures::future::BoxFuture;

/// Redis gives the pop up after this long, so that a dead connection does not go unnoticed.
const POP_SECONDS: u64 = 5;
const ANSWER_MAX: Duration = Duration::from_secs(POP_SECONDS + 5);
const RECONNECT_WAIT: Duration = Duration::from_millis(250);

type Pop = BoxFuture<'static, (RedisResult<bool>, Option<MultiplexedConnection>)>;

pub(crate) struct Bell {
    client: Client,
    key: String,
    connection: Option<MultiplexedConnection>,
    pop: Option<Pop>,
}

impl Bell {
    pub(crate) fn new(client: Client, key: String) -> Self {
        Self { client, key, connection: None, pop: None }
    }

    /// Listens until it rings, for as long as that takes. Cancel safe.
    pub(crate) async fn rings(&mut self) {
        loop {
            self.listen();
            if self.heard().await {
                return;
            }
        }
    }

    /// Waits for a pop that is already under way to ring; for ever if there is none. Cancel safe.
    pub(crate) async fn rings_late(&mut self) {
        if self.pop.is_none() || !self.heard().await {
            std::future::pending::<()>().await;
        }
    }

    fn listen(&mut self) {
        if self.pop.is_none() {
            let connection = self.connection.take();
            self.pop = Some(Box::pin(pop(self.client.clone(), self.key.clone(), connection)));
        }
    }

    /// Waits for the pop under way; whether it rang.
    async fn heard(&mut self) -> bool {
        let Some(pop) = &mut self.pop else { return false };
        let (rung, connection) = pop.await;
        self.pop = None;
        self.connection = connection;
        rung.unwrap_or_else(|error| {
            tracing::debug!(%error, "the bell's connection was lost");
            false
        })
    }
}

/// One blocking pop. An error keeps no connection, and takes a moment.
async fn pop(
    client: Client,
    key: String,
    connection: Option<MultiplexedConnection>,
) -> (RedisResult<bool>, Option<MultiplexedConnection>) {
    let work = async {
        let mut connection = match connection {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(Duration::from_secs(2)))
                    .set_response_timeout(Some(ANSWER_MAX));
                client.get_multiplexed_async_connection_with_config(&config).await?
            }
        };
        let popped: Option<(String, String)> =
            ::redis::cmd("BLPOP").arg(&key).arg(POP_SECONDS).query_async(&mut connection).await?;
        Ok((popped.is_some(), connection))
    };
    match work.await {
        Ok((rung, connection)) => (Ok(rung), Some(connection)),
        Err(error) => {
            tokio::time::sleep(RECONNECT_WAIT).await;
            (Err(error), None)
        }
    }
}
