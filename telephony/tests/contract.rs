//! What every carrier keeps. Each test is a function that any carrier can be run through: here are the simulated one,
//! which takes no time; SIP to phones that sipp plays, and Asterisk with both of its media to phones of a stand-in, in
//! real time. A carrier that joins gives a [`Line`] of its own.

#![allow(clippy::unwrap_used)]

#[expect(dead_code, reason = "the Asterisk tests use the rest of it")]
mod asterisk;
#[path = "contract/asterisk_line.rs"]
mod asterisk_line;
#[path = "contract/simulated_line.rs"]
mod simulated_line;
#[path = "contract/sip_line.rs"]
mod sip_line;
#[expect(dead_code, reason = "the SIP tests use the rest of it")]
#[path = "sip/sipp.rs"]
mod sipp;
#[expect(dead_code, reason = "the SIP tests use the rest of it")]
#[path = "sip/world.rs"]
mod world;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dialog::conversation::Input;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, EnterpriseId, TaskId, TrunkId};
use outbound::outcome::{CallResult, CalledStatus, HangupParty, cause};
use outbound::period::{PeriodConfig, PeriodKind, Range};
use outbound::phone::{Phone, parse};
use outbound::trunk::TrunkConfig;
use telephony::carrier::{Call, CallEvent, Carrier, CarrierError, Command, Ending, Order};
use telephony::journal::{Event, read_all};
use telephony::spoken::spoken_ms;
use telephony::voice::Say;

fn say(utterance: u64, text: &str) -> Command {
    Command::Play { utterance, say: Say { text: text.to_owned(), ..Say::default() } }
}

/// A carrier and phones on its far end that act as they are asked to.
trait Line {
    type Carrier: Carrier;

    fn carrier(&self) -> &Self::Carrier;
    /// Where its journal lies.
    fn folder(&self) -> &Path;
    fn trunk(&self, callee: Phone) -> TrunkConfig;
    fn answers(&self) -> Phone;
    fn busy(&self) -> Phone;
    fn rings_for_ever(&self) -> Phone;
    /// Answers and says nothing.
    fn silent(&self) -> Phone;
    fn hangs_up(&self) -> Phone;
    fn refused(&self) -> Phone;

    /// How long a phone is let ring, and a call last, where a test is about that.
    fn ring_timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn max_call(&self) -> Duration {
        Duration::from_secs(20)
    }

    /// How far times may be off, in milliseconds: that of packets and timers of the far end.
    fn slack_ms(&self) -> i64 {
        0
    }

    /// Let time pass.
    async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }

    fn is_near(&self, found: chrono::TimeDelta, wanted: Duration) {
        let off_ms = found.num_milliseconds() - i64::try_from(wanted.as_millis()).unwrap();
        assert!((0..=self.slack_ms()).contains(&off_ms), "{found} is not {wanted:?}");
    }

    fn order(&self, callee: Phone) -> Order {
        Order {
            attempt: clock::new_id::<AttemptId>(),
            token: 1,
            enterprise: clock::new_id::<EnterpriseId>(),
            task: clock::new_id::<TaskId>(),
            trunk: clock::new_id::<TrunkId>(),
            line: Arc::new(self.trunk(callee)),
            transfer_of: None,
            callee,
            caller: parse("02160000000", "CN").unwrap(),
            round: 0,
            chain_index: 0,
            ring_timeout: Duration::from_secs(45),
            max_call: Duration::from_secs(600),
            recording: None,
            begun_at: Instant::now(),
            invite_by: Instant::now() + Duration::from_secs(3_600),
            hours: Arc::new(Hours::always(chrono_tz::UTC)),
        }
    }

    /// What the journal has of an attempt.
    fn journaled(&self, attempt: AttemptId) -> Vec<Event> {
        let entries = read_all(self.folder()).unwrap();
        entries.iter().filter(|entry| entry.attempt == attempt).map(|entry| entry.event).collect()
    }
}

