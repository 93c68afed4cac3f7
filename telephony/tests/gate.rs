//! The gate, seen from a driver: what it has written, asked and kept back by the time that a packet would move.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clock::Clock;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, EnterpriseId, TaskId};
use outbound::outcome::{CallResult, HangupParty, cause};
use outbound::phone::Phone;
use telephony::carrier::{CallEvent, Carrier, CarrierError, Command, Ending, Order};
use telephony::gate::{Driver, Gate, LastLook, Leg, Permit};
use telephony::journal::{Event, Journal, read_all};
use tempfile::TempDir;

/// What the journal held at each act.
type Seen = Vec<(&'static str, Vec<Event>)>;

/// A driver that notes what the journal holds at each of its acts.
struct Watchful {
    folder: PathBuf,
    seen: Arc<Mutex<Seen>>,
    permits: Mutex<Vec<Permit>>,
    /// The answer comes after the CANCEL.
    crosses: bool,
    /// Its ringing time is over at once.
    times_out: bool,
}

struct WatchfulLeg {
    folder: PathBuf,
    seen: Arc<Mutex<Seen>>,
    crosses: bool,
    times_out: bool,
    hung_up: bool,
}

fn events(folder: &Path) -> Vec<Event> {
    read_all(folder).unwrap().into_iter().map(|entry| entry.event).collect()
}

impl Driver for Watchful {
    type Leg = WatchfulLeg;

    async fn ready(&self, _: Order, permit: Permit) -> Result<WatchfulLeg, CarrierError> {
        self.permits.lock().unwrap().push(permit);
        let (folder, seen) = (self.folder.clone(), Arc::clone(&self.seen));
        seen.lock().unwrap().push(("ready", events(&folder)));
        let Self { crosses, times_out, .. } = *self;
        Ok(WatchfulLeg { folder, seen, crosses, times_out, hung_up: false })
    }
}

impl Leg for WatchfulLeg {
    fn call_id(&self) -> &str {
        "watchful"
    }

    fn now(&mut self) -> Time {
        Time::UNIX_EPOCH
    }

    fn invite(&mut self) {
        self.seen.lock().unwrap().push(("invite", events(&self.folder)));
    }

    async fn next(&mut self, told: &mut VecDeque<CallEvent>) -> Option<&'static str> {
        if !self.hung_up {
            if self.times_out {
                return Some(cause::RING_TIMEOUT);
            }
            std::future::pending::<()>().await;
        }
        told.push_back(CallEvent::Answered { at: Time::UNIX_EPOCH });
        told.push_back(CallEvent::Ended(ending()));
        None
    }

    fn audio(&self) -> Option<telephony::media::Audio> {
        None
    }

    async fn send(&mut self, _: Command) {}

    fn hang_up(&mut self, _: &'static str, told: &mut VecDeque<CallEvent>) {
        self.seen.lock().unwrap().push(("hang_up", events(&self.folder)));
        self.hung_up = true;
        if !self.crosses {
            told.push_back(CallEvent::Ended(ending()));
        }
    }
}

fn ending() -> Ending {
    Ending {
        at: Time::UNIX_EPOCH,
        result: CallResult::Answered,
        cause: cause::TASK_ENDED.to_owned(),
        sip_code: Some(200),
        q850_cause: None,
        party: Some(HangupParty::System),
        trunk_refused: false,
    }
}

/// Says that everything was stopped, or listed, once it is told so.
#[derive(Default)]
struct Decided {
    listed: AtomicBool,
    stopped: AtomicBool,
}

impl LastLook for Decided {
    fn listed_since(&self, _: EnterpriseId, _: Phone, since: Instant) -> bool {
        assert!(since.elapsed() < Duration::from_secs(60));
        self.listed.load(Ordering::SeqCst)
    }

    fn stopped_since(&self, _: TaskId, _: Instant) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }
}

#[derive(PartialEq, Eq)]
enum Acts {
    Plainly,
    /// The answer comes after the CANCEL.
    Crosses,
    /// Its ringing time is over at once.
    TimesOut,
}

struct World {
    gate: Gate<Watchful>,
    decided: Arc<Decided>,
    folder: TempDir,
}

impl World {
    fn new(acts: Acts) -> Self {
        let (crosses, times_out) = (acts == Acts::Crosses, acts == Acts::TimesOut);
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(folder.path(), "gate").unwrap());
        let (path, decided) = (folder.path().to_owned(), Arc::new(Decided::default()));
        let driver = Watchful {
            folder: path,
            seen: Arc::default(),
            permits: Mutex::default(),
            crosses,
            times_out,
        };
        let look: Arc<dyn LastLook> = decided.clone();
        Self { gate: Gate::looking(driver, Clock::wall(), journal, look), decided, folder }
    }

    fn events(&self) -> Vec<Event> {
        events(self.folder.path())
    }

    fn seen(&self) -> Seen {
        self.gate.driver().seen.lock().unwrap().clone()
    }
}

