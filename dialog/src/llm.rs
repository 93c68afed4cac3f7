//! An agent that a language model thinks for: its prompt, what it may do, and what it is to find out.
//!
//! The model's text is spoken and obeyed as any agent's is. What customers, variables, tools and documents say goes to it
//! without the marks of commands, so that it can't pass one on.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::robot::{Faults, PROVIDERS_MAX};

/// Characters of a prompt.
pub const PROMPT_CHARS_MAX: usize = 20_000;
/// Tools of an agent.
pub const TOOLS_MAX: usize = 20;
/// Knowledge bases of an agent.
pub const KNOWLEDGE_MAX: usize = 5;
/// Captures, and intents, of an agent.
pub const FINDINGS_MAX: usize = 50;
/// Parameters of a tool.
pub const PARAMETERS_MAX: usize = 20;
/// Values of a choice.
pub const CHOICES_MAX: usize = 50;
/// The longest that a tool may take, in milliseconds.
pub const TOOL_MS_MAX: u32 = 10_000;
/// Tokens of one answer.
pub const REPLY_TOKENS_MAX: u32 = 4_000;
/// Characters of a name, and of a description.
const NAME_CHARS_MAX: usize = 64;
const DESCRIPTION_CHARS_MAX: usize = 1_000;
const PATH_CHARS_MAX: usize = 500;
/// A name that a model may call.
const FUNCTION_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_]{0,63}$";

/// A language model as an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LlmAgent {
    /// Providers of kind `agent`, by their names, 1–5: the first is asked, the others when it fails or is full.
    #[schemars(length(min = 1, max = PROVIDERS_MAX), inner(length(min = 1, max = NAME_CHARS_MAX)))]
    pub providers: Vec<String>,
    /// Who it is and what it is to do; variables in double braces. 1–20,000 characters.
    #[schemars(length(min = 1, max = PROMPT_CHARS_MAX))]
    pub prompt: String,
    /// How freely it speaks, 0–2; none: the model's own figure.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: Option<f32>,
    /// The longest answer, in tokens, 16–4,000.
    #[serde(default = "reply_tokens")]
    #[schemars(range(min = 16, max = REPLY_TOKENS_MAX))]
    pub reply_tokens_max: u32,
    /// What it may call, at most 20.
    #[serde(default)]
    #[schemars(length(max = TOOLS_MAX))]
    pub tools: Vec<Tool>,
    /// Knowledge bases that answers come from, by their names, at most 5.
    #[serde(default)]
    #[schemars(length(max = KNOWLEDGE_MAX), inner(length(min = 1, max = NAME_CHARS_MAX)))]
    pub knowledge: Vec<String>,
    /// Intents that it may tag the conversation with, at most 50; none: any.
    #[serde(default)]
    #[schemars(length(max = FINDINGS_MAX))]
    pub intents: Vec<IntentHint>,
    /// What it is to find out, at most 50.
    #[serde(default)]
    #[schemars(length(max = FINDINGS_MAX))]
    pub captures: Vec<Capture>,
}

fn reply_tokens() -> u32 {
    300
}

/// An intent that the model is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentHint {
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub name: String,
    /// When it fits.
    #[serde(default)]
    #[schemars(length(max = DESCRIPTION_CHARS_MAX))]
    pub description: String,
}

/// Something to find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capture {
    /// The variable that it becomes.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub name: String,
    #[serde(default)]
    #[schemars(length(max = DESCRIPTION_CHARS_MAX))]
    pub description: String,
    #[serde(flatten)]
    pub kind: CaptureKind,
}

/// What a captured value has to be; another is not kept, and the log says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CaptureKind {
    #[default]
    Text,
    /// `YYYY-MM-DD`.
    Date,
    /// Digits, with a sign and a decimal point where it has them.
    Number,
    /// One of these, whatever its case.
    Choice {
        #[schemars(length(min = 1, max = CHOICES_MAX))]
        choices: BTreeSet<String>,
    },
}

/// A call to a system of the enterprise that the model may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// As the model calls it: letters, digits and `_`.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = FUNCTION_PATTERN))]
    pub name: String,
    /// What it does and when to use it, for the model.
    #[schemars(length(min = 1, max = DESCRIPTION_CHARS_MAX))]
    pub description: String,
    /// The provider of kind `system` that it calls.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
    pub provider: String,
    #[serde(default)]
    pub method: Method,
    /// The path below the provider's address, with variables in double braces and parameters in single ones, as
    /// `/orders/{order}`.
    #[schemars(length(min = 1, max = PATH_CHARS_MAX), regex(pattern = "^/"))]
    pub path: String,
    /// What the model has to fill, at most 20. Those that are not in the path go into the query (`get`), or into the
    /// body as JSON.
    #[serde(default)]
    #[schemars(length(max = PARAMETERS_MAX))]
    pub parameters: Vec<Parameter>,
    /// How long it may take, 100–10,000 ms.
    #[serde(default = "tool_ms")]
    #[schemars(range(min = 100, max = TOOL_MS_MAX))]
    pub timeout_ms: u32,
}

