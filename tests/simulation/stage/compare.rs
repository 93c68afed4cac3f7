//! What the rows say must be what the model says.

use std::collections::BTreeMap;

use outbound::number::NumberState;
use outbound::outcome::CalledStatus;
use outbound::task::TaskState;
use storage::checks::Snapshot;

use super::Stage;
use super::rows::{AttemptRow, NumberRow, TaskRow};
use crate::furniture::phone;
use crate::model::{Call, Holder, Number, Stands, Task};
use crate::op::Op;

/// Findings of one check, at most.
const FINDINGS_MAX: u32 = 5;

impl Stage<'_> {
    pub fn compare(&mut self, op: &Op) {
        let found = self.rows.found(self.enterprise);
        let tasks: BTreeMap<_, _> = found.tasks.iter().map(|row| (row.id, row)).collect();
        for (place, task) in self.world.tasks.iter().enumerate() {
            let row = tasks[&self.tasks[place].uuid()];
            let numbers = self.world.numbers_of(place).count();
            assert_eq!(told_task(row), known_task(task, numbers), "task {place} after {op:?}");
        }
        self.compare_numbers(&found.numbers, op);
        self.compare_batches(&found.batches, op);
        let attempts: Vec<Told> = found.attempts.iter().map(told_attempt).collect();
        let known: Vec<Told> = self.world.calls.iter().map(|call| self.known_call(call)).collect();
        assert_eq!(attempts, known, "live attempts after {op:?}");
        let records = found.records.iter().map(|row| {
            let called = (row.number_id, row.customer_number, row.round, row.chain_index);
            (row.id, called, row.result.clone(), row.cause.clone(), row.started_at, row.ended_at)
        });
        let mut newest: Vec<_> = records.collect();
        newest.sort_unstable();
        let known = |record: &crate::model::Record| {
            let number = self.numbers[record.number].uuid();
            let called = (number, phone(record.phone).digits(), record.round, record.chain_index);
            let (result, cause) = (record.result.word().to_owned(), record.cause.to_owned());
            let id = self.attempts[&record.id].uuid();
            (id, called, result, cause, record.started_at, record.ended_at)
        };
        let mut all: Vec<_> = self.world.records.iter().map(known).collect();
        all.sort_by_key(|record| std::cmp::Reverse((record.5, record.0)));
        all.truncate(newest.len().max(all.len().min(8)));
        all.sort_unstable();
        assert_eq!(newest, all, "the newest records after {op:?}");
    }

    fn compare_numbers(&self, rows: &[NumberRow], op: &Op) {
        let rows: BTreeMap<_, _> = rows.iter().map(|row| (row.id, row)).collect();
        let mut there = 0;
        for (place, number) in self.world.numbers.iter().enumerate() {
            let row = rows.get(&self.numbers[place].uuid());
            if number.stands == Stands::Deleted {
                assert!(row.is_none(), "number {place} is still there after {op:?}");
                continue;
            }
            there += 1;
            let row = row.unwrap_or_else(|| panic!("number {place} is lost after {op:?}"));
            assert_eq!(row.batch_id, self.batches[number.batch].uuid());
            let told = told_number(row);
            assert_eq!(told, known_number(number), "number {place} after {op:?}: {number:?}");
        }
        assert_eq!(rows.len(), there, "numbers after {op:?}");
    }

    fn compare_batches(&self, rows: &[super::rows::BatchRow], op: &Op) {
        let rows: BTreeMap<_, _> = rows.iter().map(|row| (row.id, row)).collect();
        for (place, batch) in self.world.batches.iter().enumerate() {
            let row = rows.get(&self.batches[place].uuid());
            assert_eq!(row.is_none(), batch.deleted, "batch {place} after {op:?}");
            let Some(row) = row else { continue };
            let told = (row.priority, row.started);
            let known = (batch.priority, batch.started_at.is_some());
            assert_eq!(told, known, "batch {place} after {op:?}");
            let mut counted: BTreeMap<String, i64> = BTreeMap::new();
            for number in self.world.numbers.iter().filter(|number| number.batch == place) {
                if let Some(state) = state(number.stands) {
                    *counted.entry(state.word().to_owned()).or_default() += 1;
                }
            }
            assert_eq!(row.counted.clone().unwrap_or_default(), counted, "counters after {op:?}");
        }
    }

    fn known_call(&self, call: &Call) -> Told {
        let worker = call.begun.map(|begun| match begun.by {
            Holder::Worker(worker) => worker_name(worker),
            Holder::Sweep => "sweep".to_owned(),
        });
        Told {
            id: self.attempts[&call.id].uuid(),
            number: self.numbers[call.number].uuid(),
            phone: phone(call.phone).digits(),
            round: call.round,
            chain_index: call.chain_index,
            caller: self.lines[call.line].uuid(),
            trunk: self.trunks[call.trunk].uuid(),
            token: call.token,
            worker,
        }
    }

    /// What is counted, over the whole database; and whether anything is astray.
    pub async fn counters(&self) {
        let mut snapshot = Snapshot::take(&self.store).await.expect("a snapshot");
        let wrong = snapshot.mismatches(FINDINGS_MAX).await.expect("counters");
        assert!(wrong.is_empty(), "{wrong:?}");
        let astray = snapshot.astray(FINDINGS_MAX).await.expect("numbers");
        assert!(astray.is_empty(), "{astray:?}");
    }
}

