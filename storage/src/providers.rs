//! Services that robots hear, think and speak with, and systems of the enterprise that they ask.
//!
//! Robots name them. So a new key or address holds at once, and what calls run can't lose its provider: neither its name
//! nor what it is for changes, and it is not deleted, while something names it. The key lies sealed beside the
//! configuration, which has a mask in its place.

use std::collections::BTreeMap;

use dialog::robot::Need;
use outbound::Time;
use outbound::fault::Fault;
use outbound::ids::{EnterpriseId, ProviderId};
use outbound::provider::{ProviderConfig, ProviderKind};
use outbound::quota::Quota;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, Stored, name_taken, same_version, unused};
use crate::tasks::references::{faults, refuse};
use crate::{Store, StoreError, idempotency, quotas};

pub type Provider = Stored<ProviderId, ProviderConfig>;

struct Row {
    id: Uuid,
    config: Json<ProviderConfig>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Provider {
    fn from(row: Row) -> Self {
        let (id, config) = (row.id.into(), row.config.0);
        Self { id, config, version: row.version, created_at: row.created_at }
    }
}

/// What a sealed key is bound to.
fn place(enterprise: EnterpriseId, id: ProviderId) -> String {
    format!("the key of provider {id} of enterprise {enterprise}")
}

/// The key of a configuration as it is stored; none where it has none.
fn seal(
    store: &Store,
    enterprise: EnterpriseId,
    id: ProviderId,
    config: &ProviderConfig,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(clear) = config.secret() else { return Ok(None) };
    store.sealing.key()?.seal(&place(enterprise, id), clear.as_bytes()).map(Some)
}

fn open(
    store: &Store,
    enterprise: EnterpriseId,
    id: ProviderId,
    sealed: Option<Vec<u8>>,
) -> Result<Option<String>, StoreError> {
    let Some(sealed) = sealed else { return Ok(None) };
    let place = place(enterprise, id);
    let clear = store.sealing.key()?.open(&place, &sealed)?;
    String::from_utf8(clear)
        .map(Some)
        .map_err(|_| StoreError::Damaged(format!("{place} is no text")))
}

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: ProviderConfig,
    now: Time,
) -> Result<Provider, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    refuse(faults(config.check()))?;
    let id = idempotency::id(clock::new_id::<ProviderId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Providers).await?;
    sqlx::query!(
        "insert into provider (enterprise_id, id, name, config, sealed_key, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        enterprise.uuid(),
        id.uuid(),
        config.name,
        Json(&config) as _,
        seal(store, enterprise, id, &config)?,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    tx.commit().await?;
    get(store, enterprise, id).await
}

/// With a mask in place of its key. Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: ProviderId,
) -> Result<Provider, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<ProviderConfig>", version, created_at
             from provider where enterprise_id = $1 and id = $2"#,
        enterprise.uuid(),
        id.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Provider::from).ok_or(StoreError::NotFound("provider"))
}

/// Newest first, with masks in place of their keys. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<ProviderId>,
) -> Result<Listed<Provider, ProviderId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<ProviderConfig>", version, created_at
             from provider where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(ProviderId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Provider::from).collect(), |provider| provider.id))
}

