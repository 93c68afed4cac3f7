//! Who listens on one call that carries sound: the customer's frames go to the robot's recogniser, and what is heard
//! comes back as the conversation's inputs.
//!
//! One task for each call. Dropping the [`Ear`] ends it, and all requests with it.

mod endpoint;
mod open;
mod senses;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::Clock;
use dialog::conversation::{Failure, Input};
use dialog::robot::RobotConfig;
use outbound::Time;
use outbound::ids::EnterpriseId;
use speech::recognition::{Frame, Recognised};
use speech::signal::noise::NoiseFilter;
use speech::{Recognition, SpeechError};
use telephony::media::{Audio, HeardFrames};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::environment::Environment;
use crate::providers::Providers;
use endpoint::{Do, Endpoint, Patience};
use open::Opening;
use senses::{CallSenses, Voice};

pub use senses::Senses;

/// What the call wants of its ear, waiting. A voice begins and pauses a few times a second at most.
const WISHES_MAX: usize = 64;
/// Inputs that wait for the conversation.
const TOLD_MAX: usize = 64;
/// What was heard while a recogniser is being opened: 10 s.
const BACKLOG_MAX: usize = 500;
/// No sample of a frame of silence is louder. Most of what a customer who listens sends is silence, and filtering is the
/// dearest part of listening.
const SILENCE_PEAK_MAX: u16 = 16;
/// How long a voice may take to be sure.
const DOUBT: Duration = Duration::from_millis(250);

/// See the module.
pub struct Ear {
    wishes: mpsc::Sender<Wish>,
    told: mpsc::Receiver<(Time, Input)>,
    task: AbortHandle,
}

enum Wish {
    /// This robot listens from now on.
    Robot(Arc<RobotConfig>),
    VoiceStarted,
    VoicePaused(Time),
}

impl Ear {
    /// Listen to this sound.
    pub fn listen(env: &Environment, enterprise: EnterpriseId, audio: &Audio) -> Self {
        let (wishes, wished) = mpsc::channel(WISHES_MAX);
        let (tell, told) = mpsc::channel(TOLD_MAX);
        let frames = audio.listen().inspect_err(|error| {
            tracing::error!(%error, "a call can't be listened to");
        });
        let listening = Listening {
            providers: env.providers.clone(),
            clock: env.clock.clone(),
            enterprise,
            frames: frames.ok(),
            tell,
            endpoint: Endpoint::new(Patience { silence: Duration::ZERO, eager: false }),
            hearing: Hearing::Nobody,
            robot: None,
            filter: None,
            senses: env.senses.of_call(),
            judged: None,
            paused_at: None,
        };
        let task = tokio::spawn(listening.run(wished)).abort_handle();
        Self { wishes, told, task }
    }

    /// This robot listens from now on.
    pub fn robot(&self, robot: &Arc<RobotConfig>) {
        self.wish(Wish::Robot(Arc::clone(robot)));
    }

    pub fn voice_started(&self) {
        self.wish(Wish::VoiceStarted);
    }

    /// The customer's voice was last heard at this moment.
    pub fn voice_paused(&self, at: Time) {
        self.wish(Wish::VoicePaused(at));
    }

    fn wish(&self, wish: Wish) {
        if self.wishes.try_send(wish).is_err() {
            // It has ended, or hangs: then words fail, and the conversation's own time for them ends the speech.
            tracing::error!("a call's ear takes nothing any more");
        }
    }

