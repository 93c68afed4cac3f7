//! Calls: begun, finished, undone, lost.

use chrono::TimeDelta;
use outbound::Time;
use outbound::number::NumberState;
use outbound::order::LaneClass;
use outbound::outcome::{CallResult, CalledStatus, cause};
use outbound::redial::After;
use outbound::task::TaskState;

use super::{Begun, Call, Holder, Invite, Record, Stands, Why, World};
use crate::furniture;
use crate::op::Outcome;
use crate::rules::redial::{Ending, next};

/// What came of a begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// The INVITE may leave.
    Dial,
    /// Its worker had begun it, and does not know whether the INVITE left.
    Lost,
    /// The attempt is another's: nothing happened.
    NotIts,
    /// The attempt is undone.
    Withdrawn,
}

impl Outcome {
    pub const fn result(self) -> CallResult {
        match self {
            Self::Answered | Self::AskedNotToBeCalled => CallResult::Answered,
            Self::Busy => CallResult::Unanswered(CalledStatus::Busy),
            Self::NoAnswer => CallResult::Unanswered(CalledStatus::NoAnswer),
            Self::PowerOff => CallResult::Unanswered(CalledStatus::PowerOff),
            Self::LineRefused => CallResult::Unanswered(CalledStatus::CallFailed),
        }
    }

    pub const fn line_refused(self) -> bool {
        matches!(self, Self::LineRefused)
    }

    pub const fn cause(self) -> &'static str {
        if self.line_refused() { cause::TRUNK_REFUSED } else { "" }
    }
}

impl World {
    /// A worker begins a call with the token that its attempt has now; `unplaced`: it knows that no
    /// INVITE has left.
    pub fn begin(&mut self, place: usize, worker: u8, unplaced: bool) -> Begin {
        let call = &mut self.calls[place];
        let again = match &mut call.begun {
            None if call.lease_over => return Begin::NotIts,
            None => false,
            Some(begun) if begun.by != Holder::Worker(worker) => return Begin::NotIts,
            Some(_) if unplaced => true,
            Some(begun) => {
                (begun.by, call.lease_over) = (Holder::Sweep, false);
                call.token += 1;
                return Begin::Lost;
            }
        };
        let call = &self.calls[place];
        let running = self.tasks[call.task].state == TaskState::Running;
        if !running || !self.trunks[call.trunk].in_service || self.is_over(place) {
            self.undo(place, None);
            return Begin::Withdrawn;
        }
        let begun = Begun { by: Holder::Worker(worker), at: self.now };
        let call = &mut self.calls[place];
        (call.begun, call.lease_over) = (Some(begun), false);
        if !again {
            self.keeps_limits(place);
        }
        Begin::Dial
    }

    /// Whether a limit that was lowered leaves no room for a call: those that are begun come first,
    /// then those that were claimed earlier.
    fn is_over(&self, place: usize) -> bool {
        let call = &self.calls[place];
        let turn = |call: &Call| (call.begun.is_none(), call.id);
        let ahead = |same: &dyn Fn(&Call) -> bool| {
            let before = |other: &&Call| same(other) && turn(other) <= turn(call);
            self.calls.iter().filter(before).count()
        };
        let over = |limit: u32, same: &dyn Fn(&Call) -> bool| ahead(same) > limit as usize;
        over(self.settings.concurrency_limit, &|_| true)
            || over(self.trunks[call.trunk].concurrency, &|other| other.trunk == call.trunk)
            || over(self.tasks[call.task].concurrency, &|other| other.task == call.task)
    }

    /// The call that was just begun is within every limit.
    fn keeps_limits(&self, place: usize) {
        let call = &self.calls[place];
        let up = |same: &dyn Fn(&Call) -> bool| {
            self.calls.iter().filter(|other| other.begun.is_some() && same(other)).count()
        };
        let within = |limit: u32, same: &dyn Fn(&Call) -> bool| up(same) <= limit as usize;
        assert!(within(self.settings.concurrency_limit, &|_| true), "over the enterprise's limit");
        let trunk = &self.trunks[call.trunk];
        assert!(within(trunk.concurrency, &|it| it.trunk == call.trunk), "over a trunk's limit");
        let task = &self.tasks[call.task];
        assert!(within(task.concurrency, &|it| it.task == call.task), "over a task's limit");
    }

