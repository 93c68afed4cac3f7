//! Times that two places rely on, each with the reason why they agree.

use std::time::Duration;

use chrono::TimeDelta;

/// After a stop (a pause, an end, a phone put on the do-not-call list) the answer waits until the last begin before
/// it is this old. So no INVITE leaves after the answer, and `check-journal` allows one for as long after an edit.
pub const INVITE_AFTER_BEGIN_MAX: TimeDelta = TimeDelta::milliseconds(250);

/// A worker sends its INVITE within this time of the begin, or begins again. It is less than
/// [`INVITE_AFTER_BEGIN_MAX`], by what a packet may take from the check to the wire.
pub const INVITE_WITHIN: Duration = Duration::from_millis(200);

/// How long a claimed attempt waits for a worker. Then its job is pushed again with a new token, and a begin with the
/// old one is refused. Calls per second may make it wait for a second; the rest is for a queue that stands still.
pub const CLAIM_LEASE: Duration = Duration::from_secs(60);

const _: () =
    assert!(INVITE_WITHIN.as_millis() < INVITE_AFTER_BEGIN_MAX.num_milliseconds() as u128);
