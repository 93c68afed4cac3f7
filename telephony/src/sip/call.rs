//! One SIP call, from its INVITE to its end: a task that answers the far end and tells the gate.

mod place;
mod requests;
mod talk;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use outbound::trunk::{SipHost, SipTrunk};
use rsipstack::sip::uri::Tag;
use rsipstack::transaction::Transaction;
use tokio::sync::mpsc;

use super::Works;
use super::endpoint::Owned;
use super::flow::Flow;
use super::inviting::{Arrived, Inviting};
use super::referring::Referring;
use super::sdp::Local;
use crate::carrier::{CallEvent, Command, Order};
use crate::gate::Permit;
use crate::hearing::Hearing;
use crate::media::{MediaEvent, RECORDING_WAIT, Session, SessionEvents};
use crate::task_leg::{CallEnd, Wanted};
use place::Placed;

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
    end: CallEnd,
    local: Local,
    /// What the last agreement was about; what a description without a stream refers to.
    agreed: Option<crate::media::Peer>,
    session: Session,
    media: Option<SessionEvents>,
    requests: mpsc::Receiver<Transaction>,
    /// The far end's answers to offers of ours that came in an ACK.
    late_answers: (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>),
    placing: Placing,
    hearing: Hearing,
    referring: Referring,
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
        end: CallEnd,
        local: Local,
        (session, media): (Session, SessionEvents),
        (owned, requests): (Owned, mpsc::Receiver<Transaction>),
        placing: Placing,
    ) -> Self {
        let hearing = Hearing::of(order.attempt);
        Self {
            works,
            order,
            trunk,
            call_id,
            end,
            local,
            agreed: None,
            session,
            media: Some(media),
            requests,
            late_answers: mpsc::channel(1),
            placing,
            hearing,
            referring: Referring::default(),
            _owned: owned,
        }
    }

    /// Carry the call to its end.
    pub(super) async fn run(mut self: Box<Self>) {
        let ending = match self.place().await {
            Placed::Answered(up) => self.talk(*up).await,
            Placed::Ended(ending) => ending,
        };
        let Self { session, end, order, .. } = *self;
        if order.recording.is_some() {
            // Whoever is told of the end finds the recording whole.
            let closed = tokio::time::timeout(RECORDING_WAIT, session.close()).await;
            if closed.is_err() {
                tracing::warn!(attempt = %order.attempt, "a recording is not on the disk yet");
            }
        } else {
            drop(session);
        }
        end.tell(CallEvent::Ended(ending));
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
            wanted = self.end.wanted() => match wanted {
                Wanted::Command(command) => Next::Command(command),
                Wanted::HangUp(cause) => Next::HangUp(cause),
            },
            () = tokio::time::sleep_until(due) => Next::Due,
        }
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
