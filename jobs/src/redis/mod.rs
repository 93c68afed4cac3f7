//! The queue over Redis: an apalis backend of our own.
//!
//! ```text
//!  push ──▶ ready ──fetch──▶ leased ──ack──▶ gone
//!    │        ▲ ▲               │ │
//!    ▼        │ └─lease expired─┘ └─failed──▶ delayed, or dead when it failed too often
//!  delayed ──due                              requeue: dead ──▶ ready
//! ```
//!
//! - A job is delivered at least once. It has a lease while it is in flight, that its worker renews
//!   for as long as the handler lives; when the worker dies the lease expires and another has it.
//! - What one fetch takes is a batch: it has one lease, and each job a seat in it. The seat fences: only
//!   the last delivery can finish, fail or give back the job.
//! - A handler may go on with another job in the seat of its own (`Delivery::adopt`): one round trip deletes the first and
//!   stores the second, which is then in flight like any other.
//! - Redis' clock decides when a job is due, to the millisecond and never early.
//! - Scripts are bounded, whatever waits; a finished job leaves nothing.

pub mod ack;
pub mod backend;
mod bell;
pub(crate) mod envelope;
mod fetch;
pub(crate) mod keys;
mod lease;
pub(crate) mod scripts;
mod seat;
mod settle;

use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, RedisResult};

/// No command of ours takes this long; a stall of Redis may.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A connection that is made as it is needed, and made again when it was lost.
pub(crate) fn connection(client: Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(2)))
        .set_response_timeout(Some(ANSWER_MAX))
        .set_min_delay(Duration::from_millis(20))
        .set_max_delay(Duration::from_millis(250))
        .set_number_of_retries(4);
    ConnectionManager::new_lazy_with_config(client, config)
}
