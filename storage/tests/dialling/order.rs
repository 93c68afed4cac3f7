//! The order of calls is exact: what is dialled next is the best number that there is.

use std::cmp::Reverse;

use outbound::order::{CallOrder, Class, RedialOrder, UncalledOrder};

use super::*;

fn with_priority(n: u64, priority: u32) -> LandingRow {
    LandingRow { priority, ..row(n) }
}

fn batch(name: &str, priority: u32) -> Value {
    json!({ "batch_name": name, "batch_priority": priority })
}

#[sqlx::test(migrations = "../migrations")]
async fn a_high_priority_batch_goes_ahead_in_mid_run(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=4)).await;
    assert_eq!(who(&floor.claim(2, at("09:00")).await), [1, 2]);
    let urgent = [with_priority(11, 0), with_priority(12, 5)];
    floor.import(task, batch("urgent", 9), &urgent).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [12, 11, 3, 4]);
}

#[sqlx::test(migrations = "../migrations")]
async fn without_the_full_cache_a_started_batch_is_finished_first(pool: PgPool) {
    let mut floor = Floor::with(pool, json!({ "gray_predict_call_use_full_cache": false })).await;
    let task = floor.running("A", json!({}), &rows(1..=3)).await;
    assert_eq!(who(&floor.claim(1, at("09:00")).await), [1]);
    floor.import(task, batch("low", 1), &rows(11..=12)).await;
    floor.import(task, batch("high", 9), &rows(21..=22)).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [2, 3, 21, 22, 11, 12]);
}

#[sqlx::test(migrations = "../migrations")]
async fn without_the_priority_switch_only_the_import_order_counts(pool: PgPool) {
    let mut floor =
        Floor::with(pool, json!({ "predict_call_priority_strategy_gray": false })).await;
    let task = floor.running("A", json!({}), &[with_priority(1, 0), with_priority(2, 7)]).await;
    floor.import(task, batch("urgent", 9), &[with_priority(3, 1), with_priority(4, 8)]).await;
    assert_eq!(who(&floor.claim(3, at("09:00")).await), [1, 2, 3]);
    floor
        .edit_enterprise(json!({ "predict_call_priority_strategy_gray": true }), at("09:00"))
        .await;
    floor.import(task, batch("more", 9), &[with_priority(5, 9)]).await;
    assert_eq!(who(&floor.claim(3, at("09:00")).await), [5, 4]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_changed_batch_priority_counts_at_once(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=3)).await;
    floor.import(task, batch("second", 0), &rows(11..=12)).await;
    assert_eq!(who(&floor.claim(1, at("09:00")).await), [1]);
    let second = floor.batch(task, "second").await;
    storage::batches::set_priority(&floor.store, floor.enterprise, second, 3).await.unwrap();
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [11, 12, 2, 3]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_new_call_order_holds_for_numbers_imported_after_it(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=3)).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    floor.edit(task, json!({ "call_order": { "first": "uncalled" } }), at("09:01")).await;
    floor.import(task, batch("second", 0), &rows(11..=12)).await;
    let calls = floor.claim(4, at("09:01")).await;
    // By the new order the second batch's uncalled numbers go before the first's, which come last.
    assert_eq!(who(&calls), [11, 12, 2, 3]);
    floor.ring(&calls[..1], BUSY, at("09:01")).await;
    floor.promote(at("09:12")).await;
    floor.import(task, batch("third", 0), &rows(21..=21)).await;
    // The old redial by the old order, then the new numbers by the new one.
    assert_eq!(who(&floor.claim(9, at("09:12")).await), [1, 21, 11]);
}

#[sqlx::test(migrations = "../migrations")]
async fn numbers_in_random_order_follow_those_with_a_priority(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let random = json!({ "call_order": { "uncalled": "random" } });
    let mut mixed = rows(1..=60);
    mixed.extend([with_priority(71, 1), with_priority(72, 9)]);
    floor.running("A", random, &mixed).await;
    let called = who(&floor.claim(100, at("09:00")).await);
    assert_eq!(called[..2], [72, 71]);
    let mut rest = called[2..].to_vec();
    assert_ne!(rest, (1..=60).collect::<Vec<_>>(), "in the order of the import");
    rest.sort_unstable();
    assert_eq!(rest, (1..=60).collect::<Vec<_>>());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_long_queue_comes_out_in_order_claim_by_claim_and_dispatcher_by_dispatcher(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=700)).await;
    let mut called = Vec::new();
    for turn in 0..7 {
        // Another dispatcher has cursors of its own.
        let mut other = std::mem::take(&mut floor.claimer);
        called.extend(who(&floor.claim(60, at("09:00")).await));
        std::mem::swap(&mut floor.claimer, &mut other);
        called.extend(who(&floor.claim(40, at("09:00")).await));
        assert_eq!(called.len(), (turn + 1) * 100);
    }
    assert_eq!(called, (1..=700).collect::<Vec<_>>());
}

