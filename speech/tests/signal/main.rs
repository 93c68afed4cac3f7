//! What the customer's sound tells, on real sound: people by espeak-ng, and what a telephone hears that is nobody.
//!
//! `scripts/setup tests` brings espeak-ng and the models. A test that finds no models fails and says so.

#![allow(clippy::unwrap_used)]

mod noise;
mod sounds;
mod turn;
mod voice;

use std::path::PathBuf;
use std::sync::OnceLock;

use speech::signal::Models;

/// The models, loaded once for all tests.
fn models() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(|| {
        let folder = std::env::var_os("CALLWRIGHT_MODELS").map(PathBuf::from);
        let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/models");
        let folder = folder.unwrap_or_else(|| PathBuf::from(usual));
        Models::load(&folder).unwrap_or_else(|error| panic!("{error}; scripts/setup models"))
    })
}
