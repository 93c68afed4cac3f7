//! Services that a robot hears, thinks and speaks with, as a person sets them: where they are, and what they may cost.
//!
//! Robots name a provider; its key is sealed in the database, and never read back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, NAME_PATTERN, Verdict, name, number, text, verdict};
use crate::secret::{Secret, clear, reunite};

/// Requests and streams that a dialer may have open at a time with one provider.
pub const AT_ONCE_MAX: u32 = 10_000;
/// The shortest and the longest wait for a provider, in milliseconds.
pub const TIMEOUT_MS: std::ops::RangeInclusive<u32> = 200..=30_000;
/// Characters of an address.
const URL_CHARS_MAX: usize = 512;
/// Characters of the name of a model, voice or language.
const WORD_CHARS_MAX: usize = 100;

/// A service that robots use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderConfig {
    /// Unique in the enterprise, 1–64 characters; robots name it.
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    pub name: String,
    /// Requests and streams at a time, of one dialer process, 1–10,000. A call that finds all of them taken goes to the
    /// robot's next provider.
    #[serde(default = "at_once")]
    #[schemars(range(min = 1, max = AT_ONCE_MAX))]
    pub at_once: u32,
    /// How long it may take to give its first result, 200–30,000 ms. Then the next provider is asked.
    #[serde(default = "timeout_ms")]
    #[schemars(range(min = 200, max = 30_000))]
    pub timeout_ms: u32,
    #[serde(flatten)]
    pub service: Service,
}

fn at_once() -> u32 {
    100
}

fn timeout_ms() -> u32 {
    5_000
}

/// What a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Hears words.
    Recogniser,
    /// Speaks words.
    Synthesiser,
    /// Thinks.
    Agent,
    /// The enterprise's own system, which tools and `http` nodes call.
    System,
}

/// Which service it is, and how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "driver", rename_all = "snake_case")]
pub enum Service {
    /// `POST {url}/audio/transcriptions`, as OpenAI and many servers have it: each speech of the customer is sent when it is
    /// over, and in between while the robot is speaking.
    OpenaiTranscription(ModelService),
    /// Deepgram's streaming recognition, by WebSocket.
    Deepgram(ModelService),
    /// A FunASR server (two passes), by WebSocket.
    Funasr(PlainService),
    /// `POST {url}/audio/speech` with PCM streamed back, as OpenAI and many servers have it.
    OpenaiSpeech(VoiceService),
    /// `POST {url}/chat/completions`, streamed, as OpenAI and many servers have it.
    OpenaiChat(ModelService),
    /// pocketsphinx on this machine: hears the keywords of a scripted agent, in English, and needs no network.
    Pocketsphinx(LocalService),
    /// Piper on this machine: needs no network.
    Piper(LocalService),
    /// espeak-ng on this machine: needs no network.
    Espeak(LocalService),
    /// A system of the enterprise: tools and `http` nodes call paths below its address.
    Http(PlainService),
}

/// A service over the network that has models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelService {
    /// Where it is, as `https://api.openai.com/v1` or `wss://api.deepgram.com/v1`.
    #[schemars(length(min = 1, max = URL_CHARS_MAX), regex(pattern = URL_PATTERN))]
    pub url: String,
    /// Sent as `Authorization: Bearer` (Deepgram: `Token`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    #[schemars(length(min = 1, max = WORD_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub model: String,
    /// The language that is spoken, as `en` or `zh`; none: the service's own choice.
    #[serde(default)]
    #[schemars(length(min = 1, max = WORD_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub language: Option<String>,
}

/// A service over the network that speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VoiceService {
    /// Where it is, as `https://api.openai.com/v1`.
    #[schemars(length(min = 1, max = URL_CHARS_MAX), regex(pattern = URL_PATTERN))]
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    #[schemars(length(min = 1, max = WORD_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub model: String,
    /// The voice, where the robot names none.
    #[schemars(length(min = 1, max = WORD_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub voice: String,
    /// Samples a second of the PCM that it streams, 8,000–48,000.
    #[serde(default = "pcm_rate")]
    #[schemars(range(min = 8_000, max = 48_000))]
    pub pcm_rate: u32,
}

fn pcm_rate() -> u32 {
    24_000
}

/// A service over the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlainService {
    /// Where it is, as `wss://asr.example.com:10095` or `https://crm.example.com/api`.
    #[schemars(length(min = 1, max = URL_CHARS_MAX), regex(pattern = URL_PATTERN))]
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
}

