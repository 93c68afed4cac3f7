//! One SIP call, from its INVITE to its end: a task that answers the far end and tells the gate.

mod hear;
mod place;
mod requests;
mod talk;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outbound::Time;
use outbound::trunk::{SipHost, SipTrunk};
use rsipstack::sip::uri::Tag;
use rsipstack::transaction::Transaction;
use tokio::sync::{mpsc, watch};

use super::Works;
use super::endpoint::Owned;
use super::flow::Flow;
use super::inviting::{Arrived, Inviting};
use super::playlist::Playlist;
use super::sdp::Local;
use crate::carrier::{CallEvent, Command, Order, Timeline};
use crate::gate::Permit;
use crate::media::{MediaEvent, Session, SessionEvents};
use hear::Hearing;
use place::Placed;

/// Events that wait for the gate. What is heard later is not told; ringing, answer and end always are.
const EVENTS_MAX: usize = 1_024;
/// How long the gate may take to write down that the call is hung up. Then it is hung up all the same: a worker that
/// hangs keeps no phone busy.
const GRANT_WAIT: Duration = Duration::from_secs(1);
/// Room that is kept for those.
const EVENTS_KEPT: usize = 8;
/// How long the end of a recording is waited for.
const RECORDING_WAIT: Duration = Duration::from_secs(5);

/// What the gate is told.
pub(super) enum Told {
    Event(CallEvent),
    /// The call is to be hung up for this cause, once the journal has it.
    Due(&'static str),
}

/// The way from the call to the gate.
pub(super) struct Events(mpsc::Sender<Told>);

impl Events {
    pub(super) fn channel() -> (Self, mpsc::Receiver<Told>) {
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        (Self(sender), receiver)
    }

    fn tell(&self, event: CallEvent) {
        if matches!(event, CallEvent::Heard { .. }) && self.0.capacity() <= EVENTS_KEPT {
            return;
        }
        // Nobody listens where the leg was let go.
        let _ = self.0.try_send(Told::Event(event));
    }

    fn due(&self, cause: &'static str) {
        let _ = self.0.try_send(Told::Due(cause));
    }
}

/// What is needed until the call is answered.
pub(super) struct Placing {
    /// The host that is called.
    pub(super) host: SipHost,
    /// Those that are left.
    pub(super) hosts: VecDeque<SipHost>,
    pub(super) flow: Flow,
    pub(super) permit: Permit,
    pub(super) tag: Tag,
    /// Until then it may ring.
    pub(super) ring_due: tokio::time::Instant,
}

/// See the module.
pub(super) struct Call {
    works: Arc<Works>,
    order: Order,
    trunk: Arc<SipTrunk>,
    call_id: String,
    timeline: Timeline,
    /// Times that are told never go back.
    reached: Time,
    local: Local,
    /// What the last agreement was about; what a description without a stream refers to.
    agreed: Option<crate::media::Peer>,
    session: Session,
    media: Option<SessionEvents>,
    events: Events,
    commands: Option<mpsc::Receiver<Command>>,
    hang_up: watch::Receiver<Option<&'static str>>,
    hung_up: bool,
    /// The gate was asked to hang up for this cause, and has until then.
    asked_to_end: Option<(&'static str, tokio::time::Instant)>,
    requests: mpsc::Receiver<Transaction>,
    /// The far end's answers to offers of ours that came in an ACK.
    late_answers: (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>),
    placing: Placing,
    playlist: Playlist,
    hearing: Hearing,
    _owned: Owned,
}

/// What happens next on a call.
enum Next {
    Response(Option<Arrived>),
    Request(Box<Transaction>),
    LateAnswer(Vec<u8>),
    Media(MediaEvent),
    Command(Command),
    HangUp(&'static str),
    Due,
}

impl Call {
    #[expect(
        clippy::too_many_arguments,
        reason = "it is made in one place, of what was opened there"
    )]
    pub(super) fn new(
        works: Arc<Works>,
        order: Order,
        trunk: Arc<SipTrunk>,
        call_id: String,
        timeline: Timeline,
        local: Local,
        (session, media): (Session, SessionEvents),
        events: Events,
        commands: mpsc::Receiver<Command>,
        hang_up: watch::Receiver<Option<&'static str>>,
        (owned, requests): (Owned, mpsc::Receiver<Transaction>),
        placing: Placing,
    ) -> Self {
        Self {
            works,
            order,
            trunk,
            call_id,
            timeline,
            reached: timeline.started_at(),
            local,
            agreed: None,
            session,
            media: Some(media),
            events,
            commands: Some(commands),
            hang_up,
            hung_up: false,
            asked_to_end: None,
            requests,
            late_answers: mpsc::channel(1),
            placing,
            playlist: Playlist::default(),
            hearing: Hearing::default(),
            _owned: owned,
        }
    }

