//! What may happen in a simulated world, and how it is drawn.
//!
//! Operations name things by small numbers that are taken modulo what there is, so that a list of them
//! stays meaningful when some are taken out of it. They print as the Rust that makes them.

use outbound::enterprise::FrequencyCap;
use outbound::hours::CalleeLocalTime;
use outbound::import::{Dedupe, StartType};
use outbound::order::{CallOrder, Class, RedialOrder, UncalledOrder};
use outbound::outcome::CalledStatus;
use outbound::redial::{Mode, RedialPolicy, Reference};
use outbound::task::{Rotation, WhenDone};
use proptest::collection::vec;
use proptest::option::{self, weighted};
use proptest::prelude::*;

use Op::*;

/// Phones that rows are drawn from: few, so that they meet.
const PHONES: u8 = 14;
/// Operations of one run.
const OPS: std::ops::Range<usize> = 1..90;

/// A world and what happens in it.
#[derive(Debug, Clone)]
pub struct Case {
    pub setup: Setup,
    pub ops: Vec<Op>,
}

/// How a world begins.
#[derive(Debug, Clone)]
pub struct Setup {
    pub place: Place,
    pub season: Season,
    /// Minutes before the season's moment, or after a plain morning.
    pub minutes: u16,
    pub limit: u32,
    /// Concurrency and calls per second of each trunk; each has a caller ID, the first has two.
    pub trunks: Vec<(u32, Option<u32>)>,
    /// The shapes of two call periods; the do-not-call period is what the first leaves over.
    pub periods: [Shape; 2],
    pub tasks: Vec<Plan>,
}

/// Where the enterprise is.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Shanghai,
    Berlin,
    NewYork,
    LordHowe,
}

/// When a world begins.
#[derive(Debug, Clone, Copy)]
pub enum Season {
    /// On a Monday without a clock change.
    Plain,
    /// Before clocks are put forward.
    Forward,
    /// Before clocks are put back.
    Back,
}

/// A task as it begins.
#[derive(Debug, Clone)]
pub struct Plan {
    pub concurrency: u32,
    pub calls_per_second: Option<u32>,
    pub windows: Windows,
    pub redial: RedialPolicy,
    pub order: CallOrder,
    /// A bit for each caller ID; none: the first.
    pub lines: u8,
    pub rotation: Rotation,
    pub when_done: WhenDone,
}

/// The periods that a task keeps to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Windows {
    /// One of the two call periods.
    pub call: Option<u8>,
    pub do_not_call: bool,
    pub callee_local_time: CalleeLocalTime,
}

/// What a call period covers.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Office,
    /// Mornings and afternoons, another time on Saturdays, a holiday and a make-up workday.
    Split,
    /// Around the hours in which clocks are changed.
    SmallHours,
    WholeDay,
}

/// A row of an import.
#[derive(Debug, Clone)]
pub struct Row {
    pub phone: u8,
    pub priority: u8,
    pub backups: Vec<u8>,
    pub line: Option<u8>,
}

/// How a call ends.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    Answered,
    Busy,
    NoAnswer,
    PowerOff,
    /// The line itself turned it down.
    LineRefused,
    /// Answered, and the customer wants no more calls.
    AskedNotToBeCalled,
}

/// Who tries something with a token that is not the attempt's any more.
#[derive(Debug, Clone, Copy)]
pub enum Late {
    Begin,
    Finish,
    Withdraw,
}

/// Which numbers of a task a person takes out.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    All,
    Batch(u8),
    Number(u8),
}

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Op {
    Import {
        task: u8,
        name: u8,
        priority: u8,
        dedupe: Dedupe,
        start: StartType,
        rows: Vec<Row>,
    },
    Start(u8),
    Pause(u8),
    End(u8),
    EditRedial(u8, RedialPolicy),
    EditOrder(u8, CallOrder),
    EditConcurrency(u8, u32),
    EditWindows(u8, Windows),
    /// Minutes from now, and whether the start is moved to the next start of a range.
    EditDates {
        task: u8,
        start: Option<i16>,
        end: Option<i16>,
        on_range: bool,
    },
    EditLines(u8, u8, Rotation),
    EditPeriod(u8, Shape),
    Switches {
        priorities: bool,
        full_cache: bool,
    },
    Limit(u32),
    Cap(FrequencyCap),
    Trunk {
        trunk: u8,
        concurrency: u32,
        in_service: bool,
    },
    BatchPriority(u8, u8),
    Forbid {
        phone: u8,
        minutes: Option<u16>,
    },
    Allow(u8),
    Cancel(u8, Which),
    DeleteNumber(u8),
    DeleteBatch(u8),
    /// A dispatcher claims; several keep cursors of their own.
    Claim {
        dispatcher: u8,
        at_most: u8,
    },
    /// A job of a call is delivered to one of two workers.
    Begin {
        call: u8,
        worker: u8,
    },
    Finish {
        call: u8,
        outcome: Outcome,
        twice: bool,
    },
    /// A call ends, and its worker goes on with the next.
    FinishAndGoOn {
        call: u8,
        outcome: Outcome,
    },
    /// A call is begun and the line places none: it goes back, or waits some minutes for the line.
    Withdraw {
        call: u8,
        minutes: Option<u8>,
    },
    /// The worker that holds it, or that should have taken it, is gone.
    Die(u8),
    /// Leases that ran out come back; unrecorded, where the sweep dies in the middle.
    Sweep {
        record: bool,
    },
    Zombie(u8, Late),
    /// Jobs that Redis lost are pushed again.
    LostJobs,
    /// What is due by the clock.
    Steps,
    Redials,
    /// Minutes.
    Advance(u16),
    /// To a little before or after the next window edge of a task, or the next due number.
    JumpToEdge {
        task: u8,
        seconds: i8,
    },
    JumpToDue {
        seconds: i8,
    },
}

