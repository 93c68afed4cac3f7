//! Rows on their way into a task: filtered, ranked, and written in chunks.

use std::collections::{BTreeMap, HashSet};

use chrono_tz::Tz;
use outbound::Time;
use outbound::ids::{CallerIdId, EnterpriseId, NumberId, TaskId};
use outbound::import::Dedupe;
use outbound::order::{UncalledOrder, rank};
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::StoreError;
use crate::rows::phone_column;

/// Rows of one statement.
const CHUNK_ROWS: usize = 5_000;

/// A row that was read, judged and looked up.
#[derive(Debug, Clone, PartialEq)]
pub struct LandingRow {
    pub phone: Phone,
    pub priority: u32,
    /// Its own caller ID, one of the enterprise's.
    pub caller_id: Option<CallerIdId>,
    pub backups: Vec<Phone>,
    pub variables: BTreeMap<String, String>,
    /// Of the callee; empty where not known.
    pub province: String,
    pub city: String,
    pub time_zone: Option<Tz>,
}

/// Rows that stay, and why the others don't.
pub(super) struct Sifted<'a> {
    pub rows: Vec<&'a LandingRow>,
    pub duplicates: u64,
    pub suppressed: u64,
}

/// Leaves out duplicates, then what is on the do-not-call list. The first row of a phone wins. Locks
/// nothing: imports of a task wait for each other.
pub(super) async fn sift<'a>(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    task: TaskId,
    batch_name: &str,
    dedupe: Dedupe,
    rows: &'a [LandingRow],
    now: Time,
) -> Result<Sifted<'a>, StoreError> {
    let mut sifted = Sifted { rows: Vec::with_capacity(rows.len()), duplicates: 0, suppressed: 0 };
    let mut seen: HashSet<Phone> = HashSet::new();
    for chunk in rows.chunks(CHUNK_ROWS) {
        let phones: Vec<i64> = chunk.iter().map(|row| phone_column(row.phone)).collect();
        let there: HashSet<i64> = match dedupe {
            Dedupe::None | Dedupe::Import => HashSet::new(),
            Dedupe::Task => in_task(conn, task, &phones).await?,
            Dedupe::Batch => in_batch(conn, task, batch_name, &phones).await?,
        };
        let suppressed = suppressed(conn, enterprise, &phones, now).await?;
        for (row, phone) in chunk.iter().zip(phones) {
            let repeated = dedupe != Dedupe::None && !seen.insert(row.phone);
            if repeated || there.contains(&phone) {
                sifted.duplicates += 1;
            } else if suppressed.contains(&phone) {
                sifted.suppressed += 1;
            } else {
                sifted.rows.push(row);
            }
        }
    }
    Ok(sifted)
}

async fn in_task(
    conn: &mut PgConnection,
    task: TaskId,
    phones: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let there = sqlx::query_scalar!(
        "select phone from number where task_id = $1 and phone = any($2)",
        task.uuid(),
        phones
    )
    .fetch_all(conn)
    .await?;
    Ok(there.into_iter().collect())
}

async fn in_batch(
    conn: &mut PgConnection,
    task: TaskId,
    name: &str,
    phones: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let there = sqlx::query_scalar!(
        "select n.phone from number n join batch b on b.id = n.batch_id
          where n.task_id = $1 and n.phone = any($2) and b.name = $3",
        task.uuid(),
        phones,
        name
    )
    .fetch_all(conn)
    .await?;
    Ok(there.into_iter().collect())
}

