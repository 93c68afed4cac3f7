//! A call that is up, until one side hangs up.

use outbound::outcome::cause;
use rsipstack::sip::{Header, Method, Response};
use tokio::sync::oneshot;

use super::super::session_timer::{Refresher, SessionTimer, seconds};
use super::super::{headers, invite, sdp};
use super::place::Up;
use super::requests::Asked;
use super::{Call, Next};
use crate::carrier::{CallEvent, Command, Ending, TransferProgress};
use crate::media::{Digits, Happened, MediaError};
use outbound::phone::Phone;
use outbound::trunk::Dtmf;

/// How long a key lasts that is told by INFO.
const INFO_DIGIT_MS: u32 = 160;
/// Keys of one request, at most.
const INFO_DIGITS_MAX: usize = 64;

/// What we have asked of the far end and wait for.
#[derive(Default)]
struct Asking {
    refresh: Option<oneshot::Receiver<Response>>,
    refer: Option<oneshot::Receiver<Response>>,
}

enum Answer {
    Refresh(Option<Response>),
    Refer(Option<Response>),
}

impl Asking {
    /// The next final answer; none in it: there is none. Cancel safe.
    async fn next(&mut self) -> Answer {
        let Self { refresh, refer } = self;
        tokio::select! {
            answer = answer_of(refresh) => Answer::Refresh(answer),
            answer = answer_of(refer) => Answer::Refer(answer),
        }
    }
}

async fn answer_of(asked: &mut Option<oneshot::Receiver<Response>>) -> Option<Response> {
    let Some(waiting) = asked else { return std::future::pending().await };
    let answer = waiting.await.ok();
    *asked = None;
    answer
}

