//! May this number be dialled now, and on which line; if not, what becomes of it.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use outbound::Time;
use outbound::claim::{frequency_wait, pick_line};
use outbound::ids::EnterpriseId;
use outbound::order::LaneClass;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::queue::QueuedNumber;
use super::scene::Scene;
use crate::finish::chain::{Chain, Onward, Place};
use crate::{Store, StoreError};

/// A number whose phone is busy with another call of ours waits for the end of that call. If that end is
/// missed, the number comes back after this time.
const PHONE_BUSY_WAIT: TimeDelta = TimeDelta::seconds(60);
/// When no window opens in all the time that is searched, the number is looked at again after this.
const NEVER_OPEN_WAIT: TimeDelta = TimeDelta::days(1);

/// What a verdict needs to know of one number.
pub(super) struct NumberFacts {
    pub batch: Uuid,
    batch_started: bool,
    pub chain: Chain,
    pub policy: Option<i64>,
    pub order_revision: i32,
    pub seq: i64,
    pub priority: i32,
    caller: Option<Uuid>,
    province: String,
    city: String,
    pub batch_name: String,
    /// JSON of names to values. It is parsed only when the call is begun.
    pub variables: String,
}

/// What is known of the numbers of one pass.
pub(super) struct Facts {
    pub details: HashMap<Uuid, NumberFacts>,
    /// Phones that have a call up, and those that this claim has taken.
    pub live: HashSet<i64>,
    /// For each phone, its calls of today and the start of the last one. Read only where there is a frequency cap.
    calls: HashMap<i64, (u32, Option<Time>)>,
}

/// A call that this claim opens an attempt for.
pub(super) struct Dial {
    /// The place of the phone in the number's chain. Backups on the do-not-call list are skipped.
    pub chain_index: u16,
    pub phone: i64,
    pub caller: Uuid,
    pub trunk: Uuid,
    pub probe: bool,
    /// It is the first call of its batch.
    pub starts_batch: bool,
}

/// What becomes of a candidate.
pub(super) enum Verdict {
    Dial(Dial),
    /// On the do-not-call list.
    Suppress,
    /// It waits, and comes back to the same lane.
    Wait {
        due_at: Time,
        reason: &'static str,
        phone: i64,
    },
    /// All other phones of its chain are on the do-not-call list, so this round is over.
    Onward(Onward),
    /// No line has room for it. It stays in its place.
    PassOver,
}

/// Read all that the verdicts on these numbers need.
///
/// Locks, for share, the live attempts that have one of these phones. So an attempt that ends meanwhile sees
/// the numbers that this claim lets wait for it.
pub(super) async fn facts(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scene: &Scene,
    numbers: &[Uuid],
    now: Time,
) -> Result<Facts, StoreError> {
    // `between u.phone and u.phone order by a.phone` makes the planner use the index by phone. Plans are kept, and
    // one that was made while the table was small would read all of it.
    let rows = sqlx::query!(
        r#"select n.id, n.batch_id, n.seq, n.priority, n.phone, n.backups, n.caller_id, n.province,
                  n.city, n.round, n.chain_index, n.chain_statuses, n.policy_id,
                  n.order_revision, n.refusals, n.first_called_at, n.round_called_at,
                  n.last_called_at, n.variables::text as "variables!", b.name as batch_name,
                  b.started_at is not null as "batch_started!",
                  array(select s.phone from suppression s
                         where s.enterprise_id = $1 and s.phone = any(n.phone || n.backups)
                           and (s.expires_at is null or s.expires_at > $3)) as "suppressed!",
                  exists (select from unnest(n.phone || n.backups) as u (phone)
                           where (select true from attempt a
                                   where a.enterprise_id = $1
                                     and a.phone between u.phone and u.phone
                                   order by a.phone limit 1)) as "live!"
             from number n join batch b on b.id = n.batch_id
            where n.id = any($2)"#,
        enterprise.uuid(),
        numbers,
        now
    )
    .fetch_all(&mut *conn)
    .await?;
    let (mut maybe_live, mut phones) = (Vec::new(), Vec::new());
    for row in &rows {
        let all = || std::iter::once(row.phone).chain(row.backups.iter().copied());
        if row.live {
            maybe_live.extend(all());
        }
        phones.extend(all());
    }
    let live = live(conn, enterprise, &maybe_live).await?;
    let listed = listed_since(conn, enterprise, &maybe_live, now).await?;
    let mut details = HashMap::new();
    for mut row in rows {
        row.suppressed
            .extend(row.backups.iter().chain([&row.phone]).filter(|it| listed.contains(it)));
        let place = Place {
            round: row.round,
            chain_index: row.chain_index.unsigned_abs(),
            refusals: row.refusals.unsigned_abs(),
            first_called_at: row.first_called_at,
            round_called_at: row.round_called_at,
            last_called_at: row.last_called_at,
        };
        details.insert(
            row.id,
            NumberFacts {
                batch: row.batch_id,
                batch_started: row.batch_started,
                chain: Chain::new(
                    row.phone,
                    &row.backups,
                    &row.chain_statuses,
                    &row.suppressed,
                    place,
                ),
                policy: row.policy_id,
                order_revision: row.order_revision,
                seq: row.seq,
                priority: row.priority,
                caller: row.caller_id,
                province: row.province,
                city: row.city,
                batch_name: row.batch_name,
                variables: row.variables,
            },
        );
    }
    let calls = calls(conn, enterprise, scene, &phones, now).await?;
    Ok(Facts { details, live, calls })
}