pub fn case() -> impl Strategy<Value = Case> {
    (setup(), vec(op(), OPS)).prop_map(|(setup, ops)| Case { setup, ops })
}

fn setup() -> impl Strategy<Value = Setup> {
    let place = select(&[Place::Shanghai, Place::Berlin, Place::NewYork, Place::LordHowe]);
    let season = select(&[Season::Plain, Season::Forward, Season::Back]);
    let trunk = (1..6u32, weighted(0.2, 1..4u32));
    ((place, season, 0..900u16, 2..9u32), vec(trunk, 1..3), [shape(), shape()], vec(plan(), 1..4))
        .prop_map(|((place, season, minutes, limit), trunks, periods, tasks)| Setup {
            place,
            season,
            minutes,
            limit,
            trunks,
            periods,
            tasks,
        })
}

fn plan() -> impl Strategy<Value = Plan> {
    let lines = (0..8u8, rotation(), select(&[WhenDone::Pause, WhenDone::Pause, WhenDone::End]));
    (1..6u32, weighted(0.1, 1..4u32), windows(), redial(), order(), lines).prop_map(
        |(concurrency, calls_per_second, windows, redial, order, (lines, rotation, when_done))| {
            let concurrency = concurrency.min(2);
            Plan {
                concurrency,
                calls_per_second,
                windows,
                redial,
                order,
                lines,
                rotation,
                when_done,
            }
        },
    )
}

fn select<T: Clone + std::fmt::Debug + 'static>(of: &[T]) -> impl Strategy<Value = T> + use<T> {
    proptest::sample::select(of.to_vec())
}

fn shape() -> impl Strategy<Value = Shape> {
    select(&[Shape::Office, Shape::Split, Shape::SmallHours, Shape::WholeDay])
}

fn rotation() -> impl Strategy<Value = Rotation> {
    select(&[Rotation::Sequential, Rotation::Random, Rotation::Location])
}

fn windows() -> impl Strategy<Value = Windows> {
    let callee = proptest::prop_oneof![
        7 => Just(CalleeLocalTime::Off),
        2 => Just(CalleeLocalTime::On),
        1 => Just(CalleeLocalTime::Strict),
    ];
    (weighted(0.5, 0..2u8), proptest::bool::weighted(0.3), callee).prop_map(
        |(call, do_not_call, callee_local_time)| Windows { call, do_not_call, callee_local_time },
    )
}

fn order() -> impl Strategy<Value = CallOrder> {
    let uncalled = [UncalledOrder::Sequential, UncalledOrder::Sequential, UncalledOrder::Random];
    (
        select(&[Class::Redial, Class::Uncalled]),
        select(&[RedialOrder::Descending, RedialOrder::Ascending]),
        select(&uncalled),
    )
        .prop_map(|(first, redial, uncalled)| CallOrder { first, redial, uncalled })
}

fn redial() -> impl Strategy<Value = RedialPolicy> {
    let seconds = select(&[60, 120, 300, 600, 3_600, 7_200, 43_200]);
    let statuses = [CalledStatus::Busy, CalledStatus::NoAnswer, CalledStatus::PowerOff];
    let statuses = proptest::sample::subsequence(statuses.to_vec(), 1..=2);
    (
        proptest::bool::weighted(0.8),
        select(&[Reference::FirstCall, Reference::LastCall]),
        select(&[Mode::Basic, Mode::Advanced]),
        statuses,
        vec(seconds, 1..4),
    )
        .prop_map(|(enabled, reference, mode, statuses, mut retry_seconds)| {
            if reference == Reference::FirstCall {
                retry_seconds.sort_unstable();
                retry_seconds.dedup();
            }
            RedialPolicy { enabled, reference, mode, statuses, retry_seconds }
        })
}

fn row() -> impl Strategy<Value = Row> {
    let backups = prop_oneof![3 => Just(Vec::new()), 2 => vec(0..PHONES, 1..4)];
    (0..PHONES, 0..3u8, backups, weighted(0.15, 0..3u8))
        .prop_map(|(phone, priority, backups, line)| Row { phone, priority, backups, line })
}

