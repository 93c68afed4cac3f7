//! Rows on their way into a task: filtered, ranked, and written in chunks.

use std::collections::{BTreeMap, HashSet};

use outbound::Time;
use outbound::ids::{CallerIdId, EnterpriseId, NumberId, TaskId};
use outbound::import::Dedupe;
use outbound::order::{UncalledOrder, rank};
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::StoreError;
use crate::lanes::chance;
use crate::rows::phone_column;

/// Rows of one statement, from memory.
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
}

/// Where a landing takes its rows from, chunk by chunk, in the order of the file.
pub trait LandingRows: Send {
    /// Begin at the first row: a landing may begin anew.
    fn rewind(&mut self) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// The next rows; an empty chunk is the end.
    fn next(&mut self) -> impl Future<Output = Result<Vec<LandingRow>, StoreError>> + Send;
}

/// Rows that lie in memory.
#[derive(Debug)]
pub struct InMemory<'a> {
    rows: &'a [LandingRow],
    given: usize,
}

impl<'a> InMemory<'a> {
    pub const fn new(rows: &'a [LandingRow]) -> Self {
        Self { rows, given: 0 }
    }
}

impl LandingRows for InMemory<'_> {
    async fn rewind(&mut self) -> Result<(), StoreError> {
        self.given = 0;
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<LandingRow>, StoreError> {
        let left = &self.rows[self.given..];
        let chunk = left[..left.len().min(CHUNK_ROWS)].to_vec();
        self.given += chunk.len();
        Ok(chunk)
    }
}

/// Leaves out duplicates, then what is on the do-not-call list. The first row of a phone wins.
pub(super) struct Sieve<'a> {
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub batch_name: &'a str,
    pub dedupe: Dedupe,
    pub now: Time,
    pub seen: HashSet<Phone>,
    pub duplicates: u64,
    pub suppressed: u64,
}

impl Sieve<'_> {
    /// The rows that stay. Locks nothing: imports of a task wait for each other.
    pub async fn sift(
        &mut self,
        conn: &mut PgConnection,
        rows: Vec<LandingRow>,
    ) -> Result<Vec<LandingRow>, StoreError> {
        let phones: Vec<i64> = rows.iter().map(|row| phone_column(row.phone)).collect();
        let there: HashSet<i64> = match self.dedupe {
            Dedupe::None | Dedupe::Import => HashSet::new(),
            Dedupe::Task => in_task(conn, self.task, &phones).await?,
            Dedupe::Batch => in_batch(conn, self.task, self.batch_name, &phones).await?,
        };
        let suppressed = suppressed(conn, self.enterprise, &phones, self.now).await?;
        let mut left = Vec::with_capacity(rows.len());
        for (row, phone) in rows.into_iter().zip(phones) {
            let repeated = self.dedupe != Dedupe::None && !self.seen.insert(row.phone);
            if repeated || there.contains(&phone) {
                self.duplicates += 1;
            } else if suppressed.contains(&phone) {
                self.suppressed += 1;
            } else {
                left.push(row);
            }
        }
        Ok(left)
    }
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
          where enterprise_id = $1 and phone = any($2) and suppression_in_force(expires_at, $3)",
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
}

/// Writes numbers and their places in the lane: nobody sees them before the commit. `seq` is the import
/// order of the first.
pub(super) async fn insert(
    conn: &mut PgConnection,
    into: &Into,
    seq: i64,
    rows: &[LandingRow],
) -> Result<(), StoreError> {
    let mut columns = Columns::default();
    for (seq, row) in (seq..).zip(rows) {
        columns.push(into, row, seq)?;
    }
    columns.insert(conn, into).await
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
    ords: Vec<i64>,
    plain_ords: Vec<i64>,
}

impl Columns {
    fn push(&mut self, into: &Into, row: &LandingRow, seq: i64) -> Result<(), StoreError> {
        let id = clock::new_id::<NumberId>();
        let rank = rank(into.order, row.priority, seq, chance(id));
        let backups = row.backups.iter().map(|backup| phone_column(*backup).to_string());
        self.ids.push(id.uuid());
        self.seqs.push(seq);
        self.phones.push(phone_column(row.phone));
        self.backups.push(backups.collect::<Vec<_>>().join(","));
        self.priorities.push(i32::try_from(row.priority).unwrap_or(i32::MAX));
        self.callers.push(row.caller_id.map(CallerIdId::uuid));
        self.variables.push(serde_json::to_string(&row.variables)?);
        self.provinces.push(row.province.clone());
        self.cities.push(row.city.clone());
        self.ords.push(rank.ord);
        self.plain_ords.push(rank.plain_ord);
        Ok(())
    }

    async fn insert(&self, conn: &mut PgConnection, into: &Into) -> Result<(), StoreError> {
        sqlx::query!(
            "with landed as (
                 insert into number (id, enterprise_id, task_id, batch_id, seq, phone, backups, priority,
                        caller_id, variables, province, city, ord, plain_ord,
                        order_revision, state)
                 select u.id, $1, $2, $3, u.seq, u.phone, string_to_array(u.backups, ',')::bigint[],
                        u.priority, u.caller, u.variables::jsonb, u.province, u.city, u.ord,
                        u.plain_ord, $4, 'pending'
                   from unnest($5::uuid[], $6::bigint[], $7::bigint[], $8::text[], $9::integer[],
                               $10::uuid[], $11::text[], $12::text[], $13::text[], $14::bigint[],
                               $15::bigint[])
                        as u (id, seq, phone, backups, priority, caller, variables, province, city,
                              ord, plain_ord))
             insert into ready (lane_id, ord, plain_ord, number_id, task_id)
             select $16, u.ord, u.plain_ord, u.id, $2
               from unnest($5::uuid[], $14::bigint[], $15::bigint[]) as u (id, ord, plain_ord)",
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
            &self.ords,
            &self.plain_ords,
            into.lane
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}
