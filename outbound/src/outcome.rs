//! How an attempt ended.

use std::collections::BTreeMap;

use crate::words::words;

words! {
    /// What a number was found to be when it was not connected.
    CalledStatus {
        InvalidNumber = "invalid_number",
        PowerOff = "power_off",
        OutOfService = "out_of_service",
        Busy = "busy",
        NoAnswer = "no_answer",
        TemporarilyUnavailable = "temporarily_unavailable",
        CallRestricted = "call_restricted",
        ServiceSuspended = "service_suspended",
        CallAssistant = "call_assistant",
        CallFailed = "call_failed",
    }
}

words! {
    /// Who ended a call.
    HangupParty {
        Customer = "customer",
        System = "system",
    }
}

words! {
    /// Who answered a call, as its first seconds told.
    AnsweredBy {
        Person = "person",
        /// An answering machine or a mailbox.
        Machine = "machine",
        /// A call assistant that takes calls for its owner.
        Assistant = "assistant",
        /// A telephone that asks who calls before it rings through.
        Screening = "screening",
        /// The first seconds did not tell.
        Unknown = "unknown",
    }
}

words! {
    /// What the robot did with an answered call.
    RobotResult {
        Answered = "robot_answered",
        NotAnswered = "robot_not_answered",
        Error = "robot_error",
        Overloaded = "robot_overloaded",
    }
}

/// The outcome of an attempt: answered, or the status that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallResult {
    Answered,
    Unanswered(CalledStatus),
}

impl CallResult {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unanswered(status) => status.word(),
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        if word == "answered" {
            return Some(Self::Answered);
        }
        CalledStatus::from_word(word).map(Self::Unanswered)
    }

    /// The result of a call that the line ended as `self`, for this cause.
    #[must_use]
    pub fn for_cause(self, cause: &str) -> Self {
        match cause {
            cause::WORKER_STOPPING => Self::Unanswered(CalledStatus::CallFailed),
            cause::NOT_A_PERSON => Self::Unanswered(CalledStatus::CallAssistant),
            _ => self,
        }
    }

    pub const fn status(self) -> Option<CalledStatus> {
        match self {
            Self::Answered => None,
            Self::Unanswered(status) => Some(status),
        }
    }
}

/// Why a `call_failed` came about, where the line did not say: the words of the record's `cause`.
pub mod cause {
    /// The worker died with the call up.
    pub const WORKER_LOST: &str = "worker_lost";
    /// The worker was asked to stop, and hung up as its drain time was over. The customer was cut off in
    /// mid-sentence, so the call counts as failed though it was answered, and the number is redialled.
    pub const WORKER_STOPPING: &str = "worker_stopping";
    /// The line itself refused; the number was not tried.
    pub const TRUNK_REFUSED: &str = "trunk_refused";
    /// Our own ring timeout.
    pub const RING_TIMEOUT: &str = "ring_timeout";
    /// The longest call of the task was reached.
    pub const MAX_CALL: &str = "max_call";
    /// The call was answered, and no voice could be agreed on, or none came any more.
    pub const NO_MEDIA: &str = "no_media";
    /// The far end did not say in time that the call goes on (RFC 4028).
    pub const SESSION_EXPIRED: &str = "session_expired";
    /// The person whom the customer was transferred to hung up.
    pub const AGENT_HUNG_UP: &str = "agent_hung_up";
    /// The far end has handed the customer to a person, as it was asked.
    pub const TRANSFERRED: &str = "transferred";
    /// No person answered, and the task hangs up on that. The call counts as `call_assistant` though it was answered, so
    /// that a redial can choose it.
    pub const NOT_A_PERSON: &str = "not_a_person";
    /// The task was ended with `hang_up`.
    pub const TASK_ENDED: &str = "task_ended";
}

/// Something that a line tells of a call that was not answered: a SIP status, a Q.850 cause, and what
/// it means for the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    pub code: u16,
    pub status: CalledStatus,
    /// It only says that the call came to nothing; what was heard in early media says more.
    pub vague: bool,
}

const fn clear(code: u16, status: CalledStatus) -> Meaning {
    Meaning { code, status, vague: false }
}