fn import() -> impl Strategy<Value = Op> {
    let dedupe = select(&[Dedupe::None, Dedupe::None, Dedupe::Task, Dedupe::Import, Dedupe::Batch]);
    let start = select(&[StartType::Manual, StartType::Auto, StartType::Auto]);
    (any::<u8>(), 0..3u8, 0..3u8, dedupe, start, vec(row(), 1..7)).prop_map(
        |(task, name, priority, dedupe, start, rows)| Import {
            task,
            name,
            priority,
            dedupe,
            start,
            rows,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Answered),
        4 => Just(Outcome::Busy),
        3 => Just(Outcome::NoAnswer),
        2 => Just(Outcome::PowerOff),
        1 => Just(Outcome::LineRefused),
        1 => Just(Outcome::AskedNotToBeCalled),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![4 => people(), 2 => edits(), 11 => calls(), 2 => crashes(), 5 => clock()]
}

/// What people and the API do with tasks and numbers.
fn people() -> impl Strategy<Value = Op> {
    let which = prop_oneof![
        Just(Which::All),
        any::<u8>().prop_map(Which::Batch),
        any::<u8>().prop_map(Which::Number),
    ];
    prop_oneof![
        8 => import(),
        6 => any::<u8>().prop_map(Start),
        2 => any::<u8>().prop_map(Pause),
        1 => any::<u8>().prop_map(End),
        1 => (0..PHONES, option::of(1..600u16))
            .prop_map(|(phone, minutes)| Forbid { phone, minutes }),
        1 => (0..PHONES).prop_map(Allow),
        1 => (any::<u8>(), which).prop_map(|(task, which)| Cancel(task, which)),
        1 => any::<u8>().prop_map(DeleteNumber),
        1 => any::<u8>().prop_map(DeleteBatch),
        1 => (any::<u8>(), 0..4u8).prop_map(|(batch, priority)| BatchPriority(batch, priority)),
    ]
}

/// What people and the API configure.
fn edits() -> impl Strategy<Value = Op> {
    let task = any::<u8>;
    let per_day = option::of(1..4u32);
    let distance = option::of(select(&[60, 600, 7_200]));
    prop_oneof![
        2 => (task(), redial()).prop_map(|(task, redial)| EditRedial(task, redial)),
        2 => (task(), order()).prop_map(|(task, order)| EditOrder(task, order)),
        2 => (task(), 1..6u32).prop_map(|(task, most)| EditConcurrency(task, most)),
        2 => (task(), windows()).prop_map(|(task, windows)| EditWindows(task, windows)),
        2 => (task(), option::of(-60..2_000i16), option::of(-60..3_000i16), any::<bool>())
            .prop_map(|(task, start, end, on_range)| EditDates { task, start, end, on_range }),
        1 => (task(), 0..8u8, rotation())
            .prop_map(|(task, lines, rotation)| EditLines(task, lines, rotation)),
        2 => (0..3u8, shape()).prop_map(|(period, shape)| EditPeriod(period, shape)),
        2 => any::<(bool, bool)>()
            .prop_map(|(priorities, full_cache)| Switches { priorities, full_cache }),
        1 => (1..9u32).prop_map(Limit),
        1 => (per_day, distance).prop_map(|(per_day, distance_seconds)| {
            Cap(FrequencyCap { per_day, distance_seconds })
        }),
        2 => (any::<u8>(), 1..6u32, proptest::bool::weighted(0.8)).prop_map(
            |(trunk, concurrency, in_service)| Trunk { trunk, concurrency, in_service }
        ),
    ]
}

fn calls() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0..2u8, 1..10u8).prop_map(|(dispatcher, at_most)| Claim { dispatcher, at_most }),
        6 => (any::<u8>(), prop_oneof![4 => Just(0u8), 1 => Just(1u8)])
            .prop_map(|(call, worker)| Begin { call, worker }),
        4 => (any::<u8>(), outcome(), proptest::bool::weighted(0.1))
            .prop_map(|(call, outcome, twice)| Finish { call, outcome, twice }),
        3 => (any::<u8>(), outcome())
            .prop_map(|(call, outcome)| FinishAndGoOn { call, outcome }),
        1 => (any::<u8>(), option::of(1..10u8))
            .prop_map(|(call, minutes)| Withdraw { call, minutes }),
    ]
}

fn crashes() -> impl Strategy<Value = Op> {
    let late = select(&[Late::Begin, Late::Finish, Late::Withdraw]);
    prop_oneof![
        3 => any::<u8>().prop_map(Die),
        3 => proptest::bool::weighted(0.8).prop_map(|record| Sweep { record }),
        2 => (any::<u8>(), late).prop_map(|(call, late)| Zombie(call, late)),
        1 => Just(LostJobs),
    ]
}

fn clock() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Steps),
        4 => Just(Redials),
        3 => (1..600u16).prop_map(Advance),
        2 => (any::<u8>(), -2..3i8).prop_map(|(task, seconds)| JumpToEdge { task, seconds }),
        3 => (-2..3i8).prop_map(|seconds| JumpToDue { seconds }),
    ]
}