/// Change a provider; requests from now on use it as it is then. Refused where it would get another name or be for
/// something else while something names it. Locks the provider.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: ProviderId,
    expected: i64,
    mut config: ProviderConfig,
) -> Result<Provider, StoreError> {
    let mut tx = store.api.begin().await?;
    let (old, sealed) = lock(&mut tx, enterprise, id).await?;
    same_version(old.version, expected)?;
    // Who has seen no more than the mask of a key leaves it as it is.
    if config.is_where(&old.config) {
        config.reunite(open(store, enterprise, id, sealed)?.as_ref());
    } else if config.service.key().is_some_and(outbound::secret::Secret::is_mask) {
        let detail =
            "is kept for the address that it was written for; write it anew with another address";
        return Err(StoreError::Refused(vec![Fault::new("/key", "another_address", detail)]));
    }
    refuse(faults(config.check()))?;
    if config.name != old.config.name || config.kind() != old.config.kind() {
        let users = users(&mut tx, enterprise, &old.config.name).await?;
        unused("provider_in_use", "provider", &users)?;
    }
    sqlx::query!(
        "update provider set name = $3, config = $4, sealed_key = $5, version = version + 1
          where enterprise_id = $1 and id = $2",
        enterprise.uuid(),
        id.uuid(),
        config.name,
        Json(&config) as _,
        seal(store, enterprise, id, &config)?
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    let (changed, _) = lock(&mut tx, enterprise, id).await?;
    tx.commit().await?;
    Ok(changed)
}

/// Locks the provider's row for update, and gives its sealed key beside it.
async fn lock(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: ProviderId,
) -> Result<(Provider, Option<Vec<u8>>), StoreError> {
    let row = sqlx::query!(
        r#"select config as "config: Json<ProviderConfig>", sealed_key, version, created_at
             from provider where enterprise_id = $1 and id = $2 for update"#,
        enterprise.uuid(),
        id.uuid()
    )
    .fetch_optional(conn)
    .await?
    .ok_or(StoreError::NotFound("provider"))?;
    let (config, version, created_at) = (row.config.0, row.version, row.created_at);
    Ok((Stored { id, config, version, created_at }, row.sealed_key))
}

/// Delete a provider. Refused with the robots and voice navigations that name it, also as they were published. Locks the
/// provider.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: ProviderId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    let (provider, _) = lock(&mut tx, enterprise, id).await?;
    let users = users(&mut tx, enterprise, &provider.config.name).await?;
    unused("provider_in_use", "provider", &users)?;
    sqlx::query!(
        "delete from provider where enterprise_id = $1 and id = $2",
        enterprise.uuid(),
        id.uuid()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Who names the provider: robots, and voice navigations in their draft or as published.
async fn users(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    name: &str,
) -> Result<Vec<String>, StoreError> {
    let users = sqlx::query_scalar!(
        r#"select user_name as "user_name!" from (
               select 'the robot “' || name || '”' as user_name from robot
                where enterprise_id = $1
                  and jsonb_path_exists(config,
                      '$ ? (@.speech.recognisers[*] == $name || @.speech.synthesisers[*] == $name
                            || @.agent.providers[*] == $name || @.agent.tools[*].provider == $name)',
                      jsonb_build_object('name', $2::text))
               union all
               select 'the voice navigation “' || n.name || '”' from navigation n
                 left join navigation_version v
                        on v.navigation_id = n.id and v.number = n.published_version
                where n.enterprise_id = $1
                  and (jsonb_path_exists(n.draft, '$.nodes[*].provider ? (@ == $name)',
                                         jsonb_build_object('name', $2::text))
                       or jsonb_path_exists(v.content, '$.navigation.nodes[*].provider ? (@ == $name)',
                                            jsonb_build_object('name', $2::text))
                       or jsonb_path_exists(v.content,
                          '$.robots.* ? (@.speech.recognisers[*] == $name
                                || @.speech.synthesisers[*] == $name
                                || @.agent.providers[*] == $name || @.agent.tools[*].provider == $name)',
                          jsonb_build_object('name', $2::text)))) named
            order by 1"#,
        enterprise.uuid(),
        name
    )
    .fetch_all(conn)
    .await?;
    Ok(users)
}

/// All providers of an enterprise with their keys in the clear, for whoever asks them: at most the quota's 200 rows. A
/// provider whose version is the same is the same. One whose key can't be opened is told of and left out, so that the
/// next one of a robot is asked. Locks nothing.
pub async fn all_for(store: &Store, enterprise: EnterpriseId) -> Result<Vec<Provider>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, config as "config: Json<ProviderConfig>", sealed_key, version, created_at
             from provider where enterprise_id = $1 order by name"#,
        enterprise.uuid()
    )
    .fetch_all(&store.hot)
    .await?;
    let mut providers = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, mut config) = (ProviderId::from(row.id), row.config.0);
        match open(store, enterprise, id, row.sealed_key) {
            Ok(key) => config.reunite(key.as_ref()),
            Err(error) => {
                tracing::error!(%error, provider = %id, "a provider can't be used");
                continue;
            }
        }
        let (version, created_at) = (row.version, row.created_at);
        providers.push(Stored { id, config, version, created_at });
    }
    Ok(providers)
}

/// Of these names those that are there, and what each is for. Locks them against edits until the transaction ends.
pub(crate) async fn needs(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    names: &[String],
) -> Result<BTreeMap<String, Need>, StoreError> {
    let rows = sqlx::query!(
        r#"select name, config as "config: Json<ProviderConfig>" from provider
            where enterprise_id = $1 and name = any($2) order by id for share"#,
        enterprise.uuid(),
        names
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, need(row.config.kind()))).collect())
}

/// What a robot wants a provider of the kind for.
pub const fn need(kind: ProviderKind) -> Need {
    match kind {
        ProviderKind::Recogniser => Need::Hear,
        ProviderKind::Synthesiser => Need::Speak,
        ProviderKind::Agent => Need::Think,
        ProviderKind::System => Need::Call,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_driver_is_for_what_a_robot_needs() {
        for (driver, needed) in [
            ("deepgram", Need::Hear),
            ("piper", Need::Speak),
            ("openai_chat", Need::Think),
            ("http", Need::Call),
        ] {
            let config = json!({"name": "a", "driver": driver, "url": "https://a.example.com", "model": "m"});
            let config: ProviderConfig = serde_json::from_value(config).expect("a provider");
            assert_eq!(need(config.kind()), needed, "{driver}");
        }
    }
}
