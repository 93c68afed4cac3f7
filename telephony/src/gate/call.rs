//! One call behind the gate: each act is in the journal before it is done or told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use outbound::Time;
use outbound::outcome::cause;
use tokio::sync::Notify;

use super::{Driver, Leg, Permit, Shared};
use crate::carrier::{Call, CallEvent, CarrierError, Command, Order};
use crate::journal::{Entry, Event, real_us};
use crate::media::Audio;

/// See the module.
pub(super) struct GatedCall<L: Leg> {
    leg: L,
    shared: Arc<Shared>,
    /// What all entries of the call have in common; of which event and when is filled in.
    draft: Entry,
    /// Somebody hangs this call up for a worker that is taken for dead.
    lost: Arc<Notify>,
    /// Journaled, and waiting to be told.
    told: VecDeque<CallEvent>,
    /// To be journaled in one write.
    entries: Vec<Entry>,
    /// Its BYE is in the journal, and no answer since.
    bye_journaled: bool,
    over: bool,
}

impl<L: Leg> GatedCall<L> {
    /// Journal the INVITE, if it may still leave, and let it go.
    pub(super) async fn place<D: Driver<Leg = L>>(
        driver: &D,
        shared: &Arc<Shared>,
        order: Order,
    ) -> Result<Self, CarrierError> {
        let permit = Permit::of(shared, &order);
        let draft = draft(shared, &order);
        let invite_by = order.invite_by;
        let entered = Entered::of(shared, &draft)?;
        let mut leg = driver.ready(order, permit.clone()).await?;
        let invite = Entry { at: leg.now(), real_us: real_us(), ..draft.clone() };
        let may_leave = || Instant::now() <= invite_by && permit.holds();
        if !shared.journal.append_if(&[invite], may_leave)? {
            return Err(CarrierError::Late);
        }
        leg.invite();
        let lost = entered.left();
        Ok(Self {
            leg,
            shared: Arc::clone(shared),
            draft,
            lost,
            told: VecDeque::new(),
            entries: Vec::new(),
            bye_journaled: false,
            over: false,
        })
    }

    /// Journal what is about to be told, from this place on.
    fn journal_told(&mut self, from: usize) {
        for place in from..self.told.len() {
            let (event, at) = match &self.told[place] {
                CallEvent::Ringing { at } => (Event::Ring, *at),
                CallEvent::Answered { at } => {
                    // Where it crossed our CANCEL, a BYE follows, which is journaled anew.
                    self.bye_journaled = false;
                    (Event::Answer, *at)
                }
                CallEvent::Heard { .. } | CallEvent::Transfer { .. } => continue,
                CallEvent::Ended(ending) => {
                    self.over = true;
                    if self.bye_journaled {
                        continue;
                    }
                    (Event::Bye, ending.at)
                }
            };
            self.enter(event, at);
        }
        self.write();
        if self.over {
            self.shared.calls.end(self.draft.attempt);
        }
    }

    /// Hang up now, in whatever phase.
    fn hang_up(&mut self, cause: &'static str) {
        if self.over {
            return;
        }
        let at = self.leg.now();
        if !self.bye_journaled {
            self.enter(Event::Bye, at);
            self.write();
            self.bye_journaled = true;
        }
        // What waits to be told is in the journal already.
        let waiting = self.told.len();
        self.leg.hang_up(cause, &mut self.told);
        self.journal_told(waiting);
    }

    fn enter(&mut self, event: Event, at: Time) {
        self.entries.push(Entry { at, real_us: real_us(), event, ..self.draft.clone() });
    }

    /// The call is on the network already: should the journal fail, what happened is still told, and the checker
    /// misses the entry.
    fn write(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        if let Err(error) = self.shared.journal.append(&self.entries) {
            let attempt = self.draft.attempt;
            tracing::error!(%error, %attempt, "the call journal can't be written");
        }
        self.entries.clear();
    }
}

#[async_trait]
impl<L: Leg> Call for GatedCall<L> {
    fn call_id(&self) -> &str {
        self.leg.call_id()
    }

    async fn next(&mut self) -> CallEvent {
        loop {
            if let Some(event) = self.told.pop_front() {
                return event;
            }
            if self.over {
                return std::future::pending().await;
            }
            let Self { leg, told, lost, .. } = self;
            tokio::select! {
                // A leg that need not wait is not made to look whether its worker was lost.
                biased;
                due = leg.next(told) => {
                    self.journal_told(0);
                    if let Some(cause) = due {
                        self.hang_up(cause);
                    }
                }
                () = lost.notified() => self.hang_up(cause::WORKER_LOST),
            }
        }
    }

    async fn send(&mut self, command: Command) {
        match command {
            Command::HangUp { cause } => self.hang_up(cause),
            _ if self.over => {}
            command => self.leg.send(command).await,
        }
    }

    fn audio(&self) -> Option<Audio> {
        self.leg.audio()
    }
}

impl<L: Leg> Drop for GatedCall<L> {
    /// Whoever lets go of a call that is up hangs it up.
    fn drop(&mut self) {
        self.hang_up("");
        if !self.over {
            self.shared.calls.end(self.draft.attempt);
        }
    }
}

fn draft(shared: &Shared, order: &Order) -> Entry {
    Entry {
        at: Time::UNIX_EPOCH,
        real_us: 0,
        event: Event::Invite,
        attempt: order.attempt,
        token: order.token,
        task: order.task,
        trunk: order.trunk,
        enterprise: order.enterprise,
        phone_hash: shared.journal.phone_hash(order.enterprise, order.callee),
        worker: shared.journal.worker().to_owned(),
        transfer_of: order.transfer_of,
    }
}

/// The place of a call among those of the process, given back unless its INVITE leaves.
struct Entered<'a> {
    shared: &'a Shared,
    entry: &'a Entry,
    lost: Option<Arc<Notify>>,
}

impl<'a> Entered<'a> {
    fn of(shared: &'a Shared, entry: &'a Entry) -> Result<Self, CarrierError> {
        let lost = shared.calls.enter(entry.attempt);
        match lost {
            Some(lost) => Ok(Self { shared, entry, lost: Some(lost) }),
            None => Err(CarrierError::SecondInvite),
        }
    }

    fn left(mut self) -> Arc<Notify> {
        self.lost.take().unwrap_or_default()
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if self.lost.is_some() {
            self.shared.calls.withdraw(self.entry.attempt);
        }
    }
}
