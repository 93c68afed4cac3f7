//! The fence of a finish: only who holds the token of an attempt can take it out.

use std::collections::{HashMap, HashSet};

use outbound::Time;
use outbound::chain::{Chain, ChainPlace};
use outbound::ids::{EnterpriseId, NumberId};
use outbound::order::{LaneClass, Rank};
use outbound::outcome::CallResult;
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::Finished;
use crate::lanes::later_rank;
use crate::rows::phone;
use crate::{StoreError, suppression};

/// An attempt and its number, as they were when the finish took them.
pub(super) struct TakenAttempt {
    pub enterprise: Uuid,
    pub task: Uuid,
    pub batch: Uuid,
    pub number: Uuid,
    pub trunk: Uuid,
    pub lane: i64,
    /// Its place in that lane.
    pub lane_rank: Rank,
    /// Its place in redial and backup lanes.
    pub later_rank: Rank,
    pub order_revision: i32,
    pub phone: i64,
    pub round: i16,
    pub chain_index: i16,
    pub policy_id: i64,
    pub probe: bool,
    /// What the call ran: the navigation and its published version.
    pub navigation: (Uuid, i32),
    pub chain: Chain,
}

/// What a finish has locked.
pub(super) struct TakenCalls {
    pub held: HashMap<Uuid, TakenAttempt>,
    /// It also has the lock of the enterprise's claims.
    pub claims: bool,
}

/// Take out the attempts that are begun and whose tokens match. With an enterprise, it tries to lock its claims
/// first, and takes nothing when somebody else has that lock. So all that is read afterwards includes the claims
/// that were made before.
///
/// Locks the attempts in the order of their ids, as a renewal of leases does. Their numbers need no lock: a number
/// belongs to its live attempt.
pub(super) async fn take(
    conn: &mut PgConnection,
    items: &[Finished],
    now: Time,
    claims_of: Option<EnterpriseId>,
) -> Result<TakenCalls, StoreError> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.attempt.uuid()).collect();
    let tokens: Vec<i64> = items.iter().map(|item| item.token).collect();
    let rows = sqlx::query!(
        r#"with lock as materialized (
               select $3::uuid is not null
                      and pg_try_advisory_xact_lock(hashtextextended($3::uuid::text, 1)) as mine),
           held as (
               select a.id from unnest($1::uuid[], $2::bigint[]) as u (id, token)
                 join attempt a on a.id = u.id and a.token = u.token
                where a.phase = 'begun' and ($3::uuid is null or (select mine from lock))
                order by a.id for update of a)
           delete from attempt a using held, number n, lane l
            where a.id = held.id and n.id = a.number_id and l.id = a.lane_id
           returning a.id, a.enterprise_id, a.task_id, a.batch_id, a.number_id, a.trunk_id, a.lane_id,
                     a.phone as called, a.round, a.chain_index, a.policy_id, a.probe,
                     a.navigation_id, a.navigation_version, l.class,
                     n.seq, n.priority, n.ord, n.plain_ord, n.order_revision, n.phone, n.backups,
                     n.chain_statuses, n.refusals, n.first_called_at, n.round_called_at,
                     n.last_called_at, (select mine from lock) as "claims!""#,
        &ids,
        &tokens,
        claims_of.map(EnterpriseId::uuid)
    )
    .fetch_all(&mut *conn)
    .await?;
    let claims = rows.first().is_some_and(|row| row.claims);
    // Read after locking the attempts. Adding to the list locks attempts first too, so one of the two always
    // sees the other's write.
    let open: HashSet<Uuid> = items.iter().filter(|item| may_go_on(item)).map(id).collect();
    let phones = rows.iter().filter(|row| open.contains(&row.id)).flat_map(|row| {
        let all = std::iter::once(row.phone).chain(row.backups.iter().copied());
        all.map(|phone| (row.enterprise_id, phone))
    });
    let listed = suppression::in_force(conn, &phones.collect::<Vec<_>>(), now).await?;
    let held = rows.into_iter().map(|row| -> Result<_, StoreError> {
        let is_listed = |phone: i64| listed.contains(&(row.enterprise_id, phone));
        let chain = std::iter::once(row.phone).chain(row.backups.iter().copied());
        let suppressed: Vec<Phone> = chain.filter(|phone| is_listed(*phone)).map(phone).collect();
        let later_rank = later_rank(row.priority, row.seq);
        let uncalled = row.class == LaneClass::Uncalled.word();
        let place = ChainPlace {
            round: row.round.unsigned_abs(),
            chain_index: row.chain_index.unsigned_abs(),
            refusals: row.refusals.unsigned_abs(),
            first_called_at: row.first_called_at,
            round_called_at: row.round_called_at,
            last_called_at: row.last_called_at,
        };
        let held = TakenAttempt {
            enterprise: row.enterprise_id,
            task: row.task_id,
            batch: row.batch_id,
            number: row.number_id,
            trunk: row.trunk_id,
            lane: row.lane_id,
            lane_rank: if uncalled {
                Rank { ord: row.ord, plain_ord: row.plain_ord }
            } else {
                later_rank
            },
            later_rank,
            order_revision: row.order_revision,
            phone: row.called,
            round: row.round,
            chain_index: row.chain_index,
            policy_id: row.policy_id,
            probe: row.probe,
            navigation: (row.navigation_id, row.navigation_version),
            chain: Chain::new(
                phone(row.phone),
                row.backups.iter().copied().map(phone),
                &row.chain_statuses,
                &suppressed,
                place,
            )
            .map_err(|fault| {
                StoreError::Damaged(format!("{} {fault}", NumberId::from(row.number_id)))
            })?,
        };
        Ok((row.id, held))
    });
    Ok(TakenCalls { held: held.collect::<Result<_, _>>()?, claims })
}

fn id(item: &Finished) -> Uuid {
    item.attempt.uuid()
}

/// Whether a number may be called again after this call.
const fn may_go_on(item: &Finished) -> bool {
    matches!(item.record.result, CallResult::Unanswered(_)) || item.record.callback_at.is_some()
}
