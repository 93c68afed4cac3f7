//! The lanes of one task as one queue in exact order, of which a page at a time is known.

use std::collections::{HashMap, VecDeque};

use crate::Time;
use crate::ids::{BatchId, NumberId, TaskId};
use crate::order::{Lane, LaneClass, LaneKey, Rank, Switches, lane_key};

/// When lanes must be read, so many of the next ones are read with them, as they may be needed soon.
const LANES_AHEAD: usize = 8;

/// A place in a lane. Rows stand in the order of rank and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LanePlace {
    /// [`Rank::ord`], or [`Rank::plain_ord`] while priorities do not count.
    pub rank: i64,
    pub number: NumberId,
}

impl LanePlace {
    /// Before the first row of every lane.
    fn start() -> Self {
        Self { rank: i64::MIN, number: NumberId::from(uuid::Uuid::nil()) }
    }
}

/// How far claims got in a lane. It holds for as long as no number enters the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    entered: i64,
    priorities: bool,
    /// Everything up to here was taken.
    at: LanePlace,
    /// There was nothing after `at`.
    empty: bool,
}

/// A number that stands in a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyNumber {
    pub lane: i64,
    pub number: NumberId,
    pub rank: Rank,
}

/// A number at the head of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuedNumber {
    pub lane: i64,
    pub class: LaneClass,
    pub number: NumberId,
    pub rank: Rank,
    place: LanePlace,
}

/// A lane whose next rows must be known before the head of the queue is.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneToRead {
    pub lane: i64,
    /// Its place in the queue.
    pub place: usize,
    /// Where its next rows start.
    pub after: LanePlace,
}

#[derive(Debug, Clone, Copy)]
pub struct LaneFacts {
    pub task: TaskId,
    /// `None` for a lane that is not of one batch.
    pub batch: Option<BatchId>,
    pub lane: Lane,
    /// Counts the numbers that entered the lane. A [`Cursor`] of an older count is of no use.
    pub entered: i64,
}

#[derive(Debug)]
struct QueueLane {
    lane: Lane,
    batch: Option<BatchId>,
    key: LaneKey,
    entered: i64,
    head: VecDeque<QueuedNumber>,
    /// Where the next page starts.
    read_to: LanePlace,
    /// There are no rows after those in `head`.
    dry: bool,
    /// Everything up to here was taken.
    consumed: LanePlace,
    /// A row after `consumed` was left in its place.
    passed_over: bool,
}

impl QueueLane {
    fn is_spent(&self) -> bool {
        self.dry && self.head.is_empty()
    }

    fn must_be_read(&self) -> bool {
        self.head.is_empty() && !self.dry
    }
}

