//! Edits of periods: one, or several that hold only together.
//!
//! A task's two periods have to cover every minute once, so that each half of an edit alone would be
//! refused. Several are edited in one transaction, each against the version that it was read in, and each
//! task that keeps to any of them is re-planned once, against all of them as they become.

use std::collections::{BTreeMap, BTreeSet};

use outbound::Time;
use outbound::fault::{Fault, within};
use outbound::ids::{EnterpriseId, PeriodId, TaskId};
use outbound::period::{PeriodConfig, links};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Period, Row};
use crate::rows::{Stored, name_taken};
use crate::tasks::references::{Referred, faults, refuse, settings, tasks_using};
use crate::tasks::{self, Task, plan};
use crate::{Store, StoreError};

/// What a period becomes.
#[derive(Debug, Clone)]
pub struct Edit {
    pub id: PeriodId,
    /// The version that it was read in.
    pub expected: i64,
    /// Where the changes and the version stand in the input: faults point there.
    pub pointer: String,
    pub version_pointer: String,
    /// As it is written: without ranges that are derived.
    pub config: PeriodConfig,
}

/// Change a period: [`update_all`] of one.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: PeriodId,
    expected: i64,
    config: PeriodConfig,
    now: Time,
    actor: &str,
) -> Result<(Period, Vec<plan::PlannedStep>), StoreError> {
    let edit =
        Edit { id, expected, pointer: String::new(), version_pointer: String::new(), config };
    let (mut periods, steps) = match update_all(store, enterprise, &[edit], now, actor).await {
        // Which one it was need not be told.
        Err(StoreError::StaleAmong(_)) => return Err(StoreError::Stale),
        done => done?,
    };
    periods.pop().map(|period| (period, steps)).ok_or(StoreError::NotFound("period"))
}

/// Change these periods, all or none, and re-plan every task that keeps to one: a window that is closed by
/// the edit pauses a running task at once, one that is opened by it resumes it. A period that is everything
/// outside of an edited one follows it.
///
/// Refused whole when one was changed since it was read, and when a task's two periods would then overlap or
/// leave a minute free; the fault names the task and the minute. `edits` has no period twice. Locks the
/// enterprise, the periods, then those tasks. Gives the periods in the order of the edits, and the steps to
/// push.
pub async fn update_all(
    store: &Store,
    enterprise: EnterpriseId,
    edits: &[Edit],
    now: Time,
    actor: &str,
) -> Result<(Vec<Period>, Vec<plan::PlannedStep>), StoreError> {
    let mut tx = store.api.begin().await?;
    alone(&mut tx, enterprise).await?;
    let zone = settings(&mut tx, enterprise).await?.time_zone;
    let before = lock(&mut tx, enterprise, edits).await?;
    same_versions(edits, &before)?;
    let after = edited(edits, &before)?;
    write(&mut tx, &before, &after).await?;

    let changed = Changed { edits, before: &before, after: &after };
    let ids = users(&mut tx, enterprise, &changed).await?;
    let mut found = Vec::new();
    for task in &tasks::lock_all(&mut tx, &ids).await? {
        let hours = plan::hours_for(&mut tx, enterprise, &task.config, zone).await?;
        let wrong = changed.faults(task, &hours);
        if wrong.is_empty() {
            plan::rehour(&mut tx, task, &hours, now, actor).await?;
        }
        found.extend(wrong);
    }
    refuse(found)?;
    let steps = tasks::lock_all(&mut tx, &ids).await?.iter().flat_map(Task::steps).collect();
    tx.commit().await?;
    let period = |edit: &Edit| {
        let (old, config) = (before.get(&edit.id)?, after.get(&edit.id)?.clone());
        Some(Stored { id: edit.id, config, version: old.version + 1, created_at: old.created_at })
    };
    Ok((edits.iter().filter_map(period).collect(), steps))
}

/// Locks the enterprise against other edits of periods, and of what refers to them: two edits would
/// else each wait for the period that the other holds.
async fn alone(conn: &mut PgConnection, enterprise: EnterpriseId) -> Result<(), StoreError> {
    sqlx::query!("select id from enterprise where id = $1 for no key update", enterprise.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(())
}

/// Locks the periods of the edits, those that they newly refer to, and, after them, those that are
/// everything outside of one of them: one that was just made is seen only when its maker is done.
async fn lock(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    edits: &[Edit],
) -> Result<BTreeMap<PeriodId, Period>, StoreError> {
    let ids = edits.iter().flat_map(|edit| [Some(edit.id), edit.config.complement_of]);
    let ids: BTreeSet<PeriodId> = ids.flatten().collect();
    let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let words: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<PeriodConfig>", version, created_at
             from period where enterprise_id = $2 and id = any($1) order by id for update"#,
        &uuids,
        enterprise.uuid()
    )
    .fetch_all(&mut *conn)
    .await?;
    rows.extend(
        sqlx::query_as!(
            Row,
            r#"select id, config as "config: Json<PeriodConfig>", version, created_at
                 from period where enterprise_id = $2 and config ->> 'complement_of' = any($1)
                order by id for update"#,
            &words,
            enterprise.uuid()
        )
        .fetch_all(conn)
        .await?,
    );
    Ok(rows.into_iter().map(Period::from).map(|period| (period.id, period)).collect())
}

/// Every edit was made of the newest version; else all those that were not are named.
fn same_versions(edits: &[Edit], before: &BTreeMap<PeriodId, Period>) -> Result<(), StoreError> {
    let mut stale = Vec::new();
    for edit in edits {
        let found = before.get(&edit.id).ok_or(StoreError::NotFound("period"))?;
        if found.version != edit.expected {
            stale.push(Fault::new(
                edit.version_pointer.as_str(),
                "stale",
                format!("“{}” was changed since it was read; read it again", found.config.name),
            ));
        }
    }
    if stale.is_empty() { Ok(()) } else { Err(StoreError::StaleAmong(stale)) }
}