fn order(attempt: AttemptId, token: i64) -> Order {
    let line = serde_json::json!({ "name": "line", "concurrency": 10 });
    Order {
        attempt,
        token,
        enterprise: clock::new_id(),
        task: clock::new_id(),
        trunk: clock::new_id(),
        line: Arc::new(serde_json::from_value(line).unwrap()),
        transfer_of: None,
        callee: Phone::from_digits(8_613_800_000_001),
        caller: Phone::from_digits(862_160_000_000),
        round: 0,
        chain_index: 0,
        ring_timeout: Duration::from_secs(45),
        max_call: Duration::from_secs(600),
        recording: None,
        begun_at: Instant::now(),
        invite_by: Instant::now() + Duration::from_secs(60),
        hours: Arc::new(Hours::always(chrono_tz::UTC)),
    }
}

#[tokio::test]
async fn the_journal_has_each_act_before_its_packet() {
    let world = World::new(Acts::Plainly);
    let mut call = world.gate.originate(order(clock::new_id(), 1)).await.unwrap();
    call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
    let (invite, bye) = (vec![Event::Invite], vec![Event::Invite, Event::Bye]);
    assert_eq!(world.seen(), [("ready", vec![]), ("invite", invite), ("hang_up", bye.clone())]);
    assert!(matches!(call.next().await, CallEvent::Ended(_)));
    drop(call);
    assert_eq!(world.events(), bye, "the end is journaled once");
    assert_eq!(world.gate.calls_up(), 0);
}

#[tokio::test]
async fn a_line_whose_time_is_over_hangs_up_after_the_journal_has_it() {
    let world = World::new(Acts::TimesOut);
    let mut call = world.gate.originate(order(clock::new_id(), 1)).await.unwrap();
    assert!(matches!(call.next().await, CallEvent::Ended(_)));
    assert_eq!(world.seen().last(), Some(&("hang_up", vec![Event::Invite, Event::Bye])));
}

#[tokio::test]
async fn an_answer_that_crosses_the_hang_up_is_journaled_with_the_bye_that_follows() {
    let world = World::new(Acts::Crosses);
    let mut call = world.gate.originate(order(clock::new_id(), 1)).await.unwrap();
    call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
    assert_eq!(world.gate.calls_up(), 1, "its end is not known yet");
    assert!(matches!(call.next().await, CallEvent::Answered { .. }));
    assert!(matches!(call.next().await, CallEvent::Ended(_)));
    assert_eq!(world.events(), [Event::Invite, Event::Bye, Event::Answer, Event::Bye]);
}

#[tokio::test]
async fn an_attempt_is_invited_once_by_whatever_token() {
    let world = World::new(Acts::Plainly);
    let attempt = clock::new_id();
    let first = world.gate.originate(order(attempt, 1)).await.unwrap();
    for token in [1, 2] {
        let second = world.gate.originate(order(attempt, token)).await.map(drop);
        assert!(matches!(second, Err(CarrierError::SecondInvite)), "{second:?}");
    }
    drop(first);
    let second = world.gate.originate(order(attempt, 1)).await.map(drop);
    assert!(matches!(second, Err(CarrierError::SecondInvite)), "{second:?}");
    assert_eq!(world.events(), [Event::Invite, Event::Bye]);
}

#[tokio::test]
async fn a_phone_listed_or_a_task_stopped_since_the_begin_gets_no_invite() {
    let world = World::new(Acts::Plainly);
    for decided in [&world.decided.listed, &world.decided.stopped] {
        let attempt = clock::new_id();
        decided.store(true, Ordering::SeqCst);
        let placed = world.gate.originate(order(attempt, 1)).await.map(drop);
        assert!(matches!(placed, Err(CarrierError::Late)), "{placed:?}");
        assert!(!world.gate.driver().permits.lock().unwrap().last().unwrap().holds());
        decided.store(false, Ordering::SeqCst);
        // It was begun again, by the same worker.
        drop(world.gate.originate(order(attempt, 1)).await.unwrap());
        assert!(world.gate.driver().permits.lock().unwrap().last().unwrap().holds());
    }
    let acts: Vec<_> = world.seen().into_iter().map(|(act, _)| act).collect();
    assert_eq!(acts, ["ready", "ready", "invite", "hang_up"].repeat(2));
}
