//! What a configuration refers to must be there, and what is referred to must stay.

use outbound::Time;
use outbound::enterprise::EnterpriseSettings;
use outbound::fault::{Fault, Verdict};
use outbound::hours::Hours;
use outbound::ids::{CallerIdId, EnterpriseId, NavigationId, PeriodId, TaskId};
use outbound::schedule::Schedule;
use outbound::task::TaskConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::plan;
use crate::StoreError;

/// A configuration judged against its enterprise.
pub(crate) struct Judged {
    pub settings: EnterpriseSettings,
    pub hours: Hours,
    /// Everything wrong with what it refers to.
    pub missing: Vec<Fault>,
}

impl Judged {
    /// Everything wrong with the configuration but the dates of its schedule. `before` is what an edit
    /// changes.
    pub fn faults(&self, config: &TaskConfig, before: Option<&TaskConfig>) -> Vec<Fault> {
        let mut found = faults(config.check(&self.settings, before));
        found.extend(self.missing.iter().cloned());
        found
    }
}

/// Judge everything that a task's or template's configuration refers to.
///
/// Locks what it refers to (for share) until the transaction ends, so that it is still there when the
/// configuration is committed.
pub(crate) async fn judge(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    config: &TaskConfig,
) -> Result<Judged, StoreError> {
    let settings = settings(conn, enterprise).await?;
    let mut missing = Vec::new();
    let hours = plan::hours_for(conn, enterprise, config, settings.time_zone).await?;
    let schedule = &config.schedule;
    missing.extend(period(schedule.call_period, hours.call.is_some(), "call_period"));
    let barred = hours.do_not_call.is_some();
    missing.extend(period(schedule.do_not_call_period, barred, "do_not_call_period"));
    missing.extend(navigation(conn, enterprise, config.navigation).await?);
    missing.extend(caller_ids(conn, enterprise, &config.caller_ids).await?);
    Ok(Judged { settings, hours, missing })
}

/// Judge a schedule as a whole: how its periods fit each other, and its dates.
pub(crate) fn judge_schedule(schedule: &Schedule, hours: &Hours, now: Time) -> Vec<Fault> {
    let mut found = faults(hours.check());
    found.extend(faults(schedule.check(hours, now)));
    found
}

pub(crate) fn faults(verdict: Verdict) -> Vec<Fault> {
    verdict.err().unwrap_or_default()
}

/// Faults refuse the input; nothing was changed.
pub(crate) fn refuse(faults: Vec<Fault>) -> Result<(), StoreError> {
    if faults.is_empty() { Ok(()) } else { Err(StoreError::Refused(faults)) }
}

/// Locks the enterprise's row against edits until the transaction ends.
pub(crate) async fn settings(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
) -> Result<EnterpriseSettings, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select settings as "settings: Json<EnterpriseSettings>" from enterprise
            where id = $1 for share"#,
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    found.map(|Json(settings)| settings).ok_or(StoreError::NotFound("enterprise"))
}

fn period(id: Option<PeriodId>, found: bool, field: &str) -> Option<Fault> {
    let id = id.filter(|_| !found)?;
    let pointer = format!("/schedule/{field}");
    Some(Fault::new(pointer, "not_found", format!("there is no period {id}")))
}

async fn navigation(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: NavigationId,
) -> Result<Option<Fault>, StoreError> {
    let found = sqlx::query!(
        "select name, published_version from navigation where id = $1 and enterprise_id = $2 for share",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(match found {
        None => Some(Fault::new(
            "/navigation",
            "not_found",
            format!("there is no voice navigation {id}"),
        )),
        Some(found) if found.published_version.is_none() => Some(Fault::new(
            "/navigation",
            "not_published",
            format!("the voice navigation “{}” is a draft; publish it first", found.name),
        )),
        Some(_) => None,
    })
}

async fn caller_ids(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    callers: &[CallerIdId],
) -> Result<Vec<Fault>, StoreError> {
    let ids: Vec<Uuid> = callers.iter().map(|id| id.uuid()).collect();
    let found = sqlx::query_scalar!(
        "select id from caller_id where enterprise_id = $1 and id = any($2) order by id for share",
        enterprise.uuid(),
        &ids
    )
    .fetch_all(conn)
    .await?;
    let missing = callers.iter().enumerate().filter(|(_, id)| !found.contains(&id.uuid()));
    Ok(missing
        .map(|(place, id)| {
            let pointer = format!("/caller_ids/{place}");
            Fault::new(pointer, "not_found", format!("there is no caller ID {id}"))
        })
        .collect())
}

/// Something that a task or a template refers to, by its id as configurations write it.
pub(crate) enum Referred {
    Period(PeriodId),
    Navigation(NavigationId),
    CallerId(CallerIdId),
}

impl Referred {
    /// A JSON path that selects something where a configuration refers to it, and its variable.
    fn path(&self) -> (&'static str, String) {
        match self {
            Self::Period(id) => (
                "$.schedule ? (@.call_period == $id || @.do_not_call_period == $id)",
                id.to_string(),
            ),
            Self::Navigation(id) => ("$.navigation ? (@ == $id)", id.to_string()),
            Self::CallerId(id) => ("$.caller_ids[*] ? (@ == $id)", id.to_string()),
        }
    }
}

/// The tasks, not deleted, whose configuration refers to something, in the order of their ids.
/// Locks nothing.
pub(crate) async fn tasks_using(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    referred: &Referred,
) -> Result<Vec<(TaskId, String)>, StoreError> {
    let (path, id) = referred.path();
    let rows = sqlx::query!(
        "select id, name from task
          where enterprise_id = $1 and deleted_at is null
            and jsonb_path_exists(config, $2::text::jsonpath, jsonb_build_object('id', $3::text))
          order by id",
        enterprise.uuid(),
        path,
        id
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.name)).collect())
}

/// Who refers to something, named for people: tasks, then templates. Locks nothing.
pub(crate) async fn users(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    referred: &Referred,
) -> Result<Vec<String>, StoreError> {
    let tasks = tasks_using(conn, enterprise, referred).await?;
    let (path, id) = referred.path();
    let templates = sqlx::query_scalar!(
        "select name from template
          where enterprise_id = $1
            and jsonb_path_exists(config, $2::text::jsonpath, jsonb_build_object('id', $3::text))
          order by name",
        enterprise.uuid(),
        path,
        id
    )
    .fetch_all(conn)
    .await?;
    let tasks = tasks.into_iter().map(|(_, name)| format!("the task “{name}”"));
    Ok(tasks.chain(templates.into_iter().map(|name| format!("the template “{name}”"))).collect())
}
