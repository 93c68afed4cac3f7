//! Runs in memory: the rules and the model, thousands a minute.

use outbound::task::TaskState;

use crate::model::World;
use crate::model::calls::Begin;
use crate::model::claim::Guide;
use crate::model::imports::Import;
use crate::model::{Begun, Holder, Why};
use crate::op::{Case, Late, Op};
use crate::{settle, sound};

/// What the case says, to its end and until everything has come to rest.
pub fn run(case: &Case) {
    let mut world = World::new(&case.setup);
    for op in &case.ops {
        step(&mut world, op);
    }
    for _ in 0..settle::ROUNDS_MAX {
        let ops = settle::next(&world);
        if ops.is_empty() {
            return;
        }
        ops.iter().for_each(|op| step(&mut world, op));
    }
    panic!("it does not come to rest: {:?}", settle::left(&world));
}

pub fn step(world: &mut World, op: &Op) {
    world.tick();
    let stopped: Vec<bool> =
        world.tasks.iter().map(|task| settle::is_stopped(task.state)).collect();
    apply(world, op);
    sound::check(world);
    for (place, task) in world.tasks.iter().enumerate() {
        let may_resume = matches!(op, Op::Start(_) | Op::Import { .. } | Op::Steps);
        let resumed = stopped[place] && !settle::is_stopped(task.state);
        assert!(may_resume || !resumed, "{op:?} started task {place}, which a person stopped");
        assert!(!resumed || task.state != TaskState::Initial, "a task does not go back to initial");
    }
}

fn apply(world: &mut World, op: &Op) {
    if let Some(change) = world.change(op) {
        // What is refused changes nothing.
        drop(world.edit(&change));
        return;
    }
    match op {
        Op::Import { task, name, priority, dedupe, start, rows } => {
            let task = world.task(*task);
            let (name, priority, dedupe, start) = (*name, *priority, *dedupe, *start);
            let seed = world.now.timestamp().unsigned_abs() as u32;
            let import = Import { task, name, priority, dedupe, start, rows };
            world.import(import, |place| {
                seed.wrapping_add(place as u32).wrapping_mul(2_654_435_761)
            });
        }
        Op::Begin { call, worker } => begin(world, *call, *worker),
        Op::Finish { call, outcome, .. } => {
            if let Some(place) = world.call(*call).filter(|place| is_up(world, *place)) {
                world.finish(place, *outcome);
            }
        }
        Op::FinishAndGoOn { call, outcome } => {
            if let Some(place) = world.call(*call).filter(|place| is_up(world, *place)) {
                let worker = world.calls[place].begun.map(|begun| begun.by);
                world.finish(place, *outcome);
                let (first, random) = (world.calls.len(), world.now.timestamp().unsigned_abs());
                world.claim(1, Guide::Chance(random));
                if let (Some(Holder::Worker(worker)), true) = (worker, world.calls.len() > first) {
                    begin(world, u8::try_from(first).expect("few calls"), worker);
                }
            }
        }
        Op::Withdraw { call, minutes } => {
            if let Some(place) = world.call(*call)
                && deliver(world, place, 0)
            {
                let wait = |minutes| chrono::TimeDelta::minutes(i64::from(minutes));
                let until = minutes.map(|minutes| (world.now + wait(minutes), Why::TrunkRefused));
                world.undo(place, until);
            }
        }
        Op::Claim { at_most, .. } => {
            let random = world.now.timestamp().unsigned_abs();
            world.claim((*at_most).into(), Guide::Chance(random));
        }
        Op::Sweep { record } => {
            let (_, lost) = world.expire();
            for id in lost.into_iter().filter(|_| *record) {
                let place = world.calls.iter().position(|call| call.id == id).expect("it is live");
                world.finish_lost(place);
            }
        }
        Op::Zombie(_, Late::Begin | Late::Finish | Late::Withdraw) | Op::LostJobs => {}
        op => world.configure(op),
    }
}

/// Whether a worker has a call up that it may finish.
fn is_up(world: &World, call: usize) -> bool {
    world.calls[call].begun.is_some_and(|Begun { by, .. }| by != Holder::Sweep)
}

/// A job is delivered; whether its INVITE may leave.
fn deliver(world: &mut World, place: usize, worker: u8) -> bool {
    let begun = world.begin(place, worker, false);
    if begun == Begin::Lost {
        world.finish_lost(place);
    }
    begun == Begin::Dial
}

fn begin(world: &mut World, call: u8, worker: u8) {
    let Some(place) = world.call(call) else { return };
    if !deliver(world, place, worker) {
        return;
    }
    if world.is_paced(place) {
        let turn = world.pace(place);
        if turn > world.now {
            world.now = turn;
            world.begin(place, worker, true);
        }
    }
    if let Some(put_off) = world.closes_on_the_way(place) {
        world.undo(place, put_off);
    } else {
        world.invite(place);
    }
}
