//! One call on the simulated line: a state machine with its own timer, polled by `next`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outbound::outcome::{
    CallResult, CalledStatus, Evidence, HangupParty, cause, classify, line_refused,
};
use outbound::trunk::TrunkConfig;
use tokio::sync::Notify;

use super::Network;
use super::agenda::Agenda;
use super::customer::{Customer, Deed};
use super::persona::Persona;
use super::plan::{Outcome, Plan, codes, rings};
use crate::carrier::{Call, CallEvent, CarrierError, Command, Ending, Order, Timeline};
use crate::journal::{Entry, Event, PhoneHash, real_us};

/// SIP: request terminated, the answer to our CANCEL.
const CANCELLED: u16 = 487;
/// SIP and Q.850 of a line that refuses: no circuit available.
const NO_CIRCUIT: (u16, u16) = (503, 34);
/// SIP and Q.850 of an answered call that was hung up.
const NORMAL_CLEARING: (u16, u16) = (200, 16);

/// See the module.
pub(super) struct SimulatedCall {
    network: Arc<Network>,
    order: Order,
    phone_hash: PhoneHash,
    call_id: String,
    timeline: Timeline,
    phase: Phase,
    /// How far the call has come, in milliseconds: its times never go back.
    reached: u64,
    agenda: Agenda<Act>,
    /// On an answered call.
    customer: Option<Customer>,
    /// Journaled, and waiting to be told.
    told: VecDeque<CallEvent>,
    /// To be journaled before they are told.
    entries: Vec<Entry>,
    /// Somebody hangs this call up for a worker that is taken for dead.
    lost: Arc<Notify>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The INVITE is out.
    Placed,
    Ringing,
    Up,
    Over,
}

/// What is still to happen to the call itself.
#[derive(Debug, Clone, Copy)]
enum Act {
    Ring,
    Answer { persona: &'static Persona, talk_ms: Option<u64> },
    Found(CalledStatus),
    TrunkRefuses,
    RingTimeout,
    CustomerLeaves,
    MaxCall,
}

impl SimulatedCall {
    /// Journal the INVITE, then let it go.
    pub(super) fn invite(
        network: Arc<Network>,
        order: Order,
        plan: Plan,
        timeline: Timeline,
    ) -> Result<Self, CarrierError> {
        let phone_hash = network.journal.phone_hash(order.enterprise, order.callee);
        let call_id = format!("sim-{}-{}", order.attempt.uuid().simple(), order.token);
        let lost = network.enter(order.attempt);
        let mut call = Self {
            network,
            order,
            phone_hash,
            call_id,
            timeline,
            phase: Phase::Placed,
            reached: 0,
            agenda: Agenda::new(),
            customer: None,
            told: VecDeque::new(),
            entries: Vec::new(),
            lost,
        };
        let invite = call.entry(0, Event::Invite);
        let written = call.network.journal.append_if(&[invite], || call.may_leave());
        if !matches!(written, Ok(true)) {
            // Nothing left for the network, so nothing is to be hung up.
            call.phase = Phase::Over;
            call.network.leave(call.order.attempt, &call.lost);
            return Err(written.map_or_else(CarrierError::from, |_| CarrierError::Late));
        }
        call.plan(plan);
        Ok(call)
    }

    /// What allowed the call still does, at this moment.
    fn may_leave(&self) -> bool {
        let Order { invite_by, hours, callee, .. } = &self.order;
        Instant::now() <= *invite_by
            && hours.may_call(self.network.clock.now(), Some(*callee)).is_ok()
    }

    fn plan(&mut self, Plan { setup_ms, outcome }: Plan) {
        let agenda = &mut self.agenda;
        match outcome {
            Outcome::TrunkRefuses => agenda.put(setup_ms, Act::TrunkRefuses),
            Outcome::RingsForEver => agenda.put(setup_ms, Act::Ring),
            Outcome::Found { status, after_ms } => {
                if rings(status) {
                    agenda.put(setup_ms, Act::Ring);
                }
                agenda.put(setup_ms + after_ms, Act::Found(status));
            }
            Outcome::Answered { ring_ms, talk_ms, persona } => {
                agenda.put(setup_ms, Act::Ring);
                agenda.put(setup_ms + ring_ms, Act::Answer { persona, talk_ms });
            }
        }
        agenda.put(ms(self.order.ring_timeout), Act::RingTimeout);
    }

