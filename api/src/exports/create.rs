//! `POST /v1/exports`: needs the permission `export`; numbers are masked as in lists.

use axum::extract::State;
use jobs::RunExport;
use outbound::Time;
use outbound::api_key::Permission;
use outbound::audit::Action;
use outbound::export::{Content, ExportFormat, ExportOptions};
use outbound::filter;
use outbound::ids::ExportId;
use serde_json::json;
use storage::exports::{self, Export, NewExport};
use storage::tasks;

use super::ExportView;
use crate::auth::{Caller, Exporter, Numbers};
use crate::input::Body;
use crate::problem::Problem;
use crate::reply::{Accepted, Reply};
use crate::state::ApiState;

/// Characters of a task's name that a file's name keeps.
const NAME_PART_MAX: usize = 40;

pub(super) async fn create(
    State(state): State<ApiState>,
    Exporter(caller): Exporter,
    Body(options): Body<ExportOptions>,
) -> Reply<Accepted<ExportView>> {
    if options.content == Content::Recordings {
        caller.require(Permission::ListenRecordings)?;
    }
    options.check().map_err(Problem::refused)?;
    let filter = options.filter.as_deref().map(filter::parse).transpose();
    let filter = filter.map_err(|_| Problem::internal())?;
    let now = state.clock.now();
    let file_name = file_name(&state, &caller, &options, now).await?;
    let reveal = state.numbers_in_lists(&caller).await? == Numbers::Full;
    let (export, actor) = (storage::idempotency::id(clock::new_id::<ExportId>()), caller.actor());
    let made =
        storage::idempotency::made(|id| exports::get(&state.store, caller.enterprise, id)).await?;
    if let Some(row) = made {
        return accepted(&state, &caller, row, now).await;
    }
    if let Some(filter) = &filter {
        state.look_through(&caller, filter, export).await?;
    }
    let new = NewExport {
        id: export,
        enterprise: caller.enterprise,
        options: &options,
        file_name: &file_name,
        reveal,
        actor: &actor,
    };
    exports::create(&state.store, new, now).await?;
    let row = exports::get(&state.store, caller.enterprise, export).await?;
    state.wake(&RunExport { export, token: row.token }).await;
    let detail = json!({
        "task": options.task, "content": options.content, "format": options.format,
        "full_numbers": reveal,
    });
    state.audit(&caller, Action::ExportCreate, export, detail).await;
    accepted(&state, &caller, row, now).await
}

async fn accepted(
    state: &ApiState,
    caller: &Caller,
    row: Export,
    now: Time,
) -> Reply<Accepted<ExportView>> {
    let fleet = storage::workers::fleet(&state.store).await?;
    let location = format!("/v1/exports/{}", row.id);
    Ok(Accepted { location, body: ExportView::new(row, &fleet, now, caller.numbers_of_one()) })
}

/// What the file is called: content, task and time, never a number.
async fn file_name(
    state: &ApiState,
    caller: &Caller,
    options: &ExportOptions,
    now: Time,
) -> Result<String, Problem> {
    let task = match options.task {
        Some(task) => {
            Some(tasks::get(&state.store, caller.enterprise, task).await.map_err(|error| {
                match error {
                    storage::StoreError::NotFound(_) => {
                        Problem::fault("/task", "not_found", format!("there is no task {task}"))
                    }
                    other => other.into(),
                }
            })?)
        }
        None => None,
    };
    let zone = state.settings(caller).await?.settings.time_zone;
    let at = now.with_timezone(&zone).format("%Y%m%d-%H%M%S").to_string();
    Ok(named(options, task.map(|task| task.config.name).as_deref(), &at))
}

fn named(options: &ExportOptions, task: Option<&str>, at: &str) -> String {
    let content = match options.content {
        Content::CallRecords => "call-records",
        Content::Conversations => "conversations",
        Content::Recordings => "recordings",
    };
    let extension = match options.format {
        ExportFormat::Xlsx => "xlsx",
        ExportFormat::Csv => "csv",
        ExportFormat::Zip => "zip",
    };
    let task: String = outbound::mask::text(task.unwrap_or("all"))
        .chars()
        .take(NAME_PART_MAX)
        .map(|c| if c.is_alphanumeric() { c } else { '-' })
        .collect();
    format!("{content}-{task}-{at}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_content_task_and_time_and_no_number() {
        let options = ExportOptions {
            task: None,
            content: Content::CallRecords,
            format: ExportFormat::Csv,
            fields: Vec::new(),
            filter: None,
        };
        let name = named(&options, Some("May / 13800000001"), "20261123-090000");
        assert!(name.starts_with("call-records-May---138"), "{name}");
        assert!(name.ends_with("-20261123-090000.csv") && !name.contains("00000001"), "{name}");
        assert_eq!(named(&options, None, "x"), "call-records-all-x.csv");
    }
}
