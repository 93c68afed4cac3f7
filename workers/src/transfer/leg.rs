//! The second call of a transfer: it rings the person, and is joined with the customer's call when they answer.

use std::time::{Duration, Instant};

use outbound::ids::{AttemptId, EnterpriseId};
use outbound::timing::INVITE_WITHIN;
use storage::StoreError;
use storage::transfers::{self, LegEnd, TransferLeg};
use telephony::carrier::{Call, CallEvent, Carrier, CarrierError, Command, Order};
use telephony::media::{Audio, Bridge};

use super::{Called, RETRY, Search, TransferEvent};
use crate::environment::Environment;
use crate::faults;

/// How late an INVITE may leave after the moment that calls per second gave it.
const PACE_LATENESS: Duration = Duration::from_millis(outbound::pace::LATENESS_MS);
/// Tries to write down what came of the call, before it is left to the sweep.
const WRITES_MAX: u32 = 20;

/// How far the call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Rings,
    Talks,
    /// We have hung up, and wait for the end.
    HungUp {
        talked: bool,
    },
}

/// A call to a person that was placed.
pub(super) struct RungLeg<'a> {
    search: &'a Search,
    leg: &'a TransferLeg,
    call: Box<dyn Call>,
    customer: Option<Audio>,
    phase: Phase,
    /// While it is there, the two hear each other.
    bridge: Option<Bridge>,
}

impl<'a> RungLeg<'a> {
    /// Ring, and carry the call to its end. A line that takes no call now is asked again until the time is over: that
    /// is no fault of the person.
    pub(super) async fn ring(
        search: &'a Search,
        leg: &'a TransferLeg,
        due: tokio::time::Instant,
        customer: Option<Audio>,
    ) -> Called {
        loop {
            let Some(invite_by) = in_turn(search, due).await else { return Called::NotPlaced };
            match search.env.lines.originate(order(search, leg, invite_by)).await {
                Ok(call) => {
                    let (phase, bridge) = (Phase::Rings, None);
                    return Self { search, leg, call, customer, phase, bridge }.run(due).await;
                }
                Err(CarrierError::Late) => {}
                Err(error) => {
                    metrics::counter!("callwright_transfers_not_placed_total").increment(1);
                    tracing::error!(%error, leg = %leg.id, "a person can't be called now");
                }
            }
            if !search.look_again(due).await {
                return Called::NotPlaced;
            }
        }
    }

    async fn run(mut self, due: tokio::time::Instant) -> Called {
        let cancelled = self.search.cancelled.clone();
        loop {
            let is_up = matches!(self.phase, Phase::Rings | Phase::Talks);
            let event = tokio::select! {
                biased;
                () = cancelled.cancelled(), if is_up => {
                    self.hang_up().await;
                    continue;
                }
                // Nobody waits longer for a phone that only rings.
                () = tokio::time::sleep_until(due), if self.phase == Phase::Rings => {
                    self.hang_up().await;
                    continue;
                }
                event = self.call.next() => event,
            };
            match event {
                CallEvent::Answered { .. } if self.phase == Phase::Rings => self.join().await,
                CallEvent::Ended(_) => {
                    if self.phase == Phase::Talks {
                        self.search.tell(TransferEvent::PersonLeft).await;
                    }
                    let talked =
                        matches!(self.phase, Phase::Talks | Phase::HungUp { talked: true });
                    return if talked { Called::Talked } else { Called::Unanswered };
                }
                _ => {}
            }
        }
    }

    /// The person is on the line.
    async fn join(&mut self) {
        if let (Some(customer), Some(person)) = (&self.customer, &self.call.audio()) {
            match Bridge::join(customer, person) {
                Ok(bridge) => self.bridge = Some(bridge),
                // The customer has hung up this moment: the transfer is cancelled soon.
                Err(error) => {
                    tracing::warn!(%error, leg = %self.leg.id, "two calls can't be joined")
                }
            }
        }
        self.phase = Phase::Talks;
        self.search.joined(self.leg).await;
    }

    async fn hang_up(&mut self) {
        self.phase = Phase::HungUp { talked: self.phase == Phase::Talks };
        self.call.send(Command::HangUp { cause: "" }).await;
    }
}

/// Wait for the moment that the trunk's calls per second give the INVITE. It must leave by the returned time. None: the time
/// is over, or nobody is wanted any more.
async fn in_turn(search: &Search, due: tokio::time::Instant) -> Option<Instant> {
    let env = &search.env;
    loop {
        let planned = match transfers::pace(&env.store, search.transferred(), env.clock.now()).await
        {
            Ok(None) => return Some(Instant::now() + INVITE_WITHIN),
            Ok(Some(planned)) => planned,
            Err(error) => {
                tracing::warn!(%error, "the pace of a call to a person is asked for again");
                if search.look_again(due).await {
                    continue;
                }
                return None;
            }
        };
        tokio::select! {
            () = search.cancelled.cancelled() => return None,
            () = tokio::time::sleep_until(due) => return None,
            () = tokio::time::sleep(env.clock.until(planned)) => {}
        }
        let late = (env.clock.now() - planned).to_std().unwrap_or_default();
        if let Some(left) = PACE_LATENESS.checked_sub(env.clock.real(late)) {
            return Some(Instant::now() + left);
        }
    }
}

/// The call to the person goes out on the customer's trunk, with the same caller ID.
fn order(search: &Search, leg: &TransferLeg, invite_by: Instant) -> Order {
    Order {
        attempt: leg.id,
        token: 1,
        transfer_of: Some(search.template.attempt),
        callee: leg.phone,
        round: 0,
        chain_index: 0,
        ring_timeout: Duration::from_millis(search.request.ring_ms),
        // The customer's call has the two as one in its recording.
        recording: None,
        begun_at: Instant::now(),
        invite_by,
        ..search.template.clone()
    }
}

/// The person took the call. When it can't be written, only the time of the answer is missing.
pub(super) async fn answered(env: &Environment, enterprise: EnterpriseId, leg: AttemptId) {
    let at = env.clock.now();
    if let Err(error) = transfers::answered(&env.store, enterprise, leg, at).await {
        faults::tell_of("transfer", leg, &error);
    }
}

/// The call to the person is over.
pub(super) async fn ended(
    env: &Environment,
    enterprise: EnterpriseId,
    leg: AttemptId,
    end: LegEnd,
) {
    for _ in 0..WRITES_MAX {
        let at = env.clock.now();
        match transfers::end(&env.store, enterprise, leg, at, end).await {
            Ok(()) => return,
            Err(error) if error.is_passing() => tokio::time::sleep(RETRY).await,
            Err(error) => return faults::tell_of("transfer", leg, &error),
        }
    }
    tracing::warn!(%leg, "the end of a call to a person is left to the sweep");
}

/// End the calls to people whose customer's call is gone with its worker.
pub(crate) async fn end_orphaned(env: &Environment) -> Result<(), StoreError> {
    for orphan in transfers::orphaned(&env.store).await? {
        let stood = env.lines.hang_up_lost(orphan.leg).await;
        tracing::warn!(leg = %orphan.leg, stood, "a worker was lost with this call to a person");
        let now = env.clock.now();
        transfers::end(&env.store, orphan.enterprise, orphan.leg, now, LegEnd::Lost).await?;
    }
    Ok(())
}
