//! Keys to the API: 256 random bits behind a prefix that tells one from another.
//!
//! Only a key's SHA-256 is stored, so a key is shown once, when it is made. The bits are random: a
//! slow hash would protect nothing more.

use outbound::Time;
use outbound::api_key::{Permission, Role};
use outbound::audit::Action;
use outbound::fault::name as name_fault;
use outbound::ids::{ApiKeyId, EnterpriseId};
use outbound::quota::Quota;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::audit::{self, COMMAND_LINE, Entry};
use crate::rows::{Listed, Page};
use crate::tasks::references::refuse;
use crate::{Store, StoreError, idempotency, quotas};

/// Characters of a key's name, at most.
pub const NAME_MAX: usize = 64;
/// `last_used_at` is exact to this: a busy key would else write at every request.
const USED_RESOLUTION_SECONDS: i64 = 60;
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of a key that lists show.
const PREFIX_LETTERS: usize = 8;
/// Letters of a key that nobody is shown again: 52 of 5 bits hold 256.
const SECRET_LETTERS: usize = 52;

/// A key as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub enterprise: EnterpriseId,
    pub name: String,
    /// How the key begins: `cw_4k0c9d2m`.
    pub prefix: String,
    pub role: Role,
    pub permissions: Vec<Permission>,
    pub created_at: Time,
    /// To the minute.
    pub last_used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

/// A key that was just made.
pub struct NewKey {
    pub key: ApiKey,
    /// The key itself, `cw_4k0c9d2m_…`: shown now or never.
    pub secret: String,
}

struct Row {
    id: Uuid,
    enterprise_id: Uuid,
    name: String,
    prefix: String,
    role: String,
    permissions: Vec<String>,
    created_at: Time,
    last_used_at: Option<Time>,
    revoked_at: Option<Time>,
}

