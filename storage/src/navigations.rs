//! Voice navigations: drafts that are edited, and versions that are published and never changed.
//!
//! A published version holds the robots that it uses as they were then, so a call that was triggered
//! under it runs the same whatever is edited afterwards.

use std::collections::{BTreeMap, BTreeSet};

use dialog::navigation::{
    NODES_MAX, Navigation, NodeKind, Published, Resources, VARIABLES_MAX, publish as judge,
};
use dialog::robot::RobotConfig;
use outbound::Time;
use outbound::fault::{Fault, count, name};
use outbound::ids::{EnterpriseId, NavigationId, RobotId};
use outbound::import::is_fixed_column;
use outbound::phone;
use outbound::quota::Quota;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::judging::judged;
use crate::rows::{Listed, Page, name_taken, same_version, unused};
use crate::tasks::references::{Referred, refuse, users};
use crate::{Store, StoreError, idempotency, knowledge, providers, quotas};

/// Characters of a navigation's name, at most.
pub const NAME_MAX: usize = 64;

/// A navigation as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub id: NavigationId,
    pub draft: Navigation,
    /// The version that calls run, counted from 1; `None` before the first publication.
    pub published_version: Option<i32>,
    /// Counts edits of the draft; a publication is not one.
    pub version: i64,
    pub created_at: Time,
}

struct Row {
    id: Uuid,
    draft: Json<Navigation>,
    published_version: Option<i32>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Draft {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            draft: row.draft.0,
            published_version: row.published_version,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// What the row needs; the rest is judged at publication, so that half a flow can be put aside.
fn check(draft: &Navigation) -> Result<(), StoreError> {
    let faults = [
        name("/name", &draft.name, 1, NAME_MAX),
        count("/nodes", draft.nodes.len(), 0, NODES_MAX),
        count("/variables", draft.variables.len(), 0, VARIABLES_MAX),
    ];
    refuse(faults.into_iter().flatten().collect())
}

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    draft: Navigation,
    now: Time,
) -> Result<Draft, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    check(&draft)?;
    let id = idempotency::id(clock::new_id::<NavigationId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Navigations).await?;
    sqlx::query!(
        "insert into navigation (id, enterprise_id, name, draft, created_at)
         values ($1, $2, $3, $4, $5)",
        id.uuid(),
        enterprise.uuid(),
        draft.name,
        Json(&draft) as _,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &draft.name))?;
    tx.commit().await?;
    Ok(Draft { id, draft, published_version: None, version: 1, created_at: now })
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: NavigationId,
) -> Result<Draft, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, draft as "draft: Json<Navigation>", published_version, version, created_at
             from navigation where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Draft::from).ok_or(StoreError::NotFound("voice navigation"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<NavigationId>,
) -> Result<Listed<Draft, NavigationId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, draft as "draft: Json<Navigation>", published_version, version, created_at
             from navigation where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(NavigationId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Draft::from).collect(), |navigation| navigation.id))
}

/// Locks the navigation's row for update.
async fn lock(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: NavigationId,
) -> Result<Draft, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, draft as "draft: Json<Navigation>", published_version, version, created_at
             from navigation where id = $1 and enterprise_id = $2 for update"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Draft::from).ok_or(StoreError::NotFound("voice navigation"))
}

/// Change the draft. Calls run what was published. Locks the navigation.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: NavigationId,
    expected: i64,
    draft: Navigation,
) -> Result<Draft, StoreError> {
    check(&draft)?;
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, enterprise, id).await?;
    same_version(old.version, expected)?;
    sqlx::query!(
        "update navigation set name = $2, draft = $3, version = version + 1 where id = $1",
        id.uuid(),
        draft.name,
        Json(&draft) as _
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &draft.name))?;
    tx.commit().await?;
    Ok(Draft { draft, version: old.version + 1, ..old })
}

/// Publish the draft with its robots as they are now: calls triggered from now on run it. Everything
/// that is wrong with it is a fault, and then calls go on with what was published before. Locks the
/// navigation, and its robots and their knowledge bases against edits.
pub async fn publish(
    store: &Store,
    enterprise: EnterpriseId,
    id: NavigationId,
    now: Time,
) -> Result<Draft, StoreError> {
    // Judged before anything is locked, as that may take a moment; then it must still be what was judged.
    let draft = get(store, enterprise, id).await?.draft;
    let then = resources(&mut *store.api.acquire().await?, enterprise, &draft).await?;
    let (flow, has) = (draft.clone(), then.clone());
    let judged = judged(move || judge(&flow, &has)).await?;
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, enterprise, id).await?;
    if old.draft != draft || resources(&mut tx, enterprise, &draft).await? != then {
        return Err(StoreError::conflict(
            "changed_meanwhile",
            "the voice navigation or something that it names was changed at the same time; publish it again",
        ));
    }
    let mut own = column_names(&old.draft);
    own.extend(fixed_numbers(&old.draft));
    own.extend(
        knowledge::missing(&mut tx, enterprise, &answered_from(&draft, &then.robots)).await?,
    );
    let published = match judged {
        Ok(published) if own.is_empty() => published,
        judged => {
            let fault = |problem: dialog::navigation::Problem| {
                Fault::new(problem.pointer, problem.code, problem.detail)
            };
            let problems = judged.err().unwrap_or_default().into_iter().map(fault);
            return Err(StoreError::Refused(problems.chain(own).collect()));
        }
    };
    let before = old.published_version.unwrap_or(0);
    quotas::within(u64::from(before.unsigned_abs()), 1, Quota::NavigationVersions)?;
    let number = before + 1;
    sqlx::query!(
        "insert into navigation_version (navigation_id, number, content, published_at)
         values ($1, $2, $3, $4)",
        id.uuid(),
        number,
        Json(&published) as _,
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("update navigation set published_version = $2 where id = $1", id.uuid(), number)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Draft { published_version: Some(number), ..old })
}