/// Those of these phones that are on the do-not-call list now. A phone with a call up may have been listed
/// while this claim waited for the lock of that attempt, so the list is read again after the lock.
async fn listed_since(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
    now: Time,
) -> Result<HashSet<i64>, StoreError> {
    if phones.is_empty() {
        return Ok(HashSet::new());
    }
    let listed = sqlx::query_scalar!(
        "select phone from suppression
          where enterprise_id = $1 and phone = any($2) and (expires_at is null or expires_at > $3)",
        enterprise.uuid(),
        phones,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(listed.into_iter().collect())
}

async fn live(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    if phones.is_empty() {
        return Ok(HashSet::new());
    }
    let live = sqlx::query_scalar!(
        "select phone from attempt where enterprise_id = $1 and phone = any($2) order by id for share",
        enterprise.uuid(),
        phones
    )
    .fetch_all(conn)
    .await?;
    Ok(live.into_iter().collect())
}

/// The calls of each phone, for the frequency cap. Calls that the line refused never reached the phone and do
/// not count.
async fn calls(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scene: &Scene,
    phones: &[i64],
    now: Time,
) -> Result<HashMap<i64, (u32, Option<Time>)>, StoreError> {
    let cap = &scene.settings.frequency_cap;
    if cap.per_day.is_none() && cap.distance_seconds.is_none() {
        return Ok(HashMap::new());
    }
    let zone = scene.settings.time_zone;
    let today = now.with_timezone(&zone).date_naive().and_time(chrono::NaiveTime::MIN);
    let midnight = outbound::schedule::instant(today, zone);
    let distance = TimeDelta::seconds(i64::from(cap.distance_seconds.unwrap_or(0)));
    let rows = sqlx::query!(
        r#"select customer_number, max(started_at) as "last!",
                  count(*) filter (where started_at >= $3) as "today!"
             from call_record
            where enterprise_id = $1 and customer_number = any($2) and started_at >= $4
              and cause <> $5
            group by customer_number"#,
        enterprise.uuid(),
        phones,
        midnight,
        midnight.min(now - distance),
        outbound::outcome::cause::TRUNK_REFUSED
    )
    .fetch_all(conn)
    .await?;
    let calls = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    Ok(rows
        .into_iter()
        .map(|row| (row.customer_number, (calls(row.today), Some(row.last))))
        .collect())
}

/// Decide what happens to one number. A call takes its slot in the scene at once.
#[allow(clippy::too_many_arguments)]
pub(super) async fn judge(
    store: &Store,
    conn: &mut PgConnection,
    scene: &mut Scene,
    task: usize,
    pulled: &QueuedNumber,
    details: &NumberFacts,
    facts: &mut Facts,
    random: u64,
    now: Time,
) -> Result<Verdict, StoreError> {
    if scene.tasks[task].stopped {
        return Ok(Verdict::PassOver);
    }
    if details.chain.is_suppressed(0) {
        return Ok(Verdict::Suppress);
    }
    let chain_index = if details.chain.is_suppressed(details.chain.place.chain_index) {
        let policy = details.policy.unwrap_or(scene.tasks[task].policy);
        let policy = store.immutable.policy(conn, policy).await?;
        match details.chain.skip(&policy, pulled.class == LaneClass::Backup) {
            Onward::NextBackup { chain_index } => chain_index,
            onward => return Ok(Verdict::Onward(onward)),
        }
    } else {
        details.chain.place.chain_index
    };
    let phone = details.chain.phone(chain_index)?;
    if let Some(wait) = wait(scene, task, facts, phone, now) {
        return Ok(wait);
    }
    Ok(line(scene, task, details, facts, (chain_index, phone), random, now))
}

/// The reason why a phone can't be called now, if there is one. Lines are not looked at here.
fn wait(scene: &Scene, task: usize, facts: &Facts, phone: i64, now: Time) -> Option<Verdict> {
    if facts.live.contains(&phone) {
        return Some(Verdict::Wait { due_at: now + PHONE_BUSY_WAIT, reason: "phone_busy", phone });
    }
    let (today, last) = facts.calls.get(&phone).copied().unwrap_or_default();
    let cap = &scene.settings.frequency_cap;
    if let Some(due_at) = frequency_wait(cap, scene.settings.time_zone, now, today, last) {
        return Some(Verdict::Wait { due_at, reason: "frequency_cap", phone });
    }
    let hours = &scene.tasks[task].hours;
    let callee = Some(crate::rows::phone(phone));
    hours.may_call(now, callee).err().map(|_| {
        let opens = hours.next_open(now, callee);
        Verdict::Wait {
            due_at: opens.unwrap_or(now + NEVER_OPEN_WAIT),
            reason: "callee_window",
            phone,
        }
    })
}

/// Choose the line for a call.
fn line(
    scene: &mut Scene,
    task: usize,
    details: &NumberFacts,
    facts: &mut Facts,
    (chain_index, phone): (u16, i64),
    random: u64,
    now: Time,
) -> Verdict {
    let calling = &scene.tasks[task];
    // The row may name a caller ID that was deleted since. Then the task's caller IDs are used.
    let own = details
        .caller
        .and_then(|own| scene.lines.iter().position(|line| line.caller_id.uuid() == own));
    let places = own.map_or_else(|| calling.lines.clone(), |own| vec![own]);
    let lines: Vec<_> = places
        .iter()
        .map(|place| {
            let mut line = scene.lines[*place].clone();
            let trunk = scene.trunks.get(&line.trunk.uuid());
            line.room = trunk.filter(|trunk| calling.may_use(trunk)).map_or(0, |trunk| trunk.room);
            line
        })
        .collect();
    let picked = pick_line(
        &lines,
        calling.config.rotation,
        calling.calls,
        random,
        &details.province,
        &details.city,
        own.map(|own| scene.lines[own].caller_id),
    );
    let Some(line) = picked.map(|place| &lines[place]) else {
        // Numbers with a caller ID of their own wait for that line alone; others of the task may still go out.
        // When the task's own lines are full, nothing of this task can.
        scene.skip_blocked = true;
        scene.tasks[task].stopped = own.is_none();
        return Verdict::PassOver;
    };
    let trunk = line.trunk.uuid();
    let probe = scene.trunks.get(&trunk).is_some_and(|trunk| trunk.probe);
    scene.occupy(task, trunk);
    facts.live.insert(phone);
    let starts_batch = !details.batch_started;
    if starts_batch {
        // One microsecond later for each live call, so that batches that one claim starts keep their order.
        let at = now + TimeDelta::microseconds(i64::from(scene.tasks[task].live));
        let switches = scene.switches;
        scene.tasks[task].queue.batch_started(details.batch, at, switches);
    }
    Verdict::Dial(Dial {
        chain_index,
        phone,
        caller: line.caller_id.uuid(),
        trunk,
        probe,
        starts_batch,
    })
}