    fn now(&self) -> u64 {
        self.timeline.elapsed_ms().max(self.reached)
    }

    fn due(&self) -> Option<u64> {
        let customer = self.customer.as_ref().and_then(Customer::due);
        [self.agenda.due(), customer].into_iter().flatten().min()
    }

    /// Let all happen that is due by `now`, up to what the conversation must be asked about.
    fn advance(&mut self, now: u64) {
        self.reached = self.reached.max(now);
        while self.told.is_empty() || self.phase != Phase::Up {
            let Some(due) = self.due().filter(|due| *due <= now) else { break };
            if self.agenda.due() == Some(due) {
                if let Some((at, act)) = self.agenda.take() {
                    self.act(at, act);
                }
            } else if let Some((at, deed)) = self.customer.as_mut().and_then(Customer::act) {
                match deed {
                    Some(Deed::Heard(input)) => {
                        self.told.push_back(CallEvent::Heard { at: self.timeline.at(at), input });
                    }
                    Some(Deed::HangsUp) => self.end_answered(at, HangupParty::Customer, ""),
                    None => {}
                }
            }
        }
        self.write();
    }

    fn act(&mut self, at: u64, act: Act) {
        match act {
            Act::Ring => {
                self.phase = Phase::Ringing;
                self.entries.push(self.entry(at, Event::Ring));
                self.told.push_back(CallEvent::Ringing { at: self.timeline.at(at) });
                self.agenda.retain(|act| !matches!(act, Act::RingTimeout));
                self.agenda.put(at + ms(self.order.ring_timeout), Act::RingTimeout);
            }
            Act::Answer { persona, talk_ms } => self.answer(at, persona, talk_ms),
            Act::Found(status) => {
                let announced = Evidence { heard: Some(status), ..evidence(codes(status)) };
                let ending = unanswered(&announced, &self.order.line);
                self.end(at, ending);
            }
            Act::TrunkRefuses => {
                let ending = unanswered(&evidence(NO_CIRCUIT), &self.order.line);
                self.end(at, ending);
            }
            Act::RingTimeout => self.cancel(at, cause::RING_TIMEOUT),
            Act::CustomerLeaves => self.end_answered(at, HangupParty::Customer, ""),
            Act::MaxCall => self.end_answered(at, HangupParty::System, cause::MAX_CALL),
        }
    }

    fn answer(&mut self, at: u64, persona: &'static Persona, talk_ms: Option<u64>) {
        self.phase = Phase::Up;
        self.entries.push(self.entry(at, Event::Answer));
        self.told.push_back(CallEvent::Answered { at: self.timeline.at(at) });
        self.agenda.clear();
        if let Some(talk_ms) = talk_ms {
            self.agenda.put(at + talk_ms, Act::CustomerLeaves);
        }
        self.agenda.put(at + ms(self.order.max_call), Act::MaxCall);
        self.customer = Some(Customer::answers(persona, at));
    }

    /// Our CANCEL: the phone was not answered. It is our own doing, so no mapping has a say.
    fn cancel(&mut self, at: u64, why: &str) {
        let status = match why {
            cause::RING_TIMEOUT => CalledStatus::NoAnswer,
            _ => CalledStatus::CallFailed,
        };
        let ending = Ending {
            at: self.timeline.at(at),
            result: CallResult::Unanswered(status),
            cause: why.to_owned(),
            sip_code: Some(CANCELLED),
            q850_cause: None,
            party: Some(HangupParty::System),
            trunk_refused: false,
        };
        self.end(at, ending);
    }

    fn end_answered(&mut self, at: u64, party: HangupParty, why: &str) {
        let ending = Ending {
            at: self.timeline.at(at),
            result: CallResult::Answered,
            cause: why.to_owned(),
            sip_code: Some(NORMAL_CLEARING.0),
            q850_cause: Some(NORMAL_CLEARING.1),
            party: Some(party),
            trunk_refused: false,
        };
        self.end(at, ending);
    }

