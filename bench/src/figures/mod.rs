//! The figures, one file each.

pub mod decay;
pub mod dial;
pub mod import;
mod import_files;
pub mod insert;
pub mod queue;
pub mod rate;
pub mod sip;
pub mod slots;
pub mod tenants;
pub mod wave;

use telephony::journal::{Entry, Event};

/// Real times of the INVITEs, µs, in order.
pub fn invites(journal: &[Entry]) -> Vec<i64> {
    let invites = journal.iter().filter(|entry| entry.event == Event::Invite);
    invites.map(|entry| entry.real_us).collect()
}
