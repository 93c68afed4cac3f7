//! Human agents: the people whom calls are transferred to.

use std::collections::BTreeSet;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::human_agent::HumanAgentConfig;
use outbound::ids::HumanAgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::human_agents::{self, HumanAgent};

use crate::auth::{Numbers, Operator, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view;

const TAG: &str = "Agents";

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/agents",
            get_with(list, about("list_agents", TAG, "Human agents, newest first"))
                .post_with(create, about("create_agent", TAG, "Add a human agent")),
        )
        .api_route(
            "/v1/agents/{agent_id}",
            get_with(read, about("get_agent", TAG, "A human agent"))
                .patch_with(
                    change,
                    about("update_agent", TAG, "Change a human agent, or put them on or off duty"),
                )
                .delete_with(
                    delete,
                    about("delete_agent", TAG, "Delete a human agent who has no call"),
                ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AgentPath {
    agent_id: HumanAgentId,
}

/// A human agent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HumanAgent")]
struct AgentView {
    id: HumanAgentId,
    employee_number: String,
    name: String,
    /// E.164; masked without `see_full_numbers`.
    phone: String,
    skills: BTreeSet<String>,
    on_duty: bool,
    /// A call rings them, or they talk.
    busy: bool,
    /// Since when they have had no call. Of those who are free, the longest idle is called first.
    idle_since: Time,
    created_at: Time,
}

impl AgentView {
    fn new(row: HumanAgent, numbers: Numbers) -> Self {
        let HumanAgentConfig { employee_number, name, skills, on_duty, .. } = row.stored.config;
        Self {
            id: row.stored.id,
            employee_number,
            name,
            phone: numbers.show(row.phone),
            skills,
            on_duty,
            busy: row.busy,
            idle_since: row.idle_since,
            created_at: row.stored.created_at,
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<AgentView>>> {
    let listed = human_agents::list(&state.store, caller.enterprise, paging.page()?).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    Ok(Json(view::page(listed, |row| AgentView::new(row, numbers))))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(config): Body<HumanAgentConfig>,
) -> Reply<Created<AgentView>> {
    let region = state.settings(&caller).await?.settings.default_region;
    let (store, now) = (&state.store, state.clock.now());
    let row = human_agents::create(store, caller.enterprise, config, &region, now).await?;
    let id = row.stored.id;
    let detail = json!({ "employee_number": row.stored.config.employee_number });
    state.audit(&caller, Action::HumanAgentCreate, id, detail).await;
    let (location, version) = (format!("/v1/agents/{id}"), row.stored.version);
    Ok(Created { location, version, body: AgentView::new(row, caller.numbers_of_one()) })
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<AgentPath>,
) -> Reply<Tagged<AgentView>> {
    let row = human_agents::get(&state.store, caller.enterprise, path.agent_id).await?;
    Ok(tagged(row, caller.numbers_of_one()))
}

async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<AgentPath>,
    if_match: IfMatch,
    patch: MergePatch<HumanAgentConfig>,
) -> Reply<Tagged<AgentView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.agent_id);
    let row = human_agents::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.stored.version), row.stored.config);
    let new = patch.apply(&old)?;
    // A phone is not for the audit log; whether it changed is.
    let detail = json!({
        "employee_number": new.employee_number, "on_duty": new.on_duty,
        "phone_changed": old.phone != new.phone,
    });
    let region = state.settings(&caller).await?.settings.default_region;
    let now = state.clock.now();
    let row = human_agents::update(store, enterprise, id, version, new, &region, now).await?;
    state.audit(&caller, Action::HumanAgentEdit, id, detail).await;
    Ok(tagged(row, caller.numbers_of_one()))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<AgentPath>,
) -> Reply<NoContent> {
    human_agents::delete(&state.store, caller.enterprise, path.agent_id).await?;
    state.audit(&caller, Action::HumanAgentDelete, path.agent_id, json!({})).await;
    Ok(NoContent)
}

fn tagged(row: HumanAgent, numbers: Numbers) -> Tagged<AgentView> {
    Tagged { version: row.stored.version, body: AgentView::new(row, numbers) }
}
