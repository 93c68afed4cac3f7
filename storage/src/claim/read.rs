//! What a claim asks for, read from the database.

use std::collections::HashMap;

use outbound::Time;
use outbound::chain::{Chain, ChainPlace};
use outbound::claim::{
    Facts, LanesToRead, NumberFacts, NumbersToRead, PhoneCalls, ReadyNumber, Scene, counted_calls,
};
use outbound::ids::{EnterpriseId, NumberId};
use outbound::order::Rank;
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::rows::phone;
use crate::{Store, StoreError, suppression};

/// What a claim writes of a number that it takes, beside what it decides by.
#[derive(Debug)]
pub(super) struct NumberRow {
    pub order_revision: i32,
    pub seq: i64,
    pub priority: i32,
    pub batch_name: String,
    /// JSON of names to values. It is parsed only when the call is begun.
    pub variables: String,
}

/// The next rows of each lane, in order. Locks nothing: only claims take rows out, and the caller holds the lock
/// of the enterprise's claims.
pub(super) async fn lanes(
    conn: &mut PgConnection,
    asked: &LanesToRead,
) -> Result<Vec<ReadyNumber>, StoreError> {
    let pages = &asked.pages;
    let ids: Vec<i64> = pages.iter().map(|page| page.lane).collect();
    let ranks: Vec<i64> = pages.iter().map(|page| page.after.rank).collect();
    let numbers: Vec<Uuid> = pages.iter().map(|page| page.after.number.uuid()).collect();
    let limits: Vec<i64> = pages.iter().map(|page| i64::from(page.rows_max)).collect();
    let left_out: Vec<Uuid> = asked.leave_out.iter().map(|caller| caller.uuid()).collect();
    let row = |lane, ord, plain_ord, number: Uuid| ReadyNumber {
        lane,
        number: number.into(),
        rank: Rank { ord, plain_ord },
    };
    if !asked.priorities {
        let rows = sqlx::query!(
            r#"select l.lane as "lane!", r.ord, r.plain_ord, r.number_id
                 from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[]) as l (lane, at, number, n)
                cross join lateral (
                      select ord, plain_ord, number_id from ready
                       where lane_id = l.lane and (plain_ord, number_id) > (l.at, l.number)
                         and ($5::uuid[] = '{}' or not exists (
                              select from number n where n.id = number_id and n.caller_id = any($5)))
                       order by plain_ord, number_id limit l.n) r"#,
            &ids,
            &ranks,
            &numbers,
            &limits,
            &left_out
        )
        .fetch_all(conn)
        .await?;
        return Ok(rows
            .into_iter()
            .map(|it| row(it.lane, it.ord, it.plain_ord, it.number_id))
            .collect());
    }
    let rows = sqlx::query!(
        r#"select l.lane as "lane!", r.ord, r.plain_ord, r.number_id
             from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::bigint[]) as l (lane, at, number, n)
            cross join lateral (
                  select ord, plain_ord, number_id from ready
                   where lane_id = l.lane and (ord, number_id) > (l.at, l.number)
                     and ($5::uuid[] = '{}' or not exists (
                          select from number n where n.id = number_id and n.caller_id = any($5)))
                   order by ord, number_id limit l.n) r"#,
        &ids,
        &ranks,
        &numbers,
        &limits,
        &left_out
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|it| row(it.lane, it.ord, it.plain_ord, it.number_id)).collect())
}

