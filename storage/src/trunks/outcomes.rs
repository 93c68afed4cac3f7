//! What a trunk's last calls ended with.

use outbound::ids::{EnterpriseId, TrunkId};
use outbound::outcome::CallResult;

use crate::{Store, StoreError};

/// The calls that are looked at, the newest first.
pub const OUTCOMES_CALLS_MAX: i64 = 1_000;
/// They are looked for among so many calls of the enterprise: a trunk that is hardly used must not cost a look at all of
/// them.
const LOOKED_AT_MAX: i64 = 20_000;

/// Calls that ended alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub result: CallResult,
    pub cause: String,
    pub sip_code: Option<u16>,
    pub q850_cause: Option<u16>,
    pub calls: u64,
}

/// What the last calls of a trunk ended with, the most frequent first. Locks nothing.
pub async fn outcomes(
    store: &Store,
    enterprise: EnterpriseId,
    trunk: TrunkId,
) -> Result<Vec<Outcome>, StoreError> {
    let rows = sqlx::query!(
        r#"select result, cause, sip_code, q850_cause, count(*) as "calls!"
             from (select result, cause, sip_code, q850_cause
                     from (select trunk_id, result, cause, sip_code, q850_cause, started_at, id
                             from call_record where enterprise_id = $1
                            order by started_at desc, id desc limit $3) as newest
                    where trunk_id = $2 order by started_at desc, id desc limit $4) as last
            group by result, cause, sip_code, q850_cause
            order by count(*) desc, result, sip_code, q850_cause, cause"#,
        enterprise.uuid(),
        trunk.uuid(),
        LOOKED_AT_MAX,
        OUTCOMES_CALLS_MAX
    )
    .fetch_all(&store.api)
    .await?;
    let outcomes = rows.into_iter().map(|row| {
        let unknown = || StoreError::Damaged(format!("`{}` is no result of a call", row.result));
        let code = |column: Option<i16>| column.and_then(|code| u16::try_from(code).ok());
        Ok(Outcome {
            result: CallResult::from_word(&row.result).ok_or_else(unknown)?,
            cause: row.cause,
            sip_code: code(row.sip_code),
            q850_cause: code(row.q850_cause),
            calls: row.calls.unsigned_abs(),
        })
    });
    outcomes.collect()
}