    /// What the conversation is to be told next. Cancel safe.
    pub async fn next(&mut self) -> (Time, Input) {
        match self.told.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The task.
struct Listening {
    providers: Providers,
    clock: Clock,
    enterprise: EnterpriseId,
    frames: Option<HeardFrames>,
    tell: mpsc::Sender<(Time, Input)>,
    endpoint: Endpoint,
    hearing: Hearing,
    /// Who listens.
    robot: Option<Arc<RobotConfig>>,
    filter: Option<NoiseFilter>,
    senses: CallSenses,
    /// What the model says of the present pause.
    judged: Option<oneshot::Receiver<f32>>,
    /// When the voice paused last.
    paused_at: Option<Time>,
}

/// Who hears the words.
enum Hearing {
    Nobody,
    /// It is being opened, and this was heard meanwhile.
    Opening {
        opening: Opening,
        backlog: VecDeque<Heard>,
    },
    By(Box<dyn Recognition>),
}

/// What a recogniser hears and is told.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are frames")]
enum Heard {
    Frame(Frame),
    Begin,
    End,
}

/// What happens next.
#[expect(clippy::large_enum_variant, reason = "nearly all that happens is a frame")]
enum Next {
    Wish(Option<Wish>),
    Frame(Frame),
    Opened(Result<Box<dyn Recognition>, SpeechError>),
    Recognised(Result<Recognised, SpeechError>),
    Judged(f32),
    Due,
}

impl Listening {
    async fn run(mut self, mut wishes: mpsc::Receiver<Wish>) {
        loop {
            let due = self.endpoint.due().map(tokio::time::Instant::from_std);
            let next = tokio::select! {
                biased;
                wish = wishes.recv() => Next::Wish(wish),
                frame = next_frame(&mut self.frames) => Next::Frame(frame),
                next = self.hearing.next() => next,
                ended = judgement(&mut self.judged) => Next::Judged(ended),
                () = sleep_until(due) => Next::Due,
            };
            let to_do = match next {
                Next::Wish(None) => return,
                Next::Wish(Some(wish)) => self.wish(wish),
                Next::Frame(frame) => self.frame(frame),
                Next::Opened(Ok(recognition)) => {
                    self.hearing.opened(recognition);
                    Vec::new()
                }
                Next::Recognised(Ok(Recognised::Partial { text })) => self.endpoint.partial(&text),
                Next::Recognised(Ok(Recognised::Final { text })) => self.endpoint.words(&text),
                Next::Opened(Err(error)) | Next::Recognised(Err(error)) => self.failed(&error),
                Next::Judged(ended) => self.endpoint.judged(ended),
                Next::Due => self.endpoint.tick(Instant::now()),
            };
            for one in to_do {
                if self.act(one).await.is_none() {
                    return;
                }
            }
        }
    }

    fn wish(&mut self, wish: Wish) -> Vec<Do> {
        match wish {
            Wish::Robot(robot) => {
                let silence = Duration::from_millis(robot.turn.end_of_speech_ms.into());
                self.endpoint.wait_like(Patience { silence, eager: robot.turn.eager });
                self.filter = NoiseFilter::new(robot.turn.noise_reduction);
                self.robot = Some(Arc::clone(&robot));
                let opening = open::begin(&self.providers, self.enterprise, robot);
                self.hearing = Hearing::Opening { opening, backlog: VecDeque::new() };
                self.endpoint.recogniser_is_new()
            }
            Wish::VoiceStarted => match self.senses.voice_started() {
                Voice::Sure => self.voice_started(),
                Voice::Doubtful => {
                    self.endpoint.hold(Instant::now() + DOUBT);
                    Vec::new()
                }
            },
            Wish::VoicePaused(at) => {
                if self.senses.voice_paused() == Voice::Doubtful {
                    return Vec::new();
                }
                self.paused_at = Some(at);
                let ago = (self.clock.now() - at).to_std().unwrap_or_default();
                let now = Instant::now();
                let paused = now.checked_sub(self.clock.real(ago)).unwrap_or(now);
                self.endpoint.voice_paused(paused)
            }
        }
    }

    fn frame(&mut self, mut frame: Frame) -> Vec<Do> {
        let voice = self.senses.hear(&frame);
        if let Some(filter) = &mut self.filter
            && frame.iter().any(|sample| sample.unsigned_abs() > SILENCE_PEAK_MAX)
        {
            filter.filter(&mut frame);
        }
        self.hearing.take(Heard::Frame(frame));
        match voice {
            Some(Voice::Sure) => self.voice_started(),
            Some(Voice::Doubtful) | None => Vec::new(),
        }
    }

    fn voice_started(&mut self) -> Vec<Do> {
        self.judged = None;
        self.endpoint.voice_started()
    }

    fn failed(&mut self, error: &SpeechError) -> Vec<Do> {
        tracing::warn!(enterprise = %self.enterprise, %error, "nobody hears the customer's words any more");
        metrics::counter!("callwright_hearing_failed_total").increment(1);
        self.hearing = Hearing::Nobody;
        let mut to_do = self.endpoint.recogniser_is_gone();
        let why = match error {
            SpeechError::Overloaded(_) => Failure::Overloaded,
            _ => Failure::Failed,
        };
        to_do.push(Do::Tell(Input::HearingFailed { why }));
        to_do
    }

    /// None when nobody wants to know any more.
    async fn act(&mut self, what: Do) -> Option<()> {
        match what {
            Do::Begin => self.hearing.take(Heard::Begin),
            Do::End => self.hearing.take(Heard::End),
            Do::Judge => {
                let wanted = self.robot.as_ref().is_some_and(|robot| robot.turn.turn_hint);
                self.judged = wanted.then(|| self.senses.judge()).flatten();
            }
            Do::Tell(input) => {
                let at = match input {
                    Input::VoicePaused => self.paused_at,
                    Input::SpeechFinal { .. } => {
                        self.senses.speech_over();
                        None
                    }
                    _ => None,
                };
                let at = at.unwrap_or_else(|| self.clock.now());
                return self.tell.send((at, input)).await.ok();
            }
        }
        Some(())
    }
}

impl Hearing {
    /// Cancel safe.
    async fn next(&mut self) -> Next {
        match self {
            Self::Nobody => std::future::pending().await,
            Self::Opening { opening, .. } => Next::Opened(opening.await),
            Self::By(recognition) => Next::Recognised(recognition.next().await),
        }
    }

    fn take(&mut self, heard: Heard) {
        match self {
            Self::Nobody => {}
            Self::Opening { backlog, .. } => {
                if backlog.len() == BACKLOG_MAX {
                    // The oldest sound goes; what it is told stays.
                    let oldest = backlog.iter().position(|heard| matches!(heard, Heard::Frame(_)));
                    oldest.and_then(|oldest| backlog.remove(oldest));
                }
                backlog.push_back(heard);
            }
            Self::By(recognition) => hear(&mut **recognition, &heard),
        }
    }

    fn opened(&mut self, mut recognition: Box<dyn Recognition>) {
        if let Self::Opening { backlog, .. } = self {
            for heard in backlog.iter() {
                hear(&mut *recognition, heard);
            }
        }
        *self = Self::By(recognition);
    }
}

fn hear(recognition: &mut dyn Recognition, heard: &Heard) {
    match heard {
        Heard::Frame(frame) => recognition.hear(frame),
        Heard::Begin => recognition.begin(),
        Heard::End => recognition.end(),
    }
}

async fn next_frame(frames: &mut Option<HeardFrames>) -> Frame {
    if let Some(open) = frames
        && let Some(frame) = open.next().await
    {
        return frame.samples;
    }
    *frames = None;
    std::future::pending().await
}

async fn judgement(judged: &mut Option<oneshot::Receiver<f32>>) -> f32 {
    if let Some(judging) = judged {
        let ended = judging.await;
        *judged = None;
        if let Ok(ended) = ended {
            return ended;
        }
    }
    std::future::pending().await
}

async fn sleep_until(due: Option<tokio::time::Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