/// Read all that the verdicts on these numbers need; `rows` takes what a write of them needs, too.
///
/// Locks, for share, the live attempts that have one of these phones. So an attempt that ends meanwhile sees
/// the numbers that this claim lets wait for it.
pub(super) async fn numbers(
    store: &Store,
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scene: &Scene,
    asked: &NumbersToRead,
    now: Time,
    rows: &mut HashMap<NumberId, NumberRow>,
) -> Result<Facts, StoreError> {
    let ids: Vec<Uuid> = asked.numbers().map(|(number, _)| number.uuid()).collect();
    // `between u.phone and u.phone order by a.phone` makes the planner use the index by phone. Plans are kept, and
    // one that was made while the table was small would read all of it.
    let found = sqlx::query!(
        r#"select n.id, n.batch_id, n.seq, n.priority, n.phone, n.backups, n.caller_id, n.province,
                  n.city, n.round, n.chain_index, n.chain_statuses, n.policy_id,
                  n.order_revision, n.refusals, n.first_called_at, n.round_called_at,
                  n.last_called_at, n.variables::text as "variables!", b.name as batch_name,
                  b.started_at is not null as "batch_started!",
                  array(select s.phone from suppression s
                         where s.enterprise_id = $1 and s.phone = any(n.phone || n.backups)
                           and suppression_in_force(s.expires_at, $3)) as "suppressed!",
                  exists (select from unnest(n.phone || n.backups) as u (phone)
                           where (select true from attempt a
                                   where a.enterprise_id = $1
                                     and a.phone between u.phone and u.phone
                                   order by a.phone limit 1)) as "live!"
             from number n join batch b on b.id = n.batch_id
            where n.id = any($2)"#,
        enterprise.uuid(),
        &ids,
        now
    )
    .fetch_all(&mut *conn)
    .await?;
    let (mut maybe_live, mut phones) = (Vec::new(), Vec::new());
    for row in &found {
        let all = || std::iter::once(row.phone).chain(row.backups.iter().copied());
        if row.live {
            maybe_live.extend(all());
        }
        phones.extend(all());
    }
    let live = live(conn, enterprise, &maybe_live).await?;
    // A phone with a call up may have been listed while this claim waited for the lock of that attempt, so the list
    // is read again after the lock.
    let maybe_listed: Vec<_> = maybe_live.iter().map(|phone| (enterprise.uuid(), *phone)).collect();
    let listed = suppression::in_force(conn, &maybe_listed, now).await?;
    let calls = calls(conn, enterprise, scene, &phones, now).await?;
    let tasks: HashMap<NumberId, usize> = asked.numbers().collect();
    let mut numbers = HashMap::with_capacity(found.len());
    for row in found {
        let id = NumberId::from(row.id);
        let Some(task) = tasks.get(&id) else { continue };
        let policy = row.policy_id.unwrap_or(scene.task(*task).policy);
        let since = row
            .backups
            .iter()
            .chain([&row.phone])
            .filter(|it| listed.contains(&(enterprise.uuid(), **it)));
        let suppressed: Vec<Phone> =
            row.suppressed.iter().chain(since).copied().map(phone).collect();
        let place = ChainPlace {
            round: row.round.unsigned_abs(),
            chain_index: row.chain_index.unsigned_abs(),
            refusals: row.refusals.unsigned_abs(),
            first_called_at: row.first_called_at,
            round_called_at: row.round_called_at,
            last_called_at: row.last_called_at,
        };
        let backups = row.backups.iter().copied().map(phone);
        let chain = Chain::new(phone(row.phone), backups, &row.chain_statuses, &suppressed, place)
            .map_err(|fault| StoreError::Damaged(format!("{id} {fault}")))?;
        let policy = if chain.is_suppressed(chain.place().chain_index) {
            Some(store.immutable.policy(conn, policy).await?)
        } else {
            None
        };
        let facts = NumberFacts {
            batch: row.batch_id.into(),
            batch_started: row.batch_started,
            chain,
            policy,
            caller: row.caller_id.map(Into::into),
            province: row.province,
            city: row.city,
        };
        numbers.insert(id, facts);
        rows.insert(
            id,
            NumberRow {
                order_revision: row.order_revision,
                seq: row.seq,
                priority: row.priority,
                batch_name: row.batch_name,
                variables: row.variables,
            },
        );
    }
    Ok(Facts { numbers, live: live.into_iter().map(phone).collect(), calls })
}

async fn live(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<Vec<i64>, StoreError> {
    if phones.is_empty() {
        return Ok(Vec::new());
    }
    let live = sqlx::query_scalar!(
        "select phone from attempt where enterprise_id = $1 and phone = any($2) order by id for share",
        enterprise.uuid(),
        phones
    )
    .fetch_all(conn)
    .await?;
    Ok(live)
}

/// The calls of each phone that the frequency cap counts.
async fn calls(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scene: &Scene,
    phones: &[i64],
    now: Time,
) -> Result<HashMap<Phone, PhoneCalls>, StoreError> {
    let settings = scene.settings();
    let Some(counted) = counted_calls(&settings.frequency_cap, settings.time_zone, now) else {
        return Ok(HashMap::new());
    };
    let rows = sqlx::query!(
        r#"select customer_number, max(started_at) as "last!",
                  count(*) filter (where started_at >= $3) as "today!"
             from call_record
            where enterprise_id = $1 and customer_number = any($2) and started_at >= $4
              and cause <> $5
            group by customer_number"#,
        enterprise.uuid(),
        phones,
        counted.today_from,
        counted.from,
        outbound::outcome::cause::TRUNK_REFUSED
    )
    .fetch_all(conn)
    .await?;
    let calls = |today: i64, last| PhoneCalls {
        today: u32::try_from(today).unwrap_or(u32::MAX),
        last_started_at: Some(last),
    };
    Ok(rows
        .into_iter()
        .map(|row| (phone(row.customer_number), calls(row.today, row.last)))
        .collect())
}
