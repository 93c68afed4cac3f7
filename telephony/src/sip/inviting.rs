//! An INVITE on its way: a task that sends it, proves who we are, and passes on what comes back.
//!
//! It promises that no answer is left alone: each 2xx is handed to the call or ended by a BYE, also one that comes
//! after a CANCEL, from a second phone of a forked call, or when the call has turned to another host. It lives on for
//! as long as answers may be repeated (32 s), so that each is acknowledged.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rsipstack::dialog::authenticate::{AuthRetry, Credential};
use rsipstack::sip::prelude::{HasHeaders, HeadersExt};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage};
use rsipstack::transaction::Transaction;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use tokio::sync::mpsc;

use super::dialog::{Dialog, Sequence};
use super::endpoint::{Endpoint, kind};
use super::exchange::{exchange, signed};
use super::flow::Flow;
use super::{headers, session_timer};

/// Responses that wait for the call.
const RESPONSES_MAX: usize = 32;
/// Phones of a forked call whose reliable responses are told apart.
const FORKS_MAX: usize = 16;
/// How long answers to an INVITE that nobody waits for any more are still looked at (64 × T1).
const ABANDONED_WAIT: Duration = Duration::from_secs(32);

/// A response, and when it came.
pub(super) struct Arrived {
    pub(super) at: Instant,
    pub(super) response: Response,
}

/// What the call has of it. Dropping it gives the INVITE up.
pub(super) struct Inviting {
    responses: mpsc::Receiver<Arrived>,
    control: Arc<Control>,
    parts: Parts,
    /// The call has the answer.
    settled: bool,
}

/// What everything about one INVITE is made from.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) flow: Flow,
    pub(super) invite: Request,
    pub(super) sequence: Sequence,
    pub(super) credential: Option<Credential>,
}

/// What the call wants of the task.
struct Control {
    wish: AtomicU8,
    /// Wakes the task where it waits for the transaction.
    wake: Mutex<Option<(TransactionEventSender, rsipstack::transaction::key::TransactionKey)>>,
}

const GO_ON: u8 = 0;
const CANCEL: u8 = 1;
const ABANDON: u8 = 2;

impl Control {
    fn want(&self, wish: u8) {
        self.wish.fetch_max(wish, Ordering::SeqCst);
        let wake = self.wake.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, key)) = wake.as_ref() {
            // The transaction is over where nobody listens; so is the task.
            let _ = sender.send(TransactionEvent::Terminate(key.clone()));
        }
    }
}

impl Inviting {
    /// Send the INVITE.
    pub(super) fn start(parts: Parts) -> Self {
        let (sender, responses) = mpsc::channel(RESPONSES_MAX);
        let control = Arc::new(Control { wish: AtomicU8::new(GO_ON), wake: Mutex::default() });
        if let Some(transaction) = parts.endpoint.client(&parts.flow, parts.invite.clone()) {
            let task = Task {
                parts: parts.clone(),
                transaction,
                control: Arc::clone(&control),
                responses: sender,
                retry: AuthRetry::new(),
                interval_raised: false,
                provisional: false,
                cancelled: false,
                winner: None,
                acknowledged: HashMap::new(),
            };
            tokio::spawn(task.run());
        }
        Self { responses, control, parts, settled: false }
    }

    /// The next response; none when nothing will come. Repeated answers are not told. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Arrived> {
        let arrived = self.responses.recv().await?;
        self.settled |= arrived.response.status_code.code() >= 200;
        Some(arrived)
    }

    /// Send a CANCEL, as soon as one may be sent: after the first response.
    pub(super) fn cancel(&self) {
        self.control.want(CANCEL);
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl Drop for Inviting {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        self.control.want(ABANDON);
        self.responses.close();
        while let Ok(arrived) = self.responses.try_recv() {
            self.parts.end_stray(&arrived.response);
        }
    }
}

