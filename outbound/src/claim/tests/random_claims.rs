//! Many claims of random enterprises, each decision of which is checked by sorting all numbers anew.
//!
//! `CLAIMS=100000 cargo test -p outbound random_claims` runs more of them; `CLAIM_SEED=7` begins with that one.

use std::collections::BTreeSet;

use super::world::{Batch, Number, Task, Trunk, World};
use crate::Time;
use crate::enterprise::FrequencyCap;
use crate::order::{CallOrder, Class, LaneClass, RedialOrder, Switches, UncalledOrder};
use crate::task::Dials;

/// Claims of one enterprise, one after another.
const CLAIMS_EACH: u64 = 12;
/// Seeds that found a task served before another with a lower share: where a page of the other's lane was not read
/// yet, and where it was not known yet who follows the call that starts a batch.
const FOUND_BEFORE: [u64; 2] = [1_307, 7_204];

/// Random numbers that a seed tells (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> usize {
        usize::try_from(self.next() % most).unwrap()
    }

    fn count(&mut self, from: u32, to: u32) -> u32 {
        from + u32::try_from(self.next() % u64::from(to - from + 1)).unwrap()
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }
}

fn world(random: &mut Random) -> World {
    let now: Time = "2026-03-02T01:00:00Z".parse().unwrap();
    let switches = Switches { priorities: !random.once_in(3), full_cache: !random.once_in(2) };
    let mut world = World::new(now, switches);
    world.limit = random.count(1, 12);
    if random.once_in(3) {
        world.cap = FrequencyCap { per_day: Some(2), distance_seconds: None };
    }
    for _ in 0..random.count(1, 3) {
        let (in_service, open) = (!random.once_in(8), random.once_in(8));
        world.trunks.push(Trunk {
            concurrency: random.count(1, 6),
            transfers: random.count(0, 2).saturating_sub(1),
            in_service,
            open,
        });
    }
    for _ in 0..random.count(1, 4) {
        world.lines.push(random.below(world.trunks.len() as u64));
    }
    for _ in 0..random.count(1, 3) {
        let lines: BTreeSet<usize> =
            (0..random.count(1, 3)).map(|_| random.below(world.lines.len() as u64)).collect();
        let order = CallOrder {
            first: if random.once_in(2) { Class::Redial } else { Class::Uncalled },
            redial: match random.below(2) {
                0 => RedialOrder::Descending,
                _ => RedialOrder::Ascending,
            },
            uncalled: match random.below(3) {
                0 => UncalledOrder::Random,
                _ => UncalledOrder::Sequential,
            },
        };
        let dials = match random.below(8) {
            0 => Dials::ProbesOnly,
            1 => Dials::NoCalls,
            _ => Dials::AllCalls,
        };
        let lines = lines.into_iter().collect();
        world.tasks.push(Task { concurrency: random.count(1, 8), lines, order, dials, calls: 0 });
    }
    for _ in 0..random.count(1, 5) {
        let task = random.below(world.tasks.len() as u64);
        let priority = random.count(0, 2);
        world.batches.push(Batch { task, priority, started_at: None });
    }
    for _ in 0..random.count(0, 25) {
        add_number(&mut world, random);
    }
    world
}

fn add_number(world: &mut World, random: &mut Random) {
    // Few phones, so that two numbers often have the same.
    let phones: Vec<u64> =
        (0..random.count(1, 3)).map(|_| 861_380_000_000 + random.next() % 30).collect();
    let class = match random.below(6) {
        0 => LaneClass::Backup,
        1 => LaneClass::Redial,
        _ => LaneClass::Uncalled,
    };
    let backup = class == LaneClass::Backup && phones.len() > 1;
    let number = world.numbers.len();
    world.numbers.push(Number {
        batch: random.below(world.batches.len() as u64),
        class: if class == LaneClass::Backup && !backup { LaneClass::Uncalled } else { class },
        round: if class == LaneClass::Redial { random.count(1, 3) as u16 } else { 0 },
        priority: random.count(0, 2),
        random: random.next() as u32,
        chain_index: u16::from(backup),
        phones,
        own: random.once_in(6).then(|| random.below(world.lines.len() as u64)),
        ready: false,
    });
    let added = &world.numbers[number];
    if added.class != LaneClass::Uncalled {
        // It was called before, which started its batch.
        world.batches[added.batch].started_at.get_or_insert(world.now);
    }
    world.enter(number);
}

/// What may happen between two claims.
fn pass_time(world: &mut World, random: &mut Random) {
    world.now += chrono::TimeDelta::seconds(1);
    for _ in 0..random.count(0, 4) {
        match random.below(8) {
            0..3 if !world.calls.is_empty() => {
                let ended = world.calls.swap_remove(random.below(world.calls.len() as u64));
                *world.called_today.entry(ended.phone).or_default() += 1;
                let number = &mut world.numbers[ended.number];
                if number.round < 3 && random.once_in(2) {
                    (number.class, number.round) = (LaneClass::Redial, number.round + 1);
                    number.chain_index = 0;
                    world.enter(ended.number);
                }
            }
            3..5 => add_number(world, random),
            5 => drop(world.listed.insert(861_380_000_000 + random.next() % 30)),
            6 => {
                let trunk = random.below(world.trunks.len() as u64);
                world.trunks[trunk].concurrency = random.count(1, 6);
            }
            _ => world.limit = random.count(1, 12),
        }
    }
}

fn number_of(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn random_claims_take_the_best_numbers_within_every_limit_and_leave_none() {
    let claims = number_of("CLAIMS").unwrap_or(20_000);
    let first = number_of("CLAIM_SEED").unwrap_or(1);
    let (mut calls, mut largest) = (0, 0);
    let seeds = first..first + claims.div_ceil(CLAIMS_EACH);
    for seed in FOUND_BEFORE.into_iter().filter(|_| claims > 1).chain(seeds) {
        let checked = std::panic::catch_unwind(|| {
            let mut random = Random(seed);
            let mut world = world(&mut random);
            let mut opened = (0, 0);
            for _ in 0..CLAIMS_EACH {
                let at_most = if random.once_in(4) { random.count(1, 3) } else { 500 };
                let calls = world.claim(at_most, random.next());
                opened = (opened.0 + calls, opened.1.max(calls));
                pass_time(&mut world, &mut random);
            }
            opened
        });
        let Ok((opened, most)) = checked else {
            panic!("it is seed {seed}: CLAIM_SEED={seed} CLAIMS=1");
        };
        calls += opened;
        largest = largest.max(most);
    }
    if claims >= 1_000 {
        // Worlds in which nothing can be dialled would prove nothing.
        assert!(calls as u64 > claims / 2 && largest > 5, "{calls} calls, {largest} at once");
    }
}
