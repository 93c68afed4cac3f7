//! Calls the tools that a model asks for, and writes them into the log.

use std::collections::BTreeMap;
use std::time::Instant;

use dialog::conversation::StepKind;
use dialog::llm::Tool;

use super::harmless::{harmless, harmless_json, shortened};
use super::message::ToolCall;
use super::step::did;
use crate::agent::Saying;
use crate::tools::{Toolbox, arguments};

/// Tools that one answer may call.
pub const CALLS_MAX: usize = 8;
/// Characters of a tool's answer that the model is given.
pub const RESULT_CHARS_MAX: usize = 4_000;

/// The tools of one request.
pub(super) struct Calls<'a> {
    pub(super) toolbox: &'a dyn Toolbox,
    pub(super) tools: &'a [Tool],
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) saying: &'a Saying,
    /// Calls that have been asked for.
    pub(super) asked: usize,
}

impl Calls<'_> {
    /// What the model is told of each of these calls. They are made at the same time.
    pub(super) async fn answer(&mut self, calls: &[ToolCall]) -> Vec<String> {
        let room = CALLS_MAX.saturating_sub(self.asked);
        self.asked += calls.len();
        let answers = calls.iter().enumerate().map(|(at, call)| self.one(call, at < room));
        futures::future::join_all(answers).await
    }

    async fn one(&self, call: &ToolCall, in_room: bool) -> String {
        let called = format!("{} {}", call.name, call.arguments);
        did(self.saying, StepKind::ToolCall, &called).await;
        let began = Instant::now();
        let answer = if in_room {
            self.called(call).await
        } else {
            Err("no more tools may be called".into())
        };
        let took_ms = began.elapsed().as_millis();
        let (told, logged) = match answer {
            Ok(answer) => (harmless_json(&answer, RESULT_CHARS_MAX), answer),
            Err(why) => {
                (format!("error: {}", harmless(&why, RESULT_CHARS_MAX)), format!("failed: {why}"))
            }
        };
        let name = shortened(&call.name, 64);
        did(self.saying, StepKind::ToolResult, &format!("{name} after {took_ms} ms: {logged}"))
            .await;
        told
    }

    async fn called(&self, call: &ToolCall) -> Result<String, String> {
        let tool = self.tools.iter().find(|tool| tool.name == call.name);
        let tool = tool.ok_or("there is no such tool")?;
        let arguments = arguments::read(tool, &call.arguments)?;
        let answer = self.toolbox.call(tool, arguments, self.variables).await;
        answer.map_err(|error| error.to_string())
    }
}
