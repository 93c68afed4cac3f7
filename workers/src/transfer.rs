//! Handing a customer to a person: somebody is chosen, rung, and joined with the customer.
//!
//! It runs as a task of its own beside the customer's call, so that neither waits for the other. Whoever is chosen and the
//! slot that the call to them takes are in the database from before the INVITE to after the BYE.

mod leg;

use std::time::Duration;

use dialog::conversation::{Input, Person, TransferRequest};
use outbound::ids::{AttemptId, HumanAgentId};
use outbound::phone::{self, Phone};
use storage::transfers::{self, LegEnd, Took, TransferLeg, TransferredCall, Wanted};
use telephony::carrier::{Order, TransferProgress};
use telephony::media::Audio;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;
use crate::faults;
use leg::RungLeg;

pub(crate) use leg::end_orphaned;

/// Between two looks for somebody who is free, or for a free slot, in business time; and what it is at least in real time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(200);
/// Between two tries to write while the database is away.
const RETRY: Duration = Duration::from_millis(200);
/// Events and reports on their way; there are a few a transfer.
const WAITING_MAX: usize = 64;
/// Why nobody came, for the log.
const NOT_FREE: &str = "nobody was free in time";
const NO_ANSWER: &str = "nobody answered";
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
    Refer(CalledPerson),
    /// The person is on the line.
    Joined(CalledPerson),
    /// The person has hung up.
    PersonLeft,
}

/// A person who is called for the customer.
#[derive(Debug, Clone)]
pub(crate) struct CalledPerson {
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

/// What came of a call to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Called {
    /// They were on the line, and it is over.
    Talked,
    Unanswered,
    /// No INVITE has left in time: the person was not disturbed.
    NotPlaced,
}

/// How a search ends.
enum Searched {
    /// Somebody talked with the customer, or nobody is wanted any more.
    Over,
    /// For the log.
    Nobody(&'static str),
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
        let why = match self.wanted() {
            Ok(wanted) => match self.search(&wanted, due).await {
                Searched::Over => return,
                Searched::Nobody(why) => why,
            },
            Err(why) => why,
        };
        let input = Input::TransferFailed { transfer: self.request.id, why: why.to_owned() };
        self.tell(TransferEvent::Tell(input)).await;
    }

    /// Call one after another. What was taken for a call is given back on each way out.
    async fn search(&mut self, wanted: &Wanted, due: tokio::time::Instant) -> Searched {
        let (env, enterprise) = (self.env.clone(), self.template.enterprise);
        loop {
            let id = clock::new_id::<AttemptId>();
            let leg = match self.take(id, wanted, due).await {
                Ok(leg) => leg,
                Err(searched) => {
                    // Whether it was taken is not known where the answer was lost.
                    leg::ended(&env, enterprise, id, LegEnd::NotCalled).await;
                    return searched;
                }
            };
            let called = self.call(&leg, due).await;
            let end = match called {
                Called::NotPlaced => LegEnd::NotCalled,
                Called::Talked | Called::Unanswered => LegEnd::Called,
            };
            leg::ended(&env, enterprise, id, end).await;
            match (called, leg.agent) {
                _ if self.cancelled.is_cancelled() => return Searched::Over,
                (Called::Talked, _) => return Searched::Over,
                (Called::NotPlaced, _) => return Searched::Nobody(NOT_FREE),
                (Called::Unanswered, Some(agent)) => self.tried.push(agent),
                (Called::Unanswered, None) => return Searched::Nobody(NO_ANSWER),
            }
        }
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

    fn transferred(&self) -> TransferredCall {
        TransferredCall {
            enterprise: self.template.enterprise,
            attempt: self.template.attempt,
            token: self.template.token,
            trunk: self.template.trunk,
        }
    }

    /// Wait a little; false: the time is over, or nobody is wanted any more.
    async fn look_again(&self, due: tokio::time::Instant) -> bool {
        let wait = self.env.clock.real(LOOK_AGAIN).max(LOOK_AGAIN_MIN);
        tokio::select! {
            () = self.cancelled.cancelled() => false,
            () = tokio::time::sleep_until(due) => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// Ask for somebody until there is an answer that does not change by itself.
    async fn take(
        &self,
        leg: AttemptId,
        wanted: &Wanted,
        due: tokio::time::Instant,
    ) -> Result<TransferLeg, Searched> {
        let call = self.transferred();
        loop {
            let (store, now) = (&self.env.store, self.env.clock.now());
            match transfers::take(store, call, leg, wanted, &self.tried, now).await {
                Ok(Took::Leg(leg)) => return Ok(leg),
                Ok(Took::NobodyNow) => {}
                Ok(Took::Nobody) if self.tried.is_empty() => {
                    return Err(Searched::Nobody("nobody who fits is on duty"));
                }
                Ok(Took::Nobody) => return Err(Searched::Nobody(NO_ANSWER)),
                Ok(Took::CallOver) => return Err(Searched::Over),
                Err(error) if error.is_passing() => {
                    tracing::warn!(%error, attempt = %call.attempt, "a person is looked for again");
                }
                Err(error) => {
                    faults::tell_of("transfer", call.attempt, &error);
                    return Err(Searched::Nobody("it can't be done"));
                }
            }
            if !self.look_again(due).await {
                let over = self.cancelled.is_cancelled();
                return Err(if over { Searched::Over } else { Searched::Nobody(NOT_FREE) });
            }
        }
    }

    /// Wait until the call has a slot of the trunk. False: the time is over.
    async fn has_slot(&self, due: tokio::time::Instant) -> bool {
        loop {
            match transfers::has_slot(&self.env.store, self.transferred()).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "a slot for a call to a person is looked for again");
                }
            }
            if !self.look_again(due).await {
                return false;
            }
        }
    }

