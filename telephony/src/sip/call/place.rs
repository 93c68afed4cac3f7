//! From the INVITE to the answer, or to what came instead.

use std::time::{Duration, Instant};

use outbound::outcome::{CallResult, CalledStatus, Evidence, HangupParty, cause};
use rsipstack::sip::{Method, Response};

use super::super::dialog::{Dialog, Sequence};
use super::super::invite::{Wording, credential};
use super::super::inviting::{Arrived, Inviting, Parts};
use super::super::session_timer::SessionTimer;
use super::super::{headers, sdp};
use super::{Call, Next};
use crate::carrier::{CallEvent, Ending};
use crate::media::{Happened, MediaEvent, Tone};

/// How long a host may be silent before the next one is tried.
const SILENCE_WAIT: Duration = Duration::from_secs(4);
/// When we are later than this to see that a time is over, this process had no time for its calls. What came meanwhile may
/// still be on its way through it.
const LATE_MIN: Duration = Duration::from_millis(100);
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

/// An INVITE that is waited for.
struct Waiting {
    inviting: Inviting,
    /// Until then the host must have answered something.
    silent_due: tokio::time::Instant,
    heard: bool,
    rung: bool,
    /// What early media told.
    tone: Option<Tone>,
    /// We have given it up for this cause, and wait so long for its end.
    cancelling: Option<(&'static str, tokio::time::Instant)>,
}

impl Waiting {
    fn cause(&self) -> Option<&'static str> {
        self.cancelling.map(|(cause, _)| cause)
    }
}

