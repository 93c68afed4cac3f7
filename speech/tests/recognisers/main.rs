//! Every provider that hears.

#![allow(clippy::unwrap_used)]

mod pocketsphinx;
