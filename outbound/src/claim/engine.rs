//! One claim, step by step.

use std::collections::HashSet;

use super::judge::{Dial, Facts, KnownCalls, NumberFacts, Verdict};
use super::pull::LanesToRead;
use super::queue::{QueuedNumber, ReadyNumber};
use super::scene::Scene;
use super::{CLAIM_MAX, PASSES_MAX};
use crate::Time;
use crate::ids::NumberId;
use crate::phone::Phone;

/// What a claim needs next.
#[derive(Debug)]
pub enum Step {
    /// Read these rows of lanes, and hand them to [`Engine::read_lanes`].
    ReadLanes(LanesToRead),
    /// Read what is known of these numbers, and hand it to [`Engine::judge`].
    ReadNumbers(NumbersToRead),
    /// The claim has decided: write down what [`Engine::taken`] holds.
    Decided,
}

/// Numbers that are to be judged, in the order in which they get slots.
#[derive(Debug)]
pub struct NumbersToRead {
    pulled: Vec<(usize, QueuedNumber)>,
}

impl NumbersToRead {
    /// Each number with the place of its task in the scene.
    pub fn numbers(&self) -> impl Iterator<Item = (NumberId, usize)> + '_ {
        self.pulled.iter().map(|(task, pulled)| (pulled.number, *task))
    }
}

/// A number that was taken out of its lane, and what becomes of it.
#[derive(Debug)]
pub struct TakenNumber {
    /// The place of its task in the scene.
    pub task: usize,
    pub queued: QueuedNumber,
    pub facts: NumberFacts,
    pub verdict: Verdict,
}

/// A number stands in a lane, and nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is ready and gone")]
pub struct ReadyAndGone(pub NumberId);

/// One claim under way.
#[derive(Debug)]
pub struct Engine {
    scene: Scene,
    now: Time,
    at_most: u32,
    random_seed: u64,
    passes: u32,
    /// The lanes of this pass were read.
    has_read: bool,
    dialled: u32,
    /// Phones of the calls that this claim took. They are not known as live elsewhere yet.
    phones: HashSet<Phone>,
    taken: Vec<TakenNumber>,
    exhausted: bool,
}

impl Engine {
    /// A claim of at most `at_most` calls (held to 1–[`CLAIM_MAX`]). Random caller IDs are drawn by `random_seed`:
    /// give another number to each claim.
    pub fn new(scene: Scene, now: Time, at_most: u32, random_seed: u64) -> Self {
        Self {
            scene,
            now,
            at_most: at_most.clamp(1, CLAIM_MAX),
            random_seed,
            passes: 0,
            has_read: false,
            dialled: 0,
            phones: HashSet::new(),
            taken: Vec::new(),
            exhausted: false,
        }
    }

    /// What the claim needs next.
    pub fn step(&mut self) -> Step {
        while self.passes < PASSES_MAX {
            let wants = self.scene.wants(self.scene.free.min(self.at_most - self.dialled));
            if wants.is_empty() {
                self.exhausted = true;
                return Step::Decided;
            }
            if !self.has_read
                && let Some(lanes) = self.scene.lanes_to_read(&wants)
            {
                return Step::ReadLanes(lanes);
            }
            self.has_read = false;
            self.passes += 1;
            let pulled = self.scene.pull(&wants);
            if !pulled.is_empty() {
                return Step::ReadNumbers(NumbersToRead { pulled });
            }
        }
        Step::Decided
    }

    /// Hand in the rows that [`Step::ReadLanes`] asked for; those of one lane in its order.
    pub fn read_lanes(&mut self, asked: &LanesToRead, rows: Vec<ReadyNumber>) {
        self.scene.add_rows(asked, rows);
        self.has_read = true;
    }

    /// Hand in what is known of the numbers that [`Step::ReadNumbers`] asked for.
    pub fn judge(&mut self, asked: NumbersToRead, facts: Facts) -> Result<(), ReadyAndGone> {
        let Facts { mut numbers, live, calls } = facts;
        self.phones.extend(live);
        let mut pulled = asked.pulled.into_iter();
        while let Some((task, queued)) = pulled.next() {
            let number = numbers.remove(&queued.number).ok_or(ReadyAndGone(queued.number))?;
            let random = self.random();
            let known = KnownCalls { live: &self.phones, counted: &calls };
            let verdict = self.scene.judge(task, &queued, &number, &known, random, self.now);
            match verdict {
                Verdict::PassOver => {
                    // It uses up a slot of its task's share all the same. Sharing anew for each of them would take
                    // all passes where many numbers wait for one line.
                    self.scene.tasks[task].queue.pass_over(&queued);
                    continue;
                }
                Verdict::Dial(dial) => {
                    self.dialled += 1;
                    self.phones.insert(dial.phone);
                }
                Verdict::Suppress | Verdict::Wait { .. } | Verdict::RoundOver(_) => {}
            }
            self.scene.tasks[task].queue.consume(&queued);
            self.taken.push(TakenNumber { task, queued, facts: number, verdict });
            let others = pulled.as_slice().iter().any(|(other, _)| *other != task);
            let dials = verdict.dial().is_some();
            if !dials && others && self.scene.is_short_of_lines(pulled.len()) {
                // This task did not use its share. Share the lines that are left among all tasks again.
                let tasks = &mut self.scene.tasks;
                pulled.rev().for_each(|(task, back)| tasks[task].queue.put_back(back));
                break;
            }
        }
        Ok(())
    }

    pub const fn scene(&self) -> &Scene {
        &self.scene
    }

    /// The numbers that were taken out of their lanes, in the order in which they were.
    pub fn taken(&self) -> &[TakenNumber] {
        &self.taken
    }

    /// The calls among them, in the order in which they are to be dialled.
    pub fn dials(&self) -> impl Iterator<Item = (&TakenNumber, &Dial)> {
        self.taken.iter().filter_map(|taken| Some((taken, taken.verdict.dial()?)))
    }

    /// There may be more to take: claim again at once.
    pub fn is_more(&self) -> bool {
        let full =
            self.dialled >= self.at_most && !self.scene.wants(self.scene.free.min(1)).is_empty();
        full || !self.exhausted
    }

    /// The scene, for what it tells after the claim.
    pub fn into_scene(self) -> Scene {
        self.scene
    }

    /// The next number of the sequence that starts with the seed (splitmix64).
    fn random(&mut self) -> u64 {
        self.random_seed = self.random_seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed =
            (self.random_seed ^ (self.random_seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
