//! `callwright jobs`: queues and dead letters.

use anyhow::{Context, Result};
use clap::Subcommand;
use jobs::Queues;
use serde_json::{Value, json};

use crate::client::table;
use crate::config::Config;

/// Look at queues; list, requeue and drop dead letters. It talks to Redis itself: set `REDIS_URL`, or let
/// it find the one that `up` runs in the data folder.
#[derive(Debug, clap::Args)]
pub struct Jobs {
    #[command(subcommand)]
    command: Command,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Jobs of each queue, by where they stand
    Queues,
    /// Dead letters of a queue
    Dead {
        queue: String,
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Deliver a dead letter again
    Requeue { queue: String, id: String },
    /// Drop a dead letter
    Drop { queue: String, id: String },
    /// Take a job that is queued or delayed out of its queue
    Cancel { queue: String, id: String },
}

impl Jobs {
    pub async fn run(self, config: &Config) -> Result<()> {
        let redis = config.redis.as_deref().context("REDIS_URL is missing")?;
        let queues = Queues::connect(redis, &config.queue_prefix).await?;
        match self.command {
            Command::Queues => {
                let rows: Vec<Value> = queues
                    .queues()
                    .await?
                    .into_iter()
                    .map(|queue| {
                        json!({"queue": queue.name, "ready": queue.ready, "delayed": queue.delayed,
                            "in flight": queue.in_flight, "dead": queue.dead})
                    })
                    .collect();
                print(self.json, &rows, &["queue", "ready", "delayed", "in flight", "dead"])
            }
            Command::Dead { queue, limit } => {
                let rows: Vec<Value> = queues
                    .dead(&queue, limit)
                    .await?
                    .into_iter()
                    .map(|job| {
                        json!({"id": job.id, "deliveries": job.deliveries, "reason": job.reason,
                            "at": job.at, "payload": job.payload})
                    })
                    .collect();
                print(self.json, &rows, &["id", "deliveries", "reason", "at"])
            }
            Command::Requeue { queue, id } => {
                told(queues.requeue(&queue, &id).await?, "requeued", &queue, &id)
            }
            Command::Drop { queue, id } => {
                told(queues.drop_dead(&queue, &id).await?, "dropped", &queue, &id)
            }
            Command::Cancel { queue, id } => {
                told(queues.cancel(&queue, &id).await?, "cancelled", &queue, &id)
            }
        }
    }
}

fn print(json: bool, rows: &[Value], columns: &[&str]) -> Result<()> {
    if json {
        super::say(&serde_json::to_string_pretty(rows)?)
    } else {
        // Queues belong to no enterprise, and so to no zone.
        super::say(&table::of_rows(rows, columns, chrono_tz::UTC))
    }
}

fn told(done: bool, what: &str, queue: &str, id: &str) -> Result<()> {
    anyhow::ensure!(done, "there is no such job: {id} in {queue}");
    super::say(what)
}
