//! What is done to a run, drawn from its seed.

use std::fmt;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use workers::fail_point::FailPoint;

use crate::processes::Role;
use crate::servers::Death;

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// kill -9, and a start a little later.
    Kill(Role),
    /// A process that dies at a fail point takes the place of one.
    Die(FailPoint),
    /// SIGSTOP until the lease is past, then SIGCONT.
    Hold(Role),
    FlushRedis,
    RestartRedis(Death),
    /// Redis comes back with what it had some time ago.
    RollBackRedis,
    RestartPostgres(Death),
    /// PostgreSQL is away for two leases while 200 calls are up.
    PostgresAbsent,
    ObjectsDown,
    ObjectsSlow,
    /// Another limit on the calls of a task, a trunk or an enterprise.
    TaskConcurrency,
    TrunkConcurrency,
    EnterpriseConcurrency,
    /// Pause a task, and start it again a little later.
    Pause,
    End,
    EndAndHangUp,
    /// The clock goes to its next stop, right before an edge.
    MoveClock,
    /// More numbers land.
    Import,
}

impl Card {
    const ONCE: [Self; 21] = [
        Self::Kill(Role::Dialer),
        Self::Kill(Role::Dispatcher),
        Self::Kill(Role::Courier),
        Self::Kill(Role::Web),
        Self::Hold(Role::Dialer),
        Self::Hold(Role::Dispatcher),
        Self::Hold(Role::Courier),
        Self::FlushRedis,
        Self::RestartRedis(Death::Asked),
        Self::RestartRedis(Death::Sudden),
        Self::RollBackRedis,
        Self::RestartPostgres(Death::Asked),
        Self::RestartPostgres(Death::Sudden),
        Self::PostgresAbsent,
        Self::ObjectsDown,
        Self::ObjectsSlow,
        Self::TaskConcurrency,
        Self::TrunkConcurrency,
        Self::EnterpriseConcurrency,
        Self::Pause,
        Self::End,
    ];

    /// Its word in `ONLY=` and in the summary.
    pub fn word(self) -> &'static str {
        match self {
            Self::Die(point) => point.word(),
            Self::Kill(Role::Web) => "kill_web",
            Self::Kill(Role::Dispatcher) => "kill_dispatcher",
            Self::Kill(Role::Dialer) => "kill_dialer",
            Self::Kill(Role::Courier) => "kill_courier",
            Self::Hold(Role::Web) => "hold_web",
            Self::Hold(Role::Dispatcher) => "hold_dispatcher",
            Self::Hold(Role::Dialer) => "hold_dialer",
            Self::Hold(Role::Courier) => "hold_courier",
            Self::FlushRedis => "flush_redis",
            Self::RestartRedis(Death::Asked) => "restart_redis",
            Self::RestartRedis(Death::Sudden) => "kill_redis",
            Self::RollBackRedis => "roll_back_redis",
            Self::RestartPostgres(Death::Asked) => "restart_postgres",
            Self::RestartPostgres(Death::Sudden) => "crash_postgres",
            Self::PostgresAbsent => "postgres_absent",
            Self::ObjectsDown => "objects_down",
            Self::ObjectsSlow => "objects_slow",
            Self::TaskConcurrency => "task_concurrency",
            Self::TrunkConcurrency => "trunk_concurrency",
            Self::EnterpriseConcurrency => "enterprise_concurrency",
            Self::Pause => "pause",
            Self::End => "end",
            Self::EndAndHangUp => "end_and_hang_up",
            Self::MoveClock => "move_clock",
            Self::Import => "import",
        }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The cards of a run and the dice that go with them. The same seed, the same of both.
pub struct Deck {
    pub dice: StdRng,
    cards: Vec<Card>,
}

impl Deck {
    /// Every fault once and some of them more often, `imports` imports and `moves` moves of the clock among
    /// them. With `only` words, nothing but those and the imports.
    pub fn of(seed: u64, imports: usize, moves: usize, only: &[String]) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut cards = Card::ONCE.to_vec();
        cards.extend([Card::EndAndHangUp, Card::Kill(Role::Dialer), Card::Hold(Role::Dialer)]);
        cards.extend([Card::FlushRedis, Card::TaskConcurrency, Card::Pause]);
        cards.extend(FailPoint::ALL.iter().map(|point| Card::Die(*point)));
        for _ in 0..6 {
            let again = Card::ONCE[dice.random_range(0..Card::ONCE.len())];
            cards.push(again);
        }
        cards.extend(std::iter::repeat_n(Card::MoveClock, moves));
        if !only.is_empty() {
            cards.retain(|card| only.iter().any(|word| word == card.word()));
        }
        cards.extend(std::iter::repeat_n(Card::Import, imports));
        cards.shuffle(&mut dice);
        Self { dice, cards }
    }

    pub fn draw(&mut self) -> Option<Card> {
        self.cards.pop()
    }

    /// Milliseconds between two bounds.
    pub fn ms(&mut self, from: u64, to: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.dice.random_range(from..=to))
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.dice.random_range(0..of.len())]
    }
}