    /// Carry the call to its end.
    pub(super) async fn run(mut self: Box<Self>) {
        let ending = match self.place().await {
            Placed::Answered(up) => self.talk(*up).await,
            Placed::Ended(ending) => ending,
        };
        let Self { session, events, order, .. } = *self;
        if order.recording.is_some() {
            // Whoever is told of the end finds the recording whole.
            let closed = tokio::time::timeout(RECORDING_WAIT, session.close()).await;
            if closed.is_err() {
                tracing::warn!(attempt = %order.attempt, "a recording is not on the disk yet");
            }
        } else {
            drop(session);
        }
        events.tell(CallEvent::Ended(ending));
    }

    /// Wait for what happens next. Cancel safe.
    async fn next(&mut self, inviting: Option<&mut Inviting>, due: tokio::time::Instant) -> Next {
        let response = async {
            match inviting {
                Some(inviting) => inviting.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            arrived = response => Next::Response(arrived),
            Some(request) = self.requests.recv() => Next::Request(Box::new(request)),
            Some(answer) = self.late_answers.1.recv() => Next::LateAnswer(answer),
            Some(event) = media(&mut self.media) => Next::Media(event),
            Some(command) = command(&mut self.commands) => Next::Command(command),
            cause = hang_up(&mut self.hang_up), if !self.hung_up => {
                self.hung_up = true;
                Next::HangUp(cause)
            }
            () = tokio::time::sleep_until(due) => Next::Due,
        }
    }

    /// One of our own times is over: have the gate hang up. Returns the cause when the gate has had its time.
    fn end_for(&mut self, cause: &'static str) -> Option<&'static str> {
        let now = tokio::time::Instant::now();
        match self.asked_to_end {
            Some((asked, until)) => (until <= now).then_some(asked),
            None => {
                self.asked_to_end = Some((cause, now + GRANT_WAIT));
                self.events.due(cause);
                None
            }
        }
    }

    /// When something of our own is due, unless the gate has been asked to hang up.
    fn or_grant(&self, due: tokio::time::Instant) -> tokio::time::Instant {
        self.asked_to_end.map_or(due, |(_, until)| until)
    }

    /// The business time of something that happened, never before what was told last.
    fn at(&mut self, instant: Instant) -> Time {
        let ago = instant.elapsed().as_millis();
        let ago_ms =
            u64::try_from(ago).unwrap_or(u64::MAX).saturating_mul(self.timeline.factor().into());
        let at = self.timeline.at(self.timeline.elapsed_ms().saturating_sub(ago_ms));
        self.reached = self.reached.max(at);
        self.reached
    }

    fn now(&mut self) -> Time {
        self.at(Instant::now())
    }

    /// The moment after so much business time from now.
    fn due_in(&self, business: Duration) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.works.clock.real(business)
    }
}

async fn media(events: &mut Option<SessionEvents>) -> Option<MediaEvent> {
    let Some(open) = events else { return std::future::pending().await };
    let event = open.next().await;
    if event.is_none() {
        *events = None;
        return std::future::pending().await;
    }
    event
}

async fn command(commands: &mut Option<mpsc::Receiver<Command>>) -> Option<Command> {
    let Some(open) = commands else { return std::future::pending().await };
    let command = open.recv().await;
    if command.is_none() {
        *commands = None;
        return std::future::pending().await;
    }
    command
}

/// Whoever let the leg go has hung up.
async fn hang_up(wanted: &mut watch::Receiver<Option<&'static str>>) -> &'static str {
    match wanted.wait_for(Option::is_some).await {
        Ok(cause) => cause.unwrap_or(""),
        Err(_) => "",
    }
}