fn tool_ms() -> u32 {
    3_000
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    #[default]
    Get,
    Post,
    Put,
}

impl Method {
    /// As HTTP writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A parameter of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = FUNCTION_PATTERN))]
    pub name: String,
    #[serde(default)]
    #[schemars(length(max = DESCRIPTION_CHARS_MAX))]
    pub description: String,
    #[serde(default)]
    pub value: ParameterValue,
    #[serde(default)]
    pub required: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterValue {
    #[default]
    Text,
    Number,
    Boolean,
}

impl LlmAgent {
    /// Everything that is wrong with it, by its place below the agent.
    pub(crate) fn check_into(&self, faults: &mut Faults) {
        faults.names("/agent/providers", &self.providers, PROVIDERS_MAX);
        if self.providers.is_empty() {
            faults.add("/agent/providers", "must name a provider of kind `agent`");
        }
        let prompt_chars = self.prompt.chars().count();
        if self.prompt.trim().is_empty() || prompt_chars > PROMPT_CHARS_MAX {
            let detail =
                format!("must have 1 to {PROMPT_CHARS_MAX} characters, not {prompt_chars}");
            faults.add("/agent/prompt", detail);
        }
        if self.temperature.is_some_and(|heat| !(0.0..=2.0).contains(&heat)) {
            faults.add("/agent/temperature", "must be between 0 and 2");
        }
        faults.range("/agent/reply_tokens_max", self.reply_tokens_max, 16, REPLY_TOKENS_MAX);
        faults.names("/agent/knowledge", &self.knowledge, KNOWLEDGE_MAX);
        let intents: Vec<String> = self.intents.iter().map(|intent| intent.name.clone()).collect();
        faults.names("/agent/intents", &intents, FINDINGS_MAX);
        let captures: Vec<String> =
            self.captures.iter().map(|capture| capture.name.clone()).collect();
        faults.names("/agent/captures", &captures, FINDINGS_MAX);
        for (at, capture) in self.captures.iter().enumerate() {
            if let CaptureKind::Choice { choices } = &capture.kind
                && !(1..=CHOICES_MAX).contains(&choices.len())
            {
                let detail = format!("must have 1 to {CHOICES_MAX} entries");
                faults.add(&format!("/agent/captures/{at}/choices"), detail);
            }
        }
        let tools: Vec<String> = self.tools.iter().map(|tool| tool.name.clone()).collect();
        faults.names("/agent/tools", &tools, TOOLS_MAX);
        for (at, tool) in self.tools.iter().enumerate() {
            tool.check_into(&format!("/agent/tools/{at}"), faults);
        }
    }
}

impl Tool {
    fn check_into(&self, place: &str, faults: &mut Faults) {
        let at = |field: &str| format!("{place}/{field}");
        if !is_function(&self.name) {
            faults.add(&at("name"), "must be a letter, then letters, digits and `_`, 64 at most");
        }
        let described = self.description.chars().count();
        if self.description.trim().is_empty() || described > DESCRIPTION_CHARS_MAX {
            faults.add(
                &at("description"),
                format!("must have 1 to {DESCRIPTION_CHARS_MAX} characters"),
            );
        }
        if self.provider.trim().is_empty() {
            faults.add(&at("provider"), "must name a provider of kind `system`");
        }
        let path_chars = self.path.chars().count();
        if !self.path.starts_with('/') || path_chars > PATH_CHARS_MAX || self.path.contains("..") {
            let detail = format!(
                "must begin with `/`, have no `..` and at most {PATH_CHARS_MAX} characters"
            );
            faults.add(&at("path"), detail);
        }
        faults.range(&at("timeout_ms"), self.timeout_ms, 100, TOOL_MS_MAX);
        let names: Vec<String> =
            self.parameters.iter().map(|parameter| parameter.name.clone()).collect();
        faults.names(&at("parameters"), &names, PARAMETERS_MAX);
        for (index, parameter) in self.parameters.iter().enumerate() {
            if !is_function(&parameter.name) {
                let detail = "must be a letter, then letters, digits and `_`, 64 at most";
                faults.add(&format!("{place}/parameters/{index}/name"), detail);
            }
        }
    }
}

fn is_function(name: &str) -> bool {
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl CaptureKind {
    /// The value as it is kept; none where it is not what it has to be.
    pub fn kept(&self, value: &str) -> Option<String> {
        let value = value.trim();
        match self {
            Self::Text => Some(value.to_owned()),
            Self::Date => is_date(value).then(|| value.to_owned()),
            Self::Number => {
                let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
                let number = !digits.is_empty()
                    && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                    && digits.parse::<f64>().is_ok();
                number.then(|| value.to_owned())
            }
            Self::Choice { choices } => {
                let same = |choice: &&String| choice.to_lowercase() == value.to_lowercase();
                choices.iter().find(same).cloned()
            }
        }
    }
}

/// A day of the calendar as `YYYY-MM-DD`.
fn is_date(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, length: usize| {
        let digits = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2))
    else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_captured_value_is_what_it_has_to_be_or_it_is_not_kept() {
        let choice = CaptureKind::Choice { choices: ["Yes".into(), "No".into()].into() };
        for (kind, value, kept) in [
            (&CaptureKind::Text, " Anna ", Some("Anna")),
            (&CaptureKind::Date, "2028-02-29", Some("2028-02-29")),
            (&CaptureKind::Date, "2027-02-29", None),
            (&CaptureKind::Date, "2027-13-01", None),
            (&CaptureKind::Date, "2027-04-31", None),
            (&CaptureKind::Date, "1900-02-29", None),
            (&CaptureKind::Date, "27-04-30", None),
            (&CaptureKind::Date, "tomorrow", None),
            (&CaptureKind::Number, "-12.50", Some("-12.50")),
            (&CaptureKind::Number, "1.2.3", None),
            (&CaptureKind::Number, "inf", None),
            (&CaptureKind::Number, "", None),
            (&choice, "yes", Some("Yes")),
            (&choice, "maybe", None),
        ] {
            assert_eq!(kind.kept(value).as_deref(), kept, "{kind:?} {value}");
        }
    }

    fn agent(change: impl FnOnce(&mut serde_json::Value)) -> Vec<String> {
        let mut json = serde_json::json!({
            "providers": ["main"], "prompt": "You are Anna.",
            "tools": [{"name": "order", "description": "Looks an order up", "provider": "crm",
                "path": "/orders/{number}", "parameters": [{"name": "number", "required": true}]}],
            "captures": [{"name": "day", "kind": "date"}, {"name": "wish", "kind": "choice", "choices": ["a"]}],
        });
        change(&mut json);
        let agent: LlmAgent = serde_json::from_value(json).expect("an agent");
        let mut faults = Faults::default();
        agent.check_into(&mut faults);
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn an_agent_is_right_or_told_where_it_is_not() {
        assert_eq!(agent(|_| {}), Vec::<String>::new());
        assert_eq!(agent(|a| a["prompt"] = "x".repeat(20_000).into()), Vec::<String>::new());
        for (place, value, wrong) in [
            ("/providers", serde_json::json!([]), "/agent/providers"),
            ("/providers", serde_json::json!(["a", "a"]), "/agent/providers/1"),
            ("/prompt", serde_json::json!("x".repeat(100_000)), "/agent/prompt"),
            ("/prompt", serde_json::json!(" "), "/agent/prompt"),
            ("/tools/0/name", serde_json::json!("look up"), "/agent/tools/0/name"),
            ("/tools/0/path", serde_json::json!("/../admin"), "/agent/tools/0/path"),
            ("/tools/0/path", serde_json::json!("orders"), "/agent/tools/0/path"),
            ("/tools/0/description", serde_json::json!(""), "/agent/tools/0/description"),
            (
                "/tools/0/parameters/0/name",
                serde_json::json!("1"),
                "/agent/tools/0/parameters/0/name",
            ),
            ("/captures/1/choices", serde_json::json!([]), "/agent/captures/1/choices"),
            ("/captures/1/name", serde_json::json!("day"), "/agent/captures/1"),
        ] {
            let wrongs = agent(|a| *a.pointer_mut(place).expect(place) = value.clone());
            assert_eq!(wrongs, [wrong], "{place} {}", value.to_string().len());
        }
        for (field, value) in [
            ("temperature", serde_json::json!(2.5)),
            ("reply_tokens_max", serde_json::json!(4_001)),
        ] {
            assert_eq!(agent(|a| a[field] = value.clone()), [format!("/agent/{field}")]);
        }
        assert_eq!(
            agent(|a| a["tools"][0]["timeout_ms"] = 10_001.into()),
            ["/agent/tools/0/timeout_ms"]
        );
    }
}