async fn suppressed(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
    now: Time,
) -> Result<HashSet<i64>, StoreError> {
    let there = sqlx::query_scalar!(
        "select phone from suppression
          where enterprise_id = $1 and phone = any($2) and (expires_at is null or expires_at > $3)",
        enterprise.uuid(),
        phones,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(there.into_iter().collect())
}

/// Where rows go.
pub(super) struct Into {
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub batch: Uuid,
    pub lane: i64,
    pub order: UncalledOrder,
    pub order_revision: i32,
    /// The import order of the first row.
    pub first_seq: i64,
}

/// Writes numbers and their places in the lane: nobody sees them before the commit.
pub(super) async fn insert(
    conn: &mut PgConnection,
    into: &Into,
    rows: &[&LandingRow],
) -> Result<(), StoreError> {
    let mut seq = into.first_seq;
    for chunk in rows.chunks(CHUNK_ROWS) {
        let mut columns = Columns::default();
        for row in chunk {
            columns.push(into, row, seq)?;
            seq += 1;
        }
        columns.insert(conn, into).await?;
    }
    Ok(())
}

#[derive(Default)]
struct Columns {
    ids: Vec<Uuid>,
    seqs: Vec<i64>,
    phones: Vec<i64>,
    backups: Vec<String>,
    priorities: Vec<i32>,
    callers: Vec<Option<Uuid>>,
    variables: Vec<String>,
    provinces: Vec<String>,
    cities: Vec<String>,
    zones: Vec<Option<&'static str>>,
    ords: Vec<i64>,
    plain_ords: Vec<i64>,
}

impl Columns {
    fn push(&mut self, into: &Into, row: &LandingRow, seq: i64) -> Result<(), StoreError> {
        let id = NumberId::new().uuid();
        // The last 32 bits of a UUIDv7 are random.
        let random = u32::try_from(id.as_u128() & u128::from(u32::MAX)).unwrap_or(0);
        let rank = rank(into.order, row.priority, seq, random);
        let backups = row.backups.iter().map(|backup| phone_column(*backup).to_string());
        self.ids.push(id);
        self.seqs.push(seq);
        self.phones.push(phone_column(row.phone));
        self.backups.push(backups.collect::<Vec<_>>().join(","));
        self.priorities.push(i32::try_from(row.priority).unwrap_or(i32::MAX));
        self.callers.push(row.caller_id.map(CallerIdId::uuid));
        self.variables.push(serde_json::to_string(&row.variables)?);
        self.provinces.push(row.province.clone());
        self.cities.push(row.city.clone());
        self.zones.push(row.time_zone.map(|zone| zone.name()));
        self.ords.push(rank.ord);
        self.plain_ords.push(rank.plain_ord);
        Ok(())
    }

    async fn insert(&self, conn: &mut PgConnection, into: &Into) -> Result<(), StoreError> {
        sqlx::query!(
            "with landed as (
                 insert into number (id, enterprise_id, task_id, batch_id, seq, phone, backups, priority,
                        caller_id, variables, province, city, time_zone, ord, plain_ord,
                        order_revision, state)
                 select u.id, $1, $2, $3, u.seq, u.phone, string_to_array(u.backups, ',')::bigint[],
                        u.priority, u.caller, u.variables::jsonb, u.province, u.city, u.zone, u.ord,
                        u.plain_ord, $4, 'pending'
                   from unnest($5::uuid[], $6::bigint[], $7::bigint[], $8::text[], $9::integer[],
                               $10::uuid[], $11::text[], $12::text[], $13::text[], $14::text[],
                               $15::bigint[], $16::bigint[])
                        as u (id, seq, phone, backups, priority, caller, variables, province, city,
                              zone, ord, plain_ord))
             insert into ready (lane_id, ord, plain_ord, number_id, task_id)
             select $17, u.ord, u.plain_ord, u.id, $2
               from unnest($5::uuid[], $15::bigint[], $16::bigint[]) as u (id, ord, plain_ord)",
            into.enterprise.uuid(),
            into.task.uuid(),
            into.batch,
            into.order_revision,
            &self.ids,
            &self.seqs,
            &self.phones,
            &self.backups,
            &self.priorities,
            &self.callers as &[Option<Uuid>],
            &self.variables,
            &self.provinces,
            &self.cities,
            &self.zones as &[Option<&str>],
            &self.ords,
            &self.plain_ords,
            into.lane
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}
