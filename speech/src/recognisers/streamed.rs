//! A recognition over a WebSocket: one connection for each call, whose protocol is a machine without I/O.
//!
//! Only speeches are sent, each with what was heard just before it. The connection is a task's, which sees the recognition
//! dropped, says goodbye within a second, and closes it.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::pre_roll::PreRoll;
use super::{SPEECHES_WAITING_MAX, frames};
use crate::failure::SpeechError;
use crate::reach::Socket;
use crate::recognition::{Frame, Recognised, Recognition, SPEECH_MS_MAX};

/// What waits to be sent: two of the longest speeches, as they are sent again after another provider failed.
const COMMANDS_MAX: usize = frames(SPEECH_MS_MAX) * 2;
/// Results that wait to be taken.
const RESULTS_MAX: usize = 64;
/// A service that hears nothing for so long is told that the call goes on.
const IDLE_MAX: Duration = Duration::from_secs(4);
/// So long after the end of a speech the protocol may call a result final that the service does not.
const GRACE: Duration = Duration::from_secs(1);

/// To say goodbye may take so long.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// The messages of a service. It knows no time and no network.
pub(super) trait Protocol: Send + 'static {
    fn begin(&mut self) -> Vec<Message>;
    fn audio(&mut self, frame: &Frame) -> Message;
    fn end(&mut self) -> Vec<Message>;
    /// What is sent where nothing else was for some seconds.
    fn idle(&self) -> Message;
    /// What a text of the service says.
    fn heard(&mut self, text: &str) -> Result<Vec<Recognised>, SpeechError>;
    /// The last words to the service.
    fn close(&self) -> Option<Message>;
    /// Final results that are known as soon as a speech has ended.
    fn settled(&mut self) -> Result<Vec<Recognised>, SpeechError>;
    /// Final results that can be told a while later without a word of the service.
    fn overdue(&mut self) -> Result<Vec<Recognised>, SpeechError>;
}

enum Command {
    Begin,
    Hear(Box<Frame>),
    End,
}

/// The recognition of one call.
pub(super) struct Streamed {
    pre_roll: PreRoll,
    running: bool,
    frames_sent: usize,
    commands: mpsc::Sender<Command>,
    results: mpsc::Receiver<Result<Recognised, SpeechError>>,
    broken: Option<SpeechError>,
}

impl Streamed {
    /// `patience`: from the end of a speech to its final result, and for each message to be sent.
    pub(super) fn new(socket: Socket, protocol: impl Protocol, patience: Duration) -> Self {
        let (commands, wanted) = mpsc::channel(COMMANDS_MAX);
        let (told, results) = mpsc::channel(RESULTS_MAX);
        let connection =
            Connection { socket, protocol, patience, told: told.clone(), ended: VecDeque::new() };
        let run = async move {
            if let Err(error) = connection.run(wanted).await {
                // Nobody may listen any more.
                let _ = told.send(Err(error)).await;
            }
        };
        // It ends when the commands end.
        tokio::spawn(run);
        Self {
            pre_roll: PreRoll::default(),
            running: false,
            frames_sent: 0,
            commands,
            results,
            broken: None,
        }
    }

    fn send(&mut self, command: Command) {
        // Where the connection has ended, `next` tells why.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.commands.try_send(command) {
            self.broken = Some(SpeechError::Failed("it does not keep up with the call".into()));
        }
    }
}

#[async_trait]
impl Recognition for Streamed {
    fn hear(&mut self, frame: &Frame) {
        self.pre_roll.keep(frame);
        if self.running && self.frames_sent < frames(SPEECH_MS_MAX) {
            self.frames_sent += 1;
            self.send(Command::Hear(Box::new(*frame)));
        }
    }

    fn begin(&mut self) {
        if self.running {
            return;
        }
        self.running = true;
        self.frames_sent = 0;
        self.send(Command::Begin);
        let before: Vec<Frame> = self.pre_roll.frames().copied().collect();
        for frame in before {
            self.send(Command::Hear(Box::new(frame)));
        }
    }

