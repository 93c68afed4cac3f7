//! From the originate to the answer, or to what came instead.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use outbound::outcome::{CallResult, CalledStatus, Evidence, cause};
use outbound::trunk::Codec;
use serde_json::json;

use super::super::server::News;
use super::channel::Look;
use super::{Call, Next, VoiceWay};
use crate::carrier::{CallEvent, Ending};
use crate::task_leg::Wanted;
use ::wire::ari_event::{ChannelState, HangupCause, Happening};

/// How long the end of a channel is waited for after we hung up.
const CANCEL_WAIT: Duration = Duration::from_secs(5);
/// How much longer than we Asterisk would let it ring, in seconds: should this process die, the phone stops.
const RING_SPARE_SECONDS: u64 = 10;

/// How placing a call ended.
pub(super) enum Placed {
    /// When it was answered.
    Answered(Instant),
    Ended(Ending),
}

/// A call that is waited for.
#[derive(Default)]
struct Waiting {
    rung: bool,
    /// What the hang-up request said, should the end itself say less.
    said: HangupCause,
    /// We have given it up for this cause, and wait so long for its end.
    cancelling: Option<(&'static str, tokio::time::Instant)>,
}

impl Waiting {
    fn cause(&self) -> Option<&'static str> {
        self.cancelling.map(|(cause, _)| cause)
    }
}

impl Call {
    /// Let the originate go, and wait for what becomes of it.
    pub(super) async fn place(&mut self) -> Placed {
        let mut waiting = Waiting::default();
        let mut ring_due = self.due_in(self.order.ring_timeout);
        self.channel.originate(self.wording());
        loop {
            let due = match waiting.cancelling {
                Some((_, until)) => until,
                None => self.end.or_grant(ring_due),
            };
            let placed = match self.next(due).await {
                Next::News(news) => {
                    let rung = waiting.rung;
                    let placed = self.on_news(&mut waiting, news);
                    if waiting.rung != rung {
                        ring_due = self.due_in(self.order.ring_timeout);
                    }
                    placed
                }
                Next::Looked(look) => {
                    let rung = waiting.rung;
                    let placed = self.on_look(&mut waiting, look);
                    if waiting.rung != rung {
                        ring_due = self.due_in(self.order.ring_timeout);
                    }
                    placed
                }
                Next::Wanted(Wanted::HangUp(wanted)) => {
                    self.cancel(&mut waiting, wanted);
                    None
                }
                Next::VoiceOpened(opened) => {
                    self.voice_opened(opened);
                    None
                }
                Next::Voice(_) => {
                    self.voice = VoiceWay::Gone;
                    None
                }
                Next::Due => self.on_due(&mut waiting, ring_due),
                // Nothing is played or heard before the answer.
                Next::Wanted(Wanted::Command(_)) | Next::Media(_) => None,
            };
            if let Some(placed) = placed {
                return placed;
            }
        }
    }

    /// What Asterisk is asked for. The number is in the body, as addresses of requests are logged.
    fn wording(&self) -> serde_json::Value {
        let trunk = &self.trunk;
        let number = trunk.callee_format.reveal(self.order.callee);
        let ring = self.works.clock.real(self.order.ring_timeout).as_secs();
        let longest = self.works.clock.real(self.order.max_call).as_secs();
        let mut variables: BTreeMap<&str, String> =
            trunk.variables.iter().map(|(name, value)| (&**name, value.clone())).collect();
        // Should this process die with the call up, Asterisk ends it.
        let last = 2 * (ring + RING_SPARE_SECONDS) + longest;
        variables.insert("TIMEOUT(absolute)", last.to_string());
        let formats: Vec<&str> = self
            .order
            .line
            .codecs
            .iter()
            .map(|codec| match codec {
                Codec::Pcma => "alaw",
                Codec::Pcmu => "ulaw",
            })
            .collect();
        json!({
            "endpoint": trunk.dial(&number),
            "app": self.channel.server().ari.app,
            "callerId": trunk.caller_format.reveal(self.order.caller),
            "timeout": 2 * ring + RING_SPARE_SECONDS,
            "formats": formats.join(","),
            "variables": variables,
        })
    }

