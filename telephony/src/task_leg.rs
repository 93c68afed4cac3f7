//! A leg whose call runs as a task of its own, so that whatever the far end sends is answered, also when nobody asks
//! for events, and after the leg was let go. [`TaskLeg`] is the gate's end, [`CallEnd`] the task's.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use outbound::Time;
use outbound::outcome::{CallResult, CalledStatus};
use tokio::sync::{mpsc, watch};

use crate::carrier::{CallEvent, Command, Ending, Timeline};
use crate::gate::Leg;
use crate::hearing::Heard;
use crate::media::Audio;

/// Events that wait for the gate. What is heard later is not told; ringing, answer and end always are.
const EVENTS_MAX: usize = 1_024;
/// Room that is kept for those.
const EVENTS_KEPT: usize = 8;
/// Commands that wait for the call.
const COMMANDS_MAX: usize = 64;
/// How long the gate may take to write down that the call is hung up. Then it is hung up all the same: a worker that
/// hangs keeps no phone busy.
const GRANT_WAIT: Duration = Duration::from_secs(1);

type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the gate is told.
enum Told {
    Event(CallEvent),
    /// The call is to be hung up for this cause, once the journal has it.
    Due(&'static str),
}

/// See the module.
pub struct TaskLeg {
    call_id: String,
    timeline: Timeline,
    reached: Time,
    /// The call, until its INVITE may leave.
    prepared: Option<Run>,
    events: mpsc::Receiver<Told>,
    commands: mpsc::Sender<Command>,
    hang_up: watch::Sender<Option<&'static str>>,
    audio: Audio,
    over: bool,
}

/// What the call's task holds of its leg.
pub(crate) struct CallEnd {
    timeline: Timeline,
    /// Times that are told never go back.
    reached: Time,
    events: mpsc::Sender<Told>,
    commands: Option<mpsc::Receiver<Command>>,
    hang_up: watch::Receiver<Option<&'static str>>,
    hung_up: bool,
    /// The gate was asked to hang up for this cause, and has until then.
    asked_to_end: Option<(&'static str, tokio::time::Instant)>,
}

/// What the gate wants of the call.
pub(crate) enum Wanted {
    Command(Command),
    HangUp(&'static str),
}

/// A leg for the call, with this sound, that `run` makes of its end. It runs when the gate lets the INVITE go.
pub(crate) fn leg<F: Future<Output = ()> + Send + 'static>(
    call_id: String,
    timeline: Timeline,
    audio: Audio,
    run: impl FnOnce(CallEnd) -> F,
) -> TaskLeg {
    let (events, told) = mpsc::channel(EVENTS_MAX);
    let (commands, commanded) = mpsc::channel(COMMANDS_MAX);
    let (hang_up, hung_up) = watch::channel(None);
    let end = CallEnd {
        timeline,
        reached: timeline.started_at(),
        events,
        commands: Some(commanded),
        hang_up: hung_up,
        hung_up: false,
        asked_to_end: None,
    };
    TaskLeg {
        call_id,
        timeline,
        reached: timeline.started_at(),
        prepared: Some(Box::pin(run(end))),
        events: told,
        commands,
        hang_up,
        audio,
        over: false,
    }
}

impl CallEnd {
    /// What the gate wants next. Cancel safe.
    pub(crate) async fn wanted(&mut self) -> Wanted {
        let Self { commands, hang_up, hung_up, .. } = self;
        tokio::select! {
            biased;
            cause = hang_up_wanted(hang_up), if !*hung_up => {
                *hung_up = true;
                Wanted::HangUp(cause)
            }
            Some(command) = next_command(commands) => Wanted::Command(command),
        }
    }

    /// Whether the gate hangs up, while nothing else is done for it. Cancel safe.
    pub(crate) async fn hang_up_wanted(&mut self) -> &'static str {
        hang_up_wanted(&mut self.hang_up).await
    }

