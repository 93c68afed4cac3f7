//! What the robot is saying, what comes after it, and what was stopped.
//!
//! One utterance is on the line at a time. Text is in here only after commands and variables were worked out.

use std::collections::VecDeque;

use crate::navigation::PublishedSound;
use crate::transcript::Millis;
use crate::turn::{heard_part, speech_ms};

/// Things to say and do that may wait in line.
pub(super) const QUEUE_MAX: usize = 64;
/// From so many things in line on, sentences are joined to the one before, up to so many bytes.
const JOINED_FROM: usize = 3;
const JOINED_BYTES_MAX: usize = 800;
/// How long the line may be silent about a playback beyond three times its length, in milliseconds.
const PLAYBACK_GRACE_MS: Millis = 15_000;

/// Why something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The robot's first words.
    Opening,
    /// An answer.
    Reply,
    /// Asking again after a silence.
    Prompt,
    /// A sign of listening; it is no turn, and nothing waits for it but the line.
    Sign,
    /// The text of a `play` or `menu` node.
    Announcement,
}

/// Something to say or to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Say { text: String, sound: Option<PublishedSound>, purpose: Purpose },
    Press(String),
    Wait { ms: Millis },
    Leave(String),
}

/// An utterance that is, or was, on the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Utterance {
    pub(super) id: u64,
    pub(super) text: String,
    /// How long the sound is that is played instead of the text.
    pub(super) sound_ms: Option<Millis>,
    pub(super) purpose: Purpose,
    pub(super) asked_at: Millis,
    pub(super) started_at: Option<Millis>,
}

impl Utterance {
    pub(super) fn played_ms(&self, now: Millis) -> Millis {
        self.started_at.map_or(0, |started| now.saturating_sub(started))
    }

    pub(super) fn start_ms(&self) -> Millis {
        self.started_at.unwrap_or(self.asked_at)
    }
}

/// An utterance that was told to stop, and the line has not said yet how far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stopping {
    pub(super) utterance: Utterance,
    /// How long it was played by our own reckoning.
    pub(super) played_ms: Millis,
    /// The agent has been told already how far it came.
    pub(super) remembered: bool,
}

/// What an interruption cut off; said after all when the interruption was nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cut {
    utterance: Option<(Utterance, Millis)>,
    queue: VecDeque<Item>,
}

/// The robot's mouth.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    utterances: u64,
    current: Option<Utterance>,
    waiting_until: Option<Millis>,
    queue: VecDeque<Item>,
    stopping: Vec<Stopping>,
    cut: Option<Cut>,
}

/// What the mouth does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is at something.
    Busy,
    /// Nothing is left to say or do.
    Idle,
    /// Put this on the line.
    Play { id: u64, text: String, sound: Option<PublishedSound> },
    /// Send these keys.
    Press(String),
    /// Leave the agent node by this command.
    Leave(String),
}

impl Mouth {
    pub(super) fn push(&mut self, item: Item) {
        add(&mut self.queue, item);
    }

    /// A part of an answer. While an interruption may turn out to be nothing it goes to what was cut off.
    pub(super) fn answer(&mut self, item: Item) {
        match &mut self.cut {
            Some(cut) => add(&mut cut.queue, item),
            None => add(&mut self.queue, item),
        }
    }

    /// Whether the robot is having its say: something is on the line or waits for it. Signs of listening don't
    /// count.
    pub(super) fn is_speaking(&self) -> bool {
        let talks = self.current.as_ref().is_some_and(|now| now.purpose != Purpose::Sign);
        talks || self.waiting_until.is_some() || !self.queue.is_empty()
    }

    pub(super) fn current(&self) -> Option<&Utterance> {
        self.current.as_ref()
    }

    /// How long the current utterance has been playing; without one the pause counts as long enough.
    pub(super) fn played_ms(&self, now: Millis) -> Millis {
        self.current.as_ref().map_or(Millis::MAX, |current| current.played_ms(now))
    }

    /// Takes the next thing in line, if nothing is going on.
    pub(super) fn next(&mut self, now: Millis) -> Next {
        if self.waiting_until.is_some_and(|until| until <= now) {
            self.waiting_until = None;
        }
        if self.current.is_some() || self.waiting_until.is_some() {
            return Next::Busy;
        }
        match self.queue.pop_front() {
            None => Next::Idle,
            Some(Item::Press(digits)) => Next::Press(digits),
            Some(Item::Leave(command)) => Next::Leave(command),
            Some(Item::Wait { ms }) => {
                self.waiting_until = Some(now + ms.max(1));
                Next::Busy
            }
            Some(Item::Say { text, sound, purpose }) => {
                let sound_ms = sound.as_ref().map(|sound| sound.duration_ms);
                let id = self.begin(text.clone(), sound_ms, purpose, now);
                Next::Play { id, text, sound }
            }
        }
    }

