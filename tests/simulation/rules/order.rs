//! Who is called next, beside a sorted reference.

use std::cmp::Reverse;

use outbound::Time;
use outbound::order::{
    CallOrder, Class, Lane, LaneClass, LaneKey, RedialOrder, Switches, UncalledOrder, lane_key,
    rank,
};

/// Everything that the place of a number depends on.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub class: LaneClass,
    pub round: u16,
    pub order: CallOrder,
    pub revision: i32,
    pub batch_priority: u32,
    pub batch_started_at: Option<Time>,
    pub priority: u32,
    pub seq: i64,
    pub random: u32,
}

/// The best of those that stand ready, by lanes and ranks; the reference must agree.
pub fn best(ready: &[(usize, Standing)], switches: Switches) -> Option<usize> {
    let (number, standing) =
        ready.iter().min_by_key(|(_, standing)| key(standing, switches)).copied()?;
    let lowest = ready.iter().map(|(_, standing)| place(standing, switches)).min();
    assert_eq!(Some(place(&standing, switches)), lowest, "{standing:?} goes before a better one");
    Some(number)
}

fn key(standing: &Standing, switches: Switches) -> (LaneKey, i64) {
    let random = standing.order.uncalled == UncalledOrder::Random;
    let random = random && standing.class == LaneClass::Uncalled;
    let of_a_batch = standing.class != LaneClass::Backup && !random;
    let lane = Lane {
        id: 0,
        class: standing.class,
        round: if standing.class == LaneClass::Redial { standing.round } else { 0 },
        order: standing.order,
        order_revision: standing.revision,
        batch_priority: if of_a_batch { standing.batch_priority } else { 0 },
        batch_started_at: standing.batch_started_at.filter(|_| of_a_batch),
        random,
    };
    let order = if random { UncalledOrder::Random } else { UncalledOrder::Sequential };
    let rank = rank(order, standing.priority, standing.seq, standing.random);
    (lane_key(&lane, switches), if switches.priorities { rank.ord } else { rank.plain_ord })
}

/// Whose turn it is by SPEC 7: the lowest goes first. Numbers that chance decides between are equal.
type Place = (u8, u8, u8, i32, u8, Option<Time>, Reverse<u32>, u8, Reverse<u32>, i64);

fn place(standing: &Standing, switches: Switches) -> Place {
    let counts = |priority: u32| Reverse(if switches.priorities { priority } else { 0 });
    let (batch, own) = (counts(standing.batch_priority), counts(standing.priority));
    let behind = |class| u8::from(standing.order.first != class);
    let seq = standing.seq;
    match standing.class {
        // A chain that has begun is finished before another begins.
        LaneClass::Backup => (0, 0, 0, 0, 0, None, Reverse(0), 0, own, seq),
        LaneClass::Redial => {
            let round = i32::from(standing.round);
            let descending = standing.order.redial == RedialOrder::Descending;
            let round = if descending { -round } else { round };
            (1, behind(Class::Redial), 0, round, 1, None, batch, 0, own, seq)
        }
        LaneClass::Uncalled if standing.order.uncalled == UncalledOrder::Random => {
            let drawn = !switches.priorities || standing.priority == 0;
            let last = if drawn { (1, Reverse(0), 0) } else { (0, own, seq) };
            (1, behind(Class::Uncalled), 1, 0, 1, None, Reverse(0), last.0, last.1, last.2)
        }
        LaneClass::Uncalled => {
            let started = standing.batch_started_at.filter(|_| !switches.full_cache);
            let waits = u8::from(started.is_none());
            (1, behind(Class::Uncalled), 1, 0, waits, started, batch, 0, own, seq)
        }
    }
}