/// The lanes of one task.
#[derive(Debug, Default)]
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
    pub fn add(&mut self, facts: LaneFacts, switches: Switches) {
        self.lanes.push(QueueLane {
            key: lane_key(&facts.lane, switches),
            lane: facts.lane,
            batch: facts.batch,
            entered: facts.entered,
            head: VecDeque::new(),
            read_to: LanePlace::start(),
            dry: false,
            consumed: LanePlace::start(),
            passed_over: false,
        });
    }

    pub fn sort(&mut self) {
        self.lanes.sort_by_key(|lane| (lane.key, lane.lane.id));
    }

    pub fn load_cursors(&mut self, cursors: &HashMap<i64, Cursor>, switches: Switches) {
        for lane in &mut self.lanes {
            let known = cursors.get(&lane.lane.id).filter(|known| {
                known.entered == lane.entered && known.priorities == switches.priorities
            });
            if let Some(known) = known {
                lane.read_to = known.at;
                lane.consumed = known.at;
                lane.dry = known.empty;
            }
        }
    }

    /// The cursors of the lanes that were read.
    pub fn cursors(&self, switches: Switches) -> impl Iterator<Item = (i64, Cursor)> + '_ {
        let read = |lane: &&QueueLane| lane.consumed != LanePlace::start() || lane.dry;
        self.lanes.iter().filter(read).map(move |lane| {
            let cursor = Cursor {
                entered: lane.entered,
                priorities: switches.priorities,
                at: lane.consumed,
                empty: lane.is_spent() && !lane.passed_over,
            };
            (lane.lane.id, cursor)
        })
    }

    /// Every number of the task was looked at and taken.
    pub fn is_exhausted(&self) -> bool {
        self.is_spent() && !self.lanes.iter().any(|lane| lane.passed_over)
    }

    /// Every number of the task was looked at. Some may have been passed over.
    pub fn is_spent(&self) -> bool {
        self.lanes.iter().all(QueueLane::is_spent)
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
            lane.consumed = pulled.place;
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
    pub fn batch_started(&mut self, batch: BatchId, at: Time, switches: Switches) {
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
                && !lane.is_spent()
        };
        let lane = &self.lanes[place];
        if lane.lane.class == LaneClass::Uncalled && lane.lane.random {
            self.lanes.iter().any(unstarted)
        } else {
            unstarted(lane)
        }
    }

    /// The best number, which stands at the head of a lane of the first group that has any. Lanes with equal keys
    /// are a group: their numbers are merged by rank, so all of their heads must be known.
    fn next(&self) -> QueueHead {
        let mut groups = self.lanes.chunk_by(|a, b| a.key == b.key).scan(0, |from, group| {
            let start = *from;
            *from += group.len();
            Some((start, group))
        });
        let Some((start, group)) = groups.find(|(_, group)| !group.iter().all(QueueLane::is_spent))
        else {
            return QueueHead::Nothing;
        };
        if group.iter().any(QueueLane::must_be_read) {
            let ahead = self.lanes[start + group.len()..].iter().take(LANES_AHEAD);
            let lanes = group.iter().chain(ahead).enumerate();
            let unknown = lanes.filter(|(_, lane)| lane.must_be_read());
            return QueueHead::Unknown(unknown.map(|(place, _)| start + place).collect());
        }
        let heads =
            group.iter().enumerate().filter_map(|(place, lane)| Some((place, lane.head.front()?)));
        let best = heads.min_by_key(|(_, head)| head.place);
        best.map_or(QueueHead::Nothing, |(place, _)| QueueHead::Head(start + place))
    }

    /// The lanes that must be read before the next number is known.
    pub fn to_read(&self) -> Vec<LaneToRead> {
        let QueueHead::Unknown(places) = self.next() else { return Vec::new() };
        let lane = |place: usize| {
            let lane = &self.lanes[place];
            LaneToRead { lane: lane.lane.id, place, after: lane.read_to }
        };
        places.into_iter().map(lane).collect()
    }

    /// Take in the next rows of the lane at a place, in its order. `all`: there are no more after them.
    /// `left_out`: some of the lane were left out, which the cursor must not move over.
    pub fn add_rows(
        &mut self,
        place: usize,
        rows: impl IntoIterator<Item = ReadyNumber>,
        switches: Switches,
        all: bool,
        left_out: bool,
    ) {
        let lane = &mut self.lanes[place];
        lane.dry = all;
        lane.passed_over |= left_out;
        for row in rows {
            let rank = if switches.priorities { row.rank.ord } else { row.rank.plain_ord };
            let place = LanePlace { rank, number: row.number };
            lane.head.push_back(QueuedNumber {
                lane: row.lane,
                class: lane.lane.class,
                number: row.number,
                rank: row.rank,
                place,
            });
            lane.read_to = place;
        }
    }

    /// Up to `want` of the best numbers: as many as are known. True: it wants more, and may have more.
    pub fn pull(&mut self, want: u32, full_cache: bool) -> (Vec<QueuedNumber>, bool) {
        let mut pulled = Vec::new();
        for _ in 0..want {
            let place = match self.next() {
                QueueHead::Head(place) => place,
                QueueHead::Unknown(_) => return (pulled, true),
                QueueHead::Nothing => return (pulled, false),
            };
            let starts = !full_cache && self.may_start_a_batch(place);
            pulled.extend(self.lanes[place].head.pop_front());
            if starts {
                // This call starts a batch, and a started batch comes before the others. So who is next is known
                // only after this call was judged.
                let wants_more = pulled.len() < want as usize;
                return (pulled, wants_more);
            }
        }
        (pulled, false)
    }
}
