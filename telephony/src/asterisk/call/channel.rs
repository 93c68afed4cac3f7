//! The channel of a call in Asterisk: how it is called, followed, looked for and ended.
//!
//! Each request runs as a task of its own, so that the call goes on meanwhile. The channel is looked for where its state is
//! uncertain: the answer to the originate was lost, or events were. After [`UNCERTAIN_WAIT`] without an answer the call
//! is over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::super::ari::{AriError, Removed};
use super::super::server::{Link, Mailbox, News, Server};
use super::super::voice;
use ::wire::ari_event::{ChannelState, Happening};

/// How long it may be unknown how the channel is.
const UNCERTAIN_WAIT: Duration = Duration::from_secs(30);
/// A channel whose originate was not answered may still come for so long.
const LATE_WAIT: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_REST: Duration = Duration::from_millis(500);
/// Tries to end a channel, and the rest between them, which doubles.
const HANG_UPS_MAX: u32 = 5;
const HANG_UP_REST: Duration = Duration::from_millis(500);
/// Requests to press keys that wait.
const PRESSES_MAX: usize = 32;

/// What is found of the channel.
pub(super) enum Look {
    There(ChannelState),
    /// There is none, and none will come.
    Gone,
    /// Asterisk did not place the call: the number was not tried.
    NotPlaced,
    /// It is not known, and is looked for again.
    Unknown,
    /// It was not known for too long.
    Lost,
}

/// What comes of the channel.
pub(super) enum Told {
    News(News),
    Look(Look),
}

enum Answer {
    Originated(Result<ChannelState, AriError>),
    Looked(Result<Option<ChannelState>, AriError>),
}

/// What is known of the channel's being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Being {
    /// No originate has left.
    NotYet,
    /// One has, and its answer is not there.
    Asked,
    There,
    Gone,
}

/// See the module.
pub(in crate::asterisk) struct Channel {
    server: Arc<Server>,
    id: String,
    mailbox: Mailbox,
    being: Being,
    answers: (mpsc::Sender<Answer>, mpsc::Receiver<Answer>),
    /// A look is under way; what the channel was when it left.
    looking: Option<Being>,
    look_at: Option<Instant>,
    uncertain_until: Option<Instant>,
    ending: bool,
    presses: Option<mpsc::Sender<String>>,
}

impl Channel {
    pub(in crate::asterisk) fn new(server: Arc<Server>, id: String) -> Self {
        let mailbox = server.follow(&id);
        Self {
            server,
            id,
            mailbox,
            being: Being::NotYet,
            // At most one originate and one look are under way.
            answers: mpsc::channel(2),
            looking: None,
            look_at: None,
            uncertain_until: None,
            ending: false,
            presses: None,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server)
    }

    /// Let the originate go. It is sent once.
    pub(super) fn originate(&mut self, call: Value) {
        self.being = Being::Asked;
        let (server, id, answers) = (self.server(), self.id.clone(), self.answers.0.clone());
        tokio::spawn(async move {
            let answer = server.ari.originate(&id, call).await;
            let answer = Answer::Originated(answer.map(|channel| channel.state()));
            // The call may be over.
            let _ = answers.send(answer).await;
        });
    }

    /// What is told of it, or what a request has found. Cancel safe.
    pub(super) async fn next(&mut self) -> Told {
        let Self { mailbox, answers: (_, answers), .. } = self;
        tokio::select! {
            news = mailbox.next() => {
                self.on_news(&news);
                Told::News(news)
            }
            // This end has a sender too, so there is always another answer to come.
            Some(answer) = answers.recv() => Told::Look(self.understand(answer)),
        }
    }

    fn on_news(&mut self, news: &News) {
        match news {
            News::Happened { what, .. } => {
                self.being = match what {
                    Happening::Destroyed(_) => Being::Gone,
                    _ => Being::There,
                };
            }
            News::LinkLost => self.is_uncertain(UNCERTAIN_WAIT),
            News::LinkBack => self.look(),
        }
    }

