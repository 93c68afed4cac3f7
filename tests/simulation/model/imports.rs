//! Imports: rows that become numbers, and the batch that they join.

use outbound::import::{Dedupe, StartType};
use outbound::order::LaneClass;
use outbound::task::Event;

use super::{Batch, Number, Stands, World};
use crate::op::Row;

/// An import that is about to land.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    pub task: usize,
    pub name: u8,
    pub priority: u8,
    pub dedupe: Dedupe,
    pub start: StartType,
    pub rows: &'a [Row],
}

/// What came of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landed {
    pub imported: u64,
    pub duplicates: u64,
    pub suppressed: u64,
    pub merged: bool,
}

/// The phones of a row: its own, then backups that are not there yet.
pub fn phones(row: &Row) -> Vec<u8> {
    let mut phones = vec![row.phone];
    for backup in &row.backups {
        if !phones.contains(backup) {
            phones.push(*backup);
        }
    }
    phones
}

impl World {
    /// Land an import. `random` gives the chance of each row that lands, for random order.
    pub fn import(&mut self, import: Import<'_>, mut random: impl FnMut(usize) -> u32) -> Landed {
        let mut landed = Landed { imported: 0, duplicates: 0, suppressed: 0, merged: false };
        let mut kept: Vec<&Row> = Vec::new();
        for (place, row) in import.rows.iter().enumerate() {
            let before = import.rows[..place].iter().any(|other| other.phone == row.phone);
            let is_there = self.numbers_of(import.task).any(|number| {
                let number = &self.numbers[number];
                let in_batch = self.batches[number.batch].name == import.name;
                number.phones[0] == row.phone
                    && match import.dedupe {
                        Dedupe::Task => true,
                        Dedupe::Batch => in_batch,
                        Dedupe::None | Dedupe::Import => false,
                    }
            });
            if is_there || (before && import.dedupe != Dedupe::None) {
                landed.duplicates += 1;
            } else if self.is_forbidden(row.phone) {
                landed.suppressed += 1;
            } else {
                kept.push(row);
                landed.imported += 1;
            }
        }
        if kept.is_empty() {
            return landed;
        }
        let (batch, merged) = self.batch_for(import);
        landed.merged = merged;
        for (place, row) in kept.into_iter().enumerate() {
            self.add_number(import.task, batch, row, random(place));
        }
        if import.start == StartType::Auto {
            self.occur(import.task, Event::AutoImport);
        }
        landed
    }

    /// The batch that rows of this name join: one that has not started, or one of its own.
    fn batch_for(&mut self, import: Import<'_>) -> (usize, bool) {
        let priority = u32::from(import.priority);
        let joins = |batch: &Batch| {
            batch.task == import.task
                && batch.name == import.name
                && batch.started_at.is_none()
                && !batch.deleted
        };
        if let Some(place) = self.batches.iter().position(joins) {
            self.batches[place].priority = priority;
            return (place, true);
        }
        self.batches.push(Batch {
            task: import.task,
            name: import.name,
            priority,
            started_at: None,
            deleted: false,
        });
        (self.batches.len() - 1, false)
    }

    fn add_number(&mut self, task: usize, batch: usize, row: &Row, random: u32) {
        let phones = phones(row);
        let lines = self.lines.len();
        let found = &mut self.tasks[task];
        self.numbers.push(Number {
            task,
            batch,
            seq: found.next_seq,
            statuses: vec![None; phones.len()],
            phones,
            priority: row.priority.into(),
            line: row.line.map(|line| usize::from(line) % lines),
            order: found.order,
            revision: found.revision,
            random,
            class: LaneClass::Uncalled,
            round: 0,
            chain_index: 0,
            refusals: 0,
            first_called_at: None,
            round_called_at: None,
            last_called_at: None,
            policy: None,
            stands: Stands::Ready,
        });
        found.next_seq += 1;
    }
}
