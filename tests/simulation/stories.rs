//! Failures that taught something, shrunk, and what must hold instead. Each is told in memory and on the
//! rows; a run stops where the two, or a rule, disagree.

use outbound::enterprise::FrequencyCap;
use outbound::import::{Dedupe, StartType};
use outbound::order::CallOrder;
use outbound::outcome::CalledStatus;
use outbound::redial::{Mode, RedialPolicy, Reference};
use outbound::task::{Rotation, WhenDone};

use crate::op::Op::*;
use crate::op::*;
use crate::pure;
use crate::stage::Theatre;

/// A Monday morning in Shanghai, with one line and these tasks.
fn monday(tasks: Vec<Plan>) -> Setup {
    Setup {
        place: Place::Shanghai,
        season: Season::Plain,
        minutes: 180,
        limit: 8,
        trunks: vec![(5, None)],
        periods: [Shape::Office, Shape::WholeDay],
        tasks,
    }
}

fn plan() -> Plan {
    Plan {
        concurrency: 2,
        calls_per_second: None,
        windows: Windows::default(),
        redial: RedialPolicy::default(),
        order: CallOrder::default(),
        lines: 0,
        rotation: Rotation::Sequential,
        when_done: WhenDone::Pause,
    }
}

/// With calls made in office hours.
fn office_hours() -> Plan {
    Plan { windows: Windows { call: Some(0), ..Windows::default() }, ..plan() }
}

fn redialled(seconds: &[u32]) -> Plan {
    let redial = RedialPolicy {
        enabled: true,
        reference: Reference::LastCall,
        mode: Mode::Basic,
        statuses: vec![CalledStatus::Busy],
        retry_seconds: seconds.to_vec(),
    };
    Plan { redial, ..plan() }
}

/// These phones in a batch of that name; the task is started.
fn import(task: u8, name: u8, phones: &[u8]) -> Op {
    let row = |phone: &u8| Row { phone: *phone, priority: 0, backups: Vec::new(), line: None };
    let (dedupe, start) = (Dedupe::None, StartType::Auto);
    Import { task, name, priority: 0, dedupe, start, rows: phones.iter().map(row).collect() }
}

const CLAIM: Op = Claim { dispatcher: 0, at_most: 9 };
const BEGIN: Op = Begin { call: 0, worker: 0 };

fn ends(outcome: Outcome) -> Op {
    Finish { call: 0, outcome, twice: false }
}

/// Tell a story; gives the states of its tasks before everything came to rest.
fn tell(setup: Setup, ops: Vec<Op>) {
    let case = Case { setup, ops };
    pure::run(&case);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut theatre = Theatre::open().await;
        theatre.run(&case).await;
        theatre.close().await;
    });
}

#[test]
fn a_window_that_closed_unseen_is_not_forgotten_when_more_numbers_come() {
    let late_in_the_evening = Advance(600);
    let ops = vec![import(0, 0, &[1]), late_in_the_evening, import(0, 1, &[2]), Steps, CLAIM];
    tell(monday(vec![office_hours()]), ops);
}

#[test]
fn a_call_whose_worker_dies_is_recorded_and_redialled_and_its_zombie_writes_nothing() {
    let ops = vec![
        import(0, 0, &[1]),
        CLAIM,
        BEGIN,
        Die(0),
        Sweep { record: false },
        Zombie(0, Late::Finish),
        Zombie(0, Late::Begin),
        Die(0),
        Sweep { record: true },
        Zombie(0, Late::Finish),
        JumpToDue { seconds: 0 },
        Redials,
        CLAIM,
        BEGIN,
        Finish { call: 0, outcome: Outcome::Answered, twice: true },
    ];
    tell(monday(vec![redialled(&[60])]), ops);
}

#[test]
fn a_job_that_comes_too_late_finds_its_call_handed_to_another() {
    let ops = vec![
        import(0, 0, &[1, 2]),
        CLAIM,
        LostJobs,
        Die(0),
        BEGIN,
        Sweep { record: true },
        Zombie(0, Late::Begin),
        Begin { call: 0, worker: 1 },
        BEGIN,
        Zombie(0, Late::Withdraw),
        ends(Outcome::Busy),
    ];
    tell(monday(vec![plan()]), ops);
}

#[test]
fn a_phone_of_two_tasks_is_called_once_at_a_time_and_within_its_cap() {
    let cap = Cap(FrequencyCap { per_day: Some(2), distance_seconds: Some(600) });
    let ops = vec![
        cap,
        import(0, 0, &[1]),
        import(1, 0, &[1, 1]),
        CLAIM,
        BEGIN,
        ends(Outcome::Busy),
        CLAIM,
        Advance(10),
        Redials,
        CLAIM,
        BEGIN,
        ends(Outcome::Busy),
        Advance(10),
        Redials,
        CLAIM,
        JumpToDue { seconds: -1 },
        Redials,
        CLAIM,
        JumpToDue { seconds: 0 },
        Redials,
        CLAIM,
    ];
    tell(monday(vec![plan(), plan()]), ops);
}

#[test]
fn two_tasks_on_one_full_line_share_it() {
    let setup = Setup { trunks: vec![(2, None)], ..monday(vec![plan(), plan()]) };
    let ops = vec![import(0, 0, &[1, 2, 3, 4]), import(1, 0, &[5, 6, 7, 8]), CLAIM];
    tell(setup, ops);
}
