//! Who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also runs tasks, imports and lists.
    Operator,
    /// Also changes settings, lines and keys.
    Admin,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Export,
    SeeFullNumbers,
    ListenRecordings,
}

impl Role {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.word() == word)
    }
}

impl Permission {
    pub const ALL: [Self; 3] = [Self::Export, Self::SeeFullNumbers, Self::ListenRecordings];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::SeeFullNumbers => "see_full_numbers",
            Self::ListenRecordings => "listen_recordings",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_permissions_have_the_words_that_the_api_documents() {
        for (role, word) in
            [(Role::Viewer, "viewer"), (Role::Operator, "operator"), (Role::Admin, "admin")]
        {
            assert_eq!(role.word(), word);
            assert_eq!(Role::from_word(word), Some(role));
            assert_eq!(serde_json::json!(role), word, "the API and the database agree");
        }
        for (permission, word) in [
            (Permission::Export, "export"),
            (Permission::SeeFullNumbers, "see_full_numbers"),
            (Permission::ListenRecordings, "listen_recordings"),
        ] {
            assert_eq!(permission.word(), word);
            assert_eq!(Permission::from_word(word), Some(permission));
            assert_eq!(serde_json::json!(permission), word, "the API and the database agree");
        }
        assert_eq!((Role::from_word("root"), Permission::from_word("root")), (None, None));
    }
}
