//! Who is dialled next, on which line, or why not: the claim of one enterprise, without any I/O.
//!
//! A claim takes the best numbers of an enterprise's running tasks for the slots that are free. An [`Engine`]
//! decides it. The engine reads and writes nothing: [`Engine::step`] says what it must know next, or that it has
//! decided. Whoever runs it fetches that, hands it in, and writes the decisions down.
//!
//! ```text
//! Scene::new(facts)  →  Engine::new  →  step ─ ReadLanes   →  read_lanes ─┐
//!                                        ↑  └─ ReadNumbers  →  judge ──────┤
//!                                        └─────────────────────────────────┘
//!                                           └─ Decided      →  taken
//! ```
//!
//! - [`Scene`]: limits, live calls, lines and tasks, read once.
//! - A task's numbers stand in lanes ([`crate::order`]). Pages of them are read as they are needed.
//! - Slots are shared among tasks by [`share_out`].
//! - A number that is next is judged: it is dialled on a line ([`pick_line`]), waits, is over, or keeps its place.

mod engine;
mod frequency;
mod judge;
mod line;
mod pull;
mod queue;
mod scene;
mod share;

pub use engine::{Engine, NumbersToRead, ReadyAndGone, Step, TakenNumber};
pub use frequency::{CountedCalls, PhoneCalls, counted_calls, frequency_wait};
pub use judge::{Dial, Facts, NumberFacts, Verdict};
pub use line::{Line, LineChoice, pick_line};
pub use pull::{LanesToRead, PageToRead};
pub use queue::{Cursor, LaneFacts, LanePlace, QueuedNumber, ReadyNumber};
pub use scene::{
    ClaimTask, LiveCalls, LiveTransfers, Scene, SceneFacts, TaskFacts, TrunkFacts, TrunkRoom,
};
pub use share::{TaskRoom, share_out};

/// Attempts that one claim opens, at most.
pub const CLAIM_MAX: u32 = 500;
/// How often one claim looks for more numbers, at most. Then it commits what it has and asks to be run again.
const PASSES_MAX: u32 = 12;

#[cfg(test)]
mod tests;