const fn vague(code: u16, status: CalledStatus) -> Meaning {
    Meaning { code, status, vague: true }
}

/// What a Q.850 cause means, where the line sends one; it is closer to the number than the SIP status
/// (ITU-T Q.850, and RFC 3398 for how gateways translate). Causes that are not named here (16, 31,
/// 127) say nothing: the SIP status decides.
pub const Q850_MEANINGS: &[Meaning] = &[
    clear(1, CalledStatus::InvalidNumber),
    vague(2, CalledStatus::CallFailed),
    vague(3, CalledStatus::CallFailed),
    clear(17, CalledStatus::Busy),
    vague(18, CalledStatus::NoAnswer),
    vague(19, CalledStatus::NoAnswer),
    clear(20, CalledStatus::PowerOff),
    clear(21, CalledStatus::Busy),
    clear(22, CalledStatus::InvalidNumber),
    clear(27, CalledStatus::OutOfService),
    clear(28, CalledStatus::InvalidNumber),
    clear(29, CalledStatus::CallRestricted),
    vague(34, CalledStatus::CallFailed),
    vague(38, CalledStatus::CallFailed),
    vague(41, CalledStatus::CallFailed),
    vague(42, CalledStatus::CallFailed),
    vague(47, CalledStatus::CallFailed),
    clear(50, CalledStatus::ServiceSuspended),
    clear(52, CalledStatus::CallRestricted),
    clear(54, CalledStatus::CallRestricted),
    clear(55, CalledStatus::CallRestricted),
    clear(57, CalledStatus::CallRestricted),
    clear(87, CalledStatus::CallRestricted),
    vague(102, CalledStatus::NoAnswer),
];

/// What a final SIP status means, where no Q.850 cause says more (RFC 3261, section 21; 607 RFC 8197,
/// 608 RFC 8688). Statuses that are not named here mean `call_failed`.
pub const SIP_MEANINGS: &[Meaning] = &[
    clear(402, CalledStatus::ServiceSuspended),
    clear(403, CalledStatus::CallRestricted),
    clear(404, CalledStatus::InvalidNumber),
    vague(408, CalledStatus::NoAnswer),
    clear(410, CalledStatus::OutOfService),
    vague(480, CalledStatus::TemporarilyUnavailable),
    clear(484, CalledStatus::InvalidNumber),
    clear(486, CalledStatus::Busy),
    vague(487, CalledStatus::NoAnswer),
    clear(600, CalledStatus::Busy),
    clear(603, CalledStatus::Busy),
    clear(604, CalledStatus::InvalidNumber),
    clear(607, CalledStatus::CallRestricted),
    clear(608, CalledStatus::CallRestricted),
];

/// SIP statuses by which the line itself turns a call down: it wants credentials, it is broken, it is
/// full. The number was not tried.
const REFUSING_SIP: &[u16] = &[401, 407, 500, 502, 503];
/// The same by Q.850 cause: no circuit, network out of order, temporary failure, congestion, no
/// resource.
const REFUSING_Q850: &[u16] = &[34, 38, 41, 42, 47];

/// What is known of an attempt when it has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    pub answered: bool,
    pub sip_code: Option<u16>,
    pub q850_cause: Option<u16>,
    /// What a tone or an announcement in early media said.
    pub heard: Option<CalledStatus>,
    /// We gave up ringing.
    pub ring_timeout: bool,
}

words! {
    /// What decided the outcome of an attempt.
    DecidedBy {
        /// It was answered.
        Answer = "answer",
        /// The trunk's own status mapping.
        TrunkMapping = "trunk_mapping",
        Q850Cause = "q850_cause",
        SipStatus = "sip_status",
        /// A tone or an announcement before the answer.
        EarlyMedia = "early_media",
        /// We gave up ringing.
        RingTimeout = "ring_timeout",
        /// The platform itself: a worker that was lost, a task that was ended.
        System = "system",
        /// Nothing that is known: `call_failed`.
        Nothing = "nothing",
    }
}

