//! Handing a customer to a person: somebody is chosen, rung, and joined with the customer.
//!
//! It runs as a task of its own beside the customer's call, so that neither waits for the other. Whoever is chosen and the
//! slot that the call to them takes are in the database from before the INVITE to after the BYE.

mod leg;

use std::time::Duration;

use dialog::conversation::{Input, Person, TransferRequest};
use outbound::ids::HumanAgentId;
use outbound::phone::{self, Phone};
use storage::transfers::{self, Took, TransferLeg, TransferredCall, Wanted};
use telephony::carrier::{Order, TransferProgress};
use telephony::media::Audio;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;
use crate::faults;
use leg::RungLeg;

pub(crate) use leg::end_orphaned;

/// Between two looks for somebody who is free, in business time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);
/// Events and reports on their way; there are a few a transfer.
const WAITING_MAX: usize = 64;
/// A fixed number is international: what region it is read in does not matter.
const ANY_REGION: &str = "US";
/// How long the end of the call to a person is waited for.
const END_WAIT: Duration = Duration::from_secs(5);

/// How the customer's line hands a call on.
#[derive(Debug, Clone)]
pub(crate) enum HandOn {
    /// A second call, joined with the customer's; without sound on a line that carries none.
    Join(Option<Audio>),
    /// The far end is asked to call the person in our place.
    Refer,
}

/// What a transfer tells the call.
#[derive(Debug)]
pub(crate) enum TransferEvent {
    /// For the conversation.
    Tell(Input),
    /// Ask the far end to call this person in our place. It tells the call itself whether they answered.
    Refer(Reached),
    /// The person is on the line.
    Joined(Reached),
    /// The person has hung up.
    PersonLeft,
}

/// A person who is called for the customer.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) transfer: u64,
    pub(crate) person: Person,
    pub(crate) phone: Phone,
}

/// The transfer that a call has under way, or has made; or none.
#[derive(Default)]
pub(crate) struct Transfer(Option<Running>);

struct Running {
    id: u64,
    events: mpsc::Receiver<TransferEvent>,
    progress: mpsc::Sender<TransferProgress>,
    cancelled: CancellationToken,
    task: JoinHandle<()>,
}

impl Transfer {
    /// Begin to look for the person.
    pub(crate) fn begin(
        &mut self,
        env: &Environment,
        request: TransferRequest,
        template: Order,
        hand_on: HandOn,
    ) {
        let (sender, events) = mpsc::channel(WAITING_MAX);
        let (progress, progressed) = mpsc::channel(WAITING_MAX);
        let cancelled = CancellationToken::new();
        let id = request.id;
        let search = Search {
            env: env.clone(),
            request,
            template,
            hand_on,
            events: sender,
            progressed,
            cancelled: cancelled.clone(),
            tried: Vec::new(),
        };
        let task = tokio::spawn(search.run());
        self.0 = Some(Running { id, events, progress, cancelled, task });
    }

    /// What happens next; never while there is no transfer. Cancel safe.
    pub(crate) async fn next(&mut self) -> TransferEvent {
        if let Some(running) = &mut self.0
            && let Some(event) = running.events.recv().await
        {
            return event;
        }
        std::future::pending().await
    }

    /// How the call in our place goes that the far end was asked for.
    pub(crate) fn progressed(&self, progress: TransferProgress) {
        if let Some(running) = &self.0 {
            // A transfer that does not listen any more is over.
            let _ = running.progress.try_send(progress);
        }
    }

    /// The person is wanted no longer.
    pub(crate) fn cancel(&self, id: u64) {
        if let Some(running) = self.0.as_ref().filter(|running| running.id == id) {
            running.cancelled.cancel();
        }
    }

    /// The customer's call is over: hang up on the person, and wait until that is written down.
    pub(crate) async fn end(self) {
        let Some(mut running) = self.0 else { return };
        running.cancelled.cancel();
        running.events.close();
        if tokio::time::timeout(END_WAIT, &mut running.task).await.is_err() {
            running.task.abort();
            tracing::warn!("the end of a call to a person is left to the sweep");
        }
    }
}

/// Looks for a person until one is on the line or the time is over.
struct Search {
    env: Environment,
    request: TransferRequest,
    /// The customer's call as it was ordered.
    template: Order,
    hand_on: HandOn,
    events: mpsc::Sender<TransferEvent>,
    progressed: mpsc::Receiver<TransferProgress>,
    cancelled: CancellationToken,
    tried: Vec<HumanAgentId>,
}

