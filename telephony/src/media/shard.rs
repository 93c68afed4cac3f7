//! A thread that owns calls and wakes at absolute deadlines.
//!
//! Calls are spread over twenty phases of a millisecond, as those whose frames are due at one moment make each other
//! late. At a deadline the phase's frames leave first, all of them; then the next ones are built. What is left of the
//! time goes to hearing, one call at a time with a look at the clock in between, so that no frame waits for it.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use thread_priority::unix::{set_thread_priority_and_policy, thread_native_id};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
};

use super::budget::{Budget, Pace, Second};
use super::call::{Call, Care, NewCall, Rules, Sent, UNHEARD_FRAMES_MAX};
use super::counters::{Lateness, LatenessCounters, ShardCounters, ShardCounts};
use super::deadline::{Sleeper, thread_cpu_us};
use super::frame::FRAME_MS;
use super::wire::Scratch;
use super::writer::Writer;
use super::{MediaConfig, MediaError, Scheduling};

/// Calls that wait to be taken over by the thread, which looks at least every 20 ms.
const NEW_CALLS_MAX: usize = 1_024;
const PHASES: usize = 20;
const PHASE: Duration = Duration::from_millis(1);
const ROUND: Duration = Duration::from_millis(PHASES as u64);
/// After a longer stall the frames that are over are left out: a burst of them would help nobody.
const STALL: Duration = Duration::from_millis(200);
const SECOND: Duration = Duration::from_secs(1);
/// Where more than one frame of so many leaves 10 ms late, the core is too busy for more calls.
const LATE_SHARE_MAX: u64 = 20;
/// A priority above normal threads; the kernel's own are at 50 and above.
const REAL_TIME_PRIORITY: u8 = 10;

#[derive(Debug)]
pub(super) struct Shard {
    calls: SyncSender<NewCall>,
    counted: Arc<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    counters: ShardCounters,
    lateness: LatenessCounters,
}

impl Shard {
    /// The thread ends when this is dropped and its last call is over.
    pub(super) fn start(
        number: usize,
        config: &MediaConfig,
        budget: Arc<Budget>,
        writer: Writer,
    ) -> io::Result<Self> {
        let (calls, new) = sync_channel(NEW_CALLS_MAX);
        let counted = Arc::new(Counted::default());
        let (scheduling, counts) = (config.scheduling, Arc::clone(&counted));
        let rules =
            Rules { jitter_ms: config.jitter_ms, wire_silent_after: config.wire_silent_after };
        thread::Builder::new().name(format!("media-{number}")).spawn(move || {
            if scheduling == Scheduling::RealTime {
                ask_for_real_time();
            }
            Running::new(new, counts, rules, (budget, writer)).run();
        })?;
        Ok(Self { calls, counted })
    }

    pub(super) fn add(&self, call: NewCall) -> Result<(), MediaError> {
        self.calls.try_send(call).map_err(|_| MediaError::NoRoom)
    }

    pub(super) fn counts(&self) -> ShardCounts {
        self.counted.counters.read()
    }

    pub(super) fn lateness(&self) -> Lateness {
        self.counted.lateness.read()
    }
}

/// The phase for the next call: one with the fewest, and of those one that is far from the last.
fn emptiest(phases: &[Vec<usize>; PHASES]) -> usize {
    let key = |phase: &usize| (phases[*phase].len(), phase * 7 % PHASES);
    (0..PHASES).min_by_key(key).unwrap_or(0)
}

/// Do something with one call; none where it panicked. Hundreds of calls share the thread, and must not end for it.
fn guarded<T>(act: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(act)).ok()
}

fn ask_for_real_time() {
    static SAID: Once = Once::new();
    let priority = ThreadPriorityValue::try_from(REAL_TIME_PRIORITY)
        .map_or(ThreadPriority::Max, ThreadPriority::Crossplatform);
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    if let Err(error) = set_thread_priority_and_policy(thread_native_id(), priority, policy) {
        SAID.call_once(|| {
            tracing::warn!(%error, "no real-time priority for audio (it needs CAP_SYS_NICE); it goes on at normal priority");
        });
    }
}