/// The outcome of an attempt. Sources in order: the trunk's own mapping, a clear Q.850 cause or SIP
/// status, what was heard in early media, our ring timeout, what the line said vaguely; else
/// `call_failed`.
///
/// `mapping` is keyed by a SIP status (`"486"`) or one with a Q.850 cause (`"503/34"`), which goes
/// first.
pub fn classify(evidence: &Evidence, mapping: &BTreeMap<String, CalledStatus>) -> CallResult {
    decide(evidence, mapping).0
}

/// [`classify`], with what decided it.
pub fn decide(
    evidence: &Evidence,
    mapping: &BTreeMap<String, CalledStatus>,
) -> (CallResult, DecidedBy) {
    if evidence.answered {
        return (CallResult::Answered, DecidedBy::Answer);
    }
    let find = |table: &[Meaning], code: Option<u16>| {
        code.and_then(|code| table.iter().find(|meaning| meaning.code == code)).copied()
    };
    let cause = find(Q850_MEANINGS, evidence.q850_cause);
    let status = find(SIP_MEANINGS, evidence.sip_code);
    let said = || {
        let cause = cause.map(|meaning| (meaning, DecidedBy::Q850Cause));
        let status = status.map(|meaning| (meaning, DecidedBy::SipStatus));
        cause.into_iter().chain(status)
    };
    let of = |(meaning, by): (Meaning, DecidedBy)| (meaning.status, by);
    let (status, by) = mapped(evidence, mapping)
        .map(|status| (status, DecidedBy::TrunkMapping))
        .or_else(|| said().find(|(meaning, _)| !meaning.vague).map(of))
        .or_else(|| evidence.heard.map(|status| (status, DecidedBy::EarlyMedia)))
        .or_else(|| {
            evidence.ring_timeout.then_some((CalledStatus::NoAnswer, DecidedBy::RingTimeout))
        })
        .or_else(|| said().next().map(of))
        .unwrap_or((CalledStatus::CallFailed, DecidedBy::Nothing));
    (CallResult::Unanswered(status), by)
}

/// What decided the outcome on a record. It goes by the trunk's mapping of today: a record does not keep the one of its time.
pub fn decided_by(
    result: CallResult,
    cause: &str,
    (sip_code, q850_cause): (Option<u16>, Option<u16>),
    mapping: &BTreeMap<String, CalledStatus>,
) -> DecidedBy {
    if result == CallResult::Answered {
        return DecidedBy::Answer;
    }
    match cause {
        cause::RING_TIMEOUT => return DecidedBy::RingTimeout,
        "" | cause::TRUNK_REFUSED => {}
        _ => return DecidedBy::System,
    }
    let (now, by) = decide(&Evidence { sip_code, q850_cause, ..Evidence::default() }, mapping);
    // What neither the codes nor the mapping say was heard, or mapped otherwise then.
    if now == result { by } else { DecidedBy::EarlyMedia }
}

fn mapped(evidence: &Evidence, mapping: &BTreeMap<String, CalledStatus>) -> Option<CalledStatus> {
    let code = evidence.sip_code.filter(|_| !mapping.is_empty())?;
    let both = evidence.q850_cause.and_then(|cause| mapping.get(&format!("{code}/{cause}")));
    both.or_else(|| mapping.get(&code.to_string())).copied()
}

/// Whether the line itself turned the call down, so that the number was not tried. A status that the
/// trunk maps to anything but `call_failed` is about the number.
pub fn line_refused(evidence: &Evidence, mapping: &BTreeMap<String, CalledStatus>) -> bool {
    if evidence.answered || evidence.ring_timeout {
        return false;
    }
    if let Some(status) = mapped(evidence, mapping) {
        return status == CalledStatus::CallFailed;
    }
    let named = |list: &[u16], code: Option<u16>| code.is_some_and(|code| list.contains(&code));
    match evidence.q850_cause.filter(|cause| Q850_MEANINGS.iter().any(|m| m.code == *cause)) {
        Some(cause) => REFUSING_Q850.contains(&cause),
        None => named(REFUSING_SIP, evidence.sip_code),
    }
}

#[cfg(test)]
mod tests;
