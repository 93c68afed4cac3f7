//! What must reach a call that is about to leave: phones were listed, a task stopped.
//!
//! The transaction that decides notifies; processes that dial listen. A call that was begun before the decision finds
//! out at its last look. Whoever hears nothing is not wrong: the answer to the decision waits for such calls
//! (`attempts::quiet`).

use outbound::ids::{EnterpriseId, TaskId};
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::postgres::PgListener;
use sqlx::types::Uuid;

use crate::rows::phone;
use crate::{Store, StoreError};

/// Channel of phones that were listed; the payload is the enterprise's UUID, then the phones.
const LISTED: &str = "listed";
/// Channel of tasks that stopped; the payload is a UUID.
const STOPPED: &str = "stopped";
/// Phones of one notification, at most: PostgreSQL takes 8,000 bytes, and a phone is 16 at most.
const PHONES_MAX: usize = 450;

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Listed { enterprise: EnterpriseId, phones: Vec<Phone> },
    Stopped(TaskId),
}

/// Decisions as they are committed.
#[derive(Debug)]
pub struct Decisions {
    inner: PgListener,
}

impl Decisions {
    pub async fn listen(store: &Store) -> Result<Self, StoreError> {
        let mut inner = PgListener::connect_with(&store.long).await?;
        inner.listen_all([LISTED, STOPPED]).await?;
        Ok(Self { inner })
    }

    /// The next one; an error when the connection is lost and what was decided since is unknown.
    pub async fn next(&mut self) -> Result<Decision, StoreError> {
        loop {
            let said = self.inner.try_recv().await?;
            let said =
                said.ok_or_else(|| StoreError::Unavailable("a listener was cut off".into()))?;
            // What can't be read was said by another version.
            if let Some(decision) = read(said.channel(), said.payload()) {
                return Ok(decision);
            }
        }
    }
}

fn read(channel: &str, payload: &str) -> Option<Decision> {
    let mut words = payload.split(' ');
    let id = words.next()?.parse::<Uuid>().ok()?;
    match channel {
        LISTED => {
            let phones = words.map(|word| word.parse().ok().map(phone)).collect::<Option<_>>()?;
            Some(Decision::Listed { enterprise: id.into(), phones })
        }
        STOPPED => Some(Decision::Stopped(id.into())),
        _ => None,
    }
}

/// Tell dialers, when this transaction commits, that phones were listed. Locks nothing.
pub(crate) async fn tell_listed(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<(), StoreError> {
    let payloads: Vec<String> =
        phones.chunks(PHONES_MAX).map(|some| listed(enterprise, some)).collect();
    tell(conn, LISTED, &payloads).await
}

fn listed(enterprise: EnterpriseId, phones: &[i64]) -> String {
    phones.iter().fold(enterprise.uuid().to_string(), |told, phone| format!("{told} {phone}"))
}

/// Tell dialers, when this transaction commits, that a task stopped. Locks nothing.
pub(crate) async fn tell_stopped(conn: &mut PgConnection, task: TaskId) -> Result<(), StoreError> {
    tell(conn, STOPPED, &[task.uuid().to_string()]).await
}

/// Say these on a channel when this transaction commits.
pub(crate) async fn tell(
    conn: &mut PgConnection,
    channel: &str,
    payloads: &[String],
) -> Result<(), StoreError> {
    sqlx::query!(
        "select pg_notify($1, payload) from unnest($2::text[]) as told (payload)",
        channel,
        payloads
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_phones_as_one_notification_takes_come_out_as_they_went_in() {
        let longest = 999_999_999_999_999;
        let phones: Vec<i64> = (0..PHONES_MAX).map(|_| longest).collect();
        let enterprise = clock::new_id();
        let payload = listed(enterprise, &phones);
        assert!(payload.len() < 8_000, "{}", payload.len());
        let phones = phones.into_iter().map(phone).collect();
        assert_eq!(read(LISTED, &payload), Some(Decision::Listed { enterprise, phones }));
        assert_eq!(read(LISTED, "x"), None);
        assert_eq!(read(LISTED, &format!("{} x", enterprise.uuid())), None);
    }
}