impl TryFrom<Row> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let damaged = |word: &str| StoreError::Damaged(format!("a key with {word}"));
        Ok(Self {
            id: row.id.into(),
            enterprise: row.enterprise_id.into(),
            name: row.name,
            prefix: row.prefix,
            role: Role::from_word(&row.role).ok_or_else(|| damaged(&row.role))?,
            permissions: row
                .permissions
                .iter()
                .map(|word| Permission::from_word(word).ok_or_else(|| damaged(word)))
                .collect::<Result<_, _>>()?,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// Random letters, five bits each.
fn letters(count: usize) -> String {
    (0..count).map(|_| char::from(DIGITS[usize::from(rand::random::<u8>() & 31)])).collect()
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Make a key. What it returns holds the key's one showing.
pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    name: &str,
    role: Role,
    permissions: &[Permission],
    now: Time,
) -> Result<NewKey, StoreError> {
    let made = draw(enterprise, name, role, permissions, now)?;
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Keys).await?;
    quotas::forget_revoked_keys(&mut tx, enterprise).await?;
    insert(&mut tx, &made).await?;
    tx.commit().await?;
    Ok(made)
}

/// Make an administrator's key with every permission at the command line, past the API: the first of an
/// enterprise, or one for an enterprise whose keys are all lost. The audit log tells of it, or there is no
/// key. No limit holds here: whoever has lost all keys gets in again.
///
/// `system_user` is the user of the machine who did it.
pub async fn create_administrator(
    store: &Store,
    enterprise: EnterpriseId,
    name: &str,
    system_user: &str,
    now: Time,
) -> Result<NewKey, StoreError> {
    let made = draw(enterprise, name, Role::Admin, &Permission::ALL, now)?;
    let mut tx = store.api.begin().await?;
    insert(&mut tx, &made).await?;
    let target = made.key.id.to_string();
    let entry = Entry {
        enterprise,
        at: now,
        actor: COMMAND_LINE,
        source: COMMAND_LINE,
        action: Action::KeyCreate,
        target: &target,
        detail: serde_json::json!({"name": name, "role": Role::Admin, "system_user": system_user}),
    };
    audit::write(&mut *tx, entry).await?;
    tx.commit().await?;
    Ok(made)
}

/// A key that is not stored yet.
fn draw(
    enterprise: EnterpriseId,
    name: &str,
    role: Role,
    permissions: &[Permission],
    now: Time,
) -> Result<NewKey, StoreError> {
    refuse(name_fault("/name", name, 1, NAME_MAX).into_iter().collect())?;
    let mut permissions = permissions.to_vec();
    permissions.sort_unstable();
    permissions.dedup();
    let prefix = format!("cw_{}", letters(PREFIX_LETTERS));
    let secret = format!("{prefix}_{}", letters(SECRET_LETTERS));
    let key = ApiKey {
        id: idempotency::id(clock::new_id::<ApiKeyId>()),
        enterprise,
        name: name.to_owned(),
        prefix,
        role,
        permissions,
        created_at: now,
        last_used_at: None,
        revoked_at: None,
    };
    Ok(NewKey { key, secret })
}

async fn insert(to: &mut PgConnection, made: &NewKey) -> Result<(), StoreError> {
    let NewKey { key, secret } = made;
    let words: Vec<String> =
        key.permissions.iter().map(|permission| permission.word().to_owned()).collect();
    sqlx::query!(
        "insert into api_key (id, enterprise_id, name, prefix, secret_hash, role, permissions, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
             -- Made before by the same request, whose answer was lost: nobody has been shown that secret.
             on conflict (id) do update
                set prefix = excluded.prefix, secret_hash = excluded.secret_hash",
        key.id.uuid(),
        key.enterprise.uuid(),
        key.name,
        key.prefix,
        hash(secret),
        key.role.word(),
        &words,
        key.created_at
    )
    .execute(to)
    .await?;
    Ok(())
}

/// Who a key speaks for; `None` for one that is unknown or revoked. Locks the key's row once a minute.
pub async fn authenticate(
    store: &Store,
    secret: &str,
    now: Time,
) -> Result<Option<ApiKey>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select id, enterprise_id, name, prefix, role, permissions, created_at, last_used_at, revoked_at
           from api_key where secret_hash = $1 and revoked_at is null",
        hash(secret)
    )
    .fetch_optional(&store.api)
    .await?;
    let Some(key) = row.map(ApiKey::try_from).transpose()? else { return Ok(None) };
    let resolution = chrono::TimeDelta::seconds(USED_RESOLUTION_SECONDS);
    if key.last_used_at.is_none_or(|used| now - used >= resolution) {
        sqlx::query!("update api_key set last_used_at = $2 where id = $1", key.id.uuid(), now)
            .execute(&store.api)
            .await?;
    }
    Ok(Some(key))
}

/// Newest first, revoked ones too. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<ApiKeyId>,
) -> Result<Listed<ApiKey, ApiKeyId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select id, enterprise_id, name, prefix, role, permissions, created_at, last_used_at, revoked_at
           from api_key where enterprise_id = $1 and ($2::uuid is null or id < $2)
          order by id desc limit $3",
        enterprise.uuid(),
        page.after.map(ApiKeyId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(keys, |key| key.id))
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: ApiKeyId,
) -> Result<ApiKey, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select id, enterprise_id, name, prefix, role, permissions, created_at, last_used_at, revoked_at
           from api_key where id = $1 and enterprise_id = $2",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.ok_or(StoreError::NotFound("API key"))?.try_into()
}

/// A revoked key opens nothing any more, and stays in the list. Revoking it again changes nothing.
pub async fn revoke(
    store: &Store,
    enterprise: EnterpriseId,
    id: ApiKeyId,
    now: Time,
) -> Result<ApiKey, StoreError> {
    sqlx::query!(
        "update api_key set revoked_at = coalesce(revoked_at, $3) where id = $1 and enterprise_id = $2",
        id.uuid(),
        enterprise.uuid(),
        now
    )
    .execute(&store.api)
    .await?;
    get(store, enterprise, id).await
}