    pub fn is_paced(&self, place: usize) -> bool {
        let call = &self.calls[place];
        self.trunks[call.trunk].calls_per_second.is_some()
            || self.tasks[call.task].calls_per_second.is_some()
    }

    /// The turn that calls per second give a call: each takes a little more than its share of a
    /// second.
    pub fn pace(&mut self, place: usize) -> Time {
        let call = &self.calls[place];
        let (trunk, task) = (&mut self.trunks[call.trunk], &mut self.tasks[call.task]);
        let now = self.now;
        let next = |at: Option<Time>| {
            let sane = at.filter(|at| *at <= now + TimeDelta::seconds(10));
            sane.unwrap_or(now).max(now)
        };
        let mut turns = [
            (trunk.calls_per_second, &mut trunk.next_invite_at),
            (task.calls_per_second, &mut task.next_invite_at),
        ];
        let paced = turns.iter().filter(|(rate, _)| rate.is_some());
        let turn = paced.map(|(_, at)| next(**at)).max().unwrap_or(now);
        for (rate, at) in &mut turns {
            if let Some(rate) = rate {
                **at = Some(turn + TimeDelta::microseconds(1_100_000 / i64::from(*rate)));
            }
        }
        turn
    }

    /// The INVITE of a call leaves now.
    pub fn invite(&mut self, place: usize) {
        let call = &self.calls[place];
        let (task, trunk) = (call.task, call.trunk);
        let closed = self.tasks[task].plan.closed(self.now, furniture::phone(call.phone));
        assert_eq!(closed, None, "an INVITE in a closed minute");
        self.invites.push(Invite { at: self.now, trunk, task });
        let from = self.now - TimeDelta::seconds(1);
        let within = |rate: Option<u32>, of: &dyn Fn(&Invite) -> bool| {
            let lately = |invite: &&Invite| of(invite) && invite.at > from;
            rate.is_none_or(|rate| self.invites.iter().filter(lately).count() <= rate as usize)
        };
        let rate = self.trunks[trunk].calls_per_second;
        assert!(within(rate, &|it| it.trunk == trunk), "over a trunk's calls per second");
        let rate = self.tasks[task].calls_per_second;
        assert!(within(rate, &|it| it.task == task), "over a task's calls per second");
    }

    /// A call that has not begun, or whose INVITE has not left, goes back; or waits.
    pub fn undo(&mut self, place: usize, put_off: Option<(Time, Why)>) {
        let call = self.calls.remove(place);
        self.numbers[call.number].stands = match put_off.filter(|(until, _)| *until > self.now) {
            Some((due, why)) => Stands::Waiting { due, why, put_off: false },
            None => Stands::Ready,
        };
        self.phone_freed(call.phone);
        self.over.push(call);
    }

    /// A call that was begun has ended.
    pub fn finish(&mut self, place: usize, outcome: Outcome) {
        let begun = self.calls[place].begun.expect("only begun calls finish");
        self.end(place, outcome.result(), outcome.cause(), begun.at, self.now);
        if matches!(outcome, Outcome::AskedNotToBeCalled) {
            let phone = self.over.last().expect("it is over").phone;
            self.forbid(phone, None);
        }
    }

    /// The loss of a call's worker is recorded.
    pub fn finish_lost(&mut self, place: usize) {
        let begun = self.calls[place].begun.expect("only begun calls are lost");
        let failed = CallResult::Unanswered(CalledStatus::CallFailed);
        self.end(place, failed, cause::WORKER_LOST, begun.at, self.now.max(begun.at));
    }

