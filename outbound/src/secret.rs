//! Passwords and keys: written by a person, never given back.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fault::{FILLED_PATTERN, Fault, text};

/// What is shown in place of a secret. Whoever writes it back keeps the secret that is there.
const MASK: &str = "********";
/// The longest secret, in characters.
const SECRET_CHARS_MAX: usize = 512;

/// A password or key. It prints and serialises as `********`; [`Secret::reveal`] is the one way to its characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the wire and for storage.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// It was shown, and written back as it was shown: the one that is there stays.
    pub fn is_mask(&self) -> bool {
        self.0 == MASK
    }

    pub(crate) fn fault(&self, pointer: &str) -> Option<Fault> {
        if self.is_mask() {
            let detail = "is only shown as `********`; write the secret itself";
            return Some(Fault::new(pointer, "masked", detail));
        }
        text(pointer, &self.0, 1, SECRET_CHARS_MAX)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": SECRET_CHARS_MAX,
            "pattern": FILLED_PATTERN,
            "description": "Written, and read back as `********`. Writing that back keeps the secret.",
        })
    }
}

/// What a secret is in the clear; none where only its mask is known.
pub(crate) fn clear(secret: &Secret) -> Option<String> {
    (!secret.is_mask()).then(|| secret.reveal().to_owned())
}

/// Put a secret in where there is only its mask.
pub(crate) fn reunite(secret: Option<&mut Secret>, clear: Option<&String>) {
    if let (Some(secret), Some(clear)) = (secret.filter(|secret| secret.is_mask()), clear) {
        *secret = Secret::new(clear.clone());
    }
}
