//! A field of a record as a cell of a list or an export.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::Time;
use crate::mask;
use crate::phone::Phone;
use crate::record::{CallRecord, Field};
use crate::wall;

/// Whether phone numbers are shown in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    Masked,
    Full,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Blank,
    Text(String),
    /// A phone number in E.164, in full.
    Phone(Phone),
    Number(f64),
    Flag(bool),
    Time(Time),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
}

/// The value of `field` in a record. `conversation_text` is the record's transcript as text, shown as `shown`
/// says already, empty where there is none.
pub fn cell(record: &CallRecord, conversation_text: &str, field: &Field, shown: Shown) -> Cell {
    let cell = whole(record, conversation_text, field, shown);
    // The lines of a transcript were masked one by one: the times before them are no part of a number.
    let masked = shown == Shown::Masked && field.name != "conversation_text";
    if masked && field.may_quote_phones() { cell.masked() } else { cell }
}

fn whole(record: &CallRecord, conversation_text: &str, field: &Field, shown: Shown) -> Cell {
    let phone = |phone: Phone| match shown {
        Shown::Full => Cell::Phone(phone),
        Shown::Masked => Cell::Text(phone.masked()),
    };
    let seconds = |ms: i64| Cell::Number(ms as f64 / 1_000.0);
    let count = |value: u32| Cell::Number(f64::from(value));
    let answer = |answered: bool| word(Some(if answered { "answered" } else { "unanswered" }));
    match field.name {
        "customer_number" => phone(record.customer_number),
        "customer_number_location" => {
            location(&record.customer_number_province, &record.customer_number_city)
        }
        "customer_number_encrypted" => Cell::Text(record.customer_number.masked()),
        "outbound_number" => phone(record.outbound_number),
        "outbound_number_location" => {
            location(&record.outbound_number_province, &record.outbound_number_city)
        }
        "trunk_name" => text(&record.trunk_name),
        "answer_status" => answer(record.answered()),
        "id" => Cell::Text(record.id.to_string()),
        "result" => word(Some(record.result.word())),
        "hangup_party" => word(record.hangup_party.map(|party| party.word())),
        "recording_state" => word(record.recording_state.as_deref()),
        "call_id" => text(&record.call_id),
        "agent_id" => text(&record.agent_id),
        "agent_name" => text(&record.agent_name),
        "agent_phone" => record.agent_phone.map_or(Cell::Blank, phone),
        "callback_at" => time(record.callback_at),
        "answered_by" => word(record.answered_by.map(|who| who.word())),
        "called_status" => word(record.called_status().map(|status| status.word())),
        "started_at" => Cell::Time(record.started_at),
        "ringing_at" => time(record.ringing_at),
        "answered_at" => time(record.answered_at),
        "ended_at" => Cell::Time(record.ended_at),
        "talk_seconds" => seconds(record.talk_ms()),
        "total_seconds" => seconds(record.total_ms()),
        "ring_seconds" => seconds(record.ring_ms()),
        "task_name" => text(&record.task_name),
        "robot_entered_at" => time(record.robot_entered_at),
        "robot_ended_at" => time(record.robot_ended_at),
        "robot_talk_seconds" => seconds(record.robot_talk_ms()),
        "robot_name" => text(&record.robot_name),
        "robot_answer_status" if record.answered() => answer(record.robot_entered_at.is_some()),
        "robot_answer_result" => word(record.robot_answer_result.map(|result| result.word())),
        "turns" => count(record.turns),
        "interruptions" => count(record.interruptions),
        "transferred" => Cell::Flag(record.transferred),
        "intent_tags" if !record.intent_tags.is_empty() => Cell::List(record.intent_tags.clone()),
        // By its decimal text, so that 2.3 stays 2.3.
        "opening_hangup_seconds" => record
            .opening_hangup_seconds
            .and_then(|seconds| seconds.to_string().parse().ok())
            .map_or(Cell::Blank, Cell::Number),
        "process_hangup_point" => text(&record.process_hangup_point),
        "captures" => map(&record.captures),
        "variables" => map(&record.variables),
        "conversation_text" => text(conversation_text),
        "batch_name" => text(&record.batch_name),
        "round" => count(record.round.into()),
        "chain_index" => count(record.chain_index.into()),
        "cause" => text(&record.cause),
        "sip_code" => record.sip_code.map_or(Cell::Blank, |code| count(code.into())),
        "q850_cause" => record.q850_cause.map_or(Cell::Blank, |cause| count(cause.into())),
        "task" => Cell::Text(record.task.to_string()),
        "batch" => Cell::Text(record.batch.to_string()),
        "number" => Cell::Text(record.number.to_string()),
        "trunk" => Cell::Text(record.trunk.to_string()),
        _ => Cell::Blank,
    }
}

fn text(value: &str) -> Cell {
    if value.is_empty() { Cell::Blank } else { Cell::Text(value.to_owned()) }
}

fn word(word: Option<&str>) -> Cell {
    word.map_or(Cell::Blank, |word| Cell::Text(word.to_owned()))
}

fn time(at: Option<Time>) -> Cell {
    at.map_or(Cell::Blank, Cell::Time)
}

/// The value of one variable of a record's row.
pub fn variable(record: &CallRecord, name: &str, shown: Shown) -> Cell {
    let cell = record.variables.get(name).map_or(Cell::Blank, |value| text(value));
    if shown == Shown::Masked { cell.masked() } else { cell }
}

fn map(values: &BTreeMap<String, String>) -> Cell {
    if values.is_empty() { Cell::Blank } else { Cell::Map(values.clone()) }
}

fn location(province: &str, city: &str) -> Cell {
    match (province, city) {
        (place, "") | ("", place) => text(place),
        (province, city) if province == city => text(city),
        (province, city) => Cell::Text(format!("{province} {city}")),
    }
}

impl Cell {
    /// The cell with the numbers in its texts masked.
    fn masked(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(mask::text(&text)),
            Self::List(values) => {
                Self::List(values.iter().map(|value| mask::text(value)).collect())
            }
            Self::Map(values) => {
                let values = values.into_iter().map(|(name, value)| (name, mask::text(&value)));
                Self::Map(mask::named(values).collect())
            }
            other => other,
        }
    }

    /// The cell as a file holds it: times as a wall clock in `zone` shows them. A CSV still has to
    /// [`defuse`](crate::spreadsheet::defuse) it.
    pub fn text(&self, zone: Tz) -> String {
        match self {
            Self::Blank => String::new(),
            Self::Text(text) => text.clone(),
            // Without its `+`, which a spreadsheet would drop anyway.
            Self::Phone(phone) => phone.digits().to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Time(at) => wall::plain(*at, zone),
            Self::List(values) => values.join(", "),
            Self::Map(values) => {
                let pairs: Vec<_> =
                    values.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                pairs.join("; ")
            }
        }
    }

    /// The cell as the API holds it: times in RFC 3339 and UTC, phones in E.164, blank is null.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Blank => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Phone(phone) => phone.reveal().into(),
            Self::Number(number) if number.fract() == 0.0 => (*number as i64).into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Time(at) => at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true).into(),
            Self::List(values) => values.clone().into(),
            Self::Map(values) => serde_json::json!(values),
        }
    }
}