    /// Ring a person, once there is a slot.
    async fn call(&mut self, leg: &TransferLeg, due: tokio::time::Instant) -> Called {
        // A REFER is the far end's call: it takes no slot of ours, but for the leg's own.
        if matches!(self.hand_on, HandOn::Join(_)) && !self.has_slot(due).await {
            return Called::NotPlaced;
        }
        let who = leg.employee_number.clone();
        let rings = Input::TransferRinging { transfer: self.request.id, who };
        self.tell(TransferEvent::Tell(rings)).await;
        match self.hand_on.clone() {
            HandOn::Join(audio) => RungLeg::ring(self, leg, due, audio).await,
            HandOn::Refer => self.refer(leg, due).await,
        }
    }

    /// Have the far end ring the person. A REFER can't be taken back, so its end is waited for, also after the time that a
    /// phone may ring: a second one meanwhile would ring two people.
    async fn refer(&mut self, leg: &TransferLeg, due: tokio::time::Instant) -> Called {
        self.tell(TransferEvent::Refer(self.called(leg))).await;
        let rings = tokio::time::Instant::now()
            + self.env.clock.real(Duration::from_millis(self.request.ring_ms));
        let cancelled = self.cancelled.clone();
        loop {
            let progress = tokio::select! {
                () = cancelled.cancelled() => return Called::Unanswered,
                () = tokio::time::sleep_until(rings.max(due)) => return Called::Unanswered,
                progress = self.progressed.recv() => progress,
            };
            match progress {
                Some(TransferProgress::Trying | TransferProgress::Ringing) => {}
                Some(TransferProgress::Answered) => {
                    leg::answered(&self.env, self.template.enterprise, leg.id).await;
                    cancelled.cancelled().await;
                    return Called::Talked;
                }
                Some(TransferProgress::Failed { .. }) | None => return Called::Unanswered,
            }
        }
    }

    fn called(&self, leg: &TransferLeg) -> CalledPerson {
        let person =
            Person { employee_number: leg.employee_number.clone(), name: leg.name.clone() };
        CalledPerson { transfer: self.request.id, person, phone: leg.phone }
    }

    async fn joined(&self, leg: &TransferLeg) {
        leg::answered(&self.env, self.template.enterprise, leg.id).await;
        self.tell(TransferEvent::Joined(self.called(leg))).await;
    }

    /// The call that is told may be over; then nobody needs to know.
    async fn tell(&self, event: TransferEvent) {
        let _ = self.events.send(event).await;
    }
}
