//! Identifiers: a UUIDv7 behind a prefix that tells what it names, as `task_01k9…`.
//!
//! The text form is the prefix, `_`, and the 128 bits in 26 digits of Crockford's base 32, lower
//! case; it sorts as the UUID does. New ones are made by `clock::new_id`, as they take the time and chance.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

fn encode(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..LENGTH)
        .rev()
        .map(|place| {
            let digit = (bits >> (5 * place)) & 31;
            char::from(DIGITS[usize::try_from(digit).unwrap_or(0)])
        })
        .collect()
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes()
        .try_fold(0u128, |bits, byte| {
            let digit = DIGITS.iter().position(|known| *known == byte)?;
            Some(bits << 5 | digit as u128)
        })
        .map(Uuid::from_u128)
}

/// The bits of an identifier of any kind.
pub(crate) fn any_uuid(text: &str) -> Option<Uuid> {
    let (prefix, digits) = text.split_once('_')?;
    let named = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_lowercase());
    decode(digits).filter(|_| named)
}

/// The text is not an identifier of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id that starts with `{prefix}_` and goes on with 26 digits of base 32")]
pub struct NotAnId {
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(NotAnId { prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"),
                })
            }
        }
    )*};
}

ids! {
    /// A tenant.
    EnterpriseId = "ent";
    /// An outbound task.
    TaskId = "task";
    /// A saved task configuration.
    TemplateId = "tpl";
    /// One named import into a task.
    BatchId = "batch";
    /// One imported row.
    NumberId = "num";
    /// One dial of one phone number, and its call record.
    AttemptId = "att";
    /// A line to the phone network.
    TrunkId = "trunk";
    /// An outbound number shown to the customer.
    CallerIdId = "cid";
    /// A named time condition.
    PeriodId = "period";
    /// A flow of nodes that a call runs through.
    NavigationId = "nav";
    /// A named voice bot.
    RobotId = "robot";
    /// A person whom calls are transferred to.
    HumanAgentId = "agent";
    /// A service that robots hear, think and speak with.
    ProviderId = "provider";
    /// One import job.
    ImportId = "imp";
    /// One export job.
    ExportId = "exp";
    /// A key to the API.
    ApiKeyId = "key";
    /// An entry of the do-not-call list.
    SuppressionId = "dnc";
    /// An entry of the audit log.
    AuditId = "aud";
    /// Documents that robots answer from.
    KnowledgeId = "know";
    /// One document of a knowledge base.
    KnowledgeDocumentId = "doc";
}

/// Another identifier at each call, for tests.
#[cfg(test)]
pub fn some<Id: From<Uuid>>() -> Id {
    use std::sync::atomic::{AtomicU64, Ordering};
    static MADE: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(MADE.fetch_add(1, Ordering::Relaxed).into()).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_it_was_written(bits: u128) {
            let id = TaskId::from(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<TaskId>(), Ok(id));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a: u128, b: u128) {
            let (a, b) = (Uuid::from_u128(a), Uuid::from_u128(b));
            prop_assert_eq!(a.cmp(&b), encode(a).cmp(&encode(b)));
        }
    }

    #[test]
    fn an_id_is_written_as_the_api_documents() {
        for (bits, text) in [
            (0, "task_00000000000000000000000000"),
            (0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, "task_014d2pf2dbsqqg28t5cy4tqkff"),
            (u128::MAX, "task_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
        ] {
            assert_eq!(TaskId::from(Uuid::from_u128(bits)).to_string(), text);
        }
    }

    #[test]
    fn a_filter_takes_an_id_of_any_kind_and_nothing_else() {
        let id = Uuid::from_u128(42);
        assert_eq!(any_uuid(&TaskId::from(id).to_string()), Some(id));
        assert_eq!(any_uuid(&BatchId::from(id).to_string()), Some(id));
        for prefix in ["", "Task", "task9", "ta-sk"] {
            assert_eq!(any_uuid(&format!("{prefix}_{}", encode(id))), None, "{prefix}");
        }
        assert_eq!(any_uuid("task"), None);
    }

    #[test]
    fn an_id_of_another_kind_or_length_is_refused() {
        let task = some::<TaskId>().to_string();
        assert!(task.parse::<BatchId>().is_err());
        assert!(task[..task.len() - 1].parse::<TaskId>().is_err());
        assert!("task_80000000000000000000000000".parse::<TaskId>().is_err());
        assert!("task_7000000000000000000000000u".parse::<TaskId>().is_err(), "no digit");
    }
}
