//! What an agent answers: words with commands in them, and beside them what it found out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An agent's answer. Only its text is ever parsed for commands or spoken: what a customer said goes into the
/// captures, whatever stands in it and however long it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Words and commands.
    pub text: String,
    /// Intents that it heard.
    pub tags: Vec<String>,
    /// Variables that it sets before the text is said; those whose names begin with `_` are its own, and
    /// stand in no record.
    pub captures: BTreeMap<String, String>,
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}