/// What the thread has.
struct Running {
    new: Receiver<NewCall>,
    open: Open,
    /// Calls by their place; a place that is free is used again.
    calls: Vec<Option<Box<Call>>>,
    free: Vec<usize>,
    phases: [Vec<usize>; PHASES],
    /// Places of calls that were sent and not heard yet, in that order.
    unheard: VecDeque<usize>,
    counted: Arc<Counted>,
    rules: Rules,
    budget: Arc<Budget>,
    writer: Writer,
    scratch: Scratch,
    sleeper: Sleeper,
    /// What was counted when the second began that is looked at.
    second: (Instant, ShardCounts),
    /// The next deadline and its phase.
    next: Instant,
    phase: usize,
}

/// Whether a call, or the thread, goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Over,
}

/// Whether calls can still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

impl Running {
    fn new(
        new: Receiver<NewCall>,
        counted: Arc<Counted>,
        rules: Rules,
        (budget, writer): (Arc<Budget>, Writer),
    ) -> Self {
        Self {
            new,
            open: Open::Yes,
            calls: Vec::new(),
            free: Vec::new(),
            phases: std::array::from_fn(|_| Vec::new()),
            unheard: VecDeque::new(),
            counted,
            rules,
            budget,
            writer,
            scratch: Scratch::new(),
            sleeper: Sleeper::new(),
            second: (Instant::now(), ShardCounts::default()),
            next: Instant::now(),
            phase: 0,
        }
    }

    fn run(mut self) {
        while self.take_new_calls() == Going::On {
            self.hear_until_deadline();
            self.sleeper.sleep_until(self.next);
            self.catch_up();
            self.send_phase();
            self.go_to_next_phase();
        }
    }

    /// Without calls it waits here, without waking.
    fn take_new_calls(&mut self) -> Going {
        if self.up() == 0 {
            let Some(call) = self.wait_for_call() else { return Going::Over };
            self.add(call);
            self.next = Instant::now();
        }
        while self.open == Open::Yes {
            match self.new.try_recv() {
                Ok(call) => self.add(call),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.open = Open::No,
            }
        }
        Going::On
    }

    fn wait_for_call(&self) -> Option<NewCall> {
        self.new.recv().ok()
    }

