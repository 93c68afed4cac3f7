//! The last look before an INVITE: whether what allowed the call still does.

use std::sync::Arc;
use std::time::Instant;

use outbound::hours::Hours;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::phone::Phone;

use super::Shared;
use crate::carrier::Order;

/// What was decided elsewhere since an attempt was begun.
///
/// The begin has read the database, so only what is newer counts. It is asked while the journal is locked: it answers
/// from memory, at once. Where it doesn't know it says no, as the answer to a stop waits for calls that were begun.
pub trait LastLook: Send + Sync {
    /// Whether this phone was put on the enterprise's do-not-call list since then.
    fn listed_since(&self, _enterprise: EnterpriseId, _phone: Phone, _since: Instant) -> bool {
        false
    }

    /// Whether this task was paused or ended since then.
    fn stopped_since(&self, _task: TaskId, _since: Instant) -> bool {
        false
    }
}

/// Knows of nothing: what the begin allowed holds until [`Order::invite_by`].
#[derive(Debug, Clone, Copy)]
pub struct NothingSince;

impl LastLook for NothingSince {}

/// What must still hold when an INVITE of one order leaves.
#[derive(Debug, Clone)]
pub struct Permit {
    shared: Arc<Shared>,
    enterprise: EnterpriseId,
    task: TaskId,
    callee: Phone,
    hours: Arc<Hours>,
    begun_at: Instant,
    /// Whom it calls: only customers are protected by windows and the do-not-call list.
    to_a_customer: bool,
}

impl Permit {
    pub(super) fn of(shared: &Arc<Shared>, order: &Order) -> Self {
        Self {
            shared: Arc::clone(shared),
            enterprise: order.enterprise,
            task: order.task,
            callee: order.callee,
            hours: Arc::clone(&order.hours),
            begun_at: order.begun_at,
            to_a_customer: order.transfer_of.is_none(),
        }
    }

    /// Whether the windows are open, the phone is not listed and the task goes on, at this moment.
    pub fn holds(&self) -> bool {
        if !self.to_a_customer {
            return true;
        }
        let look = &self.shared.last_look;
        self.hours.may_call(self.shared.clock.now(), Some(self.callee)).is_ok()
            && !look.listed_since(self.enterprise, self.callee, self.begun_at)
            && !look.stopped_since(self.task, self.begun_at)
    }
}
