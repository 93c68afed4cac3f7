//! What people and the clock do to the rows.

use std::time::Duration;

use chrono::TimeDelta;
use outbound::ids::ImportId;
use outbound::import::{ImportFormat, ImportOptions};
use storage::batches::{Landing, LandingRow};
use storage::numbers::{NumberFilter, Which as Named};
use storage::rows::Page;
use storage::suppression::Source;
use storage::tasks::{LiveCalls, PlannedStep};
use storage::{StoreError, batches, enterprises, numbers, periods, tasks, trunks};

use super::{ACTOR, Stage, faults, refused, sorted};
use crate::furniture::{phone, place_of};
use crate::model::Holder;
use crate::model::imports::{Import, Landed, phones};
use crate::model::tasks::Step;
use crate::op::{Op, Row, Which};

/// How long an import's worker holds it.
const LEASE: Duration = Duration::from_secs(600);
const PAGE: u32 = 200;

impl Stage<'_> {
    pub async fn configure(&mut self, op: &Op) {
        let (enterprise, now) = (self.enterprise, self.world.now);
        if let Some(change) = self.world.change(op) {
            let task = self.tasks[change.task];
            let version = tasks::get(&self.store, enterprise, task).await.expect("it").version;
            let config = self.config(&change);
            let told =
                tasks::update(&self.store, enterprise, task, version, config, now, ACTOR).await;
            let known = self.world.edit(&change).map_err(sorted);
            assert_eq!(faults(told), known, "{op:?}");
            if tasks::get(&self.store, enterprise, task).await.expect("it").reordering {
                tasks::reorder(&self.store, task).await.expect("a new order");
            }
            return;
        }
        match op {
            Op::Import { .. } => self.import(op).await,
            Op::Start(task) => {
                let task = self.world.task(*task);
                let told = tasks::start(&self.store, enterprise, self.tasks[task], now, ACTOR);
                let told = refused(told.await).map(drop);
                assert_eq!(told, self.world.happen(task, outbound::task::Event::Start), "{op:?}");
            }
            Op::Pause(_) | Op::End(_) => self.stop(op).await,
            Op::EditPeriod(place, shape) => {
                let (place, config) = self.world.shaped(*place, *shape);
                let id = self.periods[place];
                let version = periods::get(&self.store, enterprise, id).await.expect("it").version;
                let told =
                    periods::update(&self.store, enterprise, id, version, config, now, ACTOR).await;
                let known = self.world.edit_period(place as u8, *shape).map_err(sorted);
                assert_eq!(faults(told), known, "{op:?}");
            }
            Op::Switches { .. } | Op::Limit(_) | Op::Cap(_) => {
                self.world.configure(op);
                let version = enterprises::get(&self.store, enterprise).await.expect("it").version;
                let settings = self.world.settings.clone();
                let told =
                    enterprises::update(&self.store, enterprise, version, settings, now, ACTOR);
                told.await.expect("settings");
            }
            Op::Trunk { trunk, concurrency, in_service } => {
                self.world.configure(op);
                let id = self.trunks[usize::from(*trunk) % self.trunks.len()];
                let found = trunks::get(&self.store, enterprise, id).await.expect("it");
                let mut config = found.config;
                (config.concurrency, config.in_service) = (*concurrency, *in_service);
                let version = found.version;
                let told = trunks::update(&self.store, enterprise, id, version, config, now, ACTOR);
                told.await.expect("a trunk");
            }
            Op::Cancel(task, which) => self.cancel(*task, *which).await,
            Op::Steps => self.steps().await,
            Op::Redials => {
                for task in 0..self.tasks.len() {
                    let id = Some(self.tasks[task]);
                    let told = numbers::promote_due(&self.store, id, now, 100_000).await;
                    let told = told.expect("it").numbers as usize;
                    assert_eq!(told, self.world.promote(task), "promoted of task {task}");
                }
            }
            op => self.numbers_and_lists(op).await,
        }
    }

    async fn numbers_and_lists(&mut self, op: &Op) {
        let (enterprise, now) = (self.enterprise, self.world.now);
        match op {
            Op::BatchPriority(batch, priority) => {
                if let Some(batch) = self.world.batch(*batch) {
                    let (id, priority) = (self.batches[batch], u32::from(*priority));
                    let told = batches::set_priority(&self.store, enterprise, id, priority);
                    told.await.expect("a batch");
                }
                self.world.configure(op);
            }
            Op::Forbid { phone: n, minutes } => {
                let until = minutes.map(|minutes| now + TimeDelta::minutes(minutes.into()));
                let (store, phones) = (&self.store, [phone(*n)]);
                storage::suppression::add(store, enterprise, &phones, "", Source::Api, until, now)
                    .await
                    .expect("an entry");
                self.world.configure(op);
            }
            Op::Allow(n) => {
                let (store, page) = (&self.store, Page::first(PAGE));
                let list = storage::suppression::list(store, enterprise, Some(phone(*n)), page);
                if let Some(entry) = list.await.expect("a list").rows.first() {
                    let gone = storage::suppression::remove(&self.store, enterprise, entry.id);
                    gone.await.expect("it was there");
                }
                self.world.configure(op);
            }
            Op::DeleteNumber(n) => {
                let Some(number) = self.world.number(*n) else { return };
                let id = self.numbers[number];
                let told = refused(numbers::delete(&self.store, enterprise, id).await);
                assert_eq!(told, self.world.delete(number), "{op:?}");
            }
            Op::DeleteBatch(n) => {
                let Some(batch) = self.world.batch(*n) else { return };
                let id = self.batches[batch];
                let told = refused(batches::delete(&self.store, enterprise, id).await);
                assert_eq!(told, self.world.delete_batch(batch), "{op:?}");
            }
            op => self.world.configure(op),
        }
    }

    /// Calls that are up are told to hang up, and nobody else.
    async fn stop(&mut self, op: &Op) {
        let (Op::Pause(n) | Op::End(n)) = op else { return };
        let (enterprise, now, task) = (self.enterprise, self.world.now, self.world.task(*n));
        self.rows.age_begins(enterprise);
        let id = self.tasks[task];
        let told = if matches!(op, Op::Pause(_)) {
            refused(tasks::pause(&self.store, enterprise, id, now, ACTOR).await).map(drop)
        } else {
            let calls = LiveCalls::HangUp;
            let ended = tasks::end(&self.store, enterprise, id, calls, now, ACTOR).await;
            refused(ended).map(|ended| {
                let up = self
                    .world
                    .calls
                    .iter()
                    .filter(|call| call.task == task && call.begun.is_some());
                let up: Vec<_> = up.map(|call| self.attempts[&call.id]).collect();
                assert_eq!(ended.hang_up, up, "who is hung up");
            })
        };
        let event = match op {
            Op::Pause(_) => outbound::task::Event::Pause,
            _ => outbound::task::Event::End,
        };
        assert_eq!(told, self.world.happen(task, event), "{op:?}");
    }

    async fn steps(&mut self) {
        let now = self.world.now;
        let due = tasks::due_steps(&self.store, now, 1_000).await.expect("steps");
        let step = |planned: &PlannedStep| {
            let task = self.tasks.iter().position(|task| *task == planned.task)?;
            let step = match planned.step {
                tasks::Step::Start => Step::Start,
                tasks::Step::End => Step::End,
                tasks::Step::Edge => Step::Edge,
            };
            Some((planned.at, task, step))
        };
        let mut told: Vec<_> = due.iter().filter_map(step).collect();
        let ours: Vec<PlannedStep> =
            due.into_iter().filter(|planned| self.tasks.contains(&planned.task)).collect();
        told.sort_unstable();
        let known = self.world.due_steps();
        assert_eq!(told, known, "due steps");
        for (at, task, step) in known {
            let id = self.tasks[task];
            let of_it = |planned: &&PlannedStep| {
                let same = match planned.step {
                    tasks::Step::Start => Step::Start,
                    tasks::Step::End => Step::End,
                    tasks::Step::Edge => Step::Edge,
                };
                planned.task == id && planned.at == at && same == step
            };
            let planned = *ours.iter().find(of_it).expect("it is due");
            // A job is delivered twice: the second finds nothing to do.
            for _ in 0..2 {
                tasks::run_step(&self.store, planned, now).await.expect("a step");
            }
            self.world.step(task, step);
        }
    }

    async fn cancel(&mut self, n: u8, which: Which) {
        let task = self.world.task(n);
        let named = self.world.named(task, which);
        let asked = match which {
            Which::All => Named::All,
            Which::Batch(n) => match self.world.batch(n) {
                Some(batch) => Named::Batch(self.batches[batch]),
                None => return,
            },
            Which::Number(_) => {
                Named::These(named.iter().map(|number| self.numbers[*number]).collect())
            }
        };
        let told = numbers::cancel(&self.store, self.enterprise, self.tasks[task], &asked).await;
        let told = match told {
            Ok(cancelled) => cancelled.numbers,
            // The batch is another task's.
            Err(StoreError::NotFound("batch")) => 0,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(told, self.world.cancel(&named), "cancelled of {which:?}");
    }

    async fn import(&mut self, op: &Op) {
        let Op::Import { task, name, priority, dedupe, start, rows } = op else { return };
        let task = self.world.task(*task);
        let (enterprise, now, id) = (self.enterprise, self.world.now, self.tasks[task]);
        let options = ImportOptions {
            batch_name: format!("Batch {name}"),
            batch_priority: (*priority).into(),
            dedupe: *dedupe,
            start: *start,
            all_or_nothing: false,
            format: ImportFormat::Json,
            encoding: outbound::import::ENCODING_AUTO.into(),
            hidden_rows: outbound::import::HiddenRows::Skip,
        };
        let import = clock::new_id::<ImportId>();
        let new = storage::imports::NewImport {
            id: import,
            enterprise,
            task: id,
            options: &options,
            object_key: "imports/file",
            actor: ACTOR,
        };
        storage::imports::create(&self.store, new, now).await.expect("an import");
        let taken = storage::imports::take(&self.store, import, 0, LEASE).await.expect("it");
        let landing_rows: Vec<LandingRow> = rows.iter().map(|row| self.landing(row)).collect();
        let landing = Landing {
            import,
            token: taken.expect("it is nobody else's").token,
            enterprise,
            task: id,
            options: &options,
            rows: landing_rows.len() as u64,
            invalid: 0,
            hidden: 0,
            error_key: None,
            actor: ACTOR,
        };
        let mut rows_in_memory = batches::InMemory::new(&landing_rows);
        let landed = batches::land(&self.store, landing, &mut rows_in_memory, now).await;
        let landed = landed.expect("it lands");
        // Delivered twice, it lands once.
        let again = batches::land(&self.store, landing, &mut rows_in_memory, now).await;
        assert!(again.is_err(), "it landed twice");

        let after = Some(self.world.tasks[task].next_seq - 1);
        let filter = NumberFilter::default();
        let page = Page { limit: PAGE, after };
        let list = numbers::list(&self.store, enterprise, id, filter, page).await.expect("numbers");
        let chance = |place: usize| {
            // Storage draws it from the last bits of the number's id.
            u32::try_from(list.rows[place].id.uuid().as_u128() & u128::from(u32::MAX))
                .expect("32 bits")
        };
        let (name, priority, dedupe, start) = (*name, *priority, *dedupe, *start);
        let import = Import { task, name, priority, dedupe, start, rows };
        let known = self.world.import(import, chance);
        let told = Landed {
            imported: landed.result.imported,
            duplicates: landed.result.duplicates,
            suppressed: landed.result.suppressed,
            merged: landed.result.merged,
        };
        assert_eq!(told, known, "{op:?}");
        self.numbers.extend(list.rows.iter().map(|number| number.id));
        if self.world.batches.len() > self.batches.len() {
            self.batches.extend(landed.batch);
        }
    }

    fn landing(&self, row: &Row) -> LandingRow {
        let (province, city) = place_of(row.phone);
        LandingRow {
            phone: phone(row.phone),
            priority: row.priority.into(),
            caller_id: row.line.map(|line| self.lines[usize::from(line) % self.lines.len()]),
            backups: phones(row)[1..].iter().map(|backup| phone(*backup)).collect(),
            variables: std::collections::BTreeMap::new(),
            province: province.to_owned(),
            city: city.to_owned(),
        }
    }

    /// Whether a worker holds a call.
    pub fn holder(&self, place: usize) -> Option<Holder> {
        self.world.calls[place].begun.map(|begun| begun.by)
    }
}
