//! The fields of a call record: names, titles and what they mean. The first are those of the guide's
//! field table, in its order; lists, the API, filters and exports all go by this table.

use crate::outcome::{AnsweredBy, CalledStatus, HangupParty, RobotResult};

/// One field of a call record.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// In the API, in filters and in the choice of an export's fields.
    pub name: &'static str,
    /// In the heads of lists and exports.
    pub title: &'static str,
    pub doc: &'static str,
    pub kind: FieldKind,
}

/// What a field holds, and so what a filter may ask of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Phone,
    Text,
    /// A number; durations are in seconds.
    Number,
    Time,
    /// One of these words, or blank.
    Words(&'static [&'static str]),
    Flag,
    List,
    /// Texts by name: `variables.customerName`.
    Map,
    /// An identifier with its prefix.
    Id,
    /// It is shown, and not filtered by.
    Shown,
}

/// Texts that hold no number of a customer in full: a masked one, and the line's identifier of the call.
const NO_PHONES: [&str; 2] = ["customer_number_encrypted", "call_id"];

impl Field {
    /// Whether its text may quote a phone number: what customers said, enterprises imported and people named.
    /// Who sees no full numbers sees such text masked, and can't ask for digits in it.
    pub fn may_quote_phones(&self) -> bool {
        matches!(self.kind, FieldKind::Text | FieldKind::List | FieldKind::Map)
            && !NO_PHONES.contains(&self.name)
    }
}

/// The words of a call's result.
pub const RESULTS: &[&str] = &[
    "answered",
    "invalid_number",
    "power_off",
    "out_of_service",
    "busy",
    "no_answer",
    "temporarily_unavailable",
    "call_restricted",
    "service_suspended",
    "call_assistant",
    "call_failed",
];

/// How many of [`FIELDS`] are the guide's.
pub const GUIDE_FIELDS: usize = 42;

const fn row(name: &'static str, title: &'static str, kind: FieldKind, doc: &'static str) -> Field {
    Field { name, title, doc, kind }
}

