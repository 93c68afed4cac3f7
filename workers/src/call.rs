//! One call: the leg's events go into the conversation, its commands go to the leg.
//!
//! It promises an [`Account`] of the call that tells the truth however it ends, and never holds on to
//! a call whose lease is gone. A customer who asks not to be called again is listed when they have asked.

use std::sync::Arc;
use std::time::Duration;

use dialog::conversation::{
    AgentRequest, Conversation, Input, Millis, Output, Party, Report, TransferRequest,
};
use dialog::robot::{RobotConfig, SpeechSettings};
use outbound::Time;
use outbound::outcome::{HangupParty, cause};
use outbound::phone::Phone;
use outbound::trunk::TransferBy;
use storage::attempts::DialOrder;
use storage::suppression;
use telephony::carrier::{Call, CallEvent, Command, Ending, Order, TransferProgress};
use telephony::voice::Say;
use tokio::task::JoinHandle;

use crate::asked::Asked;
use crate::begun;
use crate::detection::{Consequence, Detection};
use crate::ear::Ear;
use crate::enquiry::Enquiry;
use crate::environment::Environment;
use crate::faults;
use crate::live::{LiveCall, Notice};
use crate::transfer::{CalledPerson, HandOn, Transfer, TransferEvent};

/// How long a far end that has handed the customer over is left the time to hang up itself.
const LEAVE_AFTER: Duration = Duration::from_secs(2);
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);

/// What came of a call.
#[derive(Debug)]
pub struct Account {
    pub started_at: Time,
    pub ringing_at: Option<Time>,
    pub answered_at: Option<Time>,
    pub ending: Ending,
    /// Of an answered call.
    pub report: Option<Report>,
    /// The phone at which a person took the call over.
    pub agent_phone: Option<Phone>,
}

/// A call that is up, and its conversation once it is answered.
pub struct Talk<'a> {
    env: &'a Environment,
    order: &'a DialOrder,
    /// The call as the line was asked for it.
    placed: Order,
    call: Box<dyn Call>,
    conversation: Option<(Time, Conversation)>,
    /// The silence that ends the customer's speech, as the line was told.
    end_of_speech_ms: Option<Millis>,
    /// Who listens on a line that carries sound, and the robot that it listens for.
    ear: Option<Ear>,
    listens: Option<Arc<RobotConfig>>,
    /// Whose voice speaks, and how.
    speaks: (Option<Arc<RobotConfig>>, Arc<SpeechSettings>),
    asked: Asked,
    enquiry: Enquiry,
    /// Who answered is still to be told, or may be corrected.
    detection: Option<Detection>,
    /// The customer asked not to be called again, and is being listed.
    listing: Option<JoinHandle<()>>,
    transfer: Transfer,
    /// Whom the far end is to call in our place.
    referred: Option<CalledPerson>,
    /// The far end has handed the customer over: then it is hung up on, if it has not done so.
    leaves_at: Option<tokio::time::Instant>,
    agent_phone: Option<Phone>,
}

impl<'a> Talk<'a> {
    pub fn new(
        env: &'a Environment,
        order: &'a DialOrder,
        placed: Order,
        call: Box<dyn Call>,
    ) -> Self {
        Self {
            env,
            order,
            placed,
            call,
            conversation: None,
            end_of_speech_ms: None,
            ear: None,
            listens: None,
            speaks: (None, Arc::default()),
            asked: Asked::default(),
            enquiry: Enquiry::default(),
            detection: None,
            listing: None,
            transfer: Transfer::default(),
            referred: None,
            leaves_at: None,
            agent_phone: None,
        }
    }

