//! Dispatchers, workers and sweeps on the rows.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use outbound::ids::AttemptId;
use storage::attempts::{
    Begun, ClaimedAttempt, DialOrder, LostAttempt, PutOff, ToBegin, begin_many, expire_leases,
    finish_lost, lost_jobs, pace, withdraw,
};
use storage::claim::{FollowOn, LockWait};
use storage::finish::{Finished, finish_and_follow_on, finish_many};

use super::Stage;
use super::compare::worker_name;
use crate::model::calls::Begin;
use crate::model::claim::{Dialled, Guide, Seen};
use crate::model::{Call, Holder, Why};
use crate::op::{Late, Outcome};

/// Longer than any run: leases run out where an operation says so.
const LEASE: Duration = Duration::from_secs(3_600);
/// Claims of one operation, at most.
const CLAIMS_MAX: u32 = 40;

impl Stage<'_> {
    /// A dispatcher claims until there is nothing more.
    pub async fn claim(&mut self, dispatcher: u8, at_most: u32) {
        let mut left = at_most;
        for _ in 0..CLAIMS_MAX {
            self.claims += 1;
            let (seed, now) = (self.claims, self.world.now);
            let claimer = &mut self.dispatchers[usize::from(dispatcher) % 2];
            let claim = claimer.claim(&self.store, self.enterprise, now, left, seed);
            let claimed = claim.await.expect("a claim");
            assert!(!claimed.busy, "nobody else claims");
            let dialled = self.claimed(&claimed.attempts, claimed.more, left, true);
            left -= dialled;
            if !claimed.more || left == 0 {
                return;
            }
            // Batches are started one after another, not at one instant.
            self.world.now += TimeDelta::milliseconds(1);
        }
        panic!("a dispatcher claims for ever");
    }

    /// The model makes the claim that was seen, and finds it right. How many calls it has.
    fn claimed(
        &mut self,
        attempts: &[ClaimedAttempt],
        more: bool,
        at_most: u32,
        settles: bool,
    ) -> u32 {
        let found = self.rows.found(self.enterprise);
        let place = |id| self.numbers.iter().position(|number| number.uuid() == id);
        let dialled: Vec<Dialled> = attempts
            .iter()
            .map(|claimed| {
                let row = found.attempts.iter().find(|row| row.id == claimed.attempt.uuid());
                let row = row.expect("its row");
                let number = place(row.number_id).expect("a number");
                let phones = &self.world.numbers[number].phones;
                let of_row = |n: &u8| crate::furniture::phone(*n).digits() == row.phone;
                Dialled {
                    number,
                    phone: phones.iter().copied().find(of_row).expect("one of its phones"),
                    chain_index: row.chain_index,
                    line: self.line(row.caller_id),
                }
            })
            .collect();
        let pending = found.numbers.iter().filter(|row| row.state == "pending");
        let untouched: BTreeSet<usize> = pending.filter_map(|row| place(row.id)).collect();
        let runs = |row: &&super::rows::TaskRow| row.state == "running";
        let running: BTreeSet<_> = found.tasks.iter().filter(runs).map(|row| row.id).collect();
        let stopped: BTreeSet<usize> = (0..self.tasks.len())
            .filter(|task| !running.contains(&self.tasks[*task].uuid()))
            .collect();
        let first = self.world.calls.len();
        let seen =
            Seen { dialled: &dialled, more, untouched: &untouched, stopped: &stopped, settles };
        self.world.claim(at_most, Guide::Follow(seen));
        for (call, claimed) in self.world.calls[first..].iter().zip(attempts) {
            self.attempts.insert(call.id, claimed.attempt);
        }
        dialled.len() as u32
    }

    fn line(&self, caller: uuid::Uuid) -> usize {
        self.lines.iter().position(|line| line.uuid() == caller).expect("a caller ID")
    }

    fn attempt(&self, call: &Call) -> (AttemptId, i64) {
        (self.attempts[&call.id], call.token)
    }

    /// The fence, for a worker that knows that no INVITE has left (`unplaced`), or has just been given the
    /// job; whether the INVITE may leave. A call that is lost by it is recorded.
    async fn fence(&mut self, place: usize, worker: u8, unplaced: bool) -> bool {
        let call = self.world.calls[place].clone();
        let (name, now) = (worker_name(worker), self.world.now);
        let (attempt, token) = self.attempt(&call);
        let items = [ToBegin { attempt, token, unplaced }];
        let told = begin_many(&self.store, &name, LEASE, now, &items).await.expect("a begin");
        let known = self.world.begin(place, worker, unplaced);
        match (told.into_iter().next().expect("an answer"), known) {
            (Begun::Dial(order), Begin::Dial) => {
                assert_eq!(order.begun_at, now, "the begin of a call");
                self.orders.insert(call.id, *order);
                true
            }
            (Begun::Lost(lost), Begin::Lost) => {
                self.record_lost(&[lost]).await;
                self.world.finish_lost(place);
                false
            }
            (Begun::Refused, Begin::NotIts | Begin::Withdrawn) => false,
            (told, known) => panic!("the begin of {call:?}: {told:?}, which is {known:?}"),
        }
    }

    async fn record_lost(&self, lost: &[LostAttempt]) {
        let done = finish_lost(&self.store, self.world.now, lost).await;
        let done = done.expect("they are recorded");
        assert!(done.iter().all(|done| done.written), "a loss is recorded");
    }

    /// A job is delivered: begin, wait for a turn, look at the clock, send the INVITE.
    pub async fn begin(&mut self, n: u8, worker: u8) {
        let Some(place) = self.world.call(n) else { return };
        if !self.fence(place, worker, false).await {
            return;
        }
        let (attempt, token) = self.attempt(&self.world.calls[place]);
        let paced = self.orders[&self.world.calls[place].id].paced;
        assert_eq!(paced, self.world.is_paced(place), "whether it is paced");
        if paced {
            let told = pace(&self.store, attempt, self.world.now).await.expect("a turn");
            let turn = self.world.pace(place);
            assert_eq!(told, Some(turn), "the turn of a call");
            if turn > self.world.now {
                self.world.now = turn;
                self.fence(place, worker, true).await;
            }
        }
        let order = &self.orders[&self.world.calls[place].id];
        let now = self.world.now;
        let closed = order.hours.may_call(now, Some(order.facts.callee)).is_err();
        let Some(put_off) = self.world.closes_on_the_way(place) else {
            assert!(!closed, "the worker sees other windows");
            self.world.invite(place);
            return;
        };
        assert!(closed, "the worker sees other windows");
        if !order.hours.callee_local_time.is_on() {
            let step = storage::tasks::Step::Edge;
            let edge = storage::tasks::PlannedStep { task: order.facts.task, step, at: now };
            storage::tasks::run_step(&self.store, edge, now).await.expect("a step");
        }
        let until = put_off.map(|(opens, _)| PutOff::callee_window(opens));
        withdraw(&self.store, attempt, token, now, until).await.expect("it is undone");
        self.world.undo(place, put_off);
    }

    /// The line places no call: the number goes back, or waits for the line.
    pub async fn place_no_call(&mut self, n: u8, minutes: Option<u8>) {
        let Some(place) = self.world.call(n) else { return };
        if !self.fence(place, 0, false).await {
            return;
        }
        let (attempt, token) = self.attempt(&self.world.calls[place]);
        let now = self.world.now;
        let until = minutes.map(|minutes| now + TimeDelta::minutes(minutes.into()));
        let put_off = until.map(PutOff::trunk_refused);
        withdraw(&self.store, attempt, token, now, put_off).await.expect("it is undone");
        self.world.undo(place, until.map(|until| (until, Why::TrunkRefused)));
    }

    pub async fn finish(&mut self, n: u8, outcome: Outcome, twice: bool) {
        let Some(place) = self.world.call(n) else { return };
        let call = self.world.calls[place].clone();
        let Some(Holder::Worker(_)) = self.holder(place) else { return };
        self.asks(&call, outcome).await;
        let finished = self.finished(&call, call.token, outcome);
        assert!(self.write(&finished).await, "the finish of {call:?}");
        if twice {
            assert!(!self.write(&finished).await, "a second finish of {call:?}");
        }
        self.world.finish(place, outcome);
    }

    /// The dialer claims for the slot that it frees, and begins what it claimed, in one transaction.
    pub async fn finish_and_go_on(&mut self, n: u8, outcome: Outcome) {
        let Some(place) = self.world.call(n) else { return };
        let call = self.world.calls[place].clone();
        let Some(Holder::Worker(worker)) = self.holder(place) else { return };
        self.asks(&call, outcome).await;
        let finished = self.finished(&call, call.token, outcome);
        let (now, store) = (self.world.now, self.store.clone());
        self.claims += 1;
        let name = worker_name(worker);
        let follow_on = FollowOn {
            claimer: &mut self.claimer,
            enterprise: self.enterprise,
            at_most: 1,
            worker: &name,
            lease: LEASE,
            lock_wait: LockWait { at_most: Duration::ZERO, now: &|| now },
            random_seed: self.claims,
        };
        let items = std::slice::from_ref(&finished);
        let finishing = finish_and_follow_on(&store, now, items, follow_on);
        let finishing = finishing.await.expect("a finish");
        let (orders, claimed) = (finishing.orders().to_vec(), finishing.claimed().cloned());
        let done = finishing.commit(&store).await.expect("its commit");
        assert!(done[0].written, "the finish of {call:?}");
        self.world.finish(place, outcome);
        let Some(claimed) = claimed else { return };
        let begun =
            |order: &DialOrder| ClaimedAttempt { attempt: order.attempt, token: order.token };
        let mut attempts: Vec<_> = orders.iter().map(begun).collect();
        attempts.extend(&claimed.attempts);
        let next = self.world.calls.len();
        self.claimed(&attempts, claimed.more, 1, false);
        for order in orders {
            assert!(!self.world.is_paced(next), "it would have to wait for its turn");
            assert_eq!(self.world.begin(next, worker, false), Begin::Dial);
            assert_eq!(self.world.closes_on_the_way(next), None, "the windows of a claim");
            self.orders.insert(self.world.calls[next].id, order);
            self.world.invite(next);
        }
    }

    /// What the customer asks for on the call is done at once.
    async fn asks(&self, call: &Call, outcome: Outcome) {
        if matches!(outcome, Outcome::AskedNotToBeCalled) {
            let (phone, now) = (crate::furniture::phone(call.phone), self.world.now);
            let asked = storage::suppression::asked(&self.store, self.enterprise, phone, now);
            asked.await.expect("it is listed");
        }
    }

    fn finished(&self, call: &Call, token: i64, outcome: Outcome) -> Finished {
        let order = &self.orders[&call.id];
        let (now, result) = (self.world.now, outcome.result());
        let started_at = call.begun.map_or(now, |begun| begun.at);
        let mut record = order.facts.record(order.attempt, result, started_at, now);
        record.cause = outcome.cause().to_owned();
        let mut finished = Finished::of(token, record);
        finished.trunk_refused = outcome.line_refused();
        finished
    }

    async fn write(&self, finished: &Finished) -> bool {
        let items = std::slice::from_ref(finished);
        let done = finish_many(&self.store, self.world.now, items).await.expect("a finish");
        done[0].written
    }

    /// Who holds a call, or should have taken it, is gone: its lease runs out.
    pub fn die(&mut self, n: u8) {
        if let Some(place) = self.world.call(n) {
            let (attempt, _) = self.attempt(&self.world.calls[place]);
            self.rows.expire(attempt.uuid());
            self.world.calls[place].lease_over = true;
        }
    }

    pub async fn sweep(&mut self, record: bool) {
        let expired = expire_leases(&self.store, LEASE, Duration::ZERO).await.expect("a sweep");
        let of_this = |attempt: &AttemptId| {
            let call = self.attempts.iter().find(|(_, known)| *known == attempt);
            call.map(|(call, _)| *call)
        };
        let again = expired.again.iter().filter_map(|it| Some((of_this(&it.attempt)?, it.token)));
        let lost = expired.lost.iter().filter_map(|it| Some((of_this(&it.attempt)?, it.token)));
        let (mut again, mut lost): (Vec<_>, Vec<_>) = (again.collect(), lost.collect());
        again.sort_unstable();
        lost.sort_unstable();
        let known = self.world.expire();
        let token = |id: u64| {
            let call = self.world.calls.iter().find(|call| call.id == id);
            (id, call.expect("it is live").token)
        };
        let tokens = |ids: Vec<u64>| ids.into_iter().map(token).collect::<Vec<_>>();
        assert_eq!((again, lost.clone()), (tokens(known.0), tokens(known.1)), "a sweep");
        if !record || lost.is_empty() {
            return;
        }
        let mut ours = expired.lost;
        ours.retain(|lost| of_this(&lost.attempt).is_some());
        self.record_lost(&ours).await;
        for (id, _) in lost {
            let place = self.world.calls.iter().position(|call| call.id == id).expect("it is live");
            self.world.finish_lost(place);
        }
    }

    /// Somebody acts with a token that is no more: nothing may be written.
    pub async fn zombie(&mut self, n: u8, late: Late) {
        let old = |call: &Call| Call { token: call.token - 1, ..call.clone() };
        let fenced = self.world.calls.iter().filter(|call| call.token > 1).map(old);
        let zombies: Vec<Call> = fenced.chain(self.world.over.iter().cloned()).collect();
        if zombies.is_empty() {
            return;
        }
        let call = &zombies[usize::from(n) % zombies.len()];
        let (attempt, token) = self.attempt(call);
        let now = self.world.now;
        match late {
            Late::Begin => {
                let worker = worker_name(0);
                let items = [ToBegin::new(attempt, token)];
                let told = begin_many(&self.store, &worker, LEASE, now, &items).await;
                let told = told.expect("an answer");
                assert!(matches!(told[0], Begun::Refused), "a zombie begins {call:?}");
            }
            Late::Finish if self.orders.contains_key(&call.id) => {
                let finished = self.finished(call, token, Outcome::Answered);
                assert!(!self.write(&finished).await, "a zombie finishes {call:?}");
            }
            Late::Finish => {}
            Late::Withdraw => {
                withdraw(&self.store, attempt, token, now, None).await.expect("nothing");
            }
        }
    }

    /// Calls that nobody has begun are found, whatever became of their jobs.
    pub async fn lost_jobs(&mut self) {
        let told = lost_jobs(&self.store, Duration::ZERO).await.expect("jobs");
        let ours: BTreeSet<_> = self.attempts.values().collect();
        let told = told.into_iter().map(|claimed| (claimed.attempt, claimed.token));
        let mut told: Vec<_> = told.filter(|(attempt, _)| ours.contains(attempt)).collect();
        told.sort_unstable();
        let known = self.world.calls.iter().filter(|call| call.begun.is_none());
        let known: Vec<_> = known.map(|call| self.attempt(call)).collect();
        assert_eq!(told, known, "calls that nobody has begun");
    }
}