    fn understand(&mut self, answer: Answer) -> Look {
        match answer {
            Answer::Originated(Ok(state)) => self.found(state),
            // One of this id is there: ours, of which the answer was lost on the way.
            Answer::Originated(Err(AriError::Refused(status))) if status.as_u16() != 409 => {
                tracing::warn!(%status, "Asterisk does not place a call");
                self.being = Being::Gone;
                Look::NotPlaced
            }
            Answer::Originated(Err(AriError::Unsent(error))) => {
                tracing::warn!(error, "a call could not be placed");
                self.being = Being::Gone;
                Look::NotPlaced
            }
            Answer::Originated(Err(error)) => {
                tracing::warn!(%error, "it is not known whether a call was placed; it is looked for");
                self.is_uncertain(LATE_WAIT);
                self.look();
                Look::Unknown
            }
            Answer::Looked(Ok(Some(state))) => {
                self.looking = None;
                self.found(state)
            }
            // Only a channel that was there is gone; one that was asked for may be on its way.
            Answer::Looked(Ok(None)) if self.looking.take() == Some(Being::There) => {
                self.being = Being::Gone;
                Look::Gone
            }
            Answer::Looked(Ok(None)) => {
                self.look_at = Some(Instant::now() + LOOK_REST);
                Look::Unknown
            }
            Answer::Looked(Err(error)) => {
                self.looking = None;
                tracing::warn!(%error, "a channel can't be looked for");
                self.look_at = Some(Instant::now() + LOOK_REST);
                Look::Unknown
            }
        }
    }

    fn found(&mut self, state: ChannelState) -> Look {
        // Its end may have been told before.
        if self.being == Being::Gone {
            return Look::Unknown;
        }
        self.being = Being::There;
        if self.server.link() == Link::Up {
            self.uncertain_until = None;
            self.look_at = None;
        }
        Look::There(state)
    }

    /// Look how the channel is, and have its events told again.
    pub(super) fn look(&mut self) {
        self.look_at = None;
        if matches!(self.being, Being::NotYet | Being::Gone) || self.looking.is_some() {
            return;
        }
        self.looking = Some(self.being);
        self.is_uncertain(UNCERTAIN_WAIT);
        let (server, id, answers) = (self.server(), self.id.clone(), self.answers.0.clone());
        tokio::spawn(async move {
            // Where it is gone there is nothing to subscribe to; the look tells.
            if let Err(error) = server.ari.subscribe(&id).await {
                tracing::debug!(%error, "a channel's events can't be asked for");
            }
            let found = server.ari.channel(&id).await;
            let found = found.map(|channel| channel.map(|channel| channel.state()));
            let _ = answers.send(Answer::Looked(found)).await;
        });
    }

    fn is_uncertain(&mut self, wait: Duration) {
        self.uncertain_until.get_or_insert(Instant::now() + wait);
    }

    /// When there is something to do of its own.
    pub(super) fn due(&self) -> Option<Instant> {
        [self.look_at, self.uncertain_until].into_iter().flatten().min()
    }

    /// Do what is due. [`Look::Lost`]: it was unknown for too long.
    pub(super) fn on_due(&mut self) -> Look {
        let now = Instant::now();
        if self.uncertain_until.is_some_and(|until| until <= now) {
            self.uncertain_until = None;
            return Look::Lost;
        }
        if self.look_at.is_some_and(|at| at <= now) {
            self.look();
        }
        Look::Unknown
    }

    /// Press keys, after those that are still to be pressed. Whether there was room for them.
    pub(super) fn press(&mut self, keys: String) -> bool {
        let (server, id) = (self.server(), self.id.clone());
        let presses = self.presses.get_or_insert_with(|| {
            let (sender, mut waiting) = mpsc::channel::<String>(PRESSES_MAX);
            tokio::spawn(async move {
                while let Some(keys) = waiting.recv().await {
                    if let Err(error) = server.ari.press(&id, &keys).await {
                        tracing::warn!(%error, "keys can't be pressed");
                    }
                }
            });
            sender
        });
        presses.try_send(keys).is_ok()
    }

    /// Put it into the call's bridge.
    pub(super) fn join(&self, bridge: &str) -> oneshot::Receiver<Result<(), String>> {
        let (server, id, bridge) = (self.server(), self.id.clone(), bridge.to_owned());
        let (sender, joined) = oneshot::channel();
        tokio::spawn(async move {
            let answer = voice::join(&server, &bridge, &id).await;
            let _ = sender.send(answer);
        });
        joined
    }

    /// End it. It is tried until Asterisk says that it is gone, a few times.
    pub(super) fn hang_up(&mut self) {
        let nothing = matches!(self.being, Being::NotYet | Being::Gone);
        if nothing || std::mem::replace(&mut self.ending, true) {
            return;
        }
        // A channel that is not there yet may still come.
        let may_come = self.being == Being::Asked;
        let (server, id) = (self.server(), self.id.clone());
        tokio::spawn(async move {
            let mut rest = HANG_UP_REST;
            for _ in 0..HANG_UPS_MAX {
                match server.ari.hang_up(&id).await {
                    Ok(Removed::WasNotThere) if may_come => {}
                    Ok(_) => return,
                    Err(error) => tracing::warn!(%error, "a channel can't be ended; trying again"),
                }
                tokio::time::sleep(rest).await;
                rest *= 2;
            }
        });
    }
}