/// Whether an event brings the call to the phase that is waited for.
type Reached = fn(&CallEvent) -> bool;

/// All events up to the end.
async fn rest(call: &mut Box<dyn Call>) -> (Vec<CallEvent>, Ending) {
    let mut events = Vec::new();
    loop {
        match call.next().await {
            CallEvent::Ended(ending) => return (events, ending),
            event => events.push(event),
        }
    }
}

async fn until(call: &mut Box<dyn Call>, wanted: impl Fn(&CallEvent) -> bool) -> CallEvent {
    loop {
        let event = call.next().await;
        assert!(wanted(&event) || !matches!(event, CallEvent::Ended(_)), "{event:?}");
        if wanted(&event) {
            return event;
        }
    }
}

fn ringing(event: &CallEvent) -> bool {
    matches!(event, CallEvent::Ringing { .. })
}

fn answered(event: &CallEvent) -> bool {
    matches!(event, CallEvent::Answered { .. })
}

async fn rings_then_answers_then_ends(line: &impl Line) {
    let order = line.order(line.hangs_up());
    let attempt = order.attempt;
    let mut call = line.carrier().originate(order).await.unwrap();
    assert_eq!(line.journaled(attempt), [Event::Invite]);
    let CallEvent::Ringing { at: rung_at } = call.next().await else { panic!("it rings first") };
    assert_eq!(line.journaled(attempt), [Event::Invite, Event::Ring]);
    let CallEvent::Answered { at: answered_at } = call.next().await else { panic!("then answers") };
    assert_eq!(line.journaled(attempt), [Event::Invite, Event::Ring, Event::Answer]);
    let (_, ending) = rest(&mut call).await;
    assert_eq!(line.journaled(attempt), [Event::Invite, Event::Ring, Event::Answer, Event::Bye]);
    assert!(rung_at <= answered_at && answered_at <= ending.at);
    assert_eq!((ending.result, ending.party), (CallResult::Answered, Some(HangupParty::Customer)));
    assert_eq!((ending.sip_code, ending.trunk_refused), (Some(200), false));
}

async fn an_order_is_one_invite_and_an_end_is_the_last_event(line: &impl Line) {
    let order = line.order(line.busy());
    let attempt = order.attempt;
    let mut call = line.carrier().originate(order).await.unwrap();
    let (_, ending) = rest(&mut call).await;
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::Busy));
    assert_eq!((ending.sip_code, ending.q850_cause), (Some(486), Some(17)));
    call.send(Command::HangUp { cause: "" }).await;
    // Nobody waits: either time is paused, or a second is enough to tell.
    let long = if line.slack_ms() == 0 { 3_600 } else { 1 };
    let more = tokio::time::timeout(Duration::from_secs(long), call.next()).await;
    assert!(more.is_err(), "{more:?}");
    drop(call);
    assert_eq!(line.journaled(attempt), [Event::Invite, Event::Bye]);
}

/// By then the worker was suspended, or the last open minute ended.
async fn an_order_that_comes_too_late_sends_no_invite(line: &impl Line) {
    let all_day = Range {
        start: "00:00".parse().unwrap(),
        end: "23:59".parse().unwrap(),
        weekdays: Vec::new(),
    };
    let closed = PeriodConfig {
        name: "never".into(),
        kind: PeriodKind::DoNotCall,
        complement_of: None,
        ranges: vec![all_day],
        exceptions: Vec::new(),
    };
    let closed = Hours { do_not_call: Some(closed), ..Hours::always(chrono_tz::UTC) };
    let order = || line.order(line.answers());
    let over = Order { invite_by: Instant::now() - Duration::from_millis(1), ..order() };
    let shut = Order { hours: Arc::new(closed), ..order() };
    for late in [over, shut] {
        let attempt = late.attempt;
        let placed = line.carrier().originate(late).await.map(drop);
        assert!(matches!(placed, Err(CarrierError::Late)), "{placed:?}");
        assert!(!line.carrier().hang_up_lost(attempt).await);
        assert_eq!(line.journaled(attempt), []);
    }
}

