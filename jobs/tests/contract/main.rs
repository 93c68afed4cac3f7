//! The contract of the queue, kept on a real Redis.
//!
//! `TEST_REDIS_URL` names the server (by default `redis://127.0.0.1:63790`); each test keeps to a
//! key prefix of its own. What stalls, wipes or restarts Redis does it to a server of its own.

#![allow(clippy::unwrap_used)]

mod adopt;
mod crash;
mod dead;
mod delay;
mod deliver;
mod faults;
mod lease;
mod place;
mod speed;