    fn on_news(&mut self, waiting: &mut Waiting, news: News) -> Option<Placed> {
        let News::Happened { at, what } = news else { return None };
        match what {
            Happening::State(state) | Happening::Entered(state) => {
                self.on_state(waiting, state, at)
            }
            Happening::HangupRequested(said) => {
                waiting.said = said;
                None
            }
            Happening::Destroyed(why) => {
                Some(Placed::Ended(self.refused(waiting, at, why.or(waiting.said))))
            }
            Happening::Digit(_) | Happening::Held | Happening::Unheld => None,
        }
    }

    fn on_state(
        &mut self,
        waiting: &mut Waiting,
        state: ChannelState,
        at: Instant,
    ) -> Option<Placed> {
        match state {
            ChannelState::Ringing => {
                self.ringing(waiting, at);
                None
            }
            ChannelState::Up => Some(self.answered(waiting, at)),
            ChannelState::Other => None,
        }
    }

    fn on_look(&mut self, waiting: &mut Waiting, look: Look) -> Option<Placed> {
        let at = Instant::now();
        let ending = match look {
            Look::There(state) => return self.on_state(waiting, state, at),
            Look::Unknown => return None,
            Look::NotPlaced => match waiting.cause() {
                Some(wanted) => Ending::cancelled(self.end.now(), wanted, None),
                None => self.not_placed(),
            },
            Look::Gone | Look::Lost => match waiting.cause() {
                Some(wanted) => Ending::cancelled(self.end.now(), wanted, None),
                None => Self::ended_unknown(self.end.now()),
            },
        };
        Some(Placed::Ended(ending))
    }

    /// A time is over: of the wait for the end that we asked for, of what the channel waits for, or of the ringing.
    fn on_due(&mut self, waiting: &mut Waiting, ring_due: tokio::time::Instant) -> Option<Placed> {
        let now = tokio::time::Instant::now();
        if let Some((wanted, until)) = waiting.cancelling
            && until <= now
        {
            return Some(Placed::Ended(Ending::cancelled(self.end.now(), wanted, None)));
        }
        let look = self.channel.on_due();
        if let Some(placed) = self.on_look(waiting, look) {
            return Some(placed);
        }
        let rings_too_long = ring_due <= now || self.end.was_asked_to_end();
        if waiting.cancelling.is_none()
            && rings_too_long
            && let Some(wanted) = self.end.end_for(cause::RING_TIMEOUT)
        {
            self.cancel(waiting, wanted);
        }
        None
    }

    fn ringing(&mut self, waiting: &mut Waiting, at: Instant) {
        if waiting.cancelling.is_some() || std::mem::replace(&mut waiting.rung, true) {
            return;
        }
        self.open_voice();
        let at = self.end.at(at);
        self.end.tell(CallEvent::Ringing { at });
    }

    fn cancel(&mut self, waiting: &mut Waiting, wanted: &'static str) {
        if waiting.cancelling.is_none() {
            self.channel.hang_up();
            waiting.cancelling = Some((wanted, tokio::time::Instant::now() + CANCEL_WAIT));
        }
    }

    /// The phone was picked up. If that crossed our hang-up, it is recorded as what it was.
    fn answered(&mut self, waiting: &Waiting, arrived: Instant) -> Placed {
        let at = self.end.at(arrived);
        self.end.tell(CallEvent::Answered { at });
        if let Some(wanted) = waiting.cause() {
            return Placed::Ended(self.hung_up(wanted));
        }
        if let Err(error) = self.session.answer(arrived) {
            tracing::error!(attempt = %self.order.attempt, %error, "the voice of a call can't start");
        }
        self.open_voice();
        Placed::Answered(arrived)
    }

    /// The network or the phone said no.
    ///
    /// A hang-up of ours comes back as some refusal too, so it is told apart by what we did.
    fn refused(&mut self, waiting: &Waiting, at: Instant, why: HangupCause) -> Ending {
        let at = self.end.at(at);
        if let Some(wanted) = waiting.cause() {
            return Ending::cancelled(at, wanted, why.sip);
        }
        let evidence = Evidence { sip_code: why.sip, q850_cause: why.q850, ..Evidence::default() };
        Ending::unanswered(at, &evidence, &self.order.line.status_mapping)
    }

    /// Asterisk has placed no call. The number was not tried.
    fn not_placed(&mut self) -> Ending {
        Ending {
            result: CallResult::Unanswered(CalledStatus::CallFailed),
            cause: cause::TRUNK_REFUSED.to_owned(),
            trunk_refused: true,
            ..Self::ended_unknown(self.end.now())
        }
    }
}