async fn a_phone_that_rings_too_long_is_cancelled(line: &impl Line) {
    let ring_timeout = line.ring_timeout();
    let order = Order { ring_timeout, ..line.order(line.rings_for_ever()) };
    let attempt = order.attempt;
    let mut call = line.carrier().originate(order).await.unwrap();
    let CallEvent::Ringing { at } = call.next().await else { panic!("it rings") };
    let (events, ending) = rest(&mut call).await;
    assert_eq!(events, []);
    line.is_near(ending.at - at, ring_timeout);
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::NoAnswer));
    assert_eq!((&*ending.cause, ending.party), (cause::RING_TIMEOUT, Some(HangupParty::System)));
    assert_eq!(line.journaled(attempt), [Event::Invite, Event::Ring, Event::Bye]);
}

async fn a_call_can_be_hung_up_in_every_phase(line: &impl Line) {
    let phases: [(&str, Option<Reached>); 3] =
        [("placed", None), ("ringing", Some(ringing)), ("up", Some(answered))];
    for (phase, reached) in phases {
        let order = line.order(line.silent());
        let attempt = order.attempt;
        let mut call = line.carrier().originate(order).await.unwrap();
        if let Some(reached) = reached {
            until(&mut call, reached).await;
        }
        call.send(Command::HangUp { cause: cause::TASK_ENDED }).await;
        assert_eq!(line.journaled(attempt).last(), Some(&Event::Bye), "{phase}");
        let (events, ending) = rest(&mut call).await;
        assert_eq!(events, [], "{phase}");
        assert_eq!((&*ending.cause, ending.party), (cause::TASK_ENDED, Some(HangupParty::System)));
        assert_eq!(ending.result == CallResult::Answered, phase == "up");
    }
}

async fn a_call_that_is_let_go_is_hung_up(line: &impl Line) {
    for reached in [None, Some(ringing as Reached), Some(answered)] {
        let order = line.order(line.silent());
        let attempt = order.attempt;
        let mut call = line.carrier().originate(order).await.unwrap();
        if let Some(reached) = reached {
            until(&mut call, reached).await;
        }
        drop(call);
        assert_eq!(line.journaled(attempt).last(), Some(&Event::Bye));
    }
}

async fn no_call_is_longer_than_the_longest(line: &impl Line) {
    let max_call = line.max_call();
    let order = Order { max_call, ..line.order(line.silent()) };
    let mut call = line.carrier().originate(order).await.unwrap();
    let CallEvent::Answered { at } = until(&mut call, answered).await else { panic!("answered") };
    let (_, ending) = rest(&mut call).await;
    line.is_near(ending.at - at, max_call);
    assert_eq!((ending.result, &*ending.cause), (CallResult::Answered, cause::MAX_CALL));
    assert_eq!(ending.party, Some(HangupParty::System));
}

async fn a_line_that_refuses_is_told_from_a_number_that_does(line: &impl Line) {
    let order = line.order(line.refused());
    let mut call = line.carrier().originate(order).await.unwrap();
    let (_, ending) = rest(&mut call).await;
    assert!(ending.trunk_refused);
    assert_eq!(ending.result, CallResult::Unanswered(CalledStatus::CallFailed));
    assert_eq!(ending.cause, cause::TRUNK_REFUSED);
}

async fn the_call_of_a_lost_worker_is_hung_up_by_its_attempt(line: &impl Line) {
    let order = line.order(line.silent());
    let attempt = order.attempt;
    let mut call = line.carrier().originate(order).await.unwrap();
    until(&mut call, answered).await;
    assert!(line.carrier().hang_up_lost(attempt).await);
    rest(&mut call).await;
    assert_eq!(line.journaled(attempt).last(), Some(&Event::Bye));
    assert!(!line.carrier().hang_up_lost(attempt).await);
    assert!(!line.carrier().hang_up_lost(clock::new_id::<AttemptId>()).await);
}

