//! What the far end asks during a call, and what we ask of it.

use std::sync::Arc;
use std::time::Instant;

use dialog::conversation::Input;
use outbound::outcome::{CallResult, HangupParty};
use rsipstack::sip::{Header, Method, Request, Response, SipMessage, StatusCode};
use rsipstack::transaction::Transaction;

use super::super::endpoint::{ALLOWED, reply};
use super::super::exchange::exchange;
use super::super::flow::Target;
use super::super::session_timer::{SessionTimer, seconds};
use super::super::{headers, sdp};
use super::Call;
use super::place::Up;
use crate::carrier::{CallEvent, Ending, TransferProgress};
use crate::media::{Peer, random_key};

/// What a request of the far end means for the call.
pub(super) enum Asked {
    Nothing,
    /// The session was refreshed.
    Refreshed,
    Ended(Ending),
}

impl Call {
    /// A request before the answer: there is no dialog to speak of yet.
    pub(super) async fn on_early_request(&mut self, mut request: Transaction) {
        match request.original.method {
            Method::Update => {
                self.renegotiate(&mut request, None).await;
            }
            Method::Options => self.options(&mut request).await,
            Method::Info => reply(&mut request, StatusCode::OK, Vec::new(), None).await,
            _ => {
                reply(&mut request, StatusCode::CallTransactionDoesNotExist, Vec::new(), None).await
            }
        }
    }

    /// A request on a call that is up.
    pub(super) async fn on_request(&mut self, up: &mut Up, mut request: Transaction) -> Asked {
        let arrived = Instant::now();
        if !up.dialog.holds(&request.original) {
            let unknown = StatusCode::CallTransactionDoesNotExist;
            reply(&mut request, unknown, Vec::new(), None).await;
            return Asked::Nothing;
        }
        if !up.dialog.follows(&request.original) {
            reply(&mut request, StatusCode::ServerInternalError, Vec::new(), None).await;
            return Asked::Nothing;
        }
        match request.original.method {
            Method::Bye => {
                reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                return Asked::Ended(self.their_bye(arrived, &request.original));
            }
            Method::Invite | Method::Update => {
                if self.renegotiate(&mut request, Some(up)).await {
                    self.acknowledged(request);
                    return Asked::Refreshed;
                }
                self.acknowledged(request);
            }
            Method::Info => {
                reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                if let Some(digit) = headers::info_digit(&request.original) {
                    let at = self.end.at(arrived);
                    self.end.tell(CallEvent::Heard { at, input: Input::Digit(digit) });
                }
            }
            Method::Notify => {
                reply(&mut request, StatusCode::OK, Vec::new(), None).await;
                if let Some(told) = headers::refer_progress(&request.original)
                    && self.referring.is_about(told)
                {
                    self.transfer_progress(arrived, told);
                }
            }
            Method::Options => self.options(&mut request).await,
            _ => {
                let allow = vec![Header::Allow(ALLOWED.to_owned().into())];
                reply(&mut request, StatusCode::MethodNotAllowed, allow, None).await;
            }
        }
        Asked::Nothing
    }

    async fn options(&mut self, request: &mut Transaction) {
        let allow = vec![Header::Allow(ALLOWED.to_owned().into())];
        reply(request, StatusCode::OK, allow, None).await;
    }

    fn their_bye(&mut self, arrived: Instant, request: &Request) -> Ending {
        Ending {
            at: self.end.at(arrived),
            result: CallResult::Answered,
            cause: String::new(),
            sip_code: Some(200),
            q850_cause: headers::q850_cause(request).or(Some(16)),
            party: Some(HangupParty::Customer),
            trunk_refused: false,
        }
    }

    /// A re-INVITE or an UPDATE: hold, another codec, another address, or a mere refresh. It changes the call it is
    /// on; it is never a new one. Returns whether it was taken.
    async fn renegotiate(&mut self, request: &mut Transaction, up: Option<&mut Up>) -> bool {
        let asked = headers::value(&request.original, "session-expires");
        let least = self.works.settings.session_seconds_min;
        if asked.and_then(seconds).is_some_and(|seconds| seconds < least) {
            let least = vec![Header::MinSE(least.to_string().into())];
            reply(request, StatusCode::SessionIntervalTooSmall, least, None).await;
            return false;
        }
        let timer = asked.and_then(|asked| SessionTimer::from_request(asked, least));
        let Some(body) = self.description(request) else {
            reply(request, StatusCode::NotAcceptableHere, Vec::new(), None).await;
            return false;
        };
        let mut with = Vec::new();
        if let Some(up) = up {
            up.dialog.moved(headers::contact(&request.original));
            up.timer = timer.or(up.timer);
            with.push(up.dialog.contact());
        }
        with.push(Header::Allow(ALLOWED.to_owned().into()));
        with.push(Header::Supported("timer".to_owned().into()));
        if let Some(timer) = timer {
            with.push(Header::SessionExpires(timer.in_response().into()));
            with.push(Header::Require("timer".to_owned().into()));
        }
        if body.is_some() {
            with.push(Header::ContentType("application/sdp".to_owned().into()));
        }
        reply(request, StatusCode::OK, with, body).await;
        true
    }

