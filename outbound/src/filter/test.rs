//! One comparison of a filter: whether field, operator and value go together.

use std::fmt;

use chrono::DateTime;

use crate::Time;
use crate::ids::any_uuid;
use crate::mask;
use crate::moment::{TOO_FAR, is_near};
use crate::phone::{self, Phone};
use crate::record::{Field, FieldKind};

/// A comparison that makes sense: the value is of the field's kind, and the kind knows the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    pub field: &'static Field,
    /// Of a map: the name of the value that is meant.
    pub key: Option<String>,
    pub op: Op,
    pub value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// A text contains the value (upper and lower case alike), a list has it, a map has that name.
    Has,
}

impl Op {
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Has => ":",
        }
    }
}

/// A value, of the kind of its field.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Of a text, a word, an entry of a list or a map. An empty one means blank.
    Text(String),
    Number(f64),
    Flag(bool),
    Time(Time),
    Phone(Phone),
    Id(uuid::Uuid),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{:?}", mask::text(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Phone(phone) => write!(f, "{phone}"),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

/// What part of a comparison is wrong.
pub(super) enum At {
    Field,
    Op,
    Value,
}

pub(super) struct Fault {
    pub at: At,
    pub detail: String,
}

fn fault<T>(at: At, detail: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at, detail: detail.into() })
}

/// A comparison, if it makes sense.
pub(super) fn judge(
    field: &'static Field,
    key: Option<String>,
    op: Op,
    value: &str,
    region: &str,
) -> Result<Test, Fault> {
    let name = field.name;
    if key.is_some() && field.kind != FieldKind::Map {
        return fault(At::Field, format!("`{name}` is one value and has no parts"));
    }
    let (allowed, hint): (&[Op], &str) = match (field.kind, &key) {
        (FieldKind::Shown, _) => {
            return fault(At::Field, format!("`{name}` can be shown, and not filtered by"));
        }
        (FieldKind::Number | FieldKind::Time, _) => {
            (&[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge], "= != < <= > >=")
        }
        (FieldKind::Text, _) | (FieldKind::Map, Some(_)) => (&[Op::Eq, Op::Ne, Op::Has], "= != :"),
        (FieldKind::Phone | FieldKind::Words(_) | FieldKind::Flag | FieldKind::Id, _) => {
            (&[Op::Eq, Op::Ne], "= !=")
        }
        (FieldKind::List | FieldKind::Map, _) => (&[Op::Has], ":"),
    };
    if !allowed.contains(&op) {
        return fault(At::Op, format!("`{name}` knows {hint}, not {}", op.mark()));
    }
    let value = match field.kind {
        FieldKind::Words(words) if !value.is_empty() && !words.contains(&value) => {
            return fault(At::Value, format!("`{name}` is one of: {}", words.join(", ")));
        }
        FieldKind::Number => match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Number(number),
            _ => return fault(At::Value, format!("`{name}` is a number")),
        },
        FieldKind::Time => match DateTime::parse_from_rfc3339(value) {
            Ok(at) if is_near(at.to_utc()) => Value::Time(at.to_utc()),
            Ok(_) => return fault(At::Value, format!("`{name}` {TOO_FAR}")),
            Err(_) => {
                let detail = format!("`{name}` is a time, as 2026-12-01T09:00:00Z (RFC 3339)");
                return fault(At::Value, detail);
            }
        },
        FieldKind::Flag => match value.parse() {
            Ok(flag) => Value::Flag(flag),
            Err(_) => return fault(At::Value, format!("`{name}` is true or false")),
        },
        FieldKind::Phone => match phone::parse(value, region) {
            Ok(phone) => Value::Phone(phone),
            Err(_) => {
                let detail =
                    format!("`{name}` is a phone number; write it in E.164 (+8613800000001)");
                return fault(At::Value, detail);
            }
        },
        FieldKind::Id => match any_uuid(value) {
            Some(id) => Value::Id(id),
            None => return fault(At::Value, format!("`{name}` is an id, as task_01k9…")),
        },
        _ if value.contains('\0') => {
            return fault(At::Value, "a value can't have a NUL character (U+0000)");
        }
        _ => Value::Text(value.to_owned()),
    };
    Ok(Test { field, key, op, value })
}
