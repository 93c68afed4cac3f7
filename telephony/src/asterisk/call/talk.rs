//! A call that is up, until one side hangs up.

use std::time::{Duration, Instant};

use dialog::conversation::Input;
use outbound::outcome::{HangupParty, cause};
use tokio::sync::oneshot;

use super::super::connection::VoiceNews;
use super::super::server::News;
use super::channel::Look;
use super::{Call, Next, VoiceWay, party_of};
use crate::carrier::{CallEvent, Command, Ending, TransferProgress};
use crate::media::{Digits, Happened, Peer};
use crate::task_leg::Wanted;
use ::wire::ari_event::{ChannelState, HangupCause, Happening};

/// How long after the answer a call may be without a voice.
const VOICE_WAIT: Duration = Duration::from_secs(10);
/// Q.850: normal clearing, the cause of a hang-up of ours.
const NORMAL_CLEARING: u16 = 16;

type Joining = oneshot::Receiver<Result<(), String>>;

/// How far the call is with its voice, and what is known of its end.
struct Up {
    longest: tokio::time::Instant,
    voice_due: Option<tokio::time::Instant>,
    joining: Option<Joining>,
    held: bool,
    said: HangupCause,
}

impl Call {
    pub(super) async fn talk(&mut self, answered_at: Instant) -> Ending {
        let mut up = Up {
            longest: self.due_in(self.order.max_call),
            voice_due: Some(tokio::time::Instant::from_std(answered_at) + VOICE_WAIT),
            joining: None,
            held: false,
            said: HangupCause::default(),
        };
        self.begin_joining(&mut up);
        loop {
            let own = [up.voice_due, self.echo.due()];
            let due = own.into_iter().flatten().min().map_or(up.longest, |due| due.min(up.longest));
            let due = self.end.or_grant(due);
            let next = tokio::select! {
                next = self.next(due) => next,
                joined = joined(&mut up.joining) => {
                    self.joined(&mut up, joined);
                    continue;
                }
            };
            let ended = match next {
                Next::News(News::Happened { at, what }) => self.on_happening(&mut up, at, what),
                Next::News(_) => None,
                Next::Looked(look) => self.on_look_up(look),
                Next::Media(event) if event.what == Happened::WireSilent => {
                    // On hold nobody needs to send.
                    if !up.held {
                        self.end.end_for(cause::NO_MEDIA);
                    }
                    None
                }
                Next::Media(event) => {
                    let heard = self.hearing.hear(&self.session, event);
                    self.tell_heard(heard);
                    None
                }
                Next::VoiceOpened(opened) => {
                    self.voice_opened(opened);
                    self.begin_joining(&mut up);
                    None
                }
                Next::Voice(VoiceNews::Played { mark }) => {
                    let heard = self.echo.played(mark);
                    self.end.tell_heard(heard);
                    None
                }
                Next::Voice(VoiceNews::Closed) => {
                    self.voice_lost(&mut up);
                    None
                }
                Next::Wanted(Wanted::HangUp(wanted)) => Some(self.hung_up(wanted)),
                Next::Wanted(Wanted::Command(command)) => {
                    self.command(command);
                    None
                }
                Next::Due => self.on_due_up(&mut up),
            };
            if let Some(ending) = ended {
                return ending;
            }
        }
    }

    /// Put the customer into the bridge where our voice is, once it is there.
    fn begin_joining(&mut self, up: &mut Up) {
        match self.voice {
            VoiceWay::Open(_) if up.joining.is_none() => {
                up.joining = Some(self.channel.join(&self.names.bridge));
            }
            VoiceWay::Gone => self.voice_lost(up),
            _ => {}
        }
    }

    fn joined(&mut self, up: &mut Up, joined: Result<(), String>) {
        match joined {
            Ok(()) => {
                up.voice_due = None;
                if let Err(error) = self.session.connect(Peer::on_a_stream()) {
                    let attempt = self.order.attempt;
                    tracing::error!(%attempt, %error, "the voice of a call can't start");
                }
            }
            Err(error) => {
                let attempt = self.order.attempt;
                tracing::warn!(%attempt, error, "a customer does not come to our voice");
                self.voice_lost(up);
            }
        }
    }

