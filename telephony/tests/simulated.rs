//! The simulated line as its users see it: test numbers, the seed, the clock, other processes.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::{Clock, Setting};
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, EnterpriseId, TaskId, TrunkId};
use outbound::outcome::{CallResult, CalledStatus};
use outbound::phone::Phone;
use outbound::trunk::{SimulatedLine, TrunkConfig};
use telephony::carrier::{CallEvent, Carrier, CarrierError, Ending, Order};
use telephony::gate::{Driver, Gate, Permit};
use telephony::journal::{Event, Journal, read_all};
use telephony::simulated::{RULES, Rule, Simulated, SimulatedCarrier};

fn order(line: &Arc<TrunkConfig>, callee: u64, round: u16) -> Order {
    Order {
        attempt: clock::new_id::<AttemptId>(),
        token: 1,
        enterprise: EnterpriseId::from(uuid::Uuid::nil()),
        task: TaskId::from(uuid::Uuid::nil()),
        trunk: TrunkId::from(uuid::Uuid::nil()),
        line: Arc::clone(line),
        transfer_of: None,
        callee: Phone::from_digits(callee),
        caller: Phone::from_digits(862_160_000_000),
        round,
        chain_index: 0,
        ring_timeout: Duration::from_secs(45),
        max_call: Duration::from_secs(600),
        recording: None,
        begun_at: Instant::now(),
        invite_by: Instant::now() + Duration::from_secs(3_600),
        hours: Arc::new(Hours::always(chrono_tz::UTC)),
    }
}

fn trunk(simulated: SimulatedLine) -> Arc<TrunkConfig> {
    let trunk = serde_json::json!({ "name": "line", "concurrency": 10 });
    let trunk: TrunkConfig = serde_json::from_value(trunk).unwrap();
    Arc::new(TrunkConfig { simulated, ..trunk })
}

fn carrier(folder: &tempfile::TempDir, process: &str, clock: Clock) -> SimulatedCarrier {
    SimulatedCarrier::new(clock, Arc::new(Journal::open(folder.path(), process).unwrap()))
}