    fn begin(
        &mut self,
        text: String,
        sound_ms: Option<Millis>,
        purpose: Purpose,
        now: Millis,
    ) -> u64 {
        self.utterances += 1;
        let id = self.utterances;
        let (asked_at, started_at) = (now, None);
        self.current = Some(Utterance { id, text, sound_ms, purpose, asked_at, started_at });
        id
    }

    /// The line began to play; false when that is no news.
    pub(super) fn started(&mut self, id: u64, now: Millis) -> bool {
        match self.current.as_mut().filter(|current| current.id == id) {
            Some(current) if current.started_at.is_none() => {
                current.started_at = Some(now);
                true
            }
            _ => false,
        }
    }

    /// The line is done with an utterance: what it was, if it still was anything. `played_ms` is the clock's
    /// reckoning, where the line says nothing else.
    pub(super) fn done(&mut self, id: u64, now: Millis) -> Option<Stopping> {
        if let Some(utterance) = self.current.take_if(|current| current.id == id) {
            let played_ms = utterance.played_ms(now);
            return Some(Stopping { utterance, played_ms, remembered: false });
        }
        let at = self.stopping.iter().position(|stopping| stopping.utterance.id == id)?;
        Some(self.stopping.remove(at))
    }

    /// The line said how far a stopped utterance came; it is resumed from there.
    pub(super) fn cut_was_at(&mut self, id: u64, exact_ms: Millis) {
        let cut = self.cut.as_mut().and_then(|cut| cut.utterance.as_mut());
        if let Some((_, played_ms)) = cut.filter(|(utterance, _)| utterance.id == id) {
            *played_ms = exact_ms;
        }
    }

    /// Stops and forgets everything; gives the utterance that the line has to stop.
    pub(super) fn silence(&mut self, now: Millis) -> Option<Stopping> {
        self.queue.clear();
        self.waiting_until = None;
        self.cut = None;
        let utterance = self.current.take()?;
        let played_ms = utterance.played_ms(now);
        let stopping = Stopping { utterance, played_ms, remembered: false };
        self.stopping.push(stopping.clone());
        Some(stopping)
    }

    /// Stops for an interruption, and keeps what was cut off.
    pub(super) fn interrupt(&mut self, now: Millis) -> Option<Stopping> {
        let queue = std::mem::take(&mut self.queue);
        let stopping = self.silence(now);
        if let Some(last) = self.stopping.last_mut().filter(|_| stopping.is_some()) {
            last.remembered = true;
        }
        let utterance = stopping.as_ref().map(|s| (s.utterance.clone(), s.played_ms));
        self.cut = Some(Cut { utterance, queue });
        stopping
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    /// The interruption was meant: what was cut off is not said any more.
    pub(super) fn forget_cut(&mut self) {
        self.cut = None;
    }

    /// The interruption was nothing: goes on where it was stopped.
    pub(super) fn resume(&mut self) {
        let Some(cut) = self.cut.take() else { return };
        self.queue = cut.queue;
        if let Some((utterance, played_ms)) = cut.utterance {
            let heard = heard_part(&utterance.text, played_ms).len();
            let rest = utterance.text[heard..].trim_start();
            if !rest.is_empty() {
                let (text, purpose) = (rest.to_owned(), utterance.purpose);
                self.queue.push_front(Item::Say { text, sound: None, purpose });
            }
        }
    }

    /// What was stopped and never reported, for the end of the call.
    pub(super) fn unreported(&mut self) -> Vec<Stopping> {
        std::mem::take(&mut self.stopping)
    }

    /// When the line should have reported, or a pause ends.
    pub(super) fn due_at(&self) -> Option<Millis> {
        let overdue = self.current.as_ref().map(overdue_at);
        [overdue, self.waiting_until].into_iter().flatten().min()
    }

    /// The utterance about which the line has been silent for too long.
    pub(super) fn overdue(&self, now: Millis) -> Option<u64> {
        self.current.as_ref().filter(|current| overdue_at(current) <= now).map(|current| current.id)
    }
}

/// In line. Sentences that wait behind others are joined, so that a long answer has its place.
fn add(queue: &mut VecDeque<Item>, item: Item) {
    let full = queue.len() >= JOINED_FROM;
    if let (
        true,
        Some(Item::Say { text, sound: None, purpose }),
        Item::Say { text: more, sound: None, purpose: also },
    ) = (full, queue.back_mut(), &item)
        && purpose == also
        && text.len() + more.len() < JOINED_BYTES_MAX
    {
        text.push(' ');
        text.push_str(more);
    } else if queue.len() < QUEUE_MAX {
        queue.push_back(item);
    }
}

fn overdue_at(current: &Utterance) -> Millis {
    let longest_ms = 3 * speech_ms(&current.text);
    current.start_ms() + longest_ms.max(current.sound_ms.unwrap_or(0)) + PLAYBACK_GRACE_MS
}
