//! Who did what, when, from where. Entries are added, never changed.

use outbound::Time;
use outbound::audit::Action;
use outbound::ids::{AuditId, EnterpriseId};
use sqlx::PgExecutor;
use sqlx::types::Uuid;

use crate::rows::{Listed, Page};
use crate::{Store, StoreError};

/// Actor and source of what was done past the API, by a command on the database itself.
pub const COMMAND_LINE: &str = "command line";

/// What is to be written down.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    pub enterprise: EnterpriseId,
    pub at: Time,
    /// Who: a key's id, or a part of the system.
    pub actor: &'a str,
    /// From where: an address, or [`COMMAND_LINE`].
    pub source: &'a str,
    pub action: Action,
    /// On what: its id.
    pub target: &'a str,
    /// What else matters; never a phone number.
    pub detail: serde_json::Value,
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub id: AuditId,
    pub at: Time,
    pub actor: String,
    pub source: String,
    /// A word of [`Action`], or of an older release.
    pub action: String,
    pub target: String,
    pub detail: serde_json::Value,
}

/// Write an entry, with a pool or in the transaction of what it tells of.
pub async fn write(to: impl PgExecutor<'_>, entry: Entry<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into audit_entry (id, enterprise_id, at, actor, source, action, target, detail)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        clock::new_id::<AuditId>().uuid(),
        entry.enterprise.uuid(),
        entry.at,
        entry.actor,
        entry.source,
        entry.action.word(),
        entry.target,
        entry.detail
    )
    .execute(to)
    .await?;
    Ok(())
}

impl Store {
    /// [`write()`] on its own.
    pub async fn audit(&self, entry: Entry<'_>) -> Result<(), StoreError> {
        write(&self.api, entry).await
    }
}

/// Which entries a list shows; what is `None` does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    /// At or after.
    pub from: Option<Time>,
    /// Before.
    pub until: Option<Time>,
}

/// Where a page of the log follows on: the time and id of the entry before it.
pub type AuditCursor = (Time, AuditId);

struct Row {
    id: Uuid,
    at: Time,
    actor: String,
    source: String,
    action: String,
    target: String,
    detail: serde_json::Value,
}

/// Entries of an enterprise, newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    filter: &AuditFilter,
    page: Page<AuditCursor>,
) -> Result<Listed<Written, AuditCursor>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select id, at, actor, source, action, target, detail from audit_entry
          where enterprise_id = $1
            and ($2::timestamptz is null or (at, id) < ($2, $3::uuid))
            and ($4::text is null or actor = $4)
            and ($5::text is null or action = $5)
            and ($6::text is null or target = $6)
            and ($7::timestamptz is null or at >= $7)
            and ($8::timestamptz is null or at < $8)
          order by at desc, id desc limit $9",
        enterprise.uuid(),
        page.after.map(|(at, _)| at),
        page.after.map(|(_, id)| id.uuid()),
        filter.actor.as_deref(),
        filter.action.as_deref(),
        filter.target.as_deref(),
        filter.from,
        filter.until,
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let written = |row: Row| Written {
        id: row.id.into(),
        at: row.at,
        actor: row.actor,
        source: row.source,
        action: row.action,
        target: row.target,
        detail: row.detail,
    };
    Ok(page.cut(rows.into_iter().map(written).collect(), |entry| (entry.at, entry.id)))
}