    /// Carry the call to its end. `None`: its lease was lost, and what came of it is not ours to write.
    pub async fn run(mut self, started_at: Time, live: &mut LiveCall) -> Option<Account> {
        let (mut ringing_at, mut answered_at) = (None, None);
        let ending = loop {
            let deadline = self.deadline();
            tokio::select! {
                biased;
                notice = live.told() => match notice {
                    Notice::GoOn => {}
                    Notice::HangUp(cause) => self.call.send(Command::HangUp { cause }).await,
                    Notice::Lost => break None,
                },
                event = self.call.next() => match event {
                    CallEvent::Ringing { at } => ringing_at = Some(at),
                    CallEvent::Answered { at } => {
                        answered_at = Some(at);
                        self.answered(at).await;
                    }
                    CallEvent::Heard { at, input } => match (&self.ear, &input) {
                        (Some(ear), Input::SpeechStarted) => ear.voice_started(),
                        (Some(ear), Input::VoicePaused) => ear.voice_paused(at),
                        _ => self.hear(at, input).await,
                    },
                    CallEvent::Transfer { at, progress } => self.refer_goes(at, progress).await,
                    CallEvent::Ended(ending) => break Some(ending),
                },
                (at, input) = heard(&mut self.ear) => self.hear(at, input).await,
                answer = self.asked.answer() => {
                    let now = self.env.clock.now();
                    self.hear(now, answer).await;
                }
                answer = self.enquiry.next() => {
                    let now = self.env.clock.now();
                    self.hear(now, answer).await;
                }
                event = self.transfer.next() => self.transferred(event).await,
                () = leave(self.leaves_at) => {
                    self.leaves_at = None;
                    self.call.send(Command::HangUp { cause: cause::TRANSFERRED }).await;
                }
                () = sleep_until(&self.env.clock, deadline) => {
                    let now = self.env.clock.now();
                    self.hear(now, Input::Tick).await;
                }
            }
        };
        if ending.is_none() {
            // Dropping it hangs it up.
            drop(self.call);
        }
        self.transfer.end().await;
        if let Some(listing) = self.listing {
            // It goes on by itself should it panic here; the hook has logged where.
            let _ = listing.await;
        }
        let ending = ending?;
        let report = self.conversation.map(|(answered, conversation)| {
            let by = match ending.party {
                Some(HangupParty::Customer) => Party::Customer,
                _ => Party::System,
            };
            conversation.finish(millis(answered, ending.at), by)
        });
        Some(Account {
            started_at,
            ringing_at,
            answered_at,
            ending,
            report,
            agent_phone: self.agent_phone,
        })
    }

    fn deadline(&self) -> Option<Time> {
        let (answered, conversation) = self.conversation.as_ref()?;
        let detection = self.detection.as_ref().and_then(Detection::deadline);
        let due = [conversation.deadline(), detection].into_iter().flatten().min()?;
        let at = i64::try_from(due).ok()?;
        Some(*answered + chrono::TimeDelta::milliseconds(at))
    }

    async fn answered(&mut self, at: Time) {
        self.conversation = Some((at, begun::conversation(self.order, at)));
        self.detection = Detection::of(&self.order.answering);
        self.ear =
            self.call.audio().map(|audio| Ear::listen(self.env, self.placed.enterprise, &audio));
        self.hear(at, Input::Answered).await;
    }

    async fn hear(&mut self, at: Time, input: Input) {
        let answered = self.conversation.as_ref().map(|(answered, _)| *answered);
        let detected = match (answered, &mut self.detection) {
            (Some(answered), Some(detection)) => detection.hear(millis(answered, at), &input),
            _ => Vec::new(),
        };
        self.tell(at, input).await;
        for consequence in detected {
            match consequence {
                Consequence::Tell(input) => self.tell(at, input).await,
                Consequence::HangUp => {
                    self.call.send(Command::HangUp { cause: cause::NOT_A_PERSON }).await;
                }
            }
        }
    }

    /// Tell the conversation, and do what it wants done.
    async fn tell(&mut self, at: Time, input: Input) {
        let Some((answered, conversation)) = &mut self.conversation else { return };
        let outputs = conversation.handle(millis(*answered, at), input);
        let end_of_speech_ms = conversation.end_of_speech_ms();
        let (listens, speaker) = (conversation.robot().cloned(), conversation.speaker().cloned());
        if self.end_of_speech_ms.replace(end_of_speech_ms) != Some(end_of_speech_ms) {
            self.call.send(Command::Listen { end_of_speech_ms }).await;
        }
        if let (Some(ear), Some(robot)) = (&self.ear, listens)
            && !same(self.listens.as_ref(), Some(&robot))
        {
            ear.robot(&robot);
            self.listens = Some(robot);
        }
        if !same(self.speaks.0.as_ref(), speaker.as_ref()) {
            let speech = speaker.as_ref().map(|robot| Arc::new(robot.speech.clone()));
            self.speaks = (speaker, speech.unwrap_or_default());
        }
        for output in outputs {
            match output {
                Output::Play { utterance, text, sound } => {
                    let say = Say { text, speech: Arc::clone(&self.speaks.1), sound };
                    self.call.send(Command::Play { utterance, say }).await;
                }
                Output::Stop { utterance } => self.call.send(Command::Stop { utterance }).await,
                Output::SendDigits(digits) => self.call.send(Command::SendDigits(digits)).await,
                Output::HangUp => self.call.send(Command::HangUp { cause: "" }).await,
                Output::Ask(request) => self.ask(request),
                Output::CancelAsk { id } => self.asked.cancel(id),
                Output::Transfer(request) => self.hand_over(request),
                Output::CancelTransfer { id } => self.transfer.cancel(id),
                Output::Http(request) => {
                    self.enquiry.ask(self.env.providers.tools(self.placed.enterprise), request);
                }
                Output::CancelHttp { id } => self.enquiry.cancel(id),
                Output::Suppress => self.never_again(),
            }
        }
    }

