//! Named voice bots. What a call runs is the robot as it was when its navigation was published.

use dialog::robot::RobotConfig;
use dialog::script::Script;
use outbound::Time;
use outbound::fault::{Fault, name};
use outbound::ids::{EnterpriseId, RobotId};
use outbound::quota::Quota;
use sqlx::types::{Json, Uuid};

use crate::judging::judged;
use crate::rows::{Listed, Page, Stored, name_taken, unused};
use crate::tasks::references::refuse;
use crate::{Store, StoreError, idempotency, quotas};

/// Characters of a robot's name, at most.
pub const NAME_MAX: usize = 64;

pub type Robot = Stored<RobotId, RobotConfig>;

struct Row {
    id: Uuid,
    config: Json<RobotConfig>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Robot {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            config: row.config.0,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// The robot by itself; what it needs of a navigation is judged when one that uses it is published.
async fn check(config: &RobotConfig) -> Result<(), StoreError> {
    let config = config.clone();
    refuse(judged(move || faults(&config)).await?)
}

fn faults(config: &RobotConfig) -> Vec<Fault> {
    let mut faults: Vec<Fault> = name("/name", &config.name, 1, NAME_MAX).into_iter().collect();
    let own = config.check().into_iter().filter(|fault| fault.pointer != "/name");
    faults.extend(own.map(|fault| Fault::new(fault.pointer, "invalid", fault.detail)));
    let script = config.agent.script().map(Script::check).unwrap_or_default();
    faults.extend(
        script
            .into_iter()
            .map(|fault| Fault::new(format!("/agent{}", fault.pointer), "invalid", fault.detail)),
    );
    faults
}

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: RobotConfig,
    now: Time,
) -> Result<Robot, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    check(&config).await?;
    let id = idempotency::id(clock::new_id::<RobotId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Robots).await?;
    sqlx::query!(
        "insert into robot (id, enterprise_id, name, config, created_at) values ($1, $2, $3, $4, $5)",
        id.uuid(),
        enterprise.uuid(),
        config.name,
        Json(&config) as _,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    tx.commit().await?;
    Ok(Stored { id, config, version: 1, created_at: now })
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: RobotId,
) -> Result<Robot, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<RobotConfig>", version, created_at
             from robot where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Robot::from).ok_or(StoreError::NotFound("robot"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<RobotId>,
) -> Result<Listed<Robot, RobotId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<RobotConfig>", version, created_at
             from robot where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(RobotId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Robot::from).collect(), |robot| robot.id))
}

/// Change a robot. Calls hear of it when a navigation that uses it is published again.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: RobotId,
    expected: i64,
    config: RobotConfig,
) -> Result<Robot, StoreError> {
    check(&config).await?;
    let row = sqlx::query!(
        "update robot set name = $4, config = $5, version = version + 1
          where id = $1 and enterprise_id = $2 and version = $3
      returning version, created_at",
        id.uuid(),
        enterprise.uuid(),
        expected,
        config.name,
        Json(&config) as _
    )
    .fetch_optional(&store.api)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    match row {
        Some(row) => Ok(Stored { id, config, version: row.version, created_at: row.created_at }),
        None => {
            get(store, enterprise, id).await?;
            Err(StoreError::Stale)
        }
    }
}

/// Delete a robot. Refused with the navigations that name it, in their draft or as published. Locks
/// the robot.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: RobotId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    sqlx::query_scalar!(
        "select id from robot where id = $1 and enterprise_id = $2 for update",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(StoreError::NotFound("robot"))?;
    let names = sqlx::query_scalar!(
        "select n.name from navigation n
           left join navigation_version v
                  on v.navigation_id = n.id and v.number = n.published_version
          where n.enterprise_id = $1
            and (jsonb_path_exists(n.draft, '$.nodes[*].robot ? (@ == $id)',
                                   jsonb_build_object('id', $2::text))
                 or v.content->'robots' ? $2)
          order by n.name",
        enterprise.uuid(),
        id.to_string()
    )
    .fetch_all(&mut *tx)
    .await?;
    let users: Vec<String> =
        names.into_iter().map(|name| format!("the voice navigation “{name}”")).collect();
    unused("robot_in_use", "robot", &users)?;
    sqlx::query!("delete from robot where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_environments_of_tasks_are_those_that_robots_have_figures_for() {
        let words = dialog::robot::Environment::ALL.map(|environment| {
            let word = serde_json::to_value(environment).expect("a word");
            word.as_str().unwrap_or_default().to_owned()
        });
        assert_eq!(words, outbound::environment::Environment::WORDS);
    }

    #[test]
    fn names_of_robots_and_navigations_are_written_as_all_names_are() {
        assert_eq!(dialog::NAME_PATTERN, outbound::fault::NAME_PATTERN);
    }
}
