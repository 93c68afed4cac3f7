//! What is told from the customer's sound before there are words: whether it is a voice, and whether they have ended.
//!
//! Both need models in a folder. Without it the cheap voice detection and the silence alone decide, and the log says so
//! once.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use speech::recognition::Frame;
use speech::signal::Models;
use speech::signal::turn::{TurnHint, TurnSound};
use speech::signal::voice::VoiceCheck;
use tokio::sync::{Semaphore, oneshot};

/// Frames of sound from before the cheap detection has noticed a voice: 200 ms.
const BEFORE_MAX: usize = 10;
/// Silence that is put after a turn that is judged. The model knows pauses of 200 ms, and is asked after 100.
const ADDED_SILENCE: usize = 800;

/// The models of a process; clones share them. They are loaded with the first call that carries sound.
#[derive(Clone)]
pub struct Senses {
    folder: Arc<Path>,
    loaded: Arc<OnceLock<Option<Shared>>>,
}

#[derive(Clone)]
struct Shared {
    models: Models,
    hint: TurnHint,
    /// Turns that are judged at a time: one for each processor. A judgement that finds no place is not made.
    places: Arc<Semaphore>,
}

impl Senses {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: folder.into(), loaded: Arc::default() }
    }

    /// For one call. The first one loads the models, which takes half a second of a thread for such work; calls that begin
    /// meanwhile do without.
    pub(super) fn of_call(&self) -> CallSenses {
        let shared = self.loaded.get().cloned().unwrap_or_else(|| {
            let senses = self.clone();
            tokio::task::spawn_blocking(move || {
                senses.loaded.get_or_init(|| load(&senses.folder)).is_some()
            });
            None
        });
        CallSenses { shared, before: VecDeque::new(), turn: TurnSound::default(), doubt: None }
    }
}

fn load(folder: &Path) -> Option<Shared> {
    let models = match Models::load(folder) {
        Ok(models) => models,
        Err(error) => {
            tracing::warn!(%error, "calls are listened to without models: silence alone ends a speech");
            return None;
        }
    };
    let places = std::thread::available_parallelism().map_or(1, usize::from);
    let hint = TurnHint::new(&models);
    Some(Shared { models, hint, places: Arc::new(Semaphore::new(places)) })
}

/// One call's.
pub(super) struct CallSenses {
    shared: Option<Shared>,
    before: VecDeque<Frame>,
    turn: TurnSound,
    /// The cheap detection has heard a voice, and it may be noise.
    doubt: Option<VoiceCheck>,
}

/// Whether it is a voice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Sure,
    /// It is told of by [`CallSenses::hear`] once it is sure.
    Doubtful,
}

impl CallSenses {
    /// The next frame. It tells when a voice that was doubtful is sure.
    pub(super) fn hear(&mut self, frame: &Frame) -> Option<Voice> {
        self.shared.as_ref()?;
        self.turn.hear(frame);
        if self.before.len() == BEFORE_MAX {
            self.before.pop_front();
        }
        self.before.push_back(*frame);
        let check = self.doubt.as_mut()?;
        check_frame(check, frame);
        check.confirms().then(|| self.is_sure())
    }

    /// The cheap detection hears a voice.
    pub(super) fn voice_started(&mut self) -> Voice {
        let Some(shared) = &self.shared else { return Voice::Sure };
        let mut check = VoiceCheck::new(&shared.models);
        for frame in &self.before {
            check_frame(&mut check, frame);
        }
        if check.confirms() {
            return self.is_sure();
        }
        self.doubt = Some(check);
        Voice::Doubtful
    }

    fn is_sure(&mut self) -> Voice {
        self.doubt = None;
        self.turn.begin();
        Voice::Sure
    }

    /// The cheap detection hears no voice any more. Whether there was one.
    pub(super) fn voice_paused(&mut self) -> Voice {
        match self.doubt.take() {
            Some(_) => Voice::Doubtful,
            None => Voice::Sure,
        }
    }

    /// The speech is over.
    pub(super) fn speech_over(&mut self) {
        self.turn.end();
    }

    /// Have the turn so far judged on a thread for such work; none where nobody can.
    pub(super) fn judge(&self) -> Option<oneshot::Receiver<f32>> {
        let Shared { hint, places, .. } = self.shared.clone()?;
        let Ok(place) = places.try_acquire_owned() else {
            metrics::counter!("callwright_turns_not_judged_total").increment(1);
            return None;
        };
        let mut turn = self.turn.samples();
        turn.resize(turn.len() + ADDED_SILENCE, 0);
        let (tell, judged) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            match hint.judge(&turn) {
                // Nobody may want to know any more.
                Ok(ended) => drop(tell.send(ended)),
                Err(error) => tracing::error!(%error, "a turn can't be judged"),
            }
            drop(place);
        });
        Some(judged)
    }
}

fn check_frame(check: &mut VoiceCheck, frame: &Frame) {
    if let Err(error) = check.hear(frame) {
        tracing::error!(%error, "a voice can't be checked");
    }
}