impl Parts {
    /// End the session that an answer opened which nobody wants.
    fn end_stray(&self, response: &Response) {
        if !(200..300).contains(&response.status_code.code()) {
            return;
        }
        let Some(dialog) = Dialog::opened(&self.invite, response, &self.sequence) else { return };
        let bye = dialog.request(Method::Bye, &self.endpoint, &self.flow);
        let parts = self.clone();
        tokio::spawn(async move { parts.exchange(bye).await });
    }

    async fn exchange(&self, request: Request) -> Option<Response> {
        let Self { endpoint, flow, sequence, credential, .. } = self;
        exchange(endpoint, flow, request, credential.as_ref(), sequence).await
    }
}

struct Task {
    parts: Parts,
    transaction: Transaction,
    control: Arc<Control>,
    responses: mpsc::Sender<Arrived>,
    retry: AuthRetry,
    /// Our session interval was too short for the trunk once, and was raised.
    interval_raised: bool,
    /// The far end has answered something, so that a CANCEL may be sent.
    provisional: bool,
    cancelled: bool,
    /// The tag of the answer that the call has.
    winner: Option<Option<String>>,
    /// The last reliable response of each phone that was acknowledged.
    acknowledged: HashMap<Option<String>, u32>,
}

impl Task {
    async fn run(mut self) {
        if !self.send().await {
            return;
        }
        let mut until = None;
        loop {
            self.obey();
            if self.wish() == ABANDON && until.is_none() {
                until = Some(tokio::time::Instant::now() + ABANDONED_WAIT);
            }
            let received = match until {
                None => self.transaction.receive().await,
                Some(until) => {
                    match tokio::time::timeout_at(until, self.transaction.receive()).await {
                        Ok(received) => received,
                        Err(_) => return,
                    }
                }
            };
            match received {
                Some(SipMessage::Response(response)) => {
                    let goes_on = self.take(Instant::now(), response).await;
                    if !goes_on {
                        return;
                    }
                }
                Some(SipMessage::Request(_)) => {}
                None if self.transaction.is_terminated() => return,
                // The call wants something.
                None => {}
            }
        }
    }

    fn wish(&self) -> u8 {
        self.control.wish.load(Ordering::SeqCst)
    }

    async fn send(&mut self) -> bool {
        let wake = (self.transaction.tu_sender.clone(), self.transaction.key.clone());
        *self.control.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
        let sent = self.transaction.send().await;
        if let Err(error) = &sent {
            tracing::debug!(cause = kind(error), "an INVITE was not sent");
        }
        sent.is_ok()
    }

    /// Do what the call wants, if it can be done yet.
    fn obey(&mut self) {
        let wish = self.wish();
        if wish == ABANDON {
            // The INVITE must not be repeated: the phone would ring for a call that has gone elsewhere.
            if let Some(timer) = self.transaction.timer_a.take() {
                self.transaction.endpoint_inner.timers.cancel(timer);
            }
        }
        let over = self.winner.is_some();
        if wish == GO_ON || !self.provisional || self.cancelled || over {
            return;
        }
        self.cancelled = true;
        if let Some(cancel) = cancel(&self.transaction.original) {
            let parts = self.parts.clone();
            tokio::spawn(async move { parts.exchange(cancel).await });
        }
    }

    /// Whether to go on.
    async fn take(&mut self, at: Instant, response: Response) -> bool {
        let code = response.status_code.code();
        match code {
            100..=199 => {
                self.provisional = true;
                self.acknowledge(&response);
            }
            200..=299 => return self.answered(at, response),
            401 | 407 if self.may_prove(&response) => return self.prove(response).await,
            422 if self.wish() == GO_ON && !self.interval_raised => {
                return self.raise_interval(&response).await;
            }
            _ => {}
        }
        // A call that reads nothing has had what it needs: it waits for an answer that comes in its turn.
        if self.responses.try_send(Arrived { at, response }).is_err() {
            self.control.wish.fetch_max(ABANDON, Ordering::SeqCst);
        }
        true
    }

