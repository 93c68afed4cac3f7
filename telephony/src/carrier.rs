//! What a line does: place one call, tell what happens on it, hang it up.
//!
//! A call is placed once per order and never again by itself; every act is in the journal before it
//! is done. Nothing that happens to a call is an error: an error means that no call was placed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use clock::Clock;
use dialog::conversation::Input;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, EnterpriseId, TaskId, TrunkId};
use outbound::outcome::{
    CallResult, CalledStatus, Evidence, HangupParty, cause, classify, line_refused,
};
use outbound::phone::Phone;
use outbound::trunk::TrunkConfig;
use tokio::time::Instant;

use crate::media::Audio;
use crate::voice::Say;

/// A line to the phone network.
#[async_trait]
pub trait Carrier: Send + Sync {
    /// Place one call: exactly one INVITE, journaled before it leaves.
    ///
    /// An error means that no INVITE left.
    async fn originate(&self, order: Order) -> Result<Box<dyn Call>, CarrierError>;

    /// Hang up the call of an attempt whose worker was lost, wherever it was placed from. Returns
    /// whether there was one.
    async fn hang_up_lost(&self, attempt: AttemptId) -> bool;
}

/// One call to place. Durations are in business time.
#[derive(Debug, Clone)]
pub struct Order {
    pub attempt: AttemptId,
    /// The fencing token that the attempt was begun with.
    pub token: i64,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub trunk: TrunkId,
    pub line: Arc<TrunkConfig>,
    /// The customer's call that is handed to a person by this one; none: this is a customer's call. A call to a person
    /// is not held to windows, and not to the do-not-call list.
    pub transfer_of: Option<AttemptId>,
    pub callee: Phone,
    pub caller: Phone,
    pub round: u16,
    /// 0 the phone number, k its k-th backup.
    pub chain_index: u16,
    /// How long the phone may ring (from the INVITE until it rings, and from then on again).
    pub ring_timeout: Duration,
    /// The longest call, from the answer.
    pub max_call: Duration,
    /// Where a line that carries sound records the call; none: it is not recorded. The file is whole when the end of the
    /// call is told.
    pub recording: Option<PathBuf>,
    /// When the attempt was begun. What was decided since, as a phone that was listed, is looked at right before the
    /// INVITE.
    pub begun_at: std::time::Instant,
    /// No INVITE leaves later than this. It is looked at right before: a process may be suspended
    /// anywhere on its way here, and wake when the call is another's, or nobody's, to place.
    pub invite_by: std::time::Instant,
    /// Nor does it leave while these are closed, by the callee's clock where they go by that; the same
    /// process may wake in a closed minute.
    pub hours: Arc<Hours>,
}

/// A call that was placed. Dropping it hangs it up.
#[async_trait]
pub trait Call: Send {
    /// The line's own identifier of the call.
    fn call_id(&self) -> &str;

    /// What happens next. Cancel safe. After [`CallEvent::Ended`] it never returns.
    async fn next(&mut self) -> CallEvent;

    /// Do something on the call. On a call that is over nothing happens.
    async fn send(&mut self, command: Command);

    /// The call's sound, to be joined with that of another; none on a line that carries no sound.
    fn audio(&self) -> Option<Audio>;
}

/// What happened on a call. Times never go back within one call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallEvent {
    Ringing {
        at: Time,
    },
    Answered {
        at: Time,
    },
    /// Something that the conversation hears.
    Heard {
        at: Time,
        input: Input,
    },
    /// How a [`Command::Refer`] goes.
    Transfer {
        at: Time,
        progress: TransferProgress,
    },
    /// The last event of a call.
    Ended(Ending),
}

/// How far the far end has come with a call in our place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferProgress {
    Trying,
    Ringing,
    /// The other is on the line; this call is not needed any more.
    Answered,
    /// The call goes on here. With the SIP status, where there is one.
    Failed {
        sip_code: Option<u16>,
    },
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    pub at: Time,
    pub result: CallResult,
    /// Why, where the result does not say: the words of [`outbound::outcome::cause`], else empty.
    pub cause: String,
    pub sip_code: Option<u16>,
    pub q850_cause: Option<u16>,
    /// Who hung up; none where the network ended it.
    pub party: Option<HangupParty>,
    /// The line itself refused: the number was not tried.
    pub trunk_refused: bool,
}