/// Variables that no import could fill, as a fixed column of its file has their name.
fn column_names(draft: &Navigation) -> Vec<Fault> {
    let named = draft.variables.iter().enumerate().filter(|(_, used)| is_fixed_column(&used.name));
    named
        .map(|(at, used)| {
            let detail = format!(
                "`{}` is a column that every import has; give the variable another name",
                used.name.trim()
            );
            Fault::new(format!("/variables/{at}/name"), "name_of_a_column", detail)
        })
        .collect()
}

/// An international number is read the same in all regions.
const ANY_REGION: &str = "US";

/// Fixed numbers of transfers that are no international phone number. They are called as they stand, whatever the
/// enterprise's region, so a national one might be a stranger's.
fn fixed_numbers(draft: &Navigation) -> Vec<Fault> {
    let numbers = draft.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
        NodeKind::Transfer { to, .. } => Some((at, to.number.as_deref()?)),
        _ => None,
    });
    let wrong = |number: &str| {
        !number.trim_start().starts_with('+') || phone::parse(number, ANY_REGION).is_err()
    };
    numbers
        .filter(|(_, number)| wrong(number))
        .map(|(at, _)| {
            let detail = "must be an international phone number, as +862155500100";
            Fault::new(format!("/nodes/{at}/number"), "invalid_phone", detail)
        })
        .collect()
}

/// What there is of all that a draft may name. Locks its robots and their providers against edits.
async fn resources(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    draft: &Navigation,
) -> Result<Resources, StoreError> {
    let robots = robots(conn, enterprise, draft).await?;
    let named = robots.values().flat_map(RobotConfig::providers).map(|(_, name)| name);
    let named: BTreeSet<&str> = named.chain(draft.systems()).collect();
    let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
    let providers = providers::needs(conn, enterprise, &named).await?;
    Ok(Resources { robots, providers, ..Resources::default() })
}

/// The knowledge bases that robots of a draft name, each with the place of its robot.
fn answered_from(
    draft: &Navigation,
    robots: &BTreeMap<String, RobotConfig>,
) -> Vec<(String, String)> {
    let nodes = draft.nodes.iter().enumerate().filter_map(|(at, node)| match &node.kind {
        NodeKind::Agent { robot, .. } => Some((at, robots.get(robot)?.agent.llm()?)),
        _ => None,
    });
    nodes
        .flat_map(|(at, agent)| {
            let named = agent.knowledge.iter();
            named.map(move |name| (format!("/nodes/{at}/robot"), name.clone()))
        })
        .collect()
}

/// The robots that a draft names and that there are, by the text of their ids.
async fn robots(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    draft: &Navigation,
) -> Result<BTreeMap<String, RobotConfig>, StoreError> {
    let ids: Vec<Uuid> = draft
        .robots()
        .filter_map(|text| text.parse::<RobotId>().ok())
        .map(|robot| robot.uuid())
        .collect();
    let rows = sqlx::query!(
        r#"select id, config as "config: Json<RobotConfig>" from robot
            where enterprise_id = $1 and id = any($2) order by id for share"#,
        enterprise.uuid(),
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (RobotId::from(row.id).to_string(), row.config.0)).collect())
}

/// A published version, for ever the same. Locks nothing.
pub async fn published(
    store: &Store,
    id: NavigationId,
    number: i32,
) -> Result<Published, StoreError> {
    let content = sqlx::query_scalar!(
        r#"select content as "content: Json<Published>" from navigation_version
            where navigation_id = $1 and number = $2"#,
        id.uuid(),
        number
    )
    .fetch_optional(&store.hot)
    .await?;
    content.map(|Json(content)| content).ok_or(StoreError::NotFound("published voice navigation"))
}

/// What calls run now; `None` before the first publication. Locks nothing.
pub async fn published_now(
    store: &Store,
    enterprise: EnterpriseId,
    id: NavigationId,
) -> Result<Option<Published>, StoreError> {
    match get(store, enterprise, id).await?.published_version {
        Some(number) => published(store, id, number).await.map(Some),
        None => Ok(None),
    }
}

/// Delete a navigation. Refused with who uses it: tasks, templates, calls that are up. Locks the
/// navigation.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: NavigationId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    lock(&mut tx, enterprise, id).await?;
    let mut users = users(&mut tx, enterprise, &Referred::Navigation(id)).await?;
    let live = sqlx::query_scalar!(
        r#"select exists (select from attempt where navigation_id = $1) as "live!""#,
        id.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    if live {
        users.push("calls that are up".to_owned());
    }
    unused("navigation_in_use", "voice navigation", &users)?;
    sqlx::query!("delete from navigation where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
