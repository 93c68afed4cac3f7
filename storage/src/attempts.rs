//! Live attempts: the slots. A claim opens one, a worker begins it, renews it and finishes it.
//!
//! Two fences stand before a call. The token: whoever holds an older one can do nothing. And the begin: it refuses
//! a call whose task does not run any more or whose limit was lowered, and the number goes back to its lane as if
//! it had not been claimed. After the begin nobody else ever dials that attempt. Its own worker dials it again only
//! if it knows that no INVITE left. When that worker is lost, the attempt ends with a record that says so.
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
pub use pace::{pace, pace_many};
pub(crate) use withdraw::put_back;
pub use withdraw::{PutOff, withdraw};
