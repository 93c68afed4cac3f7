//! Where and how a trunk calls through an Asterisk server.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number_format::NumberFormat;
use crate::fault::{Fault, count};
use crate::secret::Secret;

/// The longest user name and application name, in characters.
const NAME_CHARS_MAX: usize = 64;
/// The longest address, dial string and variable, in characters.
const TEXT_CHARS_MAX: usize = 256;
/// Variables that a trunk sets on its channels, at most.
const VARIABLES_MAX: usize = 20;
/// Kinds of audio frames that are told apart, at most.
const KINDS_MAX: usize = 16;
/// Sample rates of AudioSocket, in hertz, in the order of their kinds from 0x10 on.
const RATES: [u32; 9] = [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];
/// The rate that we send.
const OWN_RATE: u32 = 8_000;

/// An Asterisk server, controlled by its REST interface (ARI).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsteriskTrunk {
    /// Where ARI answers, as `http://pbx.example.com:8088/ari`.
    #[schemars(length(min = 1, max = TEXT_CHARS_MAX), regex(pattern = r"^https?://[^\s@?#]+$"))]
    pub ari_url: String,
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub user: String,
    pub password: Secret,
    /// How the Stasis applications that calls enter are named. Each process puts a word of its own behind it, as Asterisk
    /// gives the calls of an application to the one that asked last.
    #[serde(default = "app")]
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = r"^[0-9A-Za-z_-]+$"))]
    pub app: String,
    /// What is dialled: `{number}` stands for the number, as in `PJSIP/{number}@carrier` or
    /// `Local/{number}@from-internal` (FreePBX).
    #[schemars(length(min = 1, max = TEXT_CHARS_MAX), regex(pattern = r"^[!-~]+/[!-~]*\{number\}[!-~]*$"))]
    pub dial_string: String,
    /// How the number that is called is written.
    #[serde(default)]
    pub callee_format: NumberFormat,
    /// How our own number is written.
    #[serde(default)]
    pub caller_format: NumberFormat,
    /// Variables and functions that are set on each channel that is dialled, as `CHANNEL(language)`. At most 20.
    #[serde(default)]
    #[schemars(extend("maxProperties" = VARIABLES_MAX))]
    pub variables: BTreeMap<String, String>,
    #[serde(default)]
    pub media: AsteriskMedia,
    /// How the voice is written on the connection. AudioSocket has `slin` only.
    #[serde(default)]
    pub sound: AsteriskSound,
    /// What the kinds of AudioSocket's audio frames mean, in hertz. Older builds send 16,000 as kind 17. One of them is
    /// 8,000, which is what we send.
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
    /// AudioSocket, where the other is missing. Asterisk connects to us.
    Audiosocket,
}

/// How a sample is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AsteriskSound {
    /// Signed linear, 16 bit: nothing is lost on the way.
    #[default]
    Slin,
    /// G.711 A-law: half the bytes.
    Alaw,
    /// G.711 µ-law: half the bytes.
    Ulaw,
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

    /// The kind of AudioSocket frames of 8 kHz; none in a configuration that was not checked.
    pub fn own_audio_kind(&self) -> Option<u8> {
        let own = self.audio_kinds.iter().find(|(_, rate)| **rate == OWN_RATE);
        own.map(|(kind, _)| *kind)
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
            count("/asterisk/variables", self.variables.len(), 0, VARIABLES_MAX),
            self.sound_fault(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let variables = self.variables.iter().take(VARIABLES_MAX);
        faults.extend(variables.filter_map(|(name, value)| variable_fault(name, value)));
        faults.extend(self.kind_faults());
        faults
    }

    fn sound_fault(&self) -> Option<Fault> {
        let right = self.media != AsteriskMedia::Audiosocket || self.sound == AsteriskSound::Slin;
        let detail = "must be `slin` where the voice comes by AudioSocket";
        (!right).then(|| Fault::new("/asterisk/sound", "not_of_audiosocket", detail))
    }

    fn kind_faults(&self) -> Vec<Fault> {
        let pointer = "/asterisk/audio_kinds";
        if let Some(fault) = count(pointer, self.audio_kinds.len(), 1, KINDS_MAX) {
            return vec![fault];
        }
        let detail = "must give a kind of 16 to 31 a rate that AudioSocket has, as 8000 or 16000";
        let wrong = self
            .audio_kinds
            .iter()
            .filter(|(kind, rate)| !(0x10..=0x1f).contains(*kind) || !RATES.contains(rate));
        let mut faults: Vec<Fault> = wrong
            .map(|(kind, _)| Fault::new(format!("{pointer}/{kind}"), "not_an_audio_kind", detail))
            .collect();
        if faults.is_empty() && self.own_audio_kind().is_none() {
            let detail = "must have a kind of 8000 hertz, which is what we send";
            faults.push(Fault::new(pointer, "required", detail));
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
    let technology = dial.split_once('/').map(|(technology, _)| technology);
    let right = dial.len() <= TEXT_CHARS_MAX
        && dial.matches("{number}").count() == 1
        && technology.is_some_and(|word| !word.is_empty() && !word.contains("{number}"))
        && dial.bytes().all(|b| b.is_ascii_graphic());
    let detail = "must hold `{number}` once, after a technology, as `PJSIP/{number}@carrier`";
    (!right).then(|| Fault::new("/asterisk/dial_string", "not_a_dial_string", detail))
}

fn variable_fault(name: &str, value: &str) -> Option<Fault> {
    let shown: String = name.chars().take(32).collect();
    let pointer = format!("/asterisk/variables/{}", shown.replace('~', "~0").replace('/', "~1"));
    let named = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-(),".contains(&b));
    if !named {
        let detail =
            "must be named as a variable or function of Asterisk, as ACCOUNT or CHANNEL(language)";
        return Some(Fault::new(pointer, "not_a_variable", detail));
    }
    let printable = value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let right = value.len() <= TEXT_CHARS_MAX && printable;
    let detail = "must be at most 256 characters of ASCII in one line";
    (!right).then(|| Fault::new(pointer, "not_a_variable_value", detail))
}