/// A program on the machine of the dialer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LocalService {
    /// The voice, where the robot names none; not used by `pocketsphinx`.
    #[serde(default)]
    #[schemars(length(min = 1, max = WORD_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub voice: Option<String>,
}

/// `http`, `https`, `ws` or `wss`, a host, no user, no query.
const URL_PATTERN: &str = r"^(https?|wss?)://[^\s/@?#]+(/[^\s@?#]*)?$";

impl Service {
    pub fn kind(&self) -> ProviderKind {
        match self {
            Self::OpenaiTranscription(_)
            | Self::Deepgram(_)
            | Self::Funasr(_)
            | Self::Pocketsphinx(_) => ProviderKind::Recogniser,
            Self::OpenaiSpeech(_) | Self::Piper(_) | Self::Espeak(_) => ProviderKind::Synthesiser,
            Self::OpenaiChat(_) => ProviderKind::Agent,
            Self::Http(_) => ProviderKind::System,
        }
    }

    /// Where it is; none on this machine.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::OpenaiTranscription(service)
            | Self::Deepgram(service)
            | Self::OpenaiChat(service) => Some(&service.url),
            Self::OpenaiSpeech(service) => Some(&service.url),
            Self::Funasr(service) | Self::Http(service) => Some(&service.url),
            Self::Pocketsphinx(_) | Self::Piper(_) | Self::Espeak(_) => None,
        }
    }

    pub fn key(&self) -> Option<&Secret> {
        match self {
            Self::OpenaiTranscription(service)
            | Self::Deepgram(service)
            | Self::OpenaiChat(service) => service.key.as_ref(),
            Self::OpenaiSpeech(service) => service.key.as_ref(),
            Self::Funasr(service) | Self::Http(service) => service.key.as_ref(),
            Self::Pocketsphinx(_) | Self::Piper(_) | Self::Espeak(_) => None,
        }
    }

    fn key_mut(&mut self) -> Option<&mut Secret> {
        match self {
            Self::OpenaiTranscription(service)
            | Self::Deepgram(service)
            | Self::OpenaiChat(service) => service.key.as_mut(),
            Self::OpenaiSpeech(service) => service.key.as_mut(),
            Self::Funasr(service) | Self::Http(service) => service.key.as_mut(),
            Self::Pocketsphinx(_) | Self::Piper(_) | Self::Espeak(_) => None,
        }
    }

    /// The schemes that its address may have.
    fn schemes(&self) -> &'static [&'static str] {
        match self {
            Self::Deepgram(_) | Self::Funasr(_) => &["wss", "ws"],
            _ => &["https", "http"],
        }
    }

    fn words(&self) -> Vec<(&'static str, &str)> {
        let mut words = Vec::new();
        match self {
            Self::OpenaiTranscription(service)
            | Self::Deepgram(service)
            | Self::OpenaiChat(service) => {
                words.push(("/model", service.model.as_str()));
                words.extend(service.language.as_deref().map(|language| ("/language", language)));
            }
            Self::OpenaiSpeech(service) => {
                words.extend([("/model", &*service.model), ("/voice", &*service.voice)]);
            }
            Self::Pocketsphinx(local) | Self::Piper(local) | Self::Espeak(local) => {
                words.extend(local.voice.as_deref().map(|voice| ("/voice", voice)));
            }
            Self::Funasr(_) | Self::Http(_) => {}
        }
        words
    }
}

impl ProviderConfig {
    pub fn kind(&self) -> ProviderKind {
        self.service.kind()
    }