impl Call {
    pub(super) async fn talk(&mut self, mut up: Up) -> Ending {
        let longest = self.due_in(self.order.max_call);
        let mut asking = Asking::default();
        let mut timer_due = due(&up.timer);
        loop {
            let due_next = timer_due.map_or(longest, |due| due.min(longest));
            let due_next = self.end.or_grant(due_next);
            let next = tokio::select! {
                next = self.next(None, due_next) => next,
                answer = asking.next() => {
                    match self.on_answer(&mut up, answer) {
                        Asked::Refreshed => timer_due = due(&up.timer),
                        Asked::Ended(ending) => return ending,
                        Asked::Nothing => {}
                    }
                    continue;
                }
            };
            match next {
                Next::Request(request) => match self.on_request(&mut up, *request).await {
                    Asked::Nothing => {}
                    Asked::Refreshed => timer_due = due(&up.timer),
                    Asked::Ended(ending) => return ending,
                },
                Next::HangUp(wanted) => return self.bye(&up, wanted),
                Next::Command(Command::Refer { to }) => {
                    self.referring.begin();
                    asking.refer = Some(self.refer(&up, to));
                }
                Next::Command(command) => self.command(&up, command),
                Next::Media(event) if event.what == Happened::WireSilent => {
                    self.end.end_for(cause::NO_MEDIA);
                }
                Next::Media(event) => {
                    let heard = self.hearing.hear(&self.session, event);
                    self.end.tell_heard(heard);
                }
                Next::LateAnswer(answer) => self.on_late_answer(&answer),
                Next::Response(_) => {}
                Next::Due => {
                    let now = tokio::time::Instant::now();
                    let over = self.end.was_asked_to_end() || now >= longest;
                    if let Some(wanted) = over.then(|| self.end.end_for(cause::MAX_CALL)).flatten()
                    {
                        return self.bye(&up, wanted);
                    }
                    if timer_due.is_some_and(|due| due <= now) {
                        match up.timer {
                            Some(SessionTimer { refresher: Refresher::Us, .. }) => {
                                asking.refresh = Some(self.refresh(&up));
                                // Should it not be answered, the session ends with its interval.
                                timer_due = up.timer.map(|timer| now + timer.acts_after());
                                if let Some(timer) = &mut up.timer {
                                    timer.refresher = Refresher::Them;
                                }
                            }
                            _ => {
                                timer_due = None;
                                self.end.end_for(cause::SESSION_EXPIRED);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Say that the call goes on.
    fn refresh(&self, up: &Up) -> oneshot::Receiver<Response> {
        let seconds = up.timer.map_or(self.trunk.session_timer.seconds, |timer| timer.seconds);
        let timer = SessionTimer { seconds, refresher: Refresher::Us };
        let mut with = vec![
            Header::Supported("timer".to_owned().into()),
            Header::SessionExpires(timer.in_request().into()),
        ];
        if up.takes_update {
            return self.ask_with(up, Method::Update, with, None);
        }
        // The description is the one that the far end knows.
        with.push(Header::ContentType("application/sdp".to_owned().into()));
        self.ask_with(up, Method::Invite, with, Some(sdp::write(&self.local, None)))
    }

    fn on_answer(&mut self, up: &mut Up, answer: Answer) -> Asked {
        match answer {
            Answer::Refresh(answer) => self.on_refreshed(up, answer),
            Answer::Refer(answer) => {
                // A 2xx only says that the far end will try.
                let code = answer.map(|answer| answer.status_code.code());
                if !code.is_some_and(|code| (200..300).contains(&code)) {
                    self.referring.end();
                    let at = self.end.now();
                    let progress = TransferProgress::Failed { sip_code: code };
                    self.end.tell(CallEvent::Transfer { at, progress });
                }
                Asked::Nothing
            }
        }
    }

    fn on_refreshed(&mut self, up: &mut Up, answer: Option<Response>) -> Asked {
        let Some(answer) = answer else { return Asked::Nothing };
        match answer.status_code.code() {
            200..=299 => {
                up.dialog.moved(headers::contact(&answer));
                let told = headers::value(&answer, "session-expires");
                let least = self.works.settings.session_seconds_min;
                up.timer = told.and_then(|told| SessionTimer::from_response(told, least));
                if let Ok(answer) = sdp::read(&answer.body)
                    && let Ok(agreed) = sdp::agree(&self.local, &answer)
                {
                    self.connect(agreed);
                }
                Asked::Refreshed
            }
            // RFC 5057: the far end knows nothing of the call.
            408 | 481 => {
                self.end.end_for(cause::SESSION_EXPIRED);
                Asked::Nothing
            }
            422 => {
                let least = headers::value(&answer, "min-se").and_then(seconds);
                if let (Some(timer), Some(least)) = (&mut up.timer, least) {
                    timer.seconds = timer.seconds.max(least);
                    timer.refresher = Refresher::Us;
                }
                Asked::Refreshed
            }
            _ => Asked::Nothing,
        }
    }

    /// Ask the far end to call somebody else in our place (RFC 3515).
    fn refer(&self, up: &Up, to: Phone) -> oneshot::Receiver<Response> {
        let number = self.trunk.callee_format.reveal(to);
        let mut target = invite::host_uri(&self.trunk, &self.placing.host);
        target.auth = Some(rsipstack::sip::uri::Auth { user: number, password: None });
        let with = vec![Header::ReferTo(format!("<{target}>").into())];
        self.ask_with(up, Method::Refer, with, None)
    }

    fn command(&mut self, up: &Up, command: Command) {
        match command {
            Command::Play { utterance, say } => {
                let source = self.works.voice.speak(self.order.enterprise, say);
                let told = self.hearing.play(&self.session, utterance, source);
                self.end.tell_heard(told);
            }
            Command::Stop { utterance } => {
                let told = self.hearing.stop(&self.session, utterance);
                self.end.tell_heard(told);
            }
            Command::SendDigits(digits) => self.send_digits(up, &digits),
            // The gate hangs up; a transfer was asked for before; whoever listens knows when speech ends.
            Command::HangUp { .. }
            | Command::Refer { .. }
            | Command::Listen { .. }
            | Command::Joined => {}
        }
    }

    fn send_digits(&self, up: &Up, digits: &str) {
        if self.trunk.dtmf == Dtmf::Info {
            for digit in digits.chars().filter(|key| !",w".contains(*key)).take(INFO_DIGITS_MAX) {
                let with = vec![Header::ContentType("application/dtmf-relay".to_owned().into())];
                let body = format!("Signal={digit}\r\nDuration={INFO_DIGIT_MS}\r\n");
                drop(self.ask_with(up, Method::Info, with, Some(body)));
            }
            return;
        }
        let digits = digits.parse::<Digits>().map_err(MediaError::from);
        let sent = digits.and_then(|digits| self.session.send_digits(digits));
        if let Err(error) = sent {
            tracing::warn!(attempt = %self.order.attempt, %error, "keys can't be pressed");
        }
    }
}

fn due(timer: &Option<SessionTimer>) -> Option<tokio::time::Instant> {
    timer.map(|timer| tokio::time::Instant::now() + timer.acts_after())
}