pub fn worker_name(worker: u8) -> String {
    format!("worker-{worker}")
}

#[derive(Debug, PartialEq, Eq)]
struct Told {
    id: uuid::Uuid,
    number: uuid::Uuid,
    phone: u64,
    round: u16,
    chain_index: usize,
    caller: uuid::Uuid,
    trunk: uuid::Uuid,
    token: i64,
    worker: Option<String>,
}

fn told_attempt(row: &AttemptRow) -> Told {
    assert_eq!(row.phase == "begun", row.worker.is_some(), "{row:?}");
    Told {
        id: row.id,
        number: row.number_id,
        phone: row.phone,
        round: row.round,
        chain_index: row.chain_index,
        caller: row.caller_id,
        trunk: row.trunk_id,
        token: row.token,
        worker: row.worker.clone(),
    }
}

type TaskFacts = (Option<TaskState>, [Option<outbound::Time>; 3], i32, i64, i64);

fn told_task(row: &TaskRow) -> TaskFacts {
    let state = TaskState::from_words(&row.state, row.pause_reason.as_deref());
    let steps = [row.scheduled_start_at, row.scheduled_end_at, row.next_edge_at];
    (state, steps, row.order_revision, row.number_count, row.next_seq)
}

fn known_task(task: &Task, numbers: usize) -> TaskFacts {
    let steps = [task.start_at, task.end_at, task.edge_at];
    (Some(task.state), steps, task.revision, numbers as i64, task.next_seq)
}

fn state(stands: Stands) -> Option<NumberState> {
    match stands {
        Stands::Ready => Some(NumberState::Pending),
        Stands::Waiting { .. } => Some(NumberState::Waiting),
        Stands::Calling => Some(NumberState::Calling),
        Stands::Ended(state) => Some(state),
        Stands::Deleted => None,
    }
}

#[derive(Debug, PartialEq)]
struct NumberFacts {
    seq: i64,
    state: Option<NumberState>,
    /// Ready rows, and what it waits for.
    place: (i64, Option<outbound::Time>, Option<String>, Option<bool>),
    /// Of one that is not at its end.
    lane: Option<String>,
    round: u16,
    chain_index: usize,
    statuses: Vec<Option<CalledStatus>>,
    refusals: u16,
    called: [Option<outbound::Time>; 3],
}

fn told_number(row: &NumberRow) -> NumberFacts {
    let mut statuses: Vec<_> =
        row.chain_statuses.iter().map(|word| CalledStatus::from_word(word)).collect();
    while statuses.last() == Some(&None) {
        statuses.pop();
    }
    NumberFacts {
        seq: row.seq,
        state: NumberState::from_word(&row.state),
        place: (row.ready, row.due_at, row.reason.clone(), row.put_off),
        lane: row.lane.clone(),
        round: row.round,
        chain_index: row.chain_index,
        statuses,
        refusals: row.refusals,
        called: [row.first_called_at, row.round_called_at, row.last_called_at],
    }
}

fn known_number(number: &Number) -> NumberFacts {
    let place = match number.stands {
        Stands::Ready => (1, None, None, None),
        Stands::Waiting { due, why, put_off } => {
            (0, Some(due), Some(why.word().to_owned()), Some(put_off))
        }
        _ => (0, None, None, None),
    };
    let open = matches!(number.stands, Stands::Ready | Stands::Waiting { .. } | Stands::Calling);
    let mut statuses = number.statuses.clone();
    while statuses.last() == Some(&None) {
        statuses.pop();
    }
    NumberFacts {
        seq: number.seq,
        state: state(number.stands),
        place,
        lane: open.then(|| number.class.word().to_owned()),
        round: number.round,
        chain_index: number.chain_index,
        statuses,
        refusals: number.refusals,
        called: [number.first_called_at, number.round_called_at, number.last_called_at],
    }
}