/// The field of a name.
pub fn field(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// The names of all fields.
pub const NAMES: &[&str] = &{
    let mut names = [""; FIELDS.len()];
    let mut place = 0;
    while place < names.len() {
        names[place] = FIELDS[place].name;
        place += 1;
    }
    names
};

/// Every field: those of the guide's table in its order, then what else is known.
pub const FIELDS: &[Field] = &[
    row(
        "customer_number",
        "Customer Number",
        FieldKind::Phone,
        "The called number: of a backup, where a backup was dialled. E.164; exports leave out the `+`.",
    ),
    row(
        "customer_number_location",
        "Customer Number Location",
        FieldKind::Text,
        "Province and city of the customer number, where they are known.",
    ),
    row(
        "customer_number_encrypted",
        "Customer Number Encrypted",
        FieldKind::Text,
        "The customer number, always masked (`138****0001`).",
    ),
    row(
        "outbound_number",
        "Outbound Number",
        FieldKind::Phone,
        "The outbound number that the customer was called with.",
    ),
    row(
        "outbound_number_location",
        "Outbound Number Location",
        FieldKind::Text,
        "Province and city of the outbound number.",
    ),
    row(
        "trunk_name",
        "Trunk Group Number",
        FieldKind::Text,
        "The trunk that carried the call, by its name.",
    ),
    row(
        "virtual_number",
        "Virtual Number",
        FieldKind::Shown,
        "A virtual number between the parties. Blank: no line of this version has any.",
    ),
    row(
        "virtual_number_location",
        "Virtual Number Location",
        FieldKind::Shown,
        "Location of the virtual number. Blank: no line of this version has any.",
    ),
    row(
        "answer_status",
        "Answer Status",
        FieldKind::Words(&["answered", "unanswered"]),
        "Whether the customer answered.",
    ),
    row("id", "Call ID", FieldKind::Id, "The call's identifier here: the attempt's."),
    row(
        "result",
        "Call Result",
        FieldKind::Words(RESULTS),
        "How the call ended: `answered`, or the status that was found.",
    ),
    row(
        "hangup_party",
        "Hang-up Party",
        FieldKind::Words(HangupParty::WORDS),
        "Who ended the call; blank when nobody answered.",
    ),
    row(
        "recording_state",
        "Recording",
        FieldKind::Words(&["pending", "ready", "failed"]),
        "Whether the recording is `ready`, still on its way or `failed`; blank when the call was not recorded.",
    ),
    row(
        "call_id",
        "CallID",
        FieldKind::Text,
        "The line's identifier of the call, for tracing it there: SIP's Call-ID, Asterisk's channel id, or the simulated line's.",
    ),
    row(
        "webrtc_call_id",
        "WebRTCCallID",
        FieldKind::Shown,
        "Identifier of a WebRTC session. Blank: no line of this version has any.",
    ),
    row(
        "called_status",
        "Called Status",
        FieldKind::Words(CalledStatus::WORDS),
        "What the called number was found to be; blank when it was answered.",
    ),
    row(
        "agent_id",
        "Agent ID",
        FieldKind::Text,
        "Employee number of the human agent who took the call over; blank when none did.",
    ),
    row(
        "agent_name",
        "Agent Name",
        FieldKind::Text,
        "Name of the human agent who took the call over; blank when none did.",
    ),
    row(
        "agent_phone",
        "Agent Phone",
        FieldKind::Phone,
        "Number at which the human agent took the call over; blank when none did.",
    ),
    row("started_at", "Start Time", FieldKind::Time, "When the call was placed."),
    row(
        "ringing_at",
        "Customer Ring Time",
        FieldKind::Time,
        "When the customer's phone began to ring; blank when it did not.",
    ),
    row(
        "answered_at",
        "Customer Answer Time",
        FieldKind::Time,
        "When the customer answered; blank when they did not.",
    ),
    row("ended_at", "End Time", FieldKind::Time, "When the call ended."),
    row(
        "talk_seconds",
        "Customer Talk Duration",
        FieldKind::Number,
        "Seconds from the customer's answer to the end; 0 without an answer.",
    ),
    row(
        "total_seconds",
        "Total Duration",
        FieldKind::Number,
        "Seconds from the start of the call to its end.",
    ),
    row(
        "ring_seconds",
        "Customer Ring Duration",
        FieldKind::Number,
        "Seconds from the first ring to the answer, or to the end of a call that was not answered.",
    ),
    row(
        "task_name",
        "Task Name",
        FieldKind::Text,
        "The task, by the name that it had when the call was placed.",
    ),
    row(
        "robot_entered_at",
        "Robot Entry Time",
        FieldKind::Time,
        "When the call came to the robot.",
    ),
    row("robot_ended_at", "Robot End Time", FieldKind::Time, "When the robot's part ended."),
    row(
        "robot_talk_seconds",
        "Robot Talk Duration",
        FieldKind::Number,
        "Seconds from the robot's entry to its end.",
    ),
    row(
        "robot_name",
        "Robot Name",
        FieldKind::Text,
        "The robot, by its name; blank when none took the call.",
    ),
    row(
        "robot_answer_status",
        "Robot Answer Status",
        FieldKind::Words(&["answered", "unanswered"]),
        "Whether the robot took the call over; blank when the call was not answered.",
    ),
    row(
        "robot_answer_result",
        "Robot Answer Result",
        FieldKind::Words(RobotResult::WORDS),
        "What the robot did with the call; blank when the call was not answered.",
    ),
    row(
        "turns",
        "Conversation Turns",
        FieldKind::Number,
        "How often customer and robot spoke in turn.",
    ),
    row(
        "interruptions",
        "Interruption Count",
        FieldKind::Number,
        "How often the customer interrupted the robot.",
    ),
    row(
        "transferred",
        "Transferred to Agent",
        FieldKind::Flag,
        "Whether the customer was to be transferred to a person, whoever answered.",
    ),
    row("intent_tags", "Intent Tags", FieldKind::List, "Tags that the conversation was given."),
    row(
        "opening_hangup_seconds",
        "Opening Hang-up Point",
        FieldKind::Number,
        "Seconds into the robot's opening at which the customer hung up; else blank.",
    ),
    row(
        "process_hangup_point",
        "Process Hang-up Point",
        FieldKind::Text,
        "Where in the navigation the call was hung up.",
    ),
    row(
        "captures",
        "Information Capture",
        FieldKind::Map,
        "What the conversation captured, by name.",
    ),
    row("variables", "Custom Fields", FieldKind::Map, "The variables of the row, by name."),
    row(
        "conversation_text",
        "Conversation Text",
        FieldKind::Text,
        "What customer and robot said, line by line.",
    ),
    row("batch_name", "Batch Name", FieldKind::Text, "The batch that the number was imported in."),
    row("round", "Round", FieldKind::Number, "0 the first call to the number, k its k-th redial."),
    row(
        "chain_index",
        "Phone in Chain",
        FieldKind::Number,
        "0 the phone number, k its k-th backup number.",
    ),
    row(
        "cause",
        "Cause",
        FieldKind::Text,
        "Why a call failed, where the line did not say: `worker_lost`, `trunk_refused` and the like.",
    ),
    row("sip_code", "SIP Code", FieldKind::Number, "The final SIP status, where the line has one."),
    row(
        "q850_cause",
        "Q.850 Cause",
        FieldKind::Number,
        "The cause of release, where the line has one.",
    ),
    row(
        "callback_at",
        "Callback Time",
        FieldKind::Time,
        "When the number is called again, as the conversation agreed; blank when it did not.",
    ),
    row(
        "answered_by",
        "Answered By",
        FieldKind::Words(AnsweredBy::WORDS),
        "Who answered, as the first seconds told: a person, a machine, an assistant or a screening; blank when it was not detected.",
    ),
    row("task", "Task ID", FieldKind::Id, "The task."),
    row("batch", "Batch ID", FieldKind::Id, "The batch."),
    row("number", "Number ID", FieldKind::Id, "The imported row."),
    row("trunk", "Trunk ID", FieldKind::Id, "The trunk."),
];