    /// Everything that is wrong with it.
    pub fn check(&self) -> Verdict {
        let mut faults: Vec<Fault> = [
            name("/name", &self.name, 1, 64),
            number("/at_once", self.at_once, 1, AT_ONCE_MAX),
            number("/timeout_ms", self.timeout_ms, *TIMEOUT_MS.start(), *TIMEOUT_MS.end()),
            self.service.url().and_then(|url| url_fault(url, self.service.schemes())),
            self.service.key().and_then(|key| key.fault("/key")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Service::OpenaiSpeech(service) = &self.service {
            faults.extend(number("/pcm_rate", service.pcm_rate, 8_000, 48_000));
        }
        let words = self.service.words().into_iter();
        faults.extend(words.filter_map(|(pointer, word)| text(pointer, word, 1, WORD_CHARS_MAX)));
        verdict(faults)
    }

    /// The key in the clear, to be stored sealed beside the configuration, which serialises without it.
    pub fn secret(&self) -> Option<String> {
        self.service.key().and_then(clear)
    }

    /// Whether it has the address of `other`. A key goes only to the address that it was written for: who names another
    /// one writes the key, too. Otherwise whoever may edit a provider could send its key to an address of his own.
    pub fn is_where(&self, other: &Self) -> bool {
        self.service.url() == other.service.url()
    }

    /// Put the key in where the configuration has only its mask.
    ///
    /// Ask [`Self::is_where`] first.
    pub fn reunite(&mut self, key: Option<&String>) {
        reunite(self.service.key_mut(), key);
    }
}

fn url_fault(url: &str, schemes: &[&str]) -> Option<Fault> {
    let rest = url.split_once("://").filter(|(scheme, _)| schemes.contains(scheme));
    let right = url.len() <= URL_CHARS_MAX
        && rest.is_some_and(|(_, rest)| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && rest.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b))
        });
    let detail = format!(
        "must be an address without user and query, of at most {URL_CHARS_MAX} characters, that begins with {}",
        schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ")
    );
    (!right).then(|| Fault::new("/url", "not_a_url", detail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(more: serde_json::Value) -> ProviderConfig {
        let mut all = json!({"name": "main", "driver": "openai_chat", "url": "https://llm.example.com/v1", "model": "m"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn faults(config: &ProviderConfig) -> Vec<String> {
        config.check().err().unwrap_or_default().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_provider_is_right_with_an_address_and_a_model() {
        let config = provider(json!({"key": "sk-1"}));
        assert_eq!(faults(&config), Vec::<String>::new());
        assert_eq!((config.at_once, config.timeout_ms), (100, 5_000));
        assert_eq!(config.kind(), ProviderKind::Agent);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (more, wrong) in [
            (json!({"name": "\u{200b}"}), "/name"),
            (json!({"at_once": 0}), "/at_once"),
            (json!({"timeout_ms": 199}), "/timeout_ms"),
            (json!({"timeout_ms": 30_001}), "/timeout_ms"),
            (json!({"url": "ftp://llm.example.com"}), "/url"),
            (json!({"url": "wss://llm.example.com"}), "/url"),
            (json!({"url": "https://user@llm.example.com"}), "/url"),
            (json!({"url": "https:///v1"}), "/url"),
            (json!({"key": "********"}), "/key"),
            (json!({"key": ""}), "/key"),
            (json!({"model": " "}), "/model"),
            (json!({"language": ""}), "/language"),
            (json!({"driver": "deepgram"}), "/url"),
            (json!({"driver": "openai_speech", "voice": "a", "pcm_rate": 7_999}), "/pcm_rate"),
            (json!({"driver": "piper", "voice": ""}), "/voice"),
        ] {
            assert_eq!(faults(&provider(more.clone())), [wrong], "{more}");
        }
    }

    #[test]
    fn a_key_is_shown_as_a_mask_and_put_back_in_its_place() {
        let config = provider(json!({"key": "sk-secret"}));
        let shown = serde_json::to_value(&config).unwrap();
        assert_eq!(shown["key"], "********");
        assert!(!format!("{config:?}").contains("secret"));
        let mut written_back: ProviderConfig = serde_json::from_value(shown).unwrap();
        assert_eq!(written_back.secret(), None);
        written_back.reunite(config.secret().as_ref());
        assert_eq!(written_back, config);
        let mut another = provider(json!({"key": "sk-new"}));
        another.reunite(config.secret().as_ref());
        assert_eq!(another.secret().as_deref(), Some("sk-new"), "a new key stays");
    }

    #[test]
    fn every_driver_has_its_kind() {
        for (driver, kind) in [
            ("openai_transcription", ProviderKind::Recogniser),
            ("deepgram", ProviderKind::Recogniser),
            ("funasr", ProviderKind::Recogniser),
            ("pocketsphinx", ProviderKind::Recogniser),
            ("openai_speech", ProviderKind::Synthesiser),
            ("piper", ProviderKind::Synthesiser),
            ("espeak", ProviderKind::Synthesiser),
            ("openai_chat", ProviderKind::Agent),
            ("http", ProviderKind::System),
        ] {
            assert_eq!(provider(json!({"driver": driver, "voice": "v"})).kind(), kind, "{driver}");
        }
    }
}
