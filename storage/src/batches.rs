//! Batches: named imports of a task, how they land, and what a person does with them.

mod land;
mod list;
mod rows;

pub use land::{Landed, Landing, land};
pub use list::{Batch, delete, get, list, set_priority};
pub use rows::{InMemory, LandingRow, LandingRows};
