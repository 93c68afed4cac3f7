//! Live attempts: the slots. A claim opens one, a worker begins it, renews it and finishes it.
//!
//! Two things fence a call. The token: whoever holds an older one does nothing. And the begin: it is
//! refused when the task does not run any more, or when a limit was lowered under what is claimed, and
//! the number is back in its lane as if nothing had been. After the begin an attempt is never dialled
//! by anybody else, nor by its own worker unless it knows that no INVITE left: a worker that is lost with
//! it leaves a record that says so.
//!
//! Locks are taken in the order of [`crate::lanes`].

mod begin;
pub(crate) mod immutable;
mod leases;
mod limits;
mod order;
mod pace;
pub(crate) mod quiet;
pub(crate) mod slots;
mod withdraw;

pub use crate::claim::ClaimedAttempt;
pub use begin::{Begun, ToBegin, begin_many};
pub use leases::{Expired, LostAttempt, Renewals, expire_leases, finish_lost, lost_jobs};
pub use order::{AttemptFacts, DialOrder};
pub(crate) use order::{Frame, location, variables};
pub use pace::{PACE_LATENESS_MS, pace, pace_many};
pub(crate) use withdraw::put_back;
pub use withdraw::{PutOff, withdraw};
