//! The people whom calls are transferred to.

use outbound::Time;
use outbound::fault::Fault;
use outbound::human_agent::HumanAgentConfig;
use outbound::ids::{EnterpriseId, HumanAgentId};
use outbound::phone::{self, Phone};
use outbound::quota::Quota;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, Stored, phone_column, same_version, taken, unused};
use crate::tasks::references::refuse;
use crate::{Store, StoreError, idempotency, quotas};

/// A person as the enterprise keeps them, and whether they have a call now.
#[derive(Debug, Clone, PartialEq)]
pub struct HumanAgent {
    pub stored: Stored<HumanAgentId, HumanAgentConfig>,
    pub phone: Phone,
    /// A call rings them, or they talk.
    pub busy: bool,
    /// Since when the person has had no call.
    pub idle_since: Time,
}

struct Row {
    id: Uuid,
    config: Json<HumanAgentConfig>,
    phone: i64,
    busy: bool,
    idle_since: Time,
    version: i64,
    created_at: Time,
}

impl From<Row> for HumanAgent {
    fn from(row: Row) -> Self {
        let (id, config) = (row.id.into(), row.config.0);
        Self {
            stored: Stored { id, config, version: row.version, created_at: row.created_at },
            phone: crate::rows::phone(row.phone),
            busy: row.busy,
            idle_since: row.idle_since,
        }
    }
}

/// The person's phone, or everything that is wrong with the person. `region` is the enterprise's.
fn check(config: &HumanAgentConfig, region: &str) -> Result<Phone, StoreError> {
    let mut faults = config.check().err().unwrap_or_default();
    let parsed = phone::parse(&config.phone, region);
    if let (Err(error), false) = (&parsed, faults.iter().any(|fault| fault.pointer == "/phone")) {
        faults.push(Fault::new("/phone", "invalid_phone", error.to_string()));
    }
    refuse(faults)?;
    parsed.map_err(|error| StoreError::Damaged(error.to_string()))
}

fn number_taken(error: sqlx::Error, config: &HumanAgentConfig) -> StoreError {
    taken(error, "employee_number_taken", || {
        format!("the employee number “{}” is taken; they are unique", config.employee_number)
    })
}

fn skills(config: &HumanAgentConfig) -> Vec<String> {
    config.skills.iter().cloned().collect()
}

/// Keep a person. `region` tells how a phone in national form is meant.
pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: HumanAgentConfig,
    region: &str,
    now: Time,
) -> Result<HumanAgent, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    let phone = check(&config, region)?;
    let id = idempotency::id(clock::new_id::<HumanAgentId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::HumanAgents).await?;
    sqlx::query!(
        "insert into human_agent (enterprise_id, id, employee_number, config, phone, on_duty, skills,
                                  idle_since, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
        enterprise.uuid(),
        id.uuid(),
        config.employee_number,
        Json(&config) as _,
        phone_column(phone),
        config.on_duty,
        &skills(&config),
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| number_taken(error, &config))?;
    tx.commit().await?;
    let stored = Stored { id, config, version: 1, created_at: now };
    Ok(HumanAgent { stored, phone, busy: false, idle_since: now })
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: HumanAgentId,
) -> Result<HumanAgent, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select h.id, h.config as "config: Json<HumanAgentConfig>", h.phone, h.idle_since, h.version,
                  h.created_at, exists (
                      select from transfer_leg l join attempt a on a.id = l.attempt_id
                       where l.enterprise_id = $1 and l.human_agent_id = h.id and l.ended_at is null)
                      as "busy!"
             from human_agent h where h.enterprise_id = $1 and h.id = $2"#,
        enterprise.uuid(),
        id.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(HumanAgent::from).ok_or(StoreError::NotFound("agent"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<HumanAgentId>,
) -> Result<Listed<HumanAgent, HumanAgentId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select h.id, h.config as "config: Json<HumanAgentConfig>", h.phone, h.idle_since, h.version,
                  h.created_at, exists (
                      select from transfer_leg l join attempt a on a.id = l.attempt_id
                       where l.enterprise_id = $1 and l.human_agent_id = h.id and l.ended_at is null)
                      as "busy!"
             from human_agent h where h.enterprise_id = $1 and ($2::uuid is null or h.id < $2)
            order by h.id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(HumanAgentId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let rows = rows.into_iter().map(HumanAgent::from).collect();
    Ok(page.cut(rows, |agent: &HumanAgent| agent.stored.id))
}

/// Change a person. Who comes on duty has been idle since then.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: HumanAgentId,
    expected: i64,
    config: HumanAgentConfig,
    region: &str,
    now: Time,
) -> Result<HumanAgent, StoreError> {
    let phone = check(&config, region)?;
    let row = sqlx::query!(
        "update human_agent
            set employee_number = $4, config = $5, phone = $6, skills = $8, version = version + 1,
                idle_since = case when $7 and not on_duty then $9 else idle_since end, on_duty = $7
          where enterprise_id = $1 and id = $2 and version = $3
      returning version",
        enterprise.uuid(),
        id.uuid(),
        expected,
        config.employee_number,
        Json(&config) as _,
        phone_column(phone),
        config.on_duty,
        &skills(&config),
        now
    )
    .fetch_optional(&store.api)
    .await
    .map_err(|error| number_taken(error, &config))?;
    let found = get(store, enterprise, id).await?;
    match row {
        Some(_) => Ok(found),
        None => {
            same_version(found.stored.version, expected)?;
            Err(StoreError::Stale)
        }
    }
}

/// Delete a person. Refused while they have a call. Locks the person.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: HumanAgentId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    sqlx::query_scalar!(
        "select id from human_agent where enterprise_id = $1 and id = $2 for update",
        enterprise.uuid(),
        id.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(StoreError::NotFound("agent"))?;
    let busy = sqlx::query_scalar!(
        r#"select exists (select from transfer_leg l join attempt a on a.id = l.attempt_id
                           where l.enterprise_id = $1 and l.human_agent_id = $2
                             and l.ended_at is null) as "busy!""#,
        enterprise.uuid(),
        id.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    let users = if busy { vec!["a call that is up".to_owned()] } else { Vec::new() };
    unused("agent_in_use", "human agent", &users)?;
    sqlx::query!(
        "delete from human_agent where enterprise_id = $1 and id = $2",
        enterprise.uuid(),
        id.uuid()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
