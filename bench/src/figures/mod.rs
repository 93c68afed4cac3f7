//! The figures of issue 3's table, one file each.

pub mod dial;

use telephony::journal::{Entry, Event};

/// Real times of the INVITEs, µs, in order.
pub fn invites(journal: &[Entry]) -> Vec<i64> {
    times(journal, Event::Invite)
}

/// Real times of one kind of entry, µs, in order.
pub fn times(journal: &[Entry], event: Event) -> Vec<i64> {
    journal.iter().filter(|entry| entry.event == event).map(|entry| entry.real_us).collect()
}
