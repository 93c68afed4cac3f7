//! May this number be dialled now, and on which line; if not, what becomes of it.

use std::collections::{HashMap, HashSet};

use chrono::TimeDelta;
use outbound::Time;
use outbound::claim::{frequency_wait, pick_line};
use outbound::ids::EnterpriseId;
use outbound::order::LaneClass;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::queue::Pulled;
use super::scene::Scene;
use crate::finish::chain::{Chain, Onward, Place};
use crate::{Store, StoreError};

/// A number whose phone is on the line elsewhere comes back when that call ends; should that be
/// missed, it comes back by itself after this.
const PHONE_BUSY_WAIT: TimeDelta = TimeDelta::seconds(60);
/// A window that does not open within the time that is looked ahead is looked at again after this.
const NEVER_OPEN_WAIT: TimeDelta = TimeDelta::days(1);

/// What is known of a candidate.
pub(super) struct Details {
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
    /// JSON of names to values: read where the call is begun.
    pub variables: String,
}

/// What is known of the candidates of one pass, and what this claim adds to it.
pub(super) struct Facts {
    pub details: HashMap<Uuid, Details>,
    /// Phones on the line, with those that this claim takes.
    pub live: HashSet<i64>,
    /// Calls of a phone today, and the start of its last one; only with a frequency cap.
    calls: HashMap<i64, (u32, Option<Time>)>,
}

/// A call to open an attempt for.
pub(super) struct Dial {
    /// Where in the chain it is: backups on the do-not-call list are skipped.
    pub chain_index: u16,
    pub phone: i64,
    pub caller: Uuid,
    pub trunk: Uuid,
    pub probe: bool,
    /// The first call of its batch.
    pub starts_batch: bool,
}

/// What becomes of a candidate.
pub(super) enum Verdict {
    Dial(Dial),
    /// On the do-not-call list.
    Suppress,
    /// Later; it keeps its lane.
    Wait {
        due_at: Time,
        reason: &'static str,
        phone: i64,
    },
    /// The rest of its chain is on the do-not-call list: its round is over.
    Onward(Onward),
    /// No line has room for it: it stays where it is.
    PassOver,
}

/// Everything that the verdicts on these numbers need. Whether a phone is on the line is asked in the
/// order of one index, so that there is one plan for it, however small the table was when it was made.
/// Locks the live attempts whose phones they
/// share, for share: an attempt that ends meanwhile then sees who waits for it.
pub(super) async fn facts(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scene: &Scene,
    numbers: &[Uuid],
    now: Time,
) -> Result<Facts, StoreError> {
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
            Details {
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

/// Those of the phones that are on the do-not-call list. A phone that was on a call may have been listed
/// until the attempt was locked: what was read before it does not tell.
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

/// Calls that the line itself refused never reached the phone, and don't count.
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

/// One candidate's verdict. A call takes its room in the scene at once.
#[allow(clippy::too_many_arguments)]
pub(super) async fn judge(
    store: &Store,
    conn: &mut PgConnection,
    scene: &mut Scene,
    task: usize,
    pulled: &Pulled,
    details: &Details,
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

/// Why a phone can't be called now, though a line may be free.
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

/// The line that the call goes out on.
fn line(
    scene: &mut Scene,
    task: usize,
    details: &Details,
    facts: &mut Facts,
    (chain_index, phone): (u16, i64),
    random: u64,
    now: Time,
) -> Verdict {
    let calling = &scene.tasks[task];
    // A caller ID that was deleted since leaves the number to the task's own.
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
        // Others may go out on other lines, unless it was the task's lines that are full.
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
        // Later by what cannot be told apart otherwise: the order in which batches of one claim start.
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