    fn end(
        &mut self,
        place: usize,
        result: CallResult,
        cause: &'static str,
        started_at: Time,
        ended_at: Time,
    ) {
        let call = self.calls.remove(place);
        let trunk_refused = cause == cause::TRUNK_REFUSED;
        let number = &self.numbers[call.number];
        let forbidden = |phone: &u8| self.is_forbidden(*phone);
        let barred = number.phones.iter().skip(1).map(forbidden);
        let barred = std::iter::once(false).chain(barred);
        let ending = Ending {
            policy: &self.policies[call.policy],
            round: call.round,
            here: call.chain_index,
            chain: number.statuses.iter().copied().zip(barred).collect(),
            first_called_at: number.first_called_at.unwrap_or(started_at),
            round_called_at: number.round_called_at.unwrap_or(started_at),
            refusals: number.refusals,
            result,
            trunk_refused,
            ended_at,
        };
        let after = next(&ending);
        self.records.push(Record {
            id: call.id,
            number: call.number,
            phone: call.phone,
            round: call.round,
            chain_index: call.chain_index,
            policy: call.policy,
            result,
            cause,
            uncounted: matches!(after, After::AgainLater { .. }),
            started_at,
            ended_at,
        });
        let listed = self.is_forbidden(self.numbers[call.number].phones[0]);
        self.go_on(&call, after, result, started_at);
        if listed {
            self.suppress_number(call.number);
        }
        self.phone_freed(call.phone);
        self.over.push(call);
    }

    /// The number of a call goes where it has to.
    fn go_on(&mut self, call: &Call, after: After, result: CallResult, started_at: Time) {
        let number = &mut self.numbers[call.number];
        number.policy = Some(call.policy);
        if let After::AgainLater { at } = after {
            number.refusals += 1;
            number.stands = Stands::Waiting { due: at, why: Why::TrunkRefused, put_off: false };
            return;
        }
        number.refusals = 0;
        number.statuses[call.chain_index] = result.status();
        number.first_called_at = number.first_called_at.or(Some(started_at));
        number.round_called_at = number.round_called_at.or(Some(started_at));
        number.last_called_at = Some(started_at);
        match after {
            After::Connected => number.stands = Stands::Ended(NumberState::Connected),
            After::Unconnected => number.stands = Stands::Ended(NumberState::Unconnected),
            After::NextBackup { chain_index } => {
                number.chain_index = chain_index.into();
                number.class = LaneClass::Backup;
                number.stands = Stands::Ready;
            }
            After::Redial { round, chain_index, at } => {
                (number.round, number.chain_index) = (round, chain_index.into());
                number.round_called_at = None;
                number.class = LaneClass::Redial;
                number.stands = Stands::Waiting { due: at, why: Why::Redial, put_off: false };
            }
            After::AgainLater { .. } | After::Suppressed => {}
        }
    }

    /// A phone is listed: its numbers end, but for those whose call is up.
    pub fn forbid(&mut self, phone: u8, until: Option<Time>) {
        self.forbidden.insert(phone, until);
        let claimed = |world: &Self| {
            let of_it =
                |call: &Call| call.phone == phone || world.numbers[call.number].phones[0] == phone;
            world.calls.iter().position(|call| call.begun.is_none() && of_it(call))
        };
        while let Some(place) = claimed(self) {
            self.undo(place, None);
        }
        for number in 0..self.numbers.len() {
            if self.numbers[number].phones[0] == phone {
                self.suppress_number(number);
            }
        }
    }

    fn suppress_number(&mut self, number: usize) {
        let stands = &mut self.numbers[number].stands;
        if matches!(stands, Stands::Ready | Stands::Waiting { .. }) {
            *stands = Stands::Ended(NumberState::Suppressed);
        }
    }

    /// Leases that ran out: calls that nobody had begun get another job, the others are lost. Gives the
    /// ids of both.
    pub fn expire(&mut self) -> (Vec<u64>, Vec<u64>) {
        let (mut again, mut lost) = (Vec::new(), Vec::new());
        for call in self.calls.iter_mut().filter(|call| call.lease_over) {
            (call.token, call.lease_over) = (call.token + 1, false);
            match &mut call.begun {
                None => again.push(call.id),
                Some(begun) => {
                    begun.by = Holder::Sweep;
                    lost.push(call.id);
                }
            }
        }
        (again, lost)
    }
}
