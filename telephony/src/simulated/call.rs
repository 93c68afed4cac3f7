//! One call on the simulated line: a state machine with its own timer, polled by `next`.

use std::collections::VecDeque;
use std::time::Duration;

use outbound::Time;
use outbound::outcome::{CallResult, CalledStatus, Evidence, HangupParty, cause};

use super::agenda::Agenda;
use super::customer::{Customer, Deed};
use super::persona::Persona;
use super::plan::{Outcome, Plan, codes, rings};
use crate::carrier::{CallEvent, Command, Ending, Order, Timeline};
use crate::gate::Leg;
use crate::media::Audio;

/// How long a person talks with a customer who was handed to them.
const TRANSFER_TALK_MS: u64 = 20_000;
/// SIP: request terminated, the answer to our CANCEL.
const CANCELLED: u16 = 487;
/// SIP and Q.850 of a line that refuses: no circuit available.
const NO_CIRCUIT: (u16, u16) = (503, 34);
/// SIP and Q.850 of an answered call that was hung up.
const NORMAL_CLEARING: (u16, u16) = (200, 16);

/// See the module.
pub struct SimulatedCall {
    order: Order,
    plan: Plan,
    call_id: String,
    timeline: Timeline,
    phase: Phase,
    /// How far the call has come, in milliseconds: its times never go back.
    reached: u64,
    agenda: Agenda<Act>,
    /// On an answered call.
    customer: Option<Customer>,
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
    pub(super) fn new(order: Order, plan: Plan, timeline: Timeline) -> Self {
        let call_id = format!("sim-{}-{}", order.attempt.uuid().simple(), order.token);
        Self {
            order,
            plan,
            call_id,
            timeline,
            phase: Phase::Placed,
            reached: 0,
            agenda: Agenda::new(),
            customer: None,
        }
    }

    /// Plan the call from the moment of its INVITE on, to which it has come: between that and the start of its own time the
    /// journal was written, and nothing may happen before the INVITE.
    fn put_down(&mut self, Plan { setup_ms, outcome }: Plan) {
        let setup_ms = self.reached + setup_ms;
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
        agenda.put(self.reached + ms(self.order.ring_timeout), Act::RingTimeout);
    }

    fn now_ms(&self) -> u64 {
        self.timeline.elapsed_ms().max(self.reached)
    }

    fn due(&self) -> Option<u64> {
        let customer = self.customer.as_ref().and_then(Customer::due);
        [self.agenda.due(), customer].into_iter().flatten().min()
    }

    /// Let all happen that is due by `now`, up to what the conversation must be asked about.
    fn advance(&mut self, now: u64, told: &mut VecDeque<CallEvent>) {
        self.reached = self.reached.max(now);
        while told.is_empty() || self.phase != Phase::Up {
            let Some(due) = self.due().filter(|due| *due <= now) else { break };
            if self.agenda.due() == Some(due) {
                if let Some((at, act)) = self.agenda.take() {
                    self.act(at, act, told);
                }
            } else if let Some((at, deed)) = self.customer.as_mut().and_then(Customer::act) {
                match deed {
                    Some(Deed::Heard(input)) => {
                        told.push_back(CallEvent::Heard { at: self.timeline.at(at), input });
                    }
                    Some(Deed::HangsUp) => {
                        told.push_back(self.end_answered(at, HangupParty::Customer, ""));
                    }
                    None => {}
                }
            }
        }
    }

    fn act(&mut self, at: u64, act: Act, told: &mut VecDeque<CallEvent>) {
        let event = match act {
            Act::Ring => self.ring(at),
            Act::Answer { persona, talk_ms } => self.answer(at, persona, talk_ms),
            Act::Found(status) => {
                let announced = Evidence { heard: Some(status), ..evidence(codes(status)) };
                self.unanswered(at, &announced)
            }
            Act::TrunkRefuses => self.unanswered(at, &evidence(NO_CIRCUIT)),
            Act::RingTimeout => self.cancel(at, cause::RING_TIMEOUT),
            Act::CustomerLeaves => self.end_answered(at, HangupParty::Customer, ""),
            Act::MaxCall => self.end_answered(at, HangupParty::System, cause::MAX_CALL),
        };
        told.push_back(event);
    }