/// What the test knows of a number, independently of the database.
#[derive(Debug, Clone)]
struct Known {
    n: u64,
    batch: usize,
    priority: u32,
    order: CallOrder,
    backups: u64,
    stands: Stands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Uncalled,
    Backup { round: u16, at: u64 },
    Redial { round: u16 },
    Waiting { round: u16, due: Time },
    Live { round: u16, at: u64 },
    Ended,
}

struct Batch {
    priority: u32,
    name: u64,
    started: Option<usize>,
}

/// A place in the queue: the lowest goes first. Numbers that chance decides between have equal places.
type Place = (u8, u8, u8, i32, u8, usize, Reverse<u32>, u8, Reverse<u32>, u64);

struct Reference {
    numbers: Vec<Known>,
    batches: Vec<Batch>,
    starts: usize,
    priorities: bool,
    full_cache: bool,
}

impl Reference {
    fn place(&self, known: &Known) -> Option<Place> {
        let batch = &self.batches[known.batch];
        let random = known.order.uncalled == UncalledOrder::Random;
        let counts = |priority: u32| Reverse(if self.priorities { priority } else { 0 });
        let (by, own) = (counts(batch.priority), counts(known.priority));
        let class = |class| u8::from(known.order.first != class);
        match known.stands {
            Stands::Backup { .. } => Some((0, 0, 0, 0, 0, 0, Reverse(0), 0, own, known.n)),
            Stands::Redial { round } => {
                let round = i32::from(round);
                let round =
                    if known.order.redial == RedialOrder::Descending { -round } else { round };
                Some((1, class(Class::Redial), 0, round, 1, 0, by, 0, own, known.n))
            }
            Stands::Uncalled if random => {
                let drawn = !self.priorities || known.priority == 0;
                let last = if drawn { (1, Reverse(0), 0) } else { (0, own, known.n) };
                Some((1, class(Class::Uncalled), 1, 0, 1, 0, Reverse(0), last.0, last.1, last.2))
            }
            Stands::Uncalled => {
                let started = batch.started.filter(|_| !self.full_cache);
                let place = (u8::from(started.is_none()), started.unwrap_or(0));
                Some((1, class(Class::Uncalled), 1, 0, place.0, place.1, by, 0, own, known.n))
            }
            _ => None,
        }
    }

