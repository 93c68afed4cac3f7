//! Where and how a trunk calls through an Asterisk server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number_format::NumberFormat;
use super::secret::Secret;
use crate::fault::{Fault, count};

/// The longest user name and application name, in characters.
const NAME_CHARS_MAX: usize = 64;
/// The longest address and dial string, in characters.
const TEXT_CHARS_MAX: usize = 256;
/// Kinds of audio frames that are told apart, at most.
const KINDS_MAX: usize = 16;
/// Sample rates of AudioSocket, in hertz.
const RATES: [u32; 9] = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

/// An Asterisk server, controlled by its REST interface (ARI).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsteriskTrunk {
    /// Where ARI answers, as `http://pbx.example.com:8088/ari`.
    #[schemars(length(min = 1, max = TEXT_CHARS_MAX), regex(pattern = r"^https?://[^\s]+$"))]
    pub ari_url: String,
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub user: String,
    pub password: Secret,
    /// The Stasis application that calls enter, one an installation.
    #[serde(default = "app")]
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = r"^[0-9A-Za-z_-]+$"))]
    pub app: String,
    /// What is dialled: `{number}` stands for the number, as in `PJSIP/{number}@carrier` or
    /// `Local/{number}@from-internal` (FreePBX).
    #[schemars(length(min = 1, max = TEXT_CHARS_MAX), regex(pattern = r"\{number\}"))]
    pub dial_string: String,
    /// How the number that is called is written.
    #[serde(default)]
    pub callee_format: NumberFormat,
    /// How our own number is written.
    #[serde(default)]
    pub caller_format: NumberFormat,
    #[serde(default)]
    pub media: AsteriskMedia,
    /// What the kinds of AudioSocket's audio frames mean, in hertz. Older builds send 16,000 as kind 17.
    #[serde(default = "audio_kinds")]
    #[schemars(extend(
        "minProperties" = 1,
        "maxProperties" = KINDS_MAX,
        "propertyNames" = { "pattern": "^(1[6-9]|2[0-9]|3[01])$" },
        "additionalProperties" = { "type": "integer", "enum": RATES },
    ))]
    pub audio_kinds: BTreeMap<u8, u32>,
}

/// How the voice comes from Asterisk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsteriskMedia {
    /// chan_websocket of Asterisk 20.18, 22.8 and 23.2: it tells what was really played.
    #[default]
    Websocket,
    /// AudioSocket, where the other is missing.
    Audiosocket,
}

fn app() -> String {
    "callwright".to_owned()
}

fn audio_kinds() -> BTreeMap<u8, u32> {
    (0x10..).zip(RATES).collect()
}

impl AsteriskTrunk {
    /// What is dialled for a number that is already written as the trunk wants it.
    pub fn dial(&self, number: &str) -> String {
        self.dial_string.replace("{number}", number)
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = [
            url_fault(&self.ari_url),
            word_fault("/asterisk/user", &self.user, |b| b.is_ascii_graphic() && b != b':'),
            self.password.fault("/asterisk/password"),
            word_fault("/asterisk/app", &self.app, |b| {
                b.is_ascii_alphanumeric() || b"_-".contains(&b)
            }),
            dial_string_fault(&self.dial_string),
            self.callee_format.fault("/asterisk/callee_format"),
            self.caller_format.fault("/asterisk/caller_format"),
            count("/asterisk/audio_kinds", self.audio_kinds.len(), 1, KINDS_MAX),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (kind, rate) in self.audio_kinds.iter().take(KINDS_MAX) {
            if !(0x10..=0x1f).contains(kind) || !RATES.contains(rate) {
                let detail =
                    "must give a kind of 16 to 31 a rate that AudioSocket has, as 8000 or 16000";
                let pointer = format!("/asterisk/audio_kinds/{kind}");
                faults.push(Fault::new(pointer, "not_an_audio_kind", detail));
            }
        }
        faults
    }
}

fn url_fault(url: &str) -> Option<Fault> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let right = url.len() <= TEXT_CHARS_MAX
        && rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && rest.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b))
        });
    let detail =
        "must be the address of ARI without user and query, as http://pbx.example.com:8088/ari";
    (!right).then(|| Fault::new("/asterisk/ari_url", "not_a_url", detail))
}

fn word_fault(pointer: &str, word: &str, fits: impl Fn(u8) -> bool) -> Option<Fault> {
    let right = (1..=NAME_CHARS_MAX).contains(&word.len()) && word.bytes().all(fits);
    let detail = format!("must be 1 to {NAME_CHARS_MAX} letters and digits of ASCII");
    (!right).then(|| Fault::new(pointer, "not_a_word", detail))
}

fn dial_string_fault(dial: &str) -> Option<Fault> {
    let right = dial.len() <= TEXT_CHARS_MAX
        && dial.matches("{number}").count() == 1
        && dial.contains('/')
        && dial.bytes().all(|b| b.is_ascii_graphic());
    let detail = "must hold `{number}` once, after a technology, as `PJSIP/{number}@carrier`";
    (!right).then(|| Fault::new("/asterisk/dial_string", "not_a_dial_string", detail))
}
