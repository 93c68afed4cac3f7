//! The lanes of one task as one queue in exact order, read from the database a page at a time.

use std::collections::{BTreeMap, HashMap, VecDeque};

use outbound::Time;
use outbound::order::{Lane, LaneClass, LaneKey, Switches, lane_key};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::scene::Scene;
use crate::StoreError;

/// Rows that one lane is asked for at a time, at most.
const PAGE_MAX: u32 = 128;
/// When lanes must be read, so many of the next ones are read with them, as they may be needed soon.
const LANES_AHEAD: usize = 8;
/// A place before the first row of every lane.
const START: (i64, Uuid) = (i64::MIN, Uuid::nil());

/// How far a claimer read in a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    entered: i64,
    plain: bool,
    /// Everything up to here was taken.
    at: (i64, Uuid),
    /// There was nothing after `at`.
    empty: bool,
}

/// A number at the head of the queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueuedNumber {
    pub lane: i64,
    pub class: LaneClass,
    pub number: Uuid,
    pub ord: i64,
    pub plain_ord: i64,
    place: i64,
}

struct QueueLane {
    lane: Lane,
    batch: Option<Uuid>,
    key: LaneKey,
    entered: i64,
    head: VecDeque<QueuedNumber>,
    /// Where the next page starts.
    read_to: (i64, Uuid),
    /// There are no rows after those in `head`.
    dry: bool,
    /// Everything up to here was taken.
    consumed: (i64, Uuid),
    /// A row after `consumed` was left in its place.
    passed_over: bool,
}

/// The lanes of one task.
#[derive(Default)]
pub(super) struct Queue {
    lanes: Vec<QueueLane>,
}

enum QueueHead {
    Head(usize),
    /// These lanes must be read before the head is known.
    Unknown(Vec<usize>),
    Nothing,
}

impl Queue {
    pub fn add(&mut self, lane: Lane, batch: Option<Uuid>, entered: i64, switches: Switches) {
        self.lanes.push(QueueLane {
            key: lane_key(&lane, switches),
            lane,
            batch,
            entered,
            head: VecDeque::new(),
            read_to: START,
            dry: false,
            consumed: START,
            passed_over: false,
        });
    }

    pub fn sort(&mut self) {
        self.lanes.sort_by_key(|lane| (lane.key, lane.lane.id));
    }

    pub fn load_cursors(&mut self, cursors: &HashMap<i64, Cursor>, plain: bool) {
        for lane in &mut self.lanes {
            let known = cursors.get(&lane.lane.id);
            if let Some(known) =
                known.filter(|known| known.entered == lane.entered && known.plain == plain)
            {
                lane.read_to = known.at;
                lane.consumed = known.at;
                lane.dry = known.empty;
            }
        }
    }

    /// The cursors of the lanes that were read.
    pub fn cursors(&self, plain: bool) -> impl Iterator<Item = (i64, Cursor)> {
        self.lanes.iter().filter(|lane| lane.consumed != START || lane.dry).map(move |lane| {
            let cursor = Cursor {
                entered: lane.entered,
                plain,
                at: lane.consumed,
                empty: lane.dry && lane.head.is_empty() && !lane.passed_over,
            };
            (lane.lane.id, cursor)
        })
    }

    /// Every number of the task was looked at and taken.
    pub fn is_exhausted(&self) -> bool {
        self.lanes.iter().all(|lane| lane.dry && lane.head.is_empty())
            && !self.lanes.iter().any(|lane| lane.passed_over)
    }

    /// Every number of the task was looked at. Some may have been passed over.
    pub fn is_spent(&self) -> bool {
        self.lanes.iter().all(|lane| lane.dry && lane.head.is_empty())
    }

    /// Put a number back that was pulled and not looked at.
    pub fn put_back(&mut self, pulled: QueuedNumber) {
        if let Some(lane) = self.lane(&pulled) {
            lane.head.push_front(pulled);
        }
    }

    /// Note that a number is taken out of its lane.
    pub fn consume(&mut self, pulled: &QueuedNumber) {
        if let Some(lane) = self.lane(pulled).filter(|lane| !lane.passed_over) {
            lane.consumed = (pulled.place, pulled.number);
        }
    }

    /// Note that a number stays in its place, so that the next claim looks at it again.
    pub fn pass_over(&mut self, pulled: &QueuedNumber) {
        if let Some(lane) = self.lane(pulled) {
            lane.passed_over = true;
        }
    }

    fn lane(&mut self, pulled: &QueuedNumber) -> Option<&mut QueueLane> {
        self.lanes.iter_mut().find(|lane| lane.lane.id == pulled.lane)
    }

    /// A number of this batch is dialled, which starts the batch if it had not started.
    pub fn batch_started(&mut self, batch: Uuid, at: Time, switches: Switches) {
        let mut changed = false;
        for lane in self.lanes.iter_mut().filter(|lane| lane.batch == Some(batch)) {
            if lane.lane.batch_started_at.is_none() {
                lane.lane.batch_started_at = Some(at);
                lane.key = lane_key(&lane.lane, switches);
                changed = true;
            }
        }
        if changed {
            self.sort();
        }
    }

    /// Whether a call from this lane may start a batch that has other uncalled numbers. A lane in random order
    /// has numbers of all batches, so it may start any of them.
    fn may_start_a_batch(&self, place: usize) -> bool {
        let unstarted = |lane: &QueueLane| {
            lane.lane.class == LaneClass::Uncalled
                && !lane.lane.random
                && lane.lane.batch_started_at.is_none()
                && !(lane.dry && lane.head.is_empty())
        };
        let lane = &self.lanes[place];
        if lane.lane.class == LaneClass::Uncalled && lane.lane.random {
            self.lanes.iter().any(unstarted)
        } else {
            unstarted(lane)
        }
    }