    /// The number is called: it must be one of the best.
    fn call(&mut self, task: u64, n: u64) {
        let best = self.numbers.iter().filter_map(|known| self.place(known)).min();
        let at = self
            .numbers
            .iter()
            .position(|known| match known.stands {
                Stands::Backup { at, .. } => known.n * 10 + at == n,
                _ => known.n * 10 == n,
            })
            .unwrap();
        let known = &self.numbers[at];
        assert_eq!(
            self.place(known),
            best,
            "seed {task}: {known:?} is called, the best stands at {best:?}"
        );
        let (round, at_phone) = match known.stands {
            Stands::Backup { round, at } => (round, at),
            Stands::Redial { round } => (round, 0),
            _ => (0, 0),
        };
        let batch = known.batch;
        if self.batches[batch].started.is_none() {
            self.batches[batch].started = Some(self.starts);
            self.starts += 1;
        }
        self.numbers[at].stands = Stands::Live { round, at: at_phone };
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn order(&mut self) -> CallOrder {
        CallOrder {
            first: [Class::Redial, Class::Uncalled][self.roll(2) as usize],
            redial: [RedialOrder::Descending, RedialOrder::Ascending][self.roll(2) as usize],
            uncalled: [UncalledOrder::Sequential, UncalledOrder::Sequential, UncalledOrder::Random]
                [self.roll(3) as usize],
        }
    }
}

const ROUNDS: u16 = 2;

#[sqlx::test(migrations = "../migrations")]
async fn calls_follow_a_sorted_reference_through_random_campaigns(pool: PgPool) {
    let floor = &mut Floor::open(pool).await;
    for seed in 0..14 {
        campaign(floor, seed).await;
    }
    floor.sound().await;
}

async fn campaign(floor: &mut Floor, seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
    let mut reference = Reference {
        numbers: Vec::new(),
        batches: Vec::new(),
        starts: 0,
        priorities: dice.roll(4) > 0,
        full_cache: dice.roll(2) > 0,
    };
    let mut order = dice.order();
    let mut now = at("09:00") + TimeDelta::days(i64::try_from(seed).unwrap());
    let switches = |reference: &Reference| {
        json!({ "predict_call_priority_strategy_gray": reference.priorities,
                "gray_predict_call_use_full_cache": reference.full_cache })
    };
    floor.edit_enterprise(switches(&reference), now).await;
    let config =
        json!({ "call_order": order, "redial": { "enabled": true, "retry_seconds": [60, 60] } });
    let task = floor.task(&format!("Task {seed}"), config).await;
    for step in 0..50 {
        match dice.roll(10) {
            _ if step == 0 => import(floor, task, seed, &mut dice, &mut reference, order).await,
            0 | 1 => import(floor, task, seed, &mut dice, &mut reference, order).await,
            2 => {
                order = dice.order();
                if floor.state(task).await == TaskState::Initial {
                    reference.numbers.iter_mut().for_each(|known| known.order = order);
                }
                floor.edit(task, json!({ "call_order": order }), now).await;
                storage::tasks::reorder(&floor.store, task).await.unwrap();
            }
            3 if dice.roll(3) == 0 => {
                reference.full_cache = dice.roll(2) > 0;
                reference.priorities = dice.roll(4) > 0;
                floor.edit_enterprise(switches(&reference), now).await;
            }
            3 | 4 => finish(floor, task, seed, &mut dice, &mut reference, now).await,
            5 => {
                now += minutes(1);
                floor.promote(now).await;
                for known in &mut reference.numbers {
                    match known.stands {
                        Stands::Waiting { round, due } if due <= now => {
                            known.stands = Stands::Redial { round };
                        }
                        _ => {}
                    }
                }
            }
            _ => {
                if floor.state(task).await != TaskState::Running {
                    floor.start(task, now).await;
                }
                let most = 1 + u32::try_from(dice.roll(6)).unwrap();
                for call in floor.claim(most, now).await {
                    reference.call(seed, nth(call.phone) - seed * 1_000_000);
                }
            }
        }
    }
    // Every number that is left comes out in order, too.
    if floor.state(task).await != TaskState::Running {
        floor.start(task, now).await;
    }
    for call in floor.claim(1_000, now).await {
        reference.call(seed, nth(call.phone) - seed * 1_000_000);
    }
    let left: Vec<_> =
        reference.numbers.iter().filter(|known| reference.place(known).is_some()).collect();
    assert!(left.is_empty(), "seed {seed}: never called: {left:?}");
    finish_all(floor, task, now).await;
    if floor.state(task).await == TaskState::Running {
        storage::tasks::end(
            &floor.store,
            floor.enterprise,
            task,
            storage::tasks::LiveCalls::Finish,
            now,
            ACTOR,
        )
        .await
        .unwrap();
    }
}

async fn import(
    floor: &Floor,
    task: TaskId,
    seed: u64,
    dice: &mut Dice,
    reference: &mut Reference,
    order: CallOrder,
) {
    let (name, priority) = (dice.roll(4), u32::try_from(dice.roll(3)).unwrap());
    let newest = reference.batches.iter().rposition(|batch| batch.name == name);
    let batch = match newest.filter(|newest| reference.batches[*newest].started.is_none()) {
        Some(merged) => {
            reference.batches[merged].priority = priority;
            merged
        }
        None => {
            reference.batches.push(Batch { priority, name, started: None });
            reference.batches.len() - 1
        }
    };
    let first = reference.numbers.len() as u64 + 1;
    let mut rows = Vec::new();
    for n in first..=first + dice.roll(8) {
        let priority = u32::try_from(dice.roll(3)).unwrap();
        let backups = dice.roll(6).saturating_sub(3);
        let digits = seed * 1_000_000 + n * 10;
        let phones: Vec<_> = (1..=backups).map(|backup| digits + backup).collect();
        rows.push(LandingRow { priority, ..chain(digits, &phones) });
        reference.numbers.push(Known {
            n,
            batch,
            priority,
            order,
            backups,
            stands: Stands::Uncalled,
        });
    }
    let options = json!({ "batch_name": format!("batch {name}"), "batch_priority": priority });
    floor.import(task, options, &rows).await;
}

/// Some of the calls that are up end.
async fn finish(
    floor: &Floor,
    task: TaskId,
    seed: u64,
    dice: &mut Dice,
    reference: &mut Reference,
    now: Time,
) {
    for call in live(floor, task).await {
        if dice.roll(3) == 0 {
            continue;
        }
        let result = if dice.roll(4) == 0 { ANSWERED } else { BUSY };
        floor.ring(&[call], result, now).await;
        let digits = nth(call.phone) - seed * 1_000_000;
        let known = reference.numbers.iter_mut().find(|known| known.n == digits / 10).unwrap();
        let Stands::Live { round, at } = known.stands else { panic!("{known:?} is not on a call") };
        known.stands = match result {
            ANSWERED => Stands::Ended,
            _ if at < known.backups => Stands::Backup { round, at: at + 1 },
            _ if round < ROUNDS => Stands::Waiting { round: round + 1, due: now + minutes(1) },
            _ => Stands::Ended,
        };
    }
}

async fn finish_all(floor: &Floor, task: TaskId, now: Time) {
    for call in live(floor, task).await {
        floor.ring(&[call], ANSWERED, now).await;
    }
}

async fn live(floor: &Floor, task: TaskId) -> Vec<Call> {
    let ids: Vec<sqlx::types::Uuid> =
        sqlx::query_scalar("select id from attempt where task_id = $1 order by id")
            .bind(task.uuid())
            .fetch_all(&floor.pool)
            .await
            .unwrap();
    let mut calls = Vec::new();
    for id in ids {
        calls.push(floor.call_of(id.into(), 1).await);
    }
    calls
}

/// What a task's numbers become when it is called from beginning to end.
async fn called(floor: &mut Floor, task: TaskId) -> Vec<u64> {
    floor.start(task, at("09:00")).await;
    who(&floor.claim(1_000, at("09:00")).await)
}

#[sqlx::test(migrations = "../migrations")]
async fn before_the_first_start_a_new_call_order_holds_for_the_numbers_that_are_there(
    pool: PgPool,
) {
    let mut floor = Floor::open(pool).await;
    let random = json!({ "call_order": { "uncalled": "random" } });
    let sequential = json!({ "call_order": { "uncalled": "sequential" } });
    let task = floor.task("A", random.clone()).await;
    floor.import(task, batch("low", 1), &rows(1..=60)).await;
    let mixed = [with_priority(71, 0), with_priority(72, 9), with_priority(73, 3)];
    floor.import(task, batch("high", 9), &mixed).await;

    // There and back, so that numbers move twice; the last of it is moved by two at a time.
    floor.edit(task, sequential.clone(), at("08:40")).await;
    storage::tasks::reorder(&floor.store, task).await.unwrap();
    floor.edit(task, random, at("08:41")).await;
    floor.edit(task, sequential.clone(), at("08:42")).await;
    assert!(floor.get(task).await.reordering);
    // What lands meanwhile has the new order already.
    floor.import(task, batch("low", 1), &rows(61..=62)).await;
    let moves = || storage::tasks::reorder(&floor.store, task);
    let (one, other) = tokio::join!(moves(), moves());
    assert_eq!(one.unwrap() + other.unwrap(), 63);
    assert_eq!(moves().await.unwrap(), 0);
    assert!(!floor.get(task).await.reordering);
    let lanes = sqlx::query_scalar::<_, i64>("select count(*) from lane");
    assert_eq!(lanes.fetch_one(&floor.pool).await.unwrap(), 2);
    floor.sound().await;
    let wanted: Vec<u64> = [72, 73, 71].into_iter().chain(1..=62).collect();
    let calls = called(&mut floor, task).await;
    assert_eq!(calls, wanted);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_sequence_imported_by_mistake_is_shuffled_before_the_first_start(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({})).await;
    floor.import(task, batch("low", 1), &rows(1..=60)).await;
    let mixed = [with_priority(71, 0), with_priority(72, 9), with_priority(73, 3)];
    floor.import(task, batch("high", 9), &mixed).await;
    floor.edit(task, json!({ "call_order": { "uncalled": "random" } }), at("08:40")).await;
    assert_eq!(storage::tasks::reorder(&floor.store, task).await.unwrap(), 63);
    let calls = called(&mut floor, task).await;
    assert_eq!(calls[..2], [72, 73], "those with a priority, by it");
    let mut rest = calls[2..].to_vec();
    assert_ne!(rest, (1..=60).chain([71]).collect::<Vec<_>>(), "in the order of the import");
    rest.sort_unstable();
    assert_eq!(rest, (1..=60).chain([71]).collect::<Vec<_>>(), "batch priority does not count");
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_is_not_dialled_for_before_the_last_number_has_moved(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({ "call_order": { "uncalled": "random" } })).await;
    floor.import(task, batch("first", 0), &rows(1..=40)).await;
    floor.edit(task, json!({ "call_order": { "uncalled": "sequential" } }), at("08:40")).await;
    floor.start(task, at("09:00")).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [0; 0]);
    assert_eq!(floor.state(task).await, TaskState::Running, "and it does not seem empty");
    // After the start an edit holds for later imports alone: what is moving moves where it was to.
    floor.edit(task, json!({ "call_order": { "uncalled": "random" } }), at("09:00")).await;
    floor.import(task, batch("later", 9), &rows(41..=44)).await;
    assert_eq!(storage::tasks::reorder(&floor.store, task).await.unwrap(), 40);
    let calls = who(&floor.claim(100, at("09:01")).await);
    let old: Vec<u64> = calls.iter().copied().filter(|n| *n <= 40).collect();
    assert_eq!(old, (1..=40).collect::<Vec<_>>());
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn numbers_cancelled_or_listed_while_they_move_are_not_called(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.task("A", json!({ "call_order": { "uncalled": "random" } })).await;
    floor.import(task, batch("first", 0), &rows(1..=40)).await;
    let out = floor.import(task, batch("out", 0), &rows(41..=80)).await.batch.unwrap();
    floor.edit(task, json!({ "call_order": { "uncalled": "sequential" } }), at("08:40")).await;
    let which = storage::numbers::Which::Batch(out);
    let cancels = storage::numbers::cancel(&floor.store, floor.enterprise, task, &which);
    let (moved, cancelled) = tokio::join!(storage::tasks::reorder(&floor.store, task), cancels);
    assert_eq!(cancelled.unwrap().numbers, 40);
    assert!(moved.unwrap() >= 40);
    let calls = called(&mut floor, task).await;
    assert_eq!(calls, (1..=40).collect::<Vec<_>>());
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn before_the_first_start_which_class_goes_first_is_changed_for_all(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.task("A", redial).await;
    floor.import(task, batch("first", 0), &rows(1..=3)).await;
    floor.edit(task, json!({ "call_order": { "first": "uncalled" } }), at("08:40")).await;
    assert!(!floor.get(task).await.reordering, "no number has another rank");
    floor.import(task, batch("second", 0), &rows(11..=11)).await;
    floor.start(task, at("09:00")).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    floor.promote(at("09:12")).await;
    assert_eq!(who(&floor.claim(9, at("09:12")).await), [2, 3, 11, 1]);
}

#[sqlx::test(migrations = "../migrations")]
async fn switches_that_are_set_before_the_first_start_hold_for_the_numbers_that_are_there(
    pool: PgPool,
) {
    let mut floor = Floor::open(pool).await;
    let switch = "predict_call_priority_strategy_gray";
    let mixed = [with_priority(1, 0), with_priority(2, 7), with_priority(3, 1)];
    let (mut found, mut tasks) = (Vec::new(), Vec::new());
    for name in ["on", "off"] {
        let task = floor.task(name, json!({ "call_order": { "uncalled": "random" } })).await;
        floor.import(task, batch("first", 0), &mixed).await;
        floor.edit(task, json!({ "call_order": { "uncalled": "sequential" } }), at("08:40")).await;
        storage::tasks::reorder(&floor.store, task).await.unwrap();
        tasks.push(task);
    }
    for (task, on) in tasks.into_iter().zip([true, false]) {
        floor.edit_enterprise(json!({ switch: on }), at("08:50")).await;
        floor.start(task, at("09:00")).await;
        // Both tasks have the same phones: those of the first one are called to the end.
        let calls = floor.claim(9, at("09:00")).await;
        floor.ring(&calls, BUSY, at("09:00")).await;
        found.push(who(&calls));
    }
    assert_eq!(found, [[2, 3, 1], [1, 2, 3]]);
}
