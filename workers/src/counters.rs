//! Counters that alerts look at. They stand at 0 from the start of every process: Prometheus sees a rise only
//! from a value that it has seen before, so the first fault of a counter that appears with it would be missed.

use metrics::counter;

use crate::{faults, fleet, sweep};

/// Make all of them stand at 0.
pub fn start_at_zero() {
    for name in [
        "callwright_workers_lost_calls_total",
        "callwright_recordings_failed_total",
        "callwright_audit_lost_total",
    ] {
        counter!(name).increment(0);
    }
    for what in faults::WHATS {
        counter!("callwright_rows_failed_total", "what" => what).increment(0);
    }
    for sweep in sweep::NAMES {
        counter!("callwright_sweep_found_total", "sweep" => sweep).increment(0);
        counter!("callwright_sweep_failed_total", "sweep" => sweep).increment(0);
    }
    for queue in fleet::QUEUES {
        counter!("jobs_dead_total", "queue" => queue).increment(0);
        counter!("jobs_failed_total", "queue" => queue).increment(0);
    }
}
