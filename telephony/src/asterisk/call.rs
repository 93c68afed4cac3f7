//! One call through Asterisk, from its originate to its end: a task that follows its channel and tells the gate.

mod channel;
mod place;
mod talk;

use std::sync::Arc;
use std::time::Duration;

use outbound::Time;
use outbound::outcome::{CallResult, CalledStatus, HangupParty};
use outbound::trunk::AsteriskTrunk;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Works;
use super::connection::{Connection, VoiceNews};
use super::echo::Echo;
use super::server::News;
use super::voice::{self, VoiceNames};
use crate::carrier::{CallEvent, Ending, Order};
use crate::hearing::{Heard, Hearing};
use crate::media::{FramesIn, FramesOut, MediaEvent, RECORDING_WAIT, Session, SessionEvents};
use crate::task_leg::{CallEnd, Wanted};
use ::wire::ari_event::HangupCause;
use channel::{Look, Told};
use place::Placed;

pub(super) use channel::Channel;

/// A cause from here on is the network's or a resource's (ITU-T Q.850); below, somebody hung up.
const Q850_NETWORK: u16 = 32;

/// The voice of the call.
enum VoiceWay {
    /// Not asked for yet.
    Closed(FramesOut, FramesIn),
    Opening(oneshot::Receiver<Result<Connection, String>>),
    Open(Connection),
    /// It could not be opened, or is over.
    Gone,
}

/// See the module.
pub(super) struct Call {
    works: Arc<Works>,
    order: Order,
    trunk: Arc<AsteriskTrunk>,
    end: CallEnd,
    channel: Channel,
    names: VoiceNames,
    session: Session,
    media: Option<SessionEvents>,
    voice: VoiceWay,
    hearing: Hearing,
    echo: Echo,
    _room: OwnedSemaphorePermit,
}

/// What happens next on a call.
enum Next {
    News(News),
    /// How the channel is, as Asterisk was asked.
    Looked(Look),
    Media(MediaEvent),
    VoiceOpened(Result<Connection, String>),
    Voice(VoiceNews),
    Wanted(Wanted),
    Due,
}

impl Call {
    pub(super) fn new(
        works: Arc<Works>,
        order: Order,
        trunk: Arc<AsteriskTrunk>,
        end: CallEnd,
        channel: Channel,
        (session, media, out, inward): (Session, SessionEvents, FramesOut, FramesIn),
        room: OwnedSemaphorePermit,
    ) -> Self {
        let hearing = Hearing::of(order.attempt);
        Self {
            works,
            order,
            trunk,
            end,
            names: VoiceNames::of(channel.id()),
            channel,
            session,
            media: Some(media),
            voice: VoiceWay::Closed(out, inward),
            hearing,
            echo: Echo::default(),
            _room: room,
        }
    }

    /// Carry the call to its end.
    pub(super) async fn run(mut self: Box<Self>) {
        let ending = match self.place().await {
            Placed::Answered(answered_at) => self.talk(answered_at).await,
            Placed::Ended(ending) => ending,
        };
        let rest = self.echo.release();
        self.end.tell_heard(rest);
        self.channel.hang_up();
        let Self { session, end, order, channel, voice, names, .. } = *self;
        if !matches!(voice, VoiceWay::Closed(..)) {
            let server = channel.server();
            tokio::spawn(async move {
                // It may still be on its way there.
                if let VoiceWay::Opening(opening) = voice {
                    drop(opening.await);
                }
                voice::remove(&server, &names).await;
            });
        }
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
    async fn next(&mut self, due: tokio::time::Instant) -> Next {
        let due = self.channel.due().map_or(due, |own| own.min(due));
        tokio::select! {
            told = self.channel.next() => match told {
                Told::News(news) => Next::News(news),
                Told::Look(look) => Next::Looked(look),
            },
            Some(event) = media(&mut self.media) => Next::Media(event),
            voice = voice_next(&mut self.voice) => voice,
            wanted = self.end.wanted() => Next::Wanted(wanted),
            () = tokio::time::sleep_until(due) => Next::Due,
        }
    }

    /// Have the voice opened, once.
    fn open_voice(&mut self) {
        self.voice = match std::mem::replace(&mut self.voice, VoiceWay::Gone) {
            VoiceWay::Closed(out, inward) => {
                let (server, trunk) = (self.channel.server(), Arc::clone(&self.trunk));
                let (names, door) = (self.names.clone(), self.works.door.clone());
                let (opened, opening) = oneshot::channel();
                tokio::spawn(async move {
                    let voice = voice::open(server, trunk, names, door, (out, inward)).await;
                    // The call may be over.
                    let _ = opened.send(voice);
                });
                VoiceWay::Opening(opening)
            }
            other => other,
        };
    }

    fn voice_opened(&mut self, opened: Result<Connection, String>) {
        self.voice = match opened {
            Ok(connection) => VoiceWay::Open(connection),
            Err(error) => {
                tracing::warn!(attempt = %self.order.attempt, error, "a call has no voice");
                VoiceWay::Gone
            }
        };
    }

    /// Tell what is heard, what is played when Asterisk has played it.
    fn tell_heard(&mut self, heard: Vec<Heard>) {
        let voice = match &self.voice {
            VoiceWay::Open(connection) => Some(connection),
            _ => None,
        };
        let heard = self.echo.tell(heard, voice);
        self.end.tell_heard(heard);
    }

    /// The moment after so much business time from now.
    fn due_in(&self, business: Duration) -> tokio::time::Instant {
        tokio::time::Instant::now() + self.works.clock.real(business)
    }

    /// The end of a call that was answered.
    fn ended_up(at: Time, cause: &str, why: HangupCause, party: Option<HangupParty>) -> Ending {
        Ending {
            at,
            result: CallResult::Answered,
            cause: cause.to_owned(),
            sip_code: Some(200),
            q850_cause: why.q850,
            party,
            trunk_refused: false,
        }
    }

    /// The end of a call that nobody knows more of.
    fn ended_unknown(at: Time) -> Ending {
        Ending {
            at,
            result: CallResult::Unanswered(CalledStatus::CallFailed),
            cause: String::new(),
            sip_code: None,
            q850_cause: None,
            party: None,
            trunk_refused: false,
        }
    }
}

/// Who has ended an answered call, by its cause. None: the network.
fn party_of(why: HangupCause) -> Option<HangupParty> {
    why.q850.is_none_or(|cause| cause < Q850_NETWORK).then_some(HangupParty::Customer)
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

async fn voice_next(voice: &mut VoiceWay) -> Next {
    match voice {
        VoiceWay::Opening(opening) => {
            let opened = opening.await.unwrap_or_else(|_| Err("opening it has failed".to_owned()));
            Next::VoiceOpened(opened)
        }
        VoiceWay::Open(connection) => Next::Voice(connection.next().await),
        VoiceWay::Closed(..) | VoiceWay::Gone => std::future::pending().await,
    }
}