/// Dial, listen to the end, and say nothing.
async fn dial(carrier: &SimulatedCarrier, order: Order) -> (Vec<CallEvent>, Ending) {
    let mut call = carrier.originate(order).await.unwrap();
    let mut events = Vec::new();
    loop {
        match call.next().await {
            CallEvent::Ended(ending) => return (events, ending),
            event => events.push(event),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_test_number_ends_as_its_rule_says() {
    let folder = tempfile::tempdir().unwrap();
    let carrier = carrier(&folder, "a", Clock::wall());
    let line = trunk(SimulatedLine::default());
    for (suffix, rule) in RULES {
        let callee = 8_613_800_000_000 + u64::from(*suffix);
        for round in 0..4 {
            let (_, ending) = dial(&carrier, order(&line, callee, round)).await;
            let expected = match rule {
                Rule::Answers(_) | Rule::AnswersSlowly(_) | Rule::TalksOn(_) => {
                    CallResult::Answered
                }
                Rule::Unanswered(status) => CallResult::Unanswered(*status),
                Rule::AnswersAfter(statuses) => statuses
                    .get(usize::from(round))
                    .map_or(CallResult::Answered, |status| CallResult::Unanswered(*status)),
                Rule::RingsForEver => CallResult::Unanswered(CalledStatus::NoAnswer),
                Rule::TrunkRefuses => CallResult::Unanswered(CalledStatus::CallFailed),
            };
            assert_eq!(ending.result, expected, "{suffix:04} in round {round}");
            assert_eq!(ending.trunk_refused, *rule == Rule::TrunkRefuses);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_calls() {
    let folder = tempfile::tempdir().unwrap();
    let carrier = carrier(&folder, "a", Clock::wall());
    let run = async |seed| {
        let line = trunk(SimulatedLine { seed, ..SimulatedLine::default() });
        let mut endings = Vec::new();
        for callee in 0..50 {
            let mut call =
                carrier.originate(order(&line, 8_613_912_345_000 + callee, 0)).await.unwrap();
            let (mut first, mut result) = (None::<Time>, None);
            while result.is_none() {
                let event = call.next().await;
                let at = match &event {
                    CallEvent::Ringing { at }
                    | CallEvent::Answered { at }
                    | CallEvent::Heard { at, .. }
                    | CallEvent::Transfer { at, .. } => *at,
                    CallEvent::Ended(ending) => ending.at,
                };
                let since = at - *first.get_or_insert(at);
                if let CallEvent::Ended(ending) = event {
                    result = Some((ending.result, since));
                }
            }
            endings.extend(result);
        }
        endings
    };
    let once = run(1).await;
    assert_eq!(once, run(1).await);
    assert_ne!(once, run(2).await);
}

#[tokio::test(start_paused = true)]
async fn a_trunks_own_mapping_goes_ahead_of_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let carrier = carrier(&folder, "a", Clock::wall());
    let mut line = TrunkConfig::clone(&trunk(SimulatedLine::default()));
    line.status_mapping.insert("486".to_owned(), CalledStatus::CallRestricted);
    line.status_mapping.insert("480/20".to_owned(), CalledStatus::OutOfService);
    let line = Arc::new(line);
    for (callee, status) in [
        (8_613_800_000_002, CalledStatus::CallRestricted),
        (8_613_800_000_004, CalledStatus::OutOfService),
        (8_613_800_000_003, CalledStatus::NoAnswer),
    ] {
        let (_, ending) = dial(&carrier, order(&line, callee, 0)).await;
        assert_eq!(ending.result, CallResult::Unanswered(status));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_run_as_fast_as_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let now = Clock::wall().now();
    let carrier = carrier(&folder, "a", Clock::with(Setting::new(now, now, 60)));
    let line = trunk(SimulatedLine { setup_ms: [0, 0], ..SimulatedLine::default() });
    let started = tokio::time::Instant::now();
    let mut call = carrier.originate(order(&line, 8_613_800_000_020, 0)).await.unwrap();
    let CallEvent::Ringing { at } = call.next().await else { panic!("it rings") };
    let CallEvent::Ended(ending) = call.next().await else { panic!("then it ends") };
    assert_eq!(ending.at - at, chrono::TimeDelta::seconds(45));
    let real_ms = started.elapsed().as_millis();
    assert!((750..800).contains(&real_ms), "{real_ms}");
}

#[tokio::test(start_paused = true)]
async fn the_call_of_a_killed_process_is_hung_up_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let (killed, other) =
        (carrier(&folder, "a", Clock::wall()), carrier(&folder, "b", Clock::wall()));
    let line = trunk(SimulatedLine::default());
    let order = order(&line, 8_613_800_000_015, 0);
    let attempt = order.attempt;
    let call = killed.originate(order).await.unwrap();
    // A process that is killed runs no destructor.
    std::mem::forget(call);
    assert!(other.hang_up_lost(attempt).await);
    let entries = read_all(folder.path()).unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.event, &*entry.worker)).collect();
    assert_eq!(seen, [(Event::Invite, "a"), (Event::Bye, "b")]);
    assert!(!other.hang_up_lost(attempt).await);
}

#[tokio::test]
async fn an_unanswered_call_of_zero_length_never_waits() {
    let folder = tempfile::tempdir().unwrap();
    let carrier = carrier(&folder, "a", Clock::wall());
    let line = trunk(SimulatedLine {
        mix: [("busy".to_owned(), 1), ("no_answer".to_owned(), 1)].into(),
        setup_ms: [0, 0],
        ring_ms: [0, 0],
        test_numbers: false,
        ..SimulatedLine::default()
    });
    let started = Instant::now();
    for callee in 0..2_000 {
        dial(&carrier, order(&line, 8_613_900_000_000 + callee, 0)).await;
    }
    // One timer of a millisecond a call would take longer, even in an unoptimised build.
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(carrier.calls_up(), 0);
    assert_eq!(
        read_all(folder.path()).unwrap().iter().filter(|e| e.event == Event::Invite).count(),
        2_000
    );
}

/// The simulated line, on which a while passes between its own start and the INVITE: the journal may be slow.
struct Slow(Simulated);

impl Driver for Slow {
    type Leg = <Simulated as Driver>::Leg;

    async fn ready(&self, order: Order, permit: Permit) -> Result<Self::Leg, CarrierError> {
        let leg = self.0.ready(order, permit).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        leg
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_on_a_call_before_its_invite() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(Journal::open(folder.path(), "slow").unwrap());
    let line = Gate::around(Slow(Simulated::new(Clock::wall())), Clock::wall(), journal);
    let at_once = SimulatedLine {
        mix: [("busy".to_owned(), 1)].into(),
        setup_ms: [0, 0],
        ring_ms: [0, 0],
        ..SimulatedLine::default()
    };
    let mut call = line.originate(order(&trunk(at_once), 8_613_912_345_678, 0)).await.unwrap();
    while !matches!(call.next().await, CallEvent::Ended(_)) {}
    let entries = read_all(folder.path()).unwrap();
    assert_eq!(entries[0].event, Event::Invite);
    assert!(entries.windows(2).all(|pair| pair[0].at <= pair[1].at), "{entries:?}");
}