    /// The first answer is the call's; the stack has acknowledged it. Others are ended.
    fn answered(&mut self, at: Instant, response: Response) -> bool {
        let tag = headers::to_tag(&response);
        if self.winner.as_ref() == Some(&tag) {
            return true;
        }
        if self.winner.is_some() || self.wish() == ABANDON {
            self.parts.end_stray(&response);
            return true;
        }
        match self.responses.try_send(Arrived { at, response }) {
            Ok(()) => self.winner = Some(tag),
            Err(refused) => self.parts.end_stray(&refused.into_inner().response),
        }
        true
    }

    fn may_prove(&mut self, response: &Response) -> bool {
        let asked = self.wish() == GO_ON && self.parts.credential.is_some();
        asked && self.retry.should_answer(response)
    }

    async fn prove(&mut self, challenge: Response) -> bool {
        let Some(credential) = &self.parts.credential else { return false };
        let proven = signed(&self.transaction, challenge, credential, &self.parts.sequence).await;
        let Some(proven) = proven else { return false };
        self.transaction = proven;
        self.send().await
    }

    /// The trunk wants a longer session interval (RFC 4028, section 6).
    async fn raise_interval(&mut self, response: &Response) -> bool {
        self.interval_raised = true;
        let least = headers::value(response, "min-se").and_then(session_timer::seconds);
        let mut request = self.transaction.original.clone();
        let Some(least) = least else { return false };
        request.headers_mut().retain(|header| {
            !matches!(header, Header::SessionExpires(_) | Header::MinSE(_) | Header::Via(_))
        });
        let asked = session_timer::MIN_SECONDS.max(least);
        request.headers.push(Header::SessionExpires(asked.to_string().into()));
        request.headers.push(Header::MinSE(asked.to_string().into()));
        request.headers.push_front(self.parts.endpoint.via(&self.parts.flow).into());
        let next = self.parts.sequence.next();
        if request.cseq_header_mut().and_then(|cseq| cseq.mut_seq(next).map(drop)).is_err() {
            return false;
        }
        let Some(again) = self.parts.endpoint.client(&self.parts.flow, request) else {
            return false;
        };
        self.transaction = again;
        self.send().await
    }

    /// Acknowledge a reliable response, once (RFC 3262).
    fn acknowledge(&mut self, response: &Response) {
        let Some(number) = headers::reliable(response) else { return };
        let tag = headers::to_tag(response);
        let known = self.acknowledged.get(&tag);
        let is_new = known.is_none_or(|known| *known < number);
        if !is_new || (known.is_none() && self.acknowledged.len() == FORKS_MAX) {
            return;
        }
        let Parts { endpoint, flow, invite, sequence, .. } = &self.parts;
        let Some(dialog) = Dialog::opened(invite, response, sequence) else { return };
        let Some(invite_number) = headers::cseq(response) else { return };
        self.acknowledged.insert(tag, number);
        let mut prack = dialog.request(Method::PRack, endpoint, flow);
        prack.headers.push(Header::RAck(format!("{number} {invite_number} INVITE").into()));
        let parts = self.parts.clone();
        tokio::spawn(async move { parts.exchange(prack).await });
    }
}

/// The CANCEL of an INVITE: the same but for the method (RFC 3261, section 9.1).
fn cancel(invite: &Request) -> Option<Request> {
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.body = Vec::new();
    cancel.headers_mut().retain(|header| {
        matches!(
            header,
            Header::Via(_)
                | Header::From(_)
                | Header::To(_)
                | Header::CallId(_)
                | Header::CSeq(_)
                | Header::Route(_)
                | Header::MaxForwards(_)
                | Header::UserAgent(_)
        )
    });
    cancel.cseq_header_mut().ok()?.mut_method(Method::Cancel).ok()?;
    Some(cancel)
}
