//! The processes that speak with Piper: a few for all robots, of any voices.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::piper_process::{PiperProgram, State, VoiceProcess};
use crate::failure::SpeechError;

/// Processes at a time, those that wait for a text among them. Each has its voice in memory, 150 MB.
pub const PROCESSES_MAX: usize = 4;
/// Loading a voice may take so long.
const START_MAX: Duration = Duration::from_secs(30);
/// A text that nobody wants any more may take so long to stop: the sentence that is being made ends first.
const STOP_MAX: Duration = Duration::from_secs(5);
/// A process that had no text for so long ends.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// Processes that speak. Clones share them; they end with the last clone.
#[derive(Debug, Clone)]
pub struct PiperProcesses(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    program: PiperProgram,
    places: Arc<Semaphore>,
    idle_max: Duration,
    waiting: Mutex<Waiting>,
}

/// Processes that wait for a text, the one that waits for longest first.
#[derive(Debug, Default)]
struct Waiting {
    processes: VecDeque<WaitingProcess>,
    /// Somebody looks after those that wait for too long.
    watched: bool,
}

#[derive(Debug)]
struct WaitingProcess {
    voice: String,
    since: Instant,
    process: VoiceProcess,
}

impl PiperProcesses {
    pub fn new(program: PiperProgram) -> Self {
        Self::resting(program, IDLE_MAX)
    }

    /// With another time until a process without a text ends.
    pub fn resting(program: PiperProgram, idle_max: Duration) -> Self {
        let places = Arc::new(Semaphore::new(PROCESSES_MAX));
        Self(Arc::new(Pool { program, places, idle_max, waiting: Mutex::default() }))
    }

    pub(super) fn program(&self) -> &PiperProgram {
        &self.0.program
    }

    /// A process with this voice, when there is a place. One that has to be started gets ready also when nobody waits for it
    /// any more: were it dropped, a caller with less patience than it takes to load a voice would never hear one.
    pub(super) async fn of(&self, voice: &str) -> Result<Working, SpeechError> {
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let mut working = Working {
            process: None,
            voice: voice.to_owned(),
            place: Some(place.map_err(SpeechError::failed)?),
            pool: Arc::clone(&self.0),
        };
        working.process = self.0.taken(voice);
        if working.process.is_some() {
            return Ok(working);
        }
        let starting = tokio::spawn(async move {
            let process = VoiceProcess::start(&working.pool.program, &working.voice);
            let process = timeout(START_MAX, process).await.map_err(|_| SpeechError::TimedOut)?;
            working.process = Some(process?);
            Ok(working)
        });
        starting.await.map_err(SpeechError::failed)?
    }
}

impl Pool {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // The list is whole after each of its calls, also where one that held it panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process with this voice that waits, for somebody who has a place. Where there is none, one is about to be started,
    /// and others that wait make room.
    fn taken(&self, voice: &str) -> Option<VoiceProcess> {
        let mut waiting = self.waiting();
        waiting.processes.retain_mut(|waiting| !waiting.process.has_ended());
        let last = waiting.processes.iter().rposition(|waiting| waiting.voice == voice);
        if let Some(taken) = last.and_then(|at| waiting.processes.remove(at)) {
            return Some(taken.process);
        }
        self.make_room(&mut waiting);
        None
    }

    /// Those that work and those that wait are no more than there are places.
    fn make_room(&self, waiting: &mut Waiting) {
        while waiting.processes.len() > self.places.available_permits() {
            waiting.processes.pop_front();
        }
    }

    /// A process has no text any more.
    fn put(self: &Arc<Self>, voice: String, process: VoiceProcess, place: OwnedSemaphorePermit) {
        let mut waiting = self.waiting();
        let since = Instant::now();
        waiting.processes.push_back(WaitingProcess { voice, since, process });
        // The next one who gets the place finds the process here.
        drop(place);
        self.make_room(&mut waiting);
        if !waiting.watched && Handle::try_current().is_ok() {
            waiting.watched = true;
            tokio::spawn(watched(Arc::downgrade(self), since + self.idle_max));
        }
    }

    /// End those that waited for too long. When to look again; never, where none waits.
    fn look(&self) -> Option<Instant> {
        let mut waiting = self.waiting();
        let now = Instant::now();
        waiting.processes.retain(|waiting| waiting.since + self.idle_max > now);
        let next = waiting.processes.iter().map(|waiting| waiting.since + self.idle_max).min();
        waiting.watched = next.is_some();
        next
    }
}

/// Look after the processes that wait, as long as there are any.
async fn watched(pool: Weak<Pool>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let Some(later) = pool.upgrade().and_then(|pool| pool.look()) else { return };
        next = later;
    }
}

/// A process that somebody has. It goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Working {
    process: Option<VoiceProcess>,
    voice: String,
    place: Option<OwnedSemaphorePermit>,
    pool: Arc<Pool>,
}

impl Working {
    pub fn process(&mut self) -> Result<&mut VoiceProcess, SpeechError> {
        self.process.as_mut().ok_or_else(|| SpeechError::failed("Piper has no process"))
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let (Some(mut process), Some(place)) = (self.process.take(), self.place.take()) else {
            return;
        };
        let (voice, pool) = (std::mem::take(&mut self.voice), Arc::clone(&self.pool));
        match (process.state(), Handle::try_current()) {
            (State::Ready, _) => pool.put(voice, process, place),
            // Nobody wants the rest of its text.
            (State::Speaking, Ok(runtime)) => {
                runtime.spawn(async move {
                    // Why it does not stop is not asked: it is replaced.
                    let _ = timeout(STOP_MAX, process.stop()).await;
                    if process.state() == State::Ready {
                        pool.put(voice, process, place);
                    }
                });
            }
            // It ends here.
            (State::Broken, _) | (State::Speaking, Err(_)) => {}
        }
    }
}
