//! A person deletes one number.

use outbound::ids::{EnterpriseId, NumberId};
use outbound::number::NumberState;

use super::{Which, cancel, get};
use crate::lanes::{self, Counts};
use crate::{Store, StoreError};

/// Delete a number; its call records stay. One that is pending or waiting is cancelled first. With a
/// call still up it is refused, `number_has_live_call`: try again when it has ended.
///
/// Locks what a cancel locks; then the task, the number and the counters.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    number: NumberId,
) -> Result<(), StoreError> {
    let found = get(store, enterprise, number).await?;
    cancel(store, enterprise, found.task, &Which::These(vec![number])).await?;
    let mut tx = store.api.begin().await?;
    sqlx::query!("select id from task where id = $1 for no key update", found.task.uuid())
        .fetch_one(&mut *tx)
        .await?;
    let gone = sqlx::query!(
        "delete from number where id = $1 and state not in ('pending', 'waiting', 'calling')
         returning batch_id, state",
        number.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(gone) = gone else {
        let detail = "a call to the number is up; delete it when that has ended";
        return Err(StoreError::conflict("number_has_live_call", detail));
    };
    let state = lanes::word(NumberState::from_word(&gone.state), "a number's state", &gone.state)?;
    sqlx::query!(
        "update task set number_count = number_count - 1 where id = $1",
        found.task.uuid()
    )
    .execute(&mut *tx)
    .await?;
    let mut counts = Counts::default();
    counts.number(found.task.uuid(), gone.batch_id, state, -1);
    counts.write(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}
