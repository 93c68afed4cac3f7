//! The business of outbound calling, pure: functions of their arguments, time among them.
//!
//! Nothing here touches a socket, a database or a clock. `SPEC.md`'s rules live here and are tested
//! here; the crates above only carry their decisions out.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod answering;
pub mod api_key;
pub mod audit;
pub mod breaker;
pub mod chain;
pub mod characters;
pub mod claim;
pub mod enterprise;
pub mod environment;
pub mod export;
pub mod fault;
pub mod filter;
pub mod fleet;
pub mod hours;
pub mod human_agent;
pub mod ids;
pub mod import;
pub mod knowledge;
pub mod mask;
pub mod moment;
pub mod number;
pub mod order;
pub mod outcome;
pub mod pace;
pub mod period;
pub mod phone;
pub mod provider;
pub mod quota;
pub mod record;
pub mod recording;
pub mod redial;
pub mod schedule;
pub mod secret;
pub mod spreadsheet;
pub mod suppression;
pub mod task;
mod task_state;
pub mod timing;
pub mod trunk;
pub mod wait;
pub mod wall;
mod words;

/// An instant, in UTC.
pub type Time = chrono::DateTime<chrono::Utc>;
