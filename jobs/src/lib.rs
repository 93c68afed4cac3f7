//! What is queued, and the queue itself.
//!
//! A job is a struct in a file of its own; [`Queues`] pushes them, and [`Queues::subscribe`] is a
//! backend for an unmodified apalis worker:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use apalis::prelude::{BoxDynError, Data, WorkerBuilder};
//! use jobs::{Delivery, DialAttempt, Job, Queues, Subscription};
//!
//! #[derive(Clone)]
//! struct Environment;
//!
//! async fn dial(
//!     job: DialAttempt,
//!     environment: Data<Environment>,
//!     delivery: Delivery,
//! ) -> Result<(), BoxDynError> {
//!     // An error means broken infrastructure: the job is tried again later, and dead after
//!     // `deliveries_max` deliveries. When the lease is lost this future is dropped.
//!     Ok(())
//! }
//!
//! # async fn work() -> Result<(), BoxDynError> {
//! let queues = Queues::connect("redis://127.0.0.1/", "callwright").await?;
//! let subscription =
//!     Subscription { concurrency: 50, lease: Duration::from_secs(15), deliveries_max: 20 };
//! WorkerBuilder::new("dialer-1")
//!     .backend(queues.subscribe::<DialAttempt>(DialAttempt::KIND, subscription))
//!     .data(Environment)
//!     .build(dial)
//!     .run_until(tokio::signal::ctrl_c())
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Concurrency lives in the backend: don't add `.concurrency()`. Handlers run as tasks of their own,
//! so that none delays another.

mod analyze_call;
mod dial_attempt;
mod error;
mod import_batch;
mod job;
mod queue;
pub mod reach;
mod redial;
mod redis;
mod reorder_numbers;
mod run_export;
mod steps;
mod upload_recording;

pub use analyze_call::AnalyzeCall;
pub use dial_attempt::DialAttempt;
pub use error::QueueError;
pub use import_batch::ImportBatch;
pub use job::Job;
pub use queue::{DeadJob, QueueStats, Queues, Subscription, Tracing};
pub use redial::{REDIAL_GRID_MS, Redial};
pub use reorder_numbers::ReorderNumbers;
pub use run_export::RunExport;
pub use steps::{ClockEdge, EndTask, StartTask};
pub use upload_recording::UploadRecording;

pub use crate::redis::ack::Delivery;
pub use crate::redis::backend::{Backoff, RedisBackend};
pub use crate::redis::scripts::DEAD_MAX;