    fn end(&mut self) {
        if self.running {
            self.running = false;
            self.send(Command::End);
        }
    }

    async fn next(&mut self) -> Result<Recognised, SpeechError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let result = self.results.recv().await;
        let result = result.unwrap_or_else(|| Err(SpeechError::Failed("it has ended".into())));
        if let Err(error) = &result {
            self.broken = Some(error.clone());
        }
        result
    }
}

/// The connection of one call.
struct Connection<P> {
    socket: Socket,
    protocol: P,
    patience: Duration,
    told: mpsc::Sender<Result<Recognised, SpeechError>>,
    /// When the speeches ended whose final results are still to come.
    ended: VecDeque<Instant>,
}

impl<P: Protocol> Connection<P> {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) -> Result<(), SpeechError> {
        let mut idle_at = Instant::now() + IDLE_MAX;
        let mut graced = None;
        loop {
            let oldest = self.ended.front().copied();
            let grace = oldest.filter(|ended| graced != Some(*ended)).map(|ended| ended + GRACE);
            let last = oldest.map(|ended| ended + self.patience);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => {
                        self.obey(command).await?;
                        idle_at = Instant::now() + IDLE_MAX;
                    }
                    // The recognition was dropped.
                    None => return self.close().await,
                },
                message = self.socket.next() => {
                    let message = message.ok_or_else(closed)?.map_err(|_| closed())?;
                    self.hear(message).await?;
                }
                () = until(Some(idle_at)) => {
                    let idle = self.protocol.idle();
                    self.send(idle).await?;
                    idle_at = Instant::now() + IDLE_MAX;
                }
                () = until(grace) => {
                    graced = oldest;
                    let results = self.protocol.overdue()?;
                    self.tell(results).await?;
                }
                () = until(last) => return Err(SpeechError::TimedOut),
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), SpeechError> {
        let mut results = Vec::new();
        let messages = match command {
            Command::Begin => self.protocol.begin(),
            Command::Hear(frame) => vec![self.protocol.audio(&frame)],
            Command::End => {
                if self.ended.len() >= SPEECHES_WAITING_MAX {
                    return Err(SpeechError::Failed("it does not keep up with the call".into()));
                }
                self.ended.push_back(Instant::now());
                let messages = self.protocol.end();
                results = self.protocol.settled()?;
                messages
            }
        };
        for message in messages {
            self.send(message).await?;
        }
        self.tell(results).await
    }

    /// Say goodbye; whoever does not take it is left anyway.
    async fn close(mut self) -> Result<(), SpeechError> {
        let last = self.protocol.close();
        let goodbye = async {
            if let Some(message) = last {
                self.socket.send(message).await?;
            }
            self.socket.close(None).await
        };
        let _ = timeout(GOODBYE_MAX, goodbye).await;
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), SpeechError> {
        let sent = timeout(self.patience, self.socket.send(message)).await;
        sent.map_err(|_| SpeechError::TimedOut)?.map_err(|_| closed())
    }

    async fn hear(&mut self, message: Message) -> Result<(), SpeechError> {
        match message {
            Message::Text(text) => {
                let results = self.protocol.heard(&text)?;
                self.tell(results).await
            }
            // The library answers a ping.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Close(_) => Err(closed()),
            Message::Binary(_) => Err(rubbish()),
        }
    }

    async fn tell(&mut self, results: Vec<Recognised>) -> Result<(), SpeechError> {
        for result in results {
            if matches!(result, Recognised::Final { .. }) {
                self.ended.pop_front();
            }
            let told = timeout(self.patience, self.told.send(Ok(result))).await;
            // Nobody takes the results, or nobody listens any more: then nothing is lost with the error.
            told.map_err(|_| SpeechError::TimedOut)?.map_err(|_| closed())?;
        }
        Ok(())
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

fn closed() -> SpeechError {
    SpeechError::Failed("it closed the connection".into())
}

pub(super) fn rubbish() -> SpeechError {
    SpeechError::Failed("it sent what its protocol does not have".into())
}
