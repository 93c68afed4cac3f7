//! Passwords of trunks: written by a person, never given back.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TrunkConfig;
use crate::fault::{FILLED_PATTERN, Fault, text};

/// What is shown in place of a secret. Whoever writes it back keeps the secret that is there.
const MASK: &str = "********";
/// The longest secret, in characters.
const SECRET_CHARS_MAX: usize = 128;

/// A password. It prints and serialises as `********`; [`Secret::reveal`] is the one way to its characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password itself, for the wire and for storage.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// It was shown, and written back as it was shown: the one that is there stays.
    pub fn is_mask(&self) -> bool {
        self.0 == MASK
    }

    pub(super) fn fault(&self, pointer: &str) -> Option<Fault> {
        if self.is_mask() {
            let detail = "is only shown as `********`; write the password itself";
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
            "description": "Written, and read back as `********`. Writing that back keeps the password.",
        })
    }
}

/// The secrets of a trunk, apart from its configuration, as they are stored. They serialise in the clear.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkSecrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sip_password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asterisk_password: Option<String>,
}

impl fmt::Debug for TrunkSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkSecrets").finish_non_exhaustive()
    }
}

impl TrunkConfig {
    /// What must be stored beside the configuration, which serialises without it.
    pub fn secrets(&self) -> TrunkSecrets {
        let clear = |secret: &Secret| (!secret.is_mask()).then(|| secret.reveal().to_owned());
        let sip = self.sip.as_ref().and_then(|sip| sip.password.as_ref());
        let asterisk = self.asterisk.as_ref().map(|asterisk| &asterisk.password);
        TrunkSecrets {
            sip_password: sip.and_then(clear),
            asterisk_password: asterisk.and_then(clear),
        }
    }

    /// Put secrets in where the configuration has only their mask: as it was read from storage, or written back by a
    /// person who has seen no more.
    pub fn reunite(&mut self, secrets: &TrunkSecrets) {
        let sip = self.sip.as_mut().and_then(|sip| sip.password.as_mut());
        let asterisk = self.asterisk.as_mut().map(|asterisk| &mut asterisk.password);
        for (password, clear) in
            [(sip, &secrets.sip_password), (asterisk, &secrets.asterisk_password)]
        {
            if let Some(secret) = password.filter(|secret| secret.is_mask())
                && let Some(clear) = clear
            {
                *secret = Secret::new(clear.clone());
            }
        }
    }
}