    fn up(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    fn add(&mut self, call: NewCall) {
        let call = Call::new(call, self.rules, self.writer.clone(), Instant::now());
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.calls.push(None);
                self.calls.len() - 1
            }
        };
        self.calls[place] = Some(Box::new(call));
        self.phases[emptiest(&self.phases)].push(place);
        self.counted.counters.calls.set(self.up() as u64);
    }

    fn hear_until_deadline(&mut self) {
        while let Some(place) = self.unheard.front().copied() {
            if Instant::now() >= self.next {
                return;
            }
            self.unheard.pop_front();
            self.hear(place);
        }
    }

    fn hear(&mut self, place: usize) {
        let Some(call) = self.calls.get_mut(place).and_then(Option::as_mut) else { return };
        // More than one frame waits: the thread has no time for everything.
        let care = if call.unheard() > 1 { Care::Reduced } else { Care::Full };
        if care == Care::Reduced {
            self.counted.counters.voice_shed.add(u64::from(call.unheard()));
        }
        let scratch = &mut self.scratch;
        if guarded(|| call.hear(scratch, care)).is_none() {
            self.give_up(place);
        }
    }

    /// A fault of ours ends this call, and no other. Its place is free at its next turn.
    fn give_up(&mut self, place: usize) {
        self.calls[place] = None;
        self.counted.counters.calls_broken.add(1);
        tracing::error!("a fault of the media plane has ended a call's audio");
    }

    /// Where the thread was not run for long, pass over the rounds that are over.
    fn catch_up(&mut self) {
        let late = Instant::now().saturating_duration_since(self.next);
        if late < STALL {
            return;
        }
        let rounds = u32::try_from(late.as_millis() / ROUND.as_millis()).unwrap_or(u32::MAX);
        for place in 0..self.calls.len() {
            let Some(call) = self.calls[place].as_mut() else { continue };
            let scratch = &mut self.scratch;
            if guarded(|| call.skip(rounds, scratch)).is_none() {
                self.give_up(place);
            }
        }
        self.next += ROUND * rounds;
        self.counted.counters.frames_skipped.add(u64::from(rounds) * self.up() as u64);
    }

    fn send_phase(&mut self) {
        let mut places = std::mem::take(&mut self.phases[self.phase]);
        places.retain(|place| self.send(*place) == Going::On);
        let now = Instant::now();
        for place in &places {
            let Some(call) = self.calls[*place].as_mut() else { continue };
            if guarded(|| call.build(now)).is_none() {
                self.give_up(*place);
            } else if call.unheard() >= UNHEARD_FRAMES_MAX {
                self.hear(*place);
            }
        }
        self.phases[self.phase] = places;
    }

    fn send(&mut self, place: usize) -> Going {
        let Some(call) = self.calls[place].as_mut() else {
            self.free.push(place);
            return Going::Over;
        };
        let now = Instant::now();
        let Some(sent) = guarded(|| call.send(now)) else {
            self.give_up(place);
            self.free.push(place);
            return Going::Over;
        };
        if sent == Sent::Over {
            self.end(place);
            return Going::Over;
        }
        if sent == Sent::Packet {
            let late = now.saturating_duration_since(self.next);
            let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
            let Counted { counters, lateness } = &*self.counted;
            counters.frames_sent.add(1);
            counters.frames_late_5_ms.add(u64::from(late_us > 5_000));
            counters.frames_late_10_ms.add(u64::from(late_us > 10_000));
            lateness.add(late_us, 1);
        }
        if call.unheard() == 1 {
            self.unheard.push_back(place);
        }
        Going::On
    }

    fn end(&mut self, place: usize) {
        let Some(call) = self.calls[place].take() else { return };
        self.free.push(place);
        self.counted.counters.calls.set(self.up() as u64);
        let scratch = &mut self.scratch;
        if guarded(|| call.end(scratch)).is_none() {
            self.counted.counters.calls_broken.add(1);
        }
    }

    /// Go on to the next phase that has calls.
    fn go_to_next_phase(&mut self) {
        for _ in 0..PHASES {
            self.next += PHASE;
            self.phase = (self.phase + 1) % PHASES;
            if !self.phases[self.phase].is_empty() {
                break;
            }
        }
        if self.phase == 0 || self.up() < PHASES {
            self.counted.counters.cpu_us.set(thread_cpu_us());
            self.look_at_second();
        }
    }

    /// Once a second, tell the budget how it was.
    fn look_at_second(&mut self) {
        let (since, before) = self.second;
        let now = Instant::now();
        let took = now.saturating_duration_since(since);
        if took < SECOND {
            return;
        }
        let counts = self.counted.counters.read();
        self.second = (now, counts);
        // The first look, or nothing was up for a while.
        if took > SECOND * 2 || before == ShardCounts::default() {
            return;
        }
        let a_second = |count: u64| (count as f64 / took.as_secs_f64()) as u64;
        let sent = counts.frames_sent - before.frames_sent;
        let late = counts.frames_late_10_ms - before.frames_late_10_ms;
        let skipped = counts.frames_skipped - before.frames_skipped;
        let lost = late * LATE_SHARE_MAX > sent || skipped > 0;
        self.budget.measured(Second {
            cpu_us: a_second(counts.cpu_us - before.cpu_us),
            talking: a_second(sent) * FRAME_MS / 1_000,
            up: counts.calls,
            pace: if lost { Pace::Lost } else { Pace::Kept },
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spread_over_all_phases() {
        let mut phases: [Vec<usize>; PHASES] = std::array::from_fn(|_| Vec::new());
        let mut last = None::<usize>;
        for call in 0..PHASES * 3 {
            let phase = emptiest(&phases);
            // Two calls that come one after another are not sent one after another.
            assert!(last.is_none_or(|last| last.abs_diff(phase) > 1), "{call}");
            phases[phase].push(call);
            last = Some(phase);
        }
        assert!(phases.iter().all(|calls| calls.len() == 3));
        // The place of a call that has ended is taken first.
        phases[11].pop();
        assert_eq!(emptiest(&phases), 11);
    }
}