impl Search {
    async fn run(mut self) {
        let wait = self.env.clock.real(Duration::from_millis(self.request.wait_ms));
        let due = tokio::time::Instant::now() + wait;
        let cancelled = self.cancelled.clone();
        let why = match self.wanted() {
            Ok(wanted) => loop {
                let took = tokio::select! {
                    biased;
                    () = cancelled.cancelled() => return,
                    () = tokio::time::sleep_until(due) => break "nobody was free in time",
                    took = self.take(&wanted) => took,
                };
                match took {
                    Took::CallOver => return,
                    Took::Nobody if self.tried.is_empty() => break "nobody who fits is on duty",
                    Took::Nobody => break "nobody answered",
                    Took::NobodyNow => tokio::time::sleep(self.env.clock.real(LOOK_AGAIN)).await,
                    Took::Leg(leg) => {
                        self.tried.extend(leg.agent);
                        if self.call(&leg, due).await || cancelled.is_cancelled() {
                            return;
                        }
                        if leg.agent.is_none() {
                            break "nobody answered";
                        }
                    }
                }
            },
            Err(why) => why,
        };
        let input = Input::TransferFailed { transfer: self.request.id, why: why.to_owned() };
        self.tell(TransferEvent::Tell(input)).await;
    }

    fn wanted(&self) -> Result<Wanted, &'static str> {
        let to = &self.request.to;
        if let Some(skill) = &to.skill {
            return Ok(Wanted::Skill(skill.clone()));
        }
        if let Some(number) = &to.employee_number {
            return Ok(Wanted::EmployeeNumber(number.clone()));
        }
        // It was checked at publication that one of the three is given.
        let number = to.number.as_deref().unwrap_or_default();
        phone::parse(number, ANY_REGION)
            .map(Wanted::Phone)
            .map_err(|_| "the fixed number is no phone number")
    }

    /// Ask for somebody until the database answers. Nothing of the call to them has happened yet.
    async fn take(&self, wanted: &Wanted) -> Took {
        let call = TransferredCall {
            enterprise: self.template.enterprise,
            attempt: self.template.attempt,
            token: self.template.token,
            trunk: self.template.trunk,
        };
        loop {
            let (store, now) = (&self.env.store, self.env.clock.now());
            match transfers::take(store, call, wanted, &self.tried, now).await {
                Ok(took) => return took,
                Err(error) if error.is_passing() => {
                    tracing::warn!(%error, attempt = %call.attempt, "a person is looked for again");
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => {
                    faults::tell_of("transfer", call.attempt, &error);
                    return Took::Nobody;
                }
            }
        }
    }

    /// Ring a person. True: they were on the line, and the call is over.
    async fn call(&mut self, leg: &TransferLeg, due: tokio::time::Instant) -> bool {
        let who = leg.employee_number.clone();
        let rings = Input::TransferRinging { transfer: self.request.id, who };
        self.tell(TransferEvent::Tell(rings)).await;
        let talked = match self.hand_on.clone() {
            HandOn::Join(audio) => RungLeg::ring(self, leg, due, audio).await,
            HandOn::Refer => self.refer(leg, due).await,
        };
        leg::ended(&self.env, self.template.enterprise, leg.id).await;
        talked
    }

    /// Have the far end ring the person. True: it has handed the customer over.
    async fn refer(&mut self, leg: &TransferLeg, due: tokio::time::Instant) -> bool {
        self.tell(TransferEvent::Refer(self.reached(leg))).await;
        let rings = tokio::time::Instant::now()
            + self.env.clock.real(Duration::from_millis(self.request.ring_ms));
        let cancelled = self.cancelled.clone();
        loop {
            let progress = tokio::select! {
                () = cancelled.cancelled() => return false,
                () = tokio::time::sleep_until(rings.max(due)) => return false,
                progress = self.progressed.recv() => progress,
            };
            match progress {
                Some(TransferProgress::Trying | TransferProgress::Ringing) => {}
                Some(TransferProgress::Answered) => {
                    leg::answered(&self.env, self.template.enterprise, leg.id).await;
                    cancelled.cancelled().await;
                    return true;
                }
                Some(TransferProgress::Failed { .. }) | None => return false,
            }
        }
    }

    fn reached(&self, leg: &TransferLeg) -> Reached {
        let person =
            Person { employee_number: leg.employee_number.clone(), name: leg.name.clone() };
        Reached { transfer: self.request.id, person, phone: leg.phone }
    }

    async fn joined(&self, leg: &TransferLeg) {
        leg::answered(&self.env, self.template.enterprise, leg.id).await;
        self.tell(TransferEvent::Joined(self.reached(leg))).await;
    }

    /// The call that is told may be over; then nobody needs to know.
    async fn tell(&self, event: TransferEvent) {
        let _ = self.events.send(event).await;
    }
}
