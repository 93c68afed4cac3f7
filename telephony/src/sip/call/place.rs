//! From the INVITE to the answer, or to what came instead.

use std::time::{Duration, Instant};

use outbound::outcome::{CallResult, CalledStatus, Evidence, HangupParty, cause};
use rsipstack::sip::{Method, Response};

use super::super::dialog::{Dialog, Sequence};
use super::super::invite::{Wording, credential};
use super::super::inviting::{Inviting, Parts};
use super::super::leg::first_reached;
use super::super::session_timer::SessionTimer;
use super::super::{headers, sdp};
use super::{Call, Next};
use crate::carrier::{CallEvent, Ending};
use crate::media::{Happened, Tone};

/// How long a host may be silent before the next one is tried.
const SILENCE_WAIT: Duration = Duration::from_secs(4);
/// How long the end of an INVITE is waited for after our CANCEL.
const CANCEL_WAIT: Duration = Duration::from_secs(5);
/// SIP: request terminated, the answer to our CANCEL.
const CANCELLED: u16 = 487;

/// How placing a call ended.
pub(super) enum Placed {
    Answered(Box<Up>),
    Ended(Ending),
}

/// A call that is up.
pub(super) struct Up {
    pub(super) dialog: Dialog,
    pub(super) parts: Parts,
    pub(super) timer: Option<SessionTimer>,
    /// The far end takes UPDATE requests.
    pub(super) takes_update: bool,
}

/// What came of one host.
enum Outcome {
    Placed(Placed),
    /// It answered nothing at all.
    NextHost,
}

impl Call {
    /// Send the INVITE, to one host after another while none has answered anything.
    pub(super) async fn place(&mut self) -> Placed {
        let mut due = self.due_in(self.order.ring_timeout);
        loop {
            let inviting = self.invite();
            match self.answer_of(inviting, &mut due).await {
                Outcome::Placed(placed) => return placed,
                Outcome::NextHost => {}
            }
            let next = first_reached(&self.works, &self.trunk, &mut self.placing.hosts);
            let next = tokio::select! {
                next = next => next,
                wanted = super::hang_up(&mut self.hang_up) => {
                    let ending = self.cancelled(wanted, None);
                    return self.end(ending);
                }
            };
            let Some((host, flow)) = next else {
                let ending = self.dead();
                return self.end(ending);
            };
            // Seconds have passed since the gate has looked.
            if !self.placing.permit.holds() {
                let ending = self.dead();
                return self.end(ending);
            }
            (self.placing.host, self.placing.flow) = (host, flow);
        }
    }

    fn invite(&mut self) -> Inviting {
        let sequence = Sequence::new();
        let wording = Wording {
            order: &self.order,
            trunk: &self.trunk,
            host: &self.placing.host,
            call_id: &self.call_id,
            tag: &self.placing.tag,
            offer: sdp::write(&self.local, None),
        };
        let endpoint = &self.works.endpoint;
        let invite = wording.request(endpoint, &self.placing.flow, &sequence);
        Inviting::start(Parts {
            endpoint: endpoint.clone(),
            flow: self.placing.flow.clone(),
            invite,
            sequence,
            credential: credential(&self.trunk),
        })
    }

