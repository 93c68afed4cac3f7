//! Language models by the chat completions API: `POST {url}/chat/completions`, streamed as server-sent events.
//!
//! By the public API reference of OpenAI, as vLLM, llama.cpp, Ollama and many services have it, too. The real service was
//! not called: tests speak with a stand-in.

use std::time::Duration;

use outbound::provider::ModelService;
use outbound::secret::Secret;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::answer::{Answer, Brought, End};
use super::message::{Function, Message, ToolCall};
use super::sse::Events;
use crate::failure::SpeechError;
use crate::http_failure::{failure, refusal};
use crate::reach::Reach;

/// How long a model may pause between two pieces of an answer.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long an answer may take in all.
pub const ANSWER_MAX: Duration = Duration::from_secs(50);
/// How long the last bytes of a whole answer are waited for.
const LAST_BYTES_MAX: Duration = Duration::from_millis(10);
/// Bytes of an answer on the wire. A token of three letters comes in about 300 of them.
const WIRE_BYTES_MAX: usize = 4 << 20;

/// A language model.
#[derive(Debug, Clone)]
pub struct ChatModel {
    reach: Reach,
    url: String,
    key: Option<Secret>,
    model: String,
    first_within: Duration,
}

/// What a model is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub messages: &'a [Message],
    pub functions: &'a [Function],
    pub functions_use: FunctionsUse,
    pub temperature: Option<f32>,
    pub tokens_max: u32,
}

/// Whether the model may call functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionsUse {
    /// As it likes.
    Auto,
    /// It has to answer with words.
    None,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    Words(String),
    /// The answer is whole, and these tools are to be called.
    End(Vec<ToolCall>),
}

/// An answer that is coming. Dropping it closes the connection, so that the model stops.
#[derive(Debug)]
pub struct ChatStream {
    response: reqwest::Response,
    events: Events,
    /// Events that have come, the next one last.
    waiting: Vec<String>,
    answer: Answer,
    wire_bytes: usize,
    due: Instant,
    over_at: Instant,
}

impl ChatModel {
    /// `timeout_ms`: how long it may take to its first words.
    pub fn new(service: &ModelService, timeout_ms: u32, reach: Reach) -> Self {
        Self {
            reach,
            url: format!("{}/chat/completions", service.url.trim_end_matches('/')),
            key: service.key.clone(),
            model: service.model.clone(),
            first_within: Duration::from_millis(timeout_ms.into()),
        }
    }

    /// Ask the model.
    pub async fn ask(&self, question: Question<'_>) -> Result<ChatStream, SpeechError> {
        let asked_at = Instant::now();
        let due = asked_at + self.first_within;
        let body = serde_json::to_vec(&self.body(question)).map_err(SpeechError::failed)?;
        let mut request = self
            .reach
            .request(Method::POST, &self.url)?
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream")
            .body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.reveal());
        }
        let sent = tokio::time::timeout_at(due, request.send()).await;
        let response = sent.map_err(|_| SpeechError::TimedOut)?.map_err(failure)?;
        if !response.status().is_success() {
            return Err(refusal(response.status()));
        }
        Ok(ChatStream {
            response,
            events: Events::default(),
            waiting: Vec::new(),
            answer: Answer::default(),
            wire_bytes: 0,
            due,
            over_at: asked_at + ANSWER_MAX,
        })
    }

    fn body<'a>(&'a self, question: Question<'a>) -> Body<'a> {
        let tokens = Some(question.tokens_max);
        // OpenAI's newer models refuse the old name, most other servers know no other.
        let (max_tokens, max_completion_tokens) =
            if is_openai(&self.url) { (None, tokens) } else { (tokens, None) };
        let has_functions = !question.functions.is_empty();
        Body {
            model: &self.model,
            stream: true,
            messages: question.messages,
            temperature: question.temperature,
            max_tokens,
            max_completion_tokens,
            tools: question.functions,
            tool_choice: has_functions.then_some(question.functions_use),
        }
    }
}

/// OpenAI's own service, or Azure's of the same models.
fn is_openai(url: &str) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    ["openai.com", "openai.azure.com"].iter().any(|own| {
        host.strip_suffix(own).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// A request, as the API has it.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tools: &'a [Function],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<FunctionsUse>,
}

impl ChatStream {
    /// The next piece; nothing comes after [`Delta::End`] or an error.
    pub async fn next(&mut self) -> Result<Delta, SpeechError> {
        loop {
            while let Some(data) = self.waiting.pop() {
                match self.answer.take(&data)? {
                    Brought::Words(words) => {
                        self.goes_on();
                        return Ok(Delta::Words(words));
                    }
                    Brought::Call => self.goes_on(),
                    Brought::Nothing => {}
                    Brought::End => {
                        // A connection whose last bytes were read is used again. They mostly come with the mark.
                        let _ = tokio::time::timeout(LAST_BYTES_MAX, self.response.chunk()).await;
                        return self.end(End::Marked);
                    }
                }
            }
            let chunk = tokio::time::timeout_at(self.due, self.response.chunk()).await;
            let Some(chunk) = chunk.map_err(|_| SpeechError::TimedOut)?.map_err(failure)? else {
                return self.end(End::Closed);
            };
            self.wire_bytes += chunk.len();
            if self.wire_bytes > WIRE_BYTES_MAX {
                return Err(SpeechError::Failed("its answer is too long".to_owned()));
            }
            self.waiting = self.events.push(&chunk)?;
            self.waiting.reverse();
        }
    }

    /// Comments and empty pieces don't put the deadline off, words and calls do.
    fn goes_on(&mut self) {
        self.due = (Instant::now() + PAUSE_MAX).min(self.over_at);
    }

    fn end(&mut self, how: End) -> Result<Delta, SpeechError> {
        std::mem::take(&mut self.answer).end(how).map(Delta::End)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_answer_is_told_in_the_words_that_the_server_knows() {
        let reach = Reach::new(&[]).unwrap();
        for (url, openai) in [
            ("https://api.openai.com/v1", true),
            ("https://mine.openai.azure.com/openai/v1/", true),
            ("https://notopenai.com/v1", false),
            ("http://localhost:8000/v1", false),
        ] {
            let service =
                ModelService { url: url.into(), key: None, model: "m".into(), language: None };
            let model = ChatModel::new(&service, 1_000, reach.clone());
            let question = Question {
                messages: &[],
                functions: &[],
                functions_use: FunctionsUse::Auto,
                temperature: None,
                tokens_max: 7,
            };
            let name = if openai { "max_completion_tokens" } else { "max_tokens" };
            assert_eq!(
                serde_json::to_value(model.body(question)).unwrap(),
                serde_json::json!({"model": "m", "stream": true, "messages": [], name: 7}),
            );
        }
    }
}