impl Ending {
    /// A final refusal by the network or the phone, judged as any line's is.
    pub fn unanswered(
        at: Time,
        evidence: &Evidence,
        mapping: &BTreeMap<String, CalledStatus>,
    ) -> Self {
        let trunk_refused = line_refused(evidence, mapping);
        let cause = if trunk_refused { cause::TRUNK_REFUSED } else { "" };
        Self {
            at,
            result: classify(evidence, mapping),
            cause: cause.to_owned(),
            sip_code: evidence.sip_code,
            q850_cause: evidence.q850_cause,
            party: None,
            trunk_refused,
        }
    }

    /// Our own CANCEL: the phone was not answered. No mapping has a say.
    pub fn cancelled(at: Time, why: &str, sip_code: Option<u16>) -> Self {
        let status = match why {
            cause::RING_TIMEOUT => CalledStatus::NoAnswer,
            _ => CalledStatus::CallFailed,
        };
        Self {
            at,
            result: CallResult::Unanswered(status),
            cause: why.to_owned(),
            sip_code,
            q850_cause: None,
            party: Some(HangupParty::System),
            trunk_refused: false,
        }
    }
}

/// What the conversation wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Play {
        utterance: u64,
        say: Say,
    },
    Stop {
        utterance: u64,
    },
    /// From now on so much silence ends the customer's speech. Only a line without sound tells that; on another one the
    /// [`Call::audio`] is listened to.
    Listen {
        end_of_speech_ms: u64,
    },
    SendDigits(String),
    /// A person is on the line: the customer talks with them from now on, and nothing is played.
    Joined,
    /// Have the network call somebody else in our place (SIP REFER). A line that can't does nothing.
    Refer {
        to: Phone,
    },
    /// End the call, in whatever phase it is. The cause goes to the record.
    HangUp {
        cause: &'static str,
    },
}

/// No call was placed.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// The line takes no calls now: put the number off, count it against the line.
    #[error("the line takes no calls: {0}")]
    Refused(String),
    /// The order came too late, or what allowed the call does no longer: it is to be asked again.
    #[error("the order's time to send the INVITE is over")]
    Late,
    /// An INVITE of this attempt has left this process before. The attempt is that call's.
    #[error("an INVITE of the attempt has left before")]
    SecondInvite,
    /// The journal can't be written, and without it no call is placed: stop and mend the disk.
    #[error("the call journal can't be written: {0}")]
    Journal(#[from] std::io::Error),
}

/// A call's own time: it starts at the business time of its INVITE and runs on at the clock's pace.
/// A clock that is set in mid-call does not tear the call.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    started_at: Time,
    origin: Instant,
    factor: u32,
}

impl Timeline {
    /// Starts now.
    pub fn start(clock: &Clock) -> Self {
        let second = Duration::from_secs(1);
        let factor = second.as_nanos() / clock.real(second).as_nanos().max(1);
        Self {
            started_at: clock.now(),
            origin: Instant::now(),
            factor: u32::try_from(factor).unwrap_or(1).max(1),
        }
    }

    /// The business time at which it started.
    pub fn started_at(&self) -> Time {
        self.started_at
    }

    /// How fast business time runs.
    pub fn factor(&self) -> u32 {
        self.factor
    }

    /// Business milliseconds since it started.
    pub fn elapsed_ms(&self) -> u64 {
        let real = self.origin.elapsed() * self.factor;
        u64::try_from(real.as_millis()).unwrap_or(u64::MAX)
    }

    /// The business time so many milliseconds after the start.
    pub fn at(&self, ms: u64) -> Time {
        self.started_at + TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(0))
    }

    /// The real moment at which so many milliseconds have passed: what to sleep until.
    pub fn instant(&self, ms: u64) -> Instant {
        self.origin + Duration::from_millis(ms) / self.factor
    }
}