    /// There is no voice any more. The call may be over without our knowing: Asterisk is asked, and the call is given up
    /// when it is still there.
    fn voice_lost(&mut self, up: &mut Up) {
        self.voice = VoiceWay::Gone;
        up.voice_due = Some(tokio::time::Instant::now() + VOICE_WAIT);
        self.channel.look();
    }

    fn on_happening(&mut self, up: &mut Up, at: Instant, what: Happening) -> Option<Ending> {
        match what {
            Happening::Destroyed(why) => {
                let why = why.or(up.said);
                let at = self.end.at(at);
                return Some(Self::ended_up(at, "", why, party_of(why)));
            }
            Happening::HangupRequested(said) => up.said = said,
            Happening::Digit(digit) => self.tell_heard(vec![(at, Input::Digit(digit))]),
            Happening::Held => up.held = true,
            Happening::Unheld => up.held = false,
            Happening::State(_) | Happening::Entered(_) => {}
        }
        None
    }

    /// What Asterisk says of the channel, after events or the voice were lost.
    fn on_look_up(&mut self, look: Look) -> Option<Ending> {
        match look {
            Look::There(ChannelState::Up) => {
                if matches!(self.voice, VoiceWay::Gone) {
                    self.end.end_for(cause::NO_MEDIA);
                }
                None
            }
            Look::There(_) | Look::Unknown => None,
            // Its end was told to nobody. It was answered, and that it stays.
            Look::Gone | Look::Lost | Look::NotPlaced => {
                let at = self.end.now();
                Some(Self::ended_up(at, "", HangupCause::default(), None))
            }
        }
    }

    fn on_due_up(&mut self, up: &mut Up) -> Option<Ending> {
        let now = tokio::time::Instant::now();
        let look = self.channel.on_due();
        if let Some(ending) = self.on_look_up(look) {
            return Some(ending);
        }
        let heard = self.echo.give_up(now);
        self.end.tell_heard(heard);
        let wanted = if self.end.was_asked_to_end() || up.longest <= now {
            self.end.end_for(cause::MAX_CALL)
        } else if up.voice_due.take_if(|due| *due <= now).is_some() {
            self.end.end_for(cause::NO_MEDIA)
        } else {
            None
        };
        wanted.map(|wanted| self.hung_up(wanted))
    }

    /// We hang up. The call is over when that is on its way.
    pub(super) fn hung_up(&mut self, wanted: &'static str) -> Ending {
        self.channel.hang_up();
        let why = HangupCause { q850: Some(NORMAL_CLEARING), sip: None };
        let at = self.end.now();
        Self::ended_up(at, wanted, why, Some(HangupParty::System))
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Play { utterance, say } => {
                let source = self.works.voice.speak(self.order.enterprise, say);
                let told = self.hearing.play(&self.session, utterance, source);
                self.tell_heard(told);
            }
            Command::Stop { utterance } => {
                let told = self.hearing.stop(&self.session, utterance);
                self.tell_heard(told);
            }
            Command::SendDigits(digits) => self.send_digits(&digits),
            Command::Refer { .. } => self.refuse_transfer(),
            // The gate hangs up; whoever listens knows when speech ends.
            Command::HangUp { .. } | Command::Listen { .. } | Command::Joined => {}
        }
    }

    fn send_digits(&mut self, digits: &str) {
        // The same keys as on every line; Asterisk knows pauses of half a second.
        let keys = digits.parse::<Digits>().map(|_| digits.replace(',', "ww"));
        let taken = keys.is_ok_and(|keys| self.channel.press(keys));
        if !taken {
            tracing::warn!(attempt = %self.order.attempt, "keys can't be pressed");
        }
    }

    /// ARI's `redirect` sends a REFER and never tells what came of it. A transfer that may or may not go on in the
    /// background would call a second person, so it is refused here and a second leg takes its place.
    fn refuse_transfer(&mut self) {
        tracing::info!(attempt = %self.order.attempt, "Asterisk trunks don't transfer by REFER");
        let at = self.end.now();
        let progress = TransferProgress::Failed { sip_code: None };
        self.end.tell(CallEvent::Transfer { at, progress });
    }
}

/// How joining ended; never, where nothing joins.
async fn joined(joining: &mut Option<Joining>) -> Result<(), String> {
    let Some(waiting) = joining else { return std::future::pending().await };
    let answer = waiting.await.unwrap_or_else(|_| Err("joining has failed".to_owned()));
    *joining = None;
    answer
}