    pub(crate) fn tell(&self, event: CallEvent) {
        if matches!(event, CallEvent::Heard { .. }) && self.events.capacity() <= EVENTS_KEPT {
            return;
        }
        // Nobody listens where the leg was let go.
        let _ = self.events.try_send(Told::Event(event));
    }

    pub(crate) fn tell_heard(&mut self, heard: impl IntoIterator<Item = Heard>) {
        for (at, input) in heard {
            let at = self.at(at);
            self.tell(CallEvent::Heard { at, input });
        }
    }

    /// One of our own times is over: have the gate hang up. Returns the cause when the gate has had its time.
    pub(crate) fn end_for(&mut self, cause: &'static str) -> Option<&'static str> {
        let now = tokio::time::Instant::now();
        match self.asked_to_end {
            Some((asked, until)) => (until <= now).then_some(asked),
            None => {
                self.asked_to_end = Some((cause, now + GRANT_WAIT));
                let _ = self.events.try_send(Told::Due(cause));
                None
            }
        }
    }

    pub(crate) fn was_asked_to_end(&self) -> bool {
        self.asked_to_end.is_some()
    }

    /// When something of our own is due, unless the gate has been asked to hang up.
    pub(crate) fn or_grant(&self, due: tokio::time::Instant) -> tokio::time::Instant {
        self.asked_to_end.map_or(due, |(_, until)| until)
    }

    /// The business time of something that happened, never before what was told last.
    pub(crate) fn at(&mut self, instant: Instant) -> Time {
        let ago = instant.elapsed().as_millis();
        let factor = self.timeline.factor();
        let ago_ms = u64::try_from(ago).unwrap_or(u64::MAX).saturating_mul(factor.into());
        let at = self.timeline.at(self.timeline.elapsed_ms().saturating_sub(ago_ms));
        self.reached = self.reached.max(at);
        self.reached
    }

    pub(crate) fn now(&mut self) -> Time {
        self.at(Instant::now())
    }
}

async fn next_command(commands: &mut Option<mpsc::Receiver<Command>>) -> Option<Command> {
    let Some(open) = commands else { return std::future::pending().await };
    let command = open.recv().await;
    if command.is_none() {
        *commands = None;
        return std::future::pending().await;
    }
    command
}

/// Whoever let the leg go has hung up.
async fn hang_up_wanted(wanted: &mut watch::Receiver<Option<&'static str>>) -> &'static str {
    match wanted.wait_for(Option::is_some).await {
        Ok(cause) => cause.unwrap_or(""),
        Err(_) => "",
    }
}

impl Leg for TaskLeg {
    fn call_id(&self) -> &str {
        &self.call_id
    }

    fn now(&mut self) -> Time {
        self.reached = self.timeline.at(self.timeline.elapsed_ms()).max(self.reached);
        self.reached
    }

    fn invite(&mut self) {
        if let Some(call) = self.prepared.take() {
            tokio::spawn(call);
        }
    }

    async fn next(&mut self, told: &mut VecDeque<CallEvent>) -> Option<&'static str> {
        if self.over {
            return std::future::pending().await;
        }
        // The call's task ended without an end: it is lost, and the far end with it.
        let first = self.events.recv().await;
        let mut next = first.or_else(|| Some(Told::Event(CallEvent::Ended(lost(self.now())))));
        while let Some(happened) = next {
            match happened {
                Told::Event(event) => {
                    self.over |= matches!(event, CallEvent::Ended(_));
                    told.push_back(event);
                }
                Told::Due(cause) => return Some(cause),
            }
            next = self.events.try_recv().ok();
        }
        None
    }

    fn audio(&self) -> Option<Audio> {
        Some(self.audio.clone())
    }

    async fn send(&mut self, command: Command) {
        // A call that is over takes no commands.
        let _ = self.commands.send(command).await;
    }

    fn hang_up(&mut self, cause: &'static str, _: &mut VecDeque<CallEvent>) {
        self.hang_up.send_if_modified(|wanted| {
            let first = wanted.is_none();
            wanted.get_or_insert(cause);
            first
        });
    }
}

fn lost(at: Time) -> Ending {
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