    fn ring(&mut self, at: u64) -> CallEvent {
        self.phase = Phase::Ringing;
        self.agenda.retain(|act| !matches!(act, Act::RingTimeout));
        self.agenda.put(at + ms(self.order.ring_timeout), Act::RingTimeout);
        CallEvent::Ringing { at: self.timeline.at(at) }
    }

    fn answer(&mut self, at: u64, persona: &'static Persona, talk_ms: Option<u64>) -> CallEvent {
        self.phase = Phase::Up;
        self.agenda.clear();
        if let Some(talk_ms) = talk_ms.filter(|_| self.order.transfer_of.is_none()) {
            self.agenda.put(at + talk_ms, Act::CustomerLeaves);
        }
        self.agenda.put(at + ms(self.order.max_call), Act::MaxCall);
        let mut customer = Customer::answers(persona, at);
        if self.order.transfer_of.is_some() {
            // A person who was called for a customer: talks with them, and hangs up.
            customer.talks_to_a_person();
            self.agenda.put(at + TRANSFER_TALK_MS, Act::CustomerLeaves);
        }
        self.customer = Some(customer);
        CallEvent::Answered { at: self.timeline.at(at) }
    }

    fn unanswered(&mut self, at: u64, evidence: &Evidence) -> CallEvent {
        let mapping = &self.order.line.status_mapping;
        let ending = Ending::unanswered(self.timeline.at(at), evidence, mapping);
        self.end(ending)
    }

    fn cancel(&mut self, at: u64, why: &str) -> CallEvent {
        self.end(Ending::cancelled(self.timeline.at(at), why, Some(CANCELLED)))
    }

    fn end_answered(&mut self, at: u64, party: HangupParty, why: &str) -> CallEvent {
        let ending = Ending {
            at: self.timeline.at(at),
            result: CallResult::Answered,
            cause: why.to_owned(),
            sip_code: Some(NORMAL_CLEARING.0),
            q850_cause: Some(NORMAL_CLEARING.1),
            party: Some(party),
            trunk_refused: false,
        };
        self.end(ending)
    }

    fn end(&mut self, ending: Ending) -> CallEvent {
        self.phase = Phase::Over;
        self.agenda.clear();
        self.customer = None;
        CallEvent::Ended(ending)
    }
}

impl Leg for SimulatedCall {
    fn call_id(&self) -> &str {
        &self.call_id
    }

    fn now(&mut self) -> Time {
        self.reached = self.now_ms();
        self.timeline.at(self.reached)
    }

    fn invite(&mut self) {
        self.put_down(self.plan);
    }

    async fn next(&mut self, told: &mut VecDeque<CallEvent>) -> Option<&'static str> {
        while told.is_empty() {
            let Some(due) = self.due() else {
                return std::future::pending().await;
            };
            if due > self.now_ms() {
                tokio::time::sleep_until(self.timeline.instant(due)).await;
            }
            self.advance(due.max(self.now_ms()), told);
        }
        // It hangs up without a packet: the gate has it in the journal before it is told.
        None
    }

    fn audio(&self) -> Option<Audio> {
        None
    }

    async fn send(&mut self, command: Command) {
        let now = self.now_ms();
        let Some(customer) = &mut self.customer else { return };
        match command {
            Command::Play { utterance, say } => customer.hear(now, utterance, say.text),
            Command::Stop { utterance } => customer.stop(now, utterance),
            Command::Listen { end_of_speech_ms } => customer.listen(end_of_speech_ms),
            // The simulated network takes digits and transfers, and does nothing about them. The gate hangs up.
            Command::Joined => customer.talks_to_a_person(),
            Command::SendDigits(_) | Command::Refer { .. } | Command::HangUp { .. } => {}
        }
    }

    fn hang_up(&mut self, why: &'static str, told: &mut VecDeque<CallEvent>) {
        let event = match self.phase {
            Phase::Over => return,
            Phase::Up => self.end_answered(self.reached, HangupParty::System, why),
            Phase::Placed | Phase::Ringing => self.cancel(self.reached, why),
        };
        told.push_back(event);
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn evidence((sip, q850): (u16, u16)) -> Evidence {
    Evidence { sip_code: Some(sip), q850_cause: Some(q850), ..Evidence::default() }
}
