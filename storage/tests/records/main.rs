//! Records, exports, imports, recordings, statistics and checks, on a real database.

// A test says what went wrong by where it stopped.
#![allow(clippy::unwrap_used)]

mod checks;
mod data;
mod filters;
mod months;
mod reads;
mod recordings;
mod work;