    /// What our 2xx says of the voice: the answer to the request's offer, or an offer where it has none. None: the
    /// offer can't be taken, and the call stays as it was.
    fn description(&mut self, request: &Transaction) -> Option<Option<String>> {
        if request.original.body.is_empty() {
            // An UPDATE without an offer refreshes; a re-INVITE without one asks for ours.
            let ours = request.original.method == Method::Invite;
            return Some(ours.then(|| sdp::write(&self.local, None)));
        }
        let offer = sdp::read(&request.original.body).ok()?;
        let (agreed, mut ours) = sdp::answer_to(&self.local, &offer, random_key).ok()?;
        ours.version = self.local.version + 1;
        // What is offered later is all that we have, not only what was chosen now.
        self.local.version = ours.version;
        self.local.keys.clone_from(&ours.keys);
        self.connect(agreed);
        Some(Some(sdp::write(&ours, Some(&offer))))
    }

    /// Wait for the ACK of an INVITE, which may hold the answer to our offer. The stack repeats our 2xx until then.
    fn acknowledged(&self, mut request: Transaction) {
        if request.original.method != Method::Invite {
            return;
        }
        let answers = self.late_answers.0.clone();
        tokio::spawn(async move {
            while let Some(message) = request.receive().await {
                if let SipMessage::Request(ack) = message
                    && ack.method == Method::Ack
                    && !ack.body.is_empty()
                {
                    // A later one counts more; the call takes them at once.
                    let _ = answers.try_send(ack.body);
                }
            }
        });
    }

    /// The answer to an offer of ours that came in an ACK.
    pub(super) fn on_late_answer(&mut self, body: &[u8]) {
        let answer = sdp::read(body).ok();
        if let Some(agreed) = answer.and_then(|answer| sdp::agree(&self.local, &answer).ok()) {
            self.connect(agreed);
        }
    }

    /// Tell the media plane who the far end is.
    pub(super) fn connect(&mut self, agreed: Peer) {
        if self.agreed.as_ref() == Some(&agreed) {
            return;
        }
        if let Err(error) = self.session.connect(agreed.clone()) {
            tracing::error!(attempt = %self.order.attempt, %error, "the voice of a call can't be changed");
        }
        self.agreed = Some(agreed);
    }

    fn transfer_progress(&mut self, arrived: Instant, told: headers::ReferProgress) {
        let code = told.code;
        let progress = match code {
            200..=299 => TransferProgress::Answered,
            300.. => TransferProgress::Failed { sip_code: Some(code) },
            _ if told.last => TransferProgress::Failed { sip_code: Some(code) },
            180..=183 => TransferProgress::Ringing,
            _ => TransferProgress::Trying,
        };
        if matches!(progress, TransferProgress::Answered | TransferProgress::Failed { .. }) {
            self.referring.end();
        }
        let at = self.end.at(arrived);
        self.end.tell(CallEvent::Transfer { at, progress });
    }

    /// Send a request of the dialog that nobody waits for.
    pub(super) fn send_in_dialog(&self, up: &Up, method: Method) {
        drop(self.ask_with(up, method, Vec::new(), None));
    }

    /// Send a request of the dialog. The receiver gets the final answer, or ends without one.
    pub(super) fn ask_with(
        &self,
        up: &Up,
        method: Method,
        with: Vec<Header>,
        body: Option<String>,
    ) -> tokio::sync::oneshot::Receiver<Response> {
        let (sender, answer) = tokio::sync::oneshot::channel();
        let (dialog, trunk) = (up.dialog.clone(), Arc::clone(&self.trunk));
        let super::super::inviting::Parts { endpoint, flow, credential, .. } = up.parts.clone();
        tokio::spawn(async move {
            let flow = match flow.is_open() && flow.connection.is_reliable() {
                // A request on another connection is one that the far end's proxy knows nothing of.
                true => flow,
                false => match endpoint.flow(&Target::hop(&trunk, dialog.next_hop())).await {
                    Ok(flow) => flow,
                    Err(error) => {
                        tracing::warn!(%method, %error, "the far end of a call can't be reached");
                        return;
                    }
                },
            };
            let mut request = dialog.request(method, &endpoint, &flow);
            request.headers.extend(with);
            request.body = body.map(String::into_bytes).unwrap_or_default();
            let sequence = dialog.sequence();
            let answered = exchange(&endpoint, &flow, request, credential.as_ref(), sequence).await;
            if let Some(answered) = answered {
                // Nobody may be waiting.
                let _ = sender.send(answered);
            }
        });
        answer
    }
}