impl Call {
    /// Send the INVITE, to one host after another while none has answered anything.
    pub(super) async fn place(&mut self) -> Placed {
        self.placing.ring_due = self.due_in(self.order.ring_timeout);
        loop {
            let inviting = self.invite();
            if let Outcome::Placed(placed) = self.answer_of(inviting).await {
                return placed;
            }
            let next = self.works.first_reached(&self.trunk, &mut self.placing.hosts);
            let next = tokio::select! {
                next = next => next,
                wanted = self.end.hang_up_wanted() => {
                    return Placed::Ended(self.cancelled(wanted, None));
                }
            };
            // Seconds have passed since the gate has looked.
            let next = next.filter(|_| self.placing.permit.holds());
            let Some((host, flow)) = next else { return Placed::Ended(self.dead()) };
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

    async fn answer_of(&mut self, inviting: Inviting) -> Outcome {
        let silent_due = tokio::time::Instant::now() + SILENCE_WAIT;
        let (heard, rung, tone, cancelling) = (false, false, None, None);
        let mut waiting = Waiting { inviting, silent_due, heard, rung, tone, cancelling };
        loop {
            let ring_due = self.end.or_grant(self.placing.ring_due);
            let due = match waiting.cancelling {
                Some((_, give_up)) => give_up,
                None if waiting.heard => ring_due,
                None => waiting.silent_due.min(ring_due),
            };
            let outcome = match self.next(Some(&mut waiting.inviting), due).await {
                Next::Response(Some(arrived)) => self.on_response(&mut waiting, arrived).await,
                Next::Response(None) => Some(self.on_nothing(&waiting)),
                Next::Request(request) => {
                    self.on_early_request(*request).await;
                    None
                }
                Next::HangUp(wanted) => {
                    self.cancel(&mut waiting, wanted);
                    None
                }
                Next::Due => self.on_due(&mut waiting),
                Next::Media(event) => {
                    self.on_early_media(&mut waiting, event);
                    None
                }
                // Nothing is played before the answer.
                Next::Command(_) | Next::LateAnswer(_) => None,
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    async fn on_response(&mut self, waiting: &mut Waiting, arrived: Arrived) -> Option<Outcome> {
        let Arrived { at, response } = arrived;
        let placed = match response.status_code.code() {
            code @ 100..=199 => {
                waiting.heard = true;
                self.early(&response);
                if code == 180 {
                    self.ringing(waiting, at);
                }
                return None;
            }
            200..=299 => self.answered(waiting, at, &response).await,
            // The host takes no calls, and the phone was not tried.
            503 if !waiting.heard && waiting.cancelling.is_none() => {
                return Some(Outcome::NextHost);
            }
            _ => Placed::Ended(self.refused(waiting, at, &response)),
        };
        Some(Outcome::Placed(placed))
    }

    /// Nothing more will come of the INVITE.
    fn on_nothing(&mut self, waiting: &Waiting) -> Outcome {
        match waiting.cause() {
            Some(wanted) => Outcome::Placed(Placed::Ended(self.cancelled(wanted, None))),
            None if waiting.heard => Outcome::Placed(Placed::Ended(self.dead())),
            None => Outcome::NextHost,
        }
    }

    /// A time is over: of the wait for our CANCEL, of a silent host, or of the ringing.
    fn on_due(&mut self, waiting: &mut Waiting) -> Option<Outcome> {
        let now = tokio::time::Instant::now();
        let late = now.saturating_duration_since(waiting.silent_due);
        let silent = !waiting.heard && now >= waiting.silent_due;
        if silent && waiting.cancelling.is_none() && late > LATE_MIN {
            // Silence is not told from our own lateness: listen for as long again. The ringing's time bounds it.
            waiting.silent_due = now + late.min(SILENCE_WAIT);
            return None;
        }
        if waiting.cancelling.is_some() || silent {
            return Some(self.on_nothing(waiting));
        }
        if let Some(wanted) = self.end.end_for(cause::RING_TIMEOUT) {
            self.cancel(waiting, wanted);
        }
        None
    }

    fn on_early_media(&mut self, waiting: &mut Waiting, event: MediaEvent) {
        match event.what {
            Happened::Tone { tone: Tone::Ringback } => self.ringing(waiting, event.at),
            Happened::Tone { tone } => waiting.tone = Some(tone),
            _ => {}
        }
    }

    fn ringing(&mut self, waiting: &mut Waiting, at: Instant) {
        if waiting.cancelling.is_some() || std::mem::replace(&mut waiting.rung, true) {
            return;
        }
        self.placing.ring_due = self.due_in(self.order.ring_timeout);
        let at = self.end.at(at);
        self.end.tell(CallEvent::Ringing { at });
    }

    fn cancel(&mut self, waiting: &mut Waiting, wanted: &'static str) {
        if waiting.cancelling.is_none() {
            waiting.inviting.cancel();
            waiting.cancelling = Some((wanted, tokio::time::Instant::now() + CANCEL_WAIT));
        }
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
    async fn answered(&mut self, waiting: &Waiting, at: Instant, response: &Response) -> Placed {
        let parts = waiting.inviting.parts().clone();
        let Some(dialog) = Dialog::opened(&parts.invite, response, &parts.sequence) else {
            return Placed::Ended(self.dead());
        };
        let least = self.works.settings.session_seconds_min;
        let up = Up {
            dialog,
            parts,
            timer: headers::value(response, "session-expires")
                .and_then(|told| SessionTimer::from_response(told, least)),
            takes_update: headers::lists(response, "allow", "update"),
        };
        if let Some(wanted) = waiting.cause() {
            let at = self.end.at(at);
            self.end.tell(CallEvent::Answered { at });
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
        let at = self.end.at(at);
        self.end.tell(CallEvent::Answered { at });
        Placed::Answered(Box::new(up))
    }

    /// Send a BYE. The call is over when it has left.
    pub(super) fn bye(&mut self, up: &Up, wanted: &'static str) -> Ending {
        self.send_in_dialog(up, Method::Bye);
        Ending {
            at: self.end.now(),
            result: CallResult::Answered,
            cause: wanted.to_owned(),
            sip_code: Some(200),
            q850_cause: Some(16),
            party: Some(HangupParty::System),
            trunk_refused: false,
        }
    }

    /// The network or the phone said no.
    fn refused(&mut self, waiting: &Waiting, at: Instant, response: &Response) -> Ending {
        let code = response.status_code.code();
        if let Some(wanted) = waiting.cause().filter(|_| code == CANCELLED) {
            return self.cancelled(wanted, Some(code));
        }
        let heard = match waiting.tone {
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
        Ending::unanswered(self.end.at(at), &evidence, &self.order.line.status_mapping)
    }

    /// Our CANCEL: the phone was not answered. It is our own doing, so no mapping has a say.
    fn cancelled(&mut self, wanted: &str, code: Option<u16>) -> Ending {
        Ending::cancelled(self.end.now(), wanted, code)
    }

    /// No host of the trunk answers. The number was not tried.
    fn dead(&mut self) -> Ending {
        Ending {
            at: self.end.now(),
            result: CallResult::Unanswered(CalledStatus::CallFailed),
            cause: cause::TRUNK_REFUSED.to_owned(),
            sip_code: None,
            q850_cause: None,
            party: None,
            trunk_refused: true,
        }
    }
}