    fn hand_over(&mut self, request: TransferRequest) {
        let by_refer = self.placed.line.sip.as_ref().map(|sip| sip.transfer);
        let hand_on = match by_refer {
            Some(TransferBy::Refer) => HandOn::Refer,
            _ => HandOn::Join(self.call.audio()),
        };
        self.transfer.begin(self.env, request, self.placed.clone(), hand_on);
    }

    async fn transferred(&mut self, event: TransferEvent) {
        let now = self.env.clock.now();
        match event {
            TransferEvent::Tell(input) => {
                if matches!(input, Input::TransferFailed { .. }) {
                    // What is heard of an older REFER is nobody's any more.
                    self.referred = None;
                }
                self.hear(now, input).await;
            }
            TransferEvent::Refer(person) => {
                self.call.send(Command::Refer { to: person.phone }).await;
                self.referred = Some(person);
            }
            TransferEvent::Joined(person) => {
                self.is_with(now, person).await;
                // They talk with each other now, and nobody listens.
                (self.ear, self.detection) = (None, None);
                self.call.send(Command::Joined).await;
            }
            TransferEvent::PersonLeft => {
                self.call.send(Command::HangUp { cause: cause::AGENT_HUNG_UP }).await;
            }
        }
    }

    /// How the call goes that the far end places in our place. When the person has answered, we are to hang up (RFC 5589);
    /// some far ends do it first.
    async fn refer_goes(&mut self, at: Time, progress: TransferProgress) {
        if progress == TransferProgress::Answered
            && let Some(person) = self.referred.take()
        {
            self.is_with(at, person).await;
            self.leaves_at = Some(tokio::time::Instant::now() + LEAVE_AFTER);
        }
        self.transfer.progressed(progress);
    }

    /// The person is on the line.
    async fn is_with(&mut self, at: Time, called: CalledPerson) {
        let CalledPerson { transfer, person, phone } = called;
        self.agent_phone = Some(phone);
        self.hear(at, Input::TransferConnected { transfer, person }).await;
    }

    /// As a task of its own, which ends with nothing but its work.
    fn never_again(&mut self) {
        let facts = &self.order.facts;
        let (enterprise, phone, attempt) = (facts.enterprise, facts.callee, self.order.attempt);
        let (store, clock) = (self.env.store.clone(), self.env.clock.clone());
        let decided = Arc::clone(self.env.lines.decided());
        let listing = async move {
            loop {
                let error = match suppression::asked(&store, enterprise, phone, clock.now()).await {
                    // Other processes hear of it from the database.
                    Ok(()) => return decided.listed(enterprise, &[phone]),
                    Err(error) => error,
                };
                if !error.is_passing() {
                    faults::tell_of("do_not_call", attempt, &error);
                    return;
                }
                tracing::warn!(%error, %attempt, "a do-not-call entry is written again");
                tokio::time::sleep(RETRY).await;
            }
        };
        self.listing.get_or_insert_with(|| tokio::spawn(listing));
    }

    fn ask(&mut self, request: AgentRequest) {
        self.asked.ask(self.env.providers.agent(self.placed.enterprise), request);
    }
}

fn millis(answered: Time, at: Time) -> Millis {
    u64::try_from((at - answered).num_milliseconds()).unwrap_or(0)
}

fn same(one: Option<&Arc<RobotConfig>>, other: Option<&Arc<RobotConfig>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

async fn heard(ear: &mut Option<Ear>) -> (Time, Input) {
    match ear {
        Some(ear) => ear.next().await,
        None => std::future::pending().await,
    }
}

async fn leave(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(clock: &clock::Clock, due: Option<Time>) {
    match due {
        Some(due) => tokio::time::sleep(clock.until(due)).await,
        None => std::future::pending().await,
    }
}
