//! `callwright openapi`: the contract, from the code.

use anyhow::Result;

pub fn run() -> Result<()> {
    super::say(&api::openapi())
}
