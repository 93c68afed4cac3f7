//! Passwords of trunks: sealed beside the configuration, which has a mask in their place.

use outbound::ids::{EnterpriseId, TrunkId};
use outbound::trunk::{TrunkConfig, TrunkSecrets};
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::{Store, StoreError};

/// What the sealed secrets of a trunk are bound to.
fn place(enterprise: EnterpriseId, trunk: TrunkId) -> String {
    format!("the password of trunk {trunk} of enterprise {enterprise}")
}

/// The secrets of a configuration as they are stored; none where it has none.
pub(super) fn seal(
    store: &Store,
    enterprise: EnterpriseId,
    trunk: TrunkId,
    config: &TrunkConfig,
) -> Result<Option<Vec<u8>>, StoreError> {
    let secrets = config.secrets();
    if secrets == TrunkSecrets::default() {
        return Ok(None);
    }
    let clear = serde_json::to_vec(&secrets)?;
    store.sealing.key()?.seal(&place(enterprise, trunk), &clear).map(Some)
}

fn open(
    store: &Store,
    enterprise: EnterpriseId,
    trunk: TrunkId,
    sealed: Option<Vec<u8>>,
) -> Result<TrunkSecrets, StoreError> {
    let Some(sealed) = sealed else { return Ok(TrunkSecrets::default()) };
    let clear = store.sealing.key()?.open(&place(enterprise, trunk), &sealed)?;
    Ok(serde_json::from_slice(&clear)?)
}

/// The secrets of a trunk. Locks nothing.
pub(super) async fn of(
    store: &Store,
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    trunk: TrunkId,
) -> Result<TrunkSecrets, StoreError> {
    let sealed = sqlx::query_scalar!(
        "select secrets from trunk where id = $1 and enterprise_id = $2",
        trunk.uuid(),
        enterprise.uuid()
    )
    .fetch_one(conn)
    .await?;
    open(store, enterprise, trunk, sealed)
}

/// A trunk that rings real telephones, as whoever dials on it knows it: with its password.
#[derive(Debug, Clone)]
pub struct RealLine {
    pub trunk: TrunkId,
    /// Counts edits.
    pub version: i64,
    pub config: TrunkConfig,
}

/// The trunks of drivers `sip` and `asterisk` of all enterprises that are in service. One whose password can't be opened is told of and left out.
/// Locks nothing.
pub async fn real_lines(store: &Store) -> Result<Vec<RealLine>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, enterprise_id, version, config as "config: Json<TrunkConfig>", secrets
             from trunk where config ->> 'driver' in ('sip', 'asterisk') and (config ->> 'in_service')::boolean
            order by id"#
    )
    .fetch_all(&store.hot)
    .await?;
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let (trunk, mut config) = (TrunkId::from(row.id), row.config.0);
        match open(store, row.enterprise_id.into(), trunk, row.secrets) {
            Ok(secrets) => config.reunite(&secrets),
            Err(error) => {
                tracing::error!(%error, %trunk, "a trunk can't be used");
                continue;
            }
        }
        lines.push(RealLine { trunk, version: row.version, config });
    }
    Ok(lines)
}