    fn next(&self) -> QueueHead {
        let mut groups = self.lanes.chunk_by(|a, b| a.key == b.key).scan(0, |from, group| {
            let start = *from;
            *from += group.len();
            Some((start, group))
        });
        let unknown = |lane: &QueueLane| lane.head.is_empty() && !lane.dry;
        let Some((start, group)) =
            groups.find(|(_, group)| !group.iter().all(|lane| lane.dry && lane.head.is_empty()))
        else {
            return QueueHead::Nothing;
        };
        if group.iter().any(unknown) {
            let ahead = self.lanes[start + group.len()..].iter().take(LANES_AHEAD);
            let places = group.iter().chain(ahead).enumerate();
            return QueueHead::Unknown(
                places.filter(|(_, lane)| unknown(lane)).map(|(place, _)| start + place).collect(),
            );
        }
        let heads =
            group.iter().enumerate().filter_map(|(place, lane)| Some((place, lane.head.front()?)));
        let best = heads.min_by_key(|(_, head)| (head.place, head.number));
        best.map_or(QueueHead::Nothing, |(place, _)| QueueHead::Head(start + place))
    }
}

/// Read the lanes that must be known to give each task the numbers that it wants, in one query.
pub(super) async fn fetch(
    conn: &mut PgConnection,
    scene: &mut Scene,
    wants: &BTreeMap<usize, u32>,
) -> Result<(), StoreError> {
    let mut asked = Vec::new();
    for (task, want) in wants {
        let queue = &mut scene.tasks[*task].queue;
        if let QueueHead::Unknown(places) = queue.next() {
            let rows = if scene.skip_blocked { PAGE_MAX } else { (*want).clamp(1, PAGE_MAX) };
            asked.extend(places.into_iter().map(|place| (*task, place, rows)));
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let blocked = if scene.skip_blocked { scene.blocked_callers() } else { Vec::new() };
    let plain = !scene.switches.priorities;
    let rows = read(conn, scene, &asked, &blocked, plain).await?;
    let mut pages: HashMap<i64, Vec<(i64, i64, Uuid)>> = HashMap::new();
    for (lane, ord, plain_ord, number) in rows {
        pages.entry(lane).or_default().push((ord, plain_ord, number));
    }
    for (task, place, asked_for) in asked {
        let lane = &mut scene.tasks[task].queue.lanes[place];
        let page = pages.remove(&lane.lane.id).unwrap_or_default();
        lane.dry = page.len() < asked_for as usize;
        // The query left rows out whose caller ID is blocked. The cursor must not move over those.
        lane.passed_over |= !blocked.is_empty();
        for (ord, plain_ord, number) in page {
            let at = if plain { plain_ord } else { ord };
            let class = lane.lane.class;
            lane.head.push_back(QueuedNumber {
                lane: lane.lane.id,
                class,
                number,
                ord,
                plain_ord,
                place: at,
            });
            lane.read_to = (at, number);
        }
    }
    Ok(())
}

type ReadyRow = (i64, i64, i64, Uuid);

/// The next rows of each lane, in order. Locks nothing: only claims take rows out, and the caller holds the lock
/// of the enterprise's claims.
async fn read(
    conn: &mut PgConnection,
    scene: &Scene,
    asked: &[(usize, usize, u32)],
    blocked: &[Uuid],
    plain: bool,
) -> Result<Vec<ReadyRow>, StoreError> {
    let lane = |(task, place, _): &(usize, usize, u32)| &scene.tasks[*task].queue.lanes[*place];
    let ids: Vec<i64> = asked.iter().map(|asked| lane(asked).lane.id).collect();
    let ords: Vec<i64> = asked.iter().map(|asked| lane(asked).read_to.0).collect();
    let numbers: Vec<Uuid> = asked.iter().map(|asked| lane(asked).read_to.1).collect();
    let limits: Vec<i64> = asked.iter().map(|(.., rows)| i64::from(*rows)).collect();
    if plain {
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
            &ords,
            &numbers,
            &limits,
            blocked
        )
        .fetch_all(conn)
        .await?;
        return Ok(rows
            .into_iter()
            .map(|row| (row.lane, row.ord, row.plain_ord, row.number_id))
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
        &ords,
        &numbers,
        &limits,
        blocked
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.lane, row.ord, row.plain_ord, row.number_id)).collect())
}

/// Take each task's best numbers off its queue: as many as it wants, or as are known yet.
pub(super) fn pull(scene: &mut Scene, wants: &BTreeMap<usize, u32>) -> Vec<(usize, QueuedNumber)> {
    let full_cache = scene.switches.full_cache;
    let mut pulled = Vec::new();
    for (task, want) in wants {
        let queue = &mut scene.tasks[*task].queue;
        for _ in 0..*want {
            let QueueHead::Head(place) = queue.next() else { break };
            let starts = !full_cache && queue.may_start_a_batch(place);
            pulled.extend(queue.lanes[place].head.pop_front().map(|head| (*task, head)));
            if starts {
                // This call starts a batch, and a started batch comes before the others. So who is next is known
                // only after this call was judged.
                break;
            }
        }
    }
    pulled
}

impl Scene {
    /// Caller IDs whose trunk has no room for a call.
    fn blocked_callers(&self) -> Vec<Uuid> {
        let full = |trunk: Uuid| self.trunks.get(&trunk).is_none_or(|trunk| trunk.room == 0);
        let blocked = self.lines.iter().filter(|line| full(line.trunk.uuid()));
        blocked.map(|line| line.caller_id.uuid()).collect()
    }
}
