//! The gate around every line: what must hold for a call, whatever carries it.
//!
//! A [`Driver`] only moves packets. The gate writes each act to the journal before it is done, looks a last time at
//! what allowed the call in the step before the INVITE, lets one INVITE of an attempt out of this process, and knows
//! the calls that are up, so that the call of a lost worker can be hung up.

mod call;
mod calls;
mod look;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use clock::Clock;
use outbound::Time;
use outbound::ids::AttemptId;

use crate::carrier::{Call, CallEvent, Carrier, CarrierError, Command, Order};
use crate::journal::{Entry, Event, Journal, real_us};
use crate::media::Audio;
use call::GatedCall;
use calls::Calls;

pub use look::{LastLook, NothingSince, Permit};

/// What carries calls: it sends packets, and tells what came back.
pub trait Driver: Send + Sync + 'static {
    type Leg: Leg;

    /// Get ready to send an INVITE, up to the packet itself: a connection is opened, a port taken. Nothing that the
    /// far end could take for a call leaves.
    ///
    /// An INVITE that leaves later than the first one, as to another host, must ask `permit` right before.
    fn ready(
        &self,
        order: Order,
        permit: Permit,
    ) -> impl Future<Output = Result<Self::Leg, CarrierError>> + Send;
}

/// One call of a driver. A leg that was not invited leaves no trace when it is dropped; one that was is hung up by
/// [`Leg::hang_up`] before.
pub trait Leg: Send + 'static {
    /// The line's own identifier of the call.
    fn call_id(&self) -> &str;

    /// The business time that the call has come to. It never goes back.
    fn now(&mut self) -> Time;

    /// Let the INVITE go. It is in the journal. Doesn't wait.
    fn invite(&mut self);

    /// Wait for what happens next, and add it to `told`, with all that happened in the same step. Cancel safe: it
    /// adds only as it returns. Nothing comes after [`CallEvent::Ended`].
    ///
    /// With a cause the leg asks to be hung up: one of its own times is over, and the packet that ends the call must
    /// not leave before the journal has it.
    fn next(
        &mut self,
        told: &mut VecDeque<CallEvent>,
    ) -> impl Future<Output = Option<&'static str>> + Send;

    /// The call's sound; none on a line that carries no sound.
    fn audio(&self) -> Option<Audio>;

    /// Do something on the call. The gate keeps [`Command::HangUp`] to itself.
    fn send(&mut self, command: Command) -> impl Future<Output = ()> + Send;

    /// End the call, in whatever phase, at the time that [`Leg::now`] has just given. The BYE is in the journal.
    /// Doesn't wait: the end is told now, or by [`Leg::next`] when the far end has confirmed it. A second time
    /// nothing happens.
    fn hang_up(&mut self, cause: &'static str, told: &mut VecDeque<CallEvent>);
}

/// A driver behind the gate.
#[derive(Debug)]
pub struct Gate<D> {
    driver: D,
    shared: Arc<Shared>,
}

/// What all calls of a gate share.
struct Shared {
    clock: Clock,
    journal: Arc<Journal>,
    last_look: Arc<dyn LastLook>,
    calls: Calls,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("journal", &self.journal).finish_non_exhaustive()
    }
}

impl<D: Driver> Gate<D> {
    /// A gate that takes it that nothing was decided since an attempt was begun.
    pub fn around(driver: D, clock: Clock, journal: Arc<Journal>) -> Self {
        Self::looking(driver, clock, journal, Arc::new(NothingSince))
    }

    /// A gate that asks `last_look` before each INVITE.
    pub fn looking(
        driver: D,
        clock: Clock,
        journal: Arc<Journal>,
        last_look: Arc<dyn LastLook>,
    ) -> Self {
        let shared = Shared { clock, journal, last_look, calls: Calls::default() };
        Self { driver, shared: Arc::new(shared) }
    }

    /// The driver behind it.
    pub fn driver(&self) -> &D {
        &self.driver
    }

    /// Hang up the call of an attempt if it is up on this line, in this process. Returns whether it was.
    pub fn hang_up_here(&self, attempt: AttemptId) -> bool {
        let lost = self.shared.calls.signal_of(attempt);
        lost.map(|lost| lost.notify_one()).is_some()
    }

    /// Calls that are up in this process.
    pub fn calls_up(&self) -> usize {
        self.shared.calls.up()
    }
}

#[async_trait]
impl<D: Driver> Carrier for Gate<D> {
    async fn originate(&self, order: Order) -> Result<Box<dyn Call>, CarrierError> {
        let call = GatedCall::place(&self.driver, &self.shared, order).await?;
        Ok(Box::new(call))
    }

    /// A call of this process is hung up where it is. One of another process has no network that could
    /// be asked but the journal: it gets its BYE there, as the far end would see it.
    async fn hang_up_lost(&self, attempt: AttemptId) -> bool {
        if self.hang_up_here(attempt) {
            return true;
        }
        let shared = Arc::clone(&self.shared);
        let ended = tokio::task::spawn_blocking(move || shared.end_elsewhere(attempt)).await;
        ended.unwrap_or(false)
    }
}

impl Shared {
    fn end_elsewhere(&self, attempt: AttemptId) -> bool {
        let last = match self.journal.last_of(attempt) {
            Ok(Some(last)) if last.event != Event::Bye => last,
            Ok(_) => return false,
            Err(error) => {
                tracing::error!(%error, %attempt, "the journal can't be searched for a lost call");
                return false;
            }
        };
        let bye = Entry {
            at: self.clock.now(),
            real_us: real_us(),
            event: Event::Bye,
            worker: self.journal.worker().to_owned(),
            ..last
        };
        let written = self.journal.append(&[bye]);
        if let Err(error) = &written {
            tracing::error!(%error, %attempt, "the BYE of a lost call can't be journaled");
        }
        written.is_ok()
    }
}