    fn end(&mut self, at: u64, ending: Ending) {
        self.phase = Phase::Over;
        self.agenda.clear();
        self.customer = None;
        self.entries.push(self.entry(at, Event::Bye));
        let at = self.timeline.at(at);
        self.told.push_back(CallEvent::Ended(Ending { at, ..ending }));
        self.network.leave(self.order.attempt, &self.lost);
    }

    /// Hang up now, in whatever phase.
    fn hang_up(&mut self, why: &str) {
        let now = self.now();
        match self.phase {
            Phase::Over => return,
            Phase::Up => self.end_answered(now, HangupParty::System, why),
            Phase::Placed | Phase::Ringing => self.cancel(now, why),
        }
        self.write();
    }

    fn entry(&self, at: u64, event: Event) -> Entry {
        Entry {
            at: self.timeline.at(at),
            real_us: real_us(),
            event,
            attempt: self.order.attempt,
            token: self.order.token,
            task: self.order.task,
            trunk: self.order.trunk,
            enterprise: self.order.enterprise,
            phone_hash: self.phone_hash,
            worker: self.network.journal.worker().to_owned(),
        }
    }

    /// Journal what is about to be told. The call is on the network already: should the journal fail,
    /// what happened is still told, and the checker misses the entry.
    fn write(&mut self) {
        if self.entries.is_empty() {
            return;
        }
        if let Err(error) = self.network.journal.append(&self.entries) {
            tracing::error!(%error, attempt = %self.order.attempt, "the call journal can't be written");
        }
        self.entries.clear();
    }
}

#[async_trait]
impl Call for SimulatedCall {
    fn call_id(&self) -> &str {
        &self.call_id
    }

    async fn next(&mut self) -> CallEvent {
        loop {
            if let Some(event) = self.told.pop_front() {
                return event;
            }
            let Some(due) = self.due() else {
                return std::future::pending().await;
            };
            if due > self.now() {
                tokio::select! {
                    biased;
                    () = self.lost.notified() => {
                        self.hang_up(cause::WORKER_LOST);
                        continue;
                    }
                    () = tokio::time::sleep_until(self.timeline.instant(due)) => {}
                }
            }
            self.advance(due.max(self.now()));
        }
    }

    async fn send(&mut self, command: Command) {
        let now = self.now();
        match (command, &mut self.customer) {
            (Command::HangUp { cause }, _) => self.hang_up(cause),
            (Command::Play { utterance, text }, Some(customer)) => {
                customer.hear(now, utterance, text);
            }
            (Command::Stop { utterance }, Some(customer)) => customer.stop(now, utterance),
            (Command::Listen { end_of_speech_ms }, Some(customer)) => {
                customer.listen(end_of_speech_ms);
            }
            // The simulated network takes digits and does nothing about them.
            (Command::SendDigits(_), _)
            | (Command::Play { .. } | Command::Stop { .. } | Command::Listen { .. }, None) => {}
        }
    }
}

impl Drop for SimulatedCall {
    /// Whoever lets go of a call that is up hangs it up.
    fn drop(&mut self) {
        self.hang_up("");
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn evidence((sip, q850): (u16, u16)) -> Evidence {
    Evidence { sip_code: Some(sip), q850_cause: Some(q850), ..Evidence::default() }
}

/// A final refusal by the network, judged as any line's is.
fn unanswered(evidence: &Evidence, line: &TrunkConfig) -> Ending {
    let trunk_refused = line_refused(evidence, &line.status_mapping);
    let cause = if trunk_refused { cause::TRUNK_REFUSED } else { "" };
    Ending {
        at: chrono::DateTime::UNIX_EPOCH,
        result: classify(evidence, &line.status_mapping),
        cause: cause.to_owned(),
        sip_code: evidence.sip_code,
        q850_cause: evidence.q850_cause,
        party: None,
        trunk_refused,
    }
}