async fn what_is_played_is_heard_and_a_stop_tells_how_much(line: &impl Line) {
    let text = "Good morning, this is the garage about your appointment tomorrow.";
    let mut call = line.carrier().originate(line.order(line.silent())).await.unwrap();
    until(&mut call, answered).await;
    call.send(say(1, text)).await;
    let (started, at) = heard(&mut call).await;
    assert_eq!(started, Input::PlaybackStarted { utterance: 1 });
    let (finished, ended_at) = heard(&mut call).await;
    assert_eq!(finished, Input::PlaybackFinished { utterance: 1 });
    let off_ms = (ended_at - at).num_milliseconds() - i64::try_from(spoken_ms(text)).unwrap();
    assert!(off_ms.abs() <= line.slack_ms(), "{off_ms}");

    call.send(say(2, text)).await;
    let (started, _) = heard(&mut call).await;
    assert_eq!(started, Input::PlaybackStarted { utterance: 2 });
    line.pass(Duration::from_millis(500)).await;
    call.send(Command::Stop { utterance: 2 }).await;
    let (stopped, _) = heard(&mut call).await;
    let Input::PlaybackStopped { utterance: 2, played_ms } = stopped else { panic!("{stopped:?}") };
    // A frame may be under way.
    assert!((480..560).contains(&(played_ms - line.slack_ms().unsigned_abs() / 4)), "{played_ms}");
}

async fn heard(call: &mut Box<dyn Call>) -> (Input, outbound::Time) {
    match call.next().await {
        CallEvent::Heard { at, input } => (input, at),
        event => panic!("{event:?}"),
    }
}

async fn next_can_be_given_up_and_asked_again(line: &impl Line) {
    let mut call = line.carrier().originate(line.order(line.answers())).await.unwrap();
    let mut events = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(70), call.next()).await {
            Ok(CallEvent::Ended(_)) => break,
            Ok(event) => events.push(event),
            Err(_) => {}
        }
    }
    assert!(ringing(&events[0]) && answered(&events[1]), "{events:?}");
    assert_eq!(events.iter().filter(|event| answered(event)).count(), 1);
}

macro_rules! contract {
    ($clock:tt, $line:expr => $($test:ident,)*) => {$(
        #[tokio::test $clock]
        async fn $test() {
            super::$test(&$line).await;
        }
    )*};
}

/// The whole suite for one line.
macro_rules! suite {
    ($clock:tt, $line:expr) => {
        contract! { $clock, $line =>
            rings_then_answers_then_ends,
            an_order_is_one_invite_and_an_end_is_the_last_event,
            an_order_that_comes_too_late_sends_no_invite,
            a_phone_that_rings_too_long_is_cancelled,
            a_call_can_be_hung_up_in_every_phase,
            a_call_that_is_let_go_is_hung_up,
            no_call_is_longer_than_the_longest,
            a_line_that_refuses_is_told_from_a_number_that_does,
            the_call_of_a_lost_worker_is_hung_up_by_its_attempt,
            what_is_played_is_heard_and_a_stop_tells_how_much,
            next_can_be_given_up_and_asked_again,
        }
    };
}

mod simulated {
    use super::simulated_line::Simulated;

    suite! { (start_paused = true), Simulated::new() }
}

mod sip {
    use super::sip_line::Sip;

    suite! { (flavor = "current_thread"), Sip::new().await }
}

mod asterisk_over_websocket {
    use super::asterisk_line::Asterisk;

    suite! { (flavor = "current_thread"), Asterisk::over("websocket").await }
}

mod asterisk_over_audiosocket {
    use super::asterisk_line::Asterisk;

    suite! { (flavor = "current_thread"), Asterisk::over("audiosocket").await }
}