    async fn answer_of(
        &mut self,
        mut inviting: Inviting,
        ring_due: &mut tokio::time::Instant,
    ) -> Outcome {
        let silent_due = tokio::time::Instant::now() + SILENCE_WAIT;
        let (mut heard, mut rung, mut tone) = (false, false, None);
        let mut cancelling: Option<(&'static str, tokio::time::Instant)> = None;
        loop {
            let due = match cancelling {
                Some((_, give_up)) => give_up,
                None if heard => self.or_grant(*ring_due),
                None => silent_due.min(self.or_grant(*ring_due)),
            };
            let arrived = match self.next(Some(&mut inviting), due).await {
                Next::Response(arrived) => arrived,
                Next::Request(request) => {
                    self.on_early_request(*request).await;
                    continue;
                }
                Next::HangUp(wanted) => {
                    if cancelling.is_none() {
                        cancelling = Some(self.cancel(&inviting, wanted));
                    }
                    continue;
                }
                Next::Due => match cancelling {
                    Some((wanted, _)) => {
                        return Outcome::Placed(Placed::Ended(self.cancelled(wanted, None)));
                    }
                    None if !heard && tokio::time::Instant::now() >= silent_due => {
                        return Outcome::NextHost;
                    }
                    None => {
                        if let Some(wanted) = self.end_for(cause::RING_TIMEOUT) {
                            cancelling = Some(self.cancel(&inviting, wanted));
                        }
                        continue;
                    }
                },
                Next::Media(event) => {
                    match event.what {
                        Happened::Tone { tone: Tone::Ringback } if !rung => {
                            rung = true;
                            self.ringing(event.at, ring_due);
                        }
                        Happened::Tone { tone: other } => tone = Some(other),
                        _ => {}
                    }
                    continue;
                }
                // Nothing is played before the answer.
                Next::Command(_) | Next::LateAnswer(_) => continue,
            };
            let Some(arrived) = arrived else {
                return match cancelling {
                    Some((wanted, _)) => {
                        Outcome::Placed(Placed::Ended(self.cancelled(wanted, None)))
                    }
                    None if heard => Outcome::Placed(Placed::Ended(self.dead())),
                    None => Outcome::NextHost,
                };
            };
            let (at, response) = (arrived.at, arrived.response);
            match response.status_code.code() {
                code @ 100..=199 => {
                    heard = true;
                    self.early(&response);
                    if code == 180 && !rung && cancelling.is_none() {
                        rung = true;
                        self.ringing(at, ring_due);
                    }
                }
                200..=299 => {
                    let wanted = cancelling.map(|(wanted, _)| wanted);
                    return Outcome::Placed(self.answered(&inviting, at, &response, wanted).await);
                }
                // The host takes no calls, and the phone was not tried.
                503 if !heard && cancelling.is_none() => return Outcome::NextHost,
                _ => {
                    let wanted = cancelling.map(|(wanted, _)| wanted);
                    return Outcome::Placed(Placed::Ended(
                        self.refused(at, &response, wanted, tone),
                    ));
                }
            }
        }
    }

    fn ringing(&mut self, at: Instant, ring_due: &mut tokio::time::Instant) {
        *ring_due = self.due_in(self.order.ring_timeout);
        let at = self.at(at);
        self.events.tell(CallEvent::Ringing { at });
    }

    fn cancel(
        &mut self,
        inviting: &Inviting,
        wanted: &'static str,
    ) -> (&'static str, tokio::time::Instant) {
        inviting.cancel();
        (wanted, tokio::time::Instant::now() + CANCEL_WAIT)
    }

    /// What a response says of the voice. Before the answer it is provisional: the answer may say otherwise.
    fn early(&mut self, response: &Response) {
        if let Ok(agreed) = self.agreement(response) {
            self.connect(agreed);
        }
    }

    fn agreement(&self, response: &Response) -> Result<crate::media::Peer, String> {
        let answer = sdp::read(&response.body).map_err(|error| error.to_string())?;
        sdp::agree(&self.local, &answer).map_err(|error| error.to_string())
    }

    /// The phone was picked up. If that crossed our CANCEL, it is hung up at once, and recorded as what it was.
    async fn answered(
        &mut self,
        inviting: &Inviting,
        at: Instant,
        response: &Response,
        cancelled: Option<&'static str>,
    ) -> Placed {
        let parts = inviting.parts().clone();
        let Some(dialog) = Dialog::opened(&parts.invite, response, &parts.sequence) else {
            return Placed::Ended(self.dead());
        };
        let up = Up {
            dialog,
            parts,
            timer: headers::value(response, "session-expires")
                .and_then(SessionTimer::from_response),
            takes_update: headers::lists(response, "allow", "update"),
        };
        if let Some(wanted) = cancelled {
            let at = self.at(at);
            self.events.tell(CallEvent::Answered { at });
            return Placed::Ended(self.bye(&up, wanted));
        }
        let agreed = match self.agreement(response) {
            Ok(agreed) => Some(agreed),
            Err(_) if response.body.is_empty() => self.agreed.clone(),
            Err(error) => {
                tracing::warn!(attempt = %self.order.attempt, %error, "an answer has no voice for us");
                None
            }
        };
        let Some(agreed) = agreed else {
            let ending = self.bye(&up, cause::NO_MEDIA);
            let result = CallResult::Unanswered(CalledStatus::CallFailed);
            return Placed::Ended(Ending { result, ..ending });
        };
        self.connect(agreed);
        if let Err(error) = self.session.answer(at) {
            tracing::error!(attempt = %self.order.attempt, %error, "the voice of a call can't start");
        }
        let at = self.at(at);
        self.events.tell(CallEvent::Answered { at });
        Placed::Answered(Box::new(up))
    }

    /// Send a BYE. The call is over when it has left.
    pub(super) fn bye(&mut self, up: &Up, wanted: &'static str) -> Ending {
        self.send_in_dialog(up, Method::Bye);
        Ending {
            at: self.now(),
            result: CallResult::Answered,
            cause: wanted.to_owned(),
            sip_code: Some(200),
            q850_cause: Some(16),
            party: Some(HangupParty::System),
            trunk_refused: false,
        }
    }

    /// The network or the phone said no.
    fn refused(
        &mut self,
        at: Instant,
        response: &Response,
        cancelled: Option<&'static str>,
        tone: Option<Tone>,
    ) -> Ending {
        let code = response.status_code.code();
        if let Some(wanted) = cancelled.filter(|_| code == CANCELLED) {
            return self.cancelled(wanted, Some(code));
        }
        let heard = match tone {
            Some(Tone::Busy) => Some(CalledStatus::Busy),
            Some(Tone::Congestion) => Some(CalledStatus::CallFailed),
            _ => None,
        };
        let evidence = Evidence {
            sip_code: Some(code),
            q850_cause: headers::q850_cause(response),
            heard,
            ..Evidence::default()
        };
        Ending::unanswered(self.at(at), &evidence, &self.order.line.status_mapping)
    }

    /// Our CANCEL: the phone was not answered. It is our own doing, so no mapping has a say.
    fn cancelled(&mut self, wanted: &str, code: Option<u16>) -> Ending {
        Ending::cancelled(self.now(), wanted, code)
    }

    /// No host of the trunk answers. The number was not tried.
    fn dead(&mut self) -> Ending {
        Ending {
            at: self.now(),
            result: CallResult::Unanswered(CalledStatus::CallFailed),
            cause: cause::TRUNK_REFUSED.to_owned(),
            sip_code: None,
            q850_cause: None,
            party: None,
            trunk_refused: true,
        }
    }
}