/// What the edited periods and those that follow them become; or everything wrong with the edits by themselves.
fn edited(
    edits: &[Edit],
    before: &BTreeMap<PeriodId, Period>,
) -> Result<BTreeMap<PeriodId, PeriodConfig>, StoreError> {
    let mut after: BTreeMap<_, _> =
        before.iter().map(|(id, period)| (*id, period.config.clone())).collect();
    after.extend(edits.iter().map(|edit| (edit.id, edit.config.clone())));
    let mut found: Vec<Fault> =
        edits.iter().flat_map(|edit| within(&edit.pointer, edit.config.check())).collect();
    let edit_of = |id: PeriodId| edits.iter().find(|edit| edit.id == id);
    for link in links(&after) {
        // A complement that is not edited itself was right before: what it refers to was made wrong.
        let (edit, fault) = match (edit_of(link.period), edit_of(link.to)) {
            (Some(edit), _) => (edit, link.fault),
            (None, Some(edit)) => {
                let name = after.get(&link.period).map_or("", |period| &period.name);
                let detail = format!(
                    "the period “{name}” is everything outside of this one; edit both together"
                );
                (edit, Fault::new(link.fault.pointer, "in_use", detail))
            }
            (None, None) => continue,
        };
        found.extend(within(&edit.pointer, Err(vec![fault])));
    }
    refuse(found)?;
    let own = after.clone();
    for config in after.values_mut() {
        if let Some(other) = config.complement_of.and_then(|id| own.get(&id)) {
            *config = config.written().outside(other);
        }
    }
    after.retain(|id, config| {
        edit_of(*id).is_some() || before.get(id).is_none_or(|old| old.config != *config)
    });
    Ok(after)
}

/// Writes what is edited, and what follows an edit. The rows are locked.
async fn write(
    conn: &mut PgConnection,
    before: &BTreeMap<PeriodId, Period>,
    after: &BTreeMap<PeriodId, PeriodConfig>,
) -> Result<(), StoreError> {
    let renamed = |id: &PeriodId, config: &PeriodConfig| {
        before.get(id).is_some_and(|old| old.config.name != config.name)
    };
    let renamed: Vec<_> = after.iter().filter(|(id, config)| renamed(id, config)).collect();
    // Names that two periods exchange are each free first.
    if renamed.len() > 1 {
        let ids: Vec<Uuid> = renamed.iter().map(|(id, _)| id.uuid()).collect();
        sqlx::query!("update period set name = id::text where id = any($1)", &ids)
            .execute(&mut *conn)
            .await?;
    }
    for (id, config) in after {
        sqlx::query!(
            "update period set name = $2, config = $3, version = version + 1 where id = $1",
            id.uuid(),
            config.name,
            Json(config) as _
        )
        .execute(&mut *conn)
        .await
        .map_err(|error| name_taken(error, &config.name))?;
    }
    Ok(())
}

/// The tasks that keep to a period that is edited or follows. Locks nothing.
async fn users(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    changed: &Changed<'_>,
) -> Result<Vec<TaskId>, StoreError> {
    let mut ids = BTreeSet::new();
    for id in changed.after.keys() {
        let using = tasks_using(conn, enterprise, &Referred::Period(*id)).await?;
        ids.extend(using.into_iter().map(|(task, _)| task));
    }
    Ok(ids.into_iter().collect())
}

struct Changed<'a> {
    edits: &'a [Edit],
    before: &'a BTreeMap<PeriodId, Period>,
    after: &'a BTreeMap<PeriodId, PeriodConfig>,
}

impl Changed<'_> {
    /// What the edits would break in a task that keeps to these windows then.
    fn faults(&self, task: &Task, hours: &outbound::hours::Hours) -> Vec<Fault> {
        let name = &task.config.name;
        let schedule = &task.config.schedule;
        let used = [schedule.call_period, schedule.do_not_call_period].into_iter().flatten();
        let used: Vec<(PeriodId, &Edit)> =
            used.filter_map(|id| Some((id, self.edit_behind(id)?))).collect();
        let other_kind = used.iter().filter(|(id, _)| self.kind_changed(*id));
        let mut found: Vec<Fault> = other_kind
            .map(|(id, edit)| {
                let detail =
                    format!("the task “{name}” uses {id} by its kind; make another period instead");
                Fault::new(format!("{}/kind", edit.pointer), "in_use", detail)
            })
            .collect();
        if let (true, Some((_, edit))) = (found.is_empty(), used.first()) {
            let field =
                if edit.config.complement_of.is_some() { "complement_of" } else { "ranges" };
            found.extend(faults(hours.check()).into_iter().map(|fault| {
                let detail = format!("in the task “{name}”: {}", fault.detail);
                Fault::new(format!("{}/{field}", edit.pointer), &fault.code, detail)
            }));
        }
        found
    }

    /// The edit that changes a period: its own, or that of the one which it is everything outside of.
    fn edit_behind(&self, id: PeriodId) -> Option<&Edit> {
        let edit_of = |id: PeriodId| self.edits.iter().find(|edit| edit.id == id);
        edit_of(id).or_else(|| edit_of(self.after.get(&id)?.complement_of?))
    }

    fn kind_changed(&self, id: PeriodId) -> bool {
        let (old, new) = (self.before.get(&id), self.after.get(&id));
        old.zip(new).is_some_and(|(old, new)| old.config.kind != new.kind)
    }
}
