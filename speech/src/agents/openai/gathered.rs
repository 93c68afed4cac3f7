//! What the pieces of a streamed answer make together.
//!
//! Servers differ in how they cut a tool call into pieces. Seen in issues of their projects: no index (Gemini), no id
//! (Ollama), an empty id in later pieces (DashScope), the same index for every call (Ollama), indexes that begin at 1
//! (LiteLLM), a name that is repeated, arguments as an object.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::agents::message::ToolCall;
use crate::failure::SpeechError;

/// Bytes of words in one answer: far more than the tokens that an agent may ask for.
const WORDS_BYTES_MAX: usize = 64 << 10;
/// Calls that one answer may ask for. How many of them are carried out is the agent's to say.
const CALLS_MAX: usize = 32;
/// Bytes of one call's name and arguments.
const CALL_BYTES_MAX: usize = 16 << 10;

/// One event's data.
#[derive(Debug, Deserialize)]
struct Chunk {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Delta>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Debug, Deserialize)]
struct CallDelta {
    #[serde(default)]
    index: Option<u32>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Debug, Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

/// What one piece brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Gain {
    pub words: String,
    /// A tool call grew, or began.
    pub calls: bool,
}

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    words_bytes: usize,
    calls: Vec<Call>,
    /// The server has said why the answer ends, so that it is whole.
    pub finished: bool,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<u32>,
    id: String,
    name: String,
    arguments: String,
}

impl Gathered {
    /// Take a piece in.
    pub fn add(&mut self, data: &str) -> Result<Gain, SpeechError> {
        let rubbish = |_| SpeechError::Failed("its answer is not of its API".into());
        let chunk: Chunk = serde_json::from_str(data).map_err(rubbish)?;
        if chunk.error.is_some() {
            return Err(SpeechError::Failed("it reported an error in its answer".into()));
        }
        let Some(choices) = chunk.choices else {
            return Err(SpeechError::Failed("its answer is not of its API".into()));
        };
        // There are none beside figures of use; more than one was not asked for.
        let Some(choice) = choices.into_iter().next() else { return Ok(Gain::default()) };
        self.finished |= choice.finish_reason.is_some_and(|reason| !reason.is_empty());
        let Some(delta) = choice.delta else { return Ok(Gain::default()) };
        let words = delta.content.unwrap_or_default();
        self.words_bytes += words.len();
        if self.words_bytes > WORDS_BYTES_MAX {
            return Err(SpeechError::Failed("its answer is too long".into()));
        }
        let pieces = delta.tool_calls.unwrap_or_default();
        let gain = Gain { words, calls: !pieces.is_empty() };
        for piece in pieces {
            self.add_call(piece)?;
        }
        Ok(gain)
    }

    fn add_call(&mut self, piece: CallDelta) -> Result<(), SpeechError> {
        let id = piece.id.filter(|id| !id.is_empty());
        let (name, arguments) = match piece.function {
            Some(function) => (function.name, function.arguments),
            None => (None, None),
        };
        let name = name.filter(|name| !name.is_empty());
        let at = self.place(piece.index, id.as_deref(), name.is_some());
        let call = match at {
            Some(at) => &mut self.calls[at],
            None if self.calls.len() == CALLS_MAX => {
                return Err(SpeechError::Failed("it wants too many tools at a time".into()));
            }
            None => {
                self.calls.push(Call { index: piece.index, ..Call::default() });
                let last = self.calls.len() - 1;
                &mut self.calls[last]
            }
        };
        if call.id.is_empty() {
            call.id = id.unwrap_or_default();
        }
        if let Some(name) = name.filter(|name| *name != call.name) {
            call.name.push_str(&name);
        }
        match arguments {
            Some(Value::String(part)) => call.arguments.push_str(&part),
            None | Some(Value::Null) => {}
            Some(whole) => call.arguments = whole.to_string(),
        }
        if call.id.len() + call.name.len() + call.arguments.len() > CALL_BYTES_MAX {
            return Err(SpeechError::Failed("it calls a tool with too much".into()));
        }
        Ok(())
    }

    /// The call that a piece goes on with; none when it begins one.
    fn place(&self, index: Option<u32>, id: Option<&str>, named: bool) -> Option<usize> {
        let known = |call: &Call| match index {
            Some(_) => call.index == index,
            None => id.is_none_or(|id| call.id == id),
        };
        let at = self.calls.iter().rposition(known)?;
        // Another id with a name begins a call, though its index is that of the one before.
        let other = id.is_some_and(|id| !self.calls[at].id.is_empty() && self.calls[at].id != id);
        (!(other && named)).then_some(at)
    }

    /// The calls that it wants, each with an id of its own.
    pub fn into_calls(self) -> Vec<ToolCall> {
        let mut ids = BTreeSet::new();
        let calls = self.calls.into_iter().enumerate().map(|(at, call)| {
            let own = !call.id.is_empty() && ids.insert(call.id.clone());
            ToolCall {
                id: if own { call.id } else { format!("call_{at}") },
                name: call.name,
                arguments: call.arguments,
            }
        });
        calls.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gathered(deltas: &[Value]) -> Vec<(String, String, String)> {
        let mut gathered = Gathered::default();
        for delta in deltas {
            let chunk = json!({"choices": [{"delta": {"tool_calls": [delta]}}]});
            assert!(gathered.add(&chunk.to_string()).unwrap().calls);
        }
        let calls = gathered.into_calls().into_iter();
        calls.map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn a_tool_call_is_put_together_however_a_server_cuts_it() {
        let whole = [call("a", "order", r#"{"n":1}"#)];
        for (server, deltas) in [
            (
                "as the API says",
                vec![
                    json!({"index": 0, "id": "a", "type": "function", "function": {"name": "order", "arguments": ""}}),
                    json!({"index": 0, "function": {"arguments": "{\"n\""}}),
                    json!({"index": 0, "function": {"arguments": ":1}"}}),
                ],
            ),
            (
                "an empty id in later pieces",
                vec![
                    json!({"index": 0, "id": "a", "function": {"name": "order"}}),
                    json!({"index": 0, "id": "", "function": {"name": "", "arguments": "{\"n\":1}"}}),
                ],
            ),
            (
                "the name again in each piece",
                vec![
                    json!({"index": 0, "id": "a", "function": {"name": "order", "arguments": "{\"n\""}}),
                    json!({"index": 0, "id": "a", "function": {"name": "order", "arguments": ":1}"}}),
                ],
            ),
            (
                "the name in pieces",
                vec![
                    json!({"index": 0, "id": "a", "function": {"name": "or"}}),
                    json!({"index": 0, "function": {"name": "der", "arguments": "{\"n\":1}"}}),
                ],
            ),
            (
                "indexes from 1",
                vec![
                    json!({"index": 1, "id": "a", "function": {"name": "order", "arguments": "{\"n\":1}"}}),
                ],
            ),
            (
                "no index",
                vec![
                    json!({"id": "a", "function": {"name": "order", "arguments": "{\"n\""}}),
                    json!({"function": {"arguments": ":1}"}}),
                ],
            ),
            (
                "arguments as an object",
                vec![json!({"index": 0, "id": "a", "function": {"name": "order", "arguments": {"n": 1}}})],
            ),
        ] {
            assert_eq!(gathered(&deltas), whole, "{server}");
        }
    }

    #[test]
    fn two_calls_stay_two_however_a_server_numbers_them() {
        let two = [call("a", "order", "{}"), call("b", "order", "[]")];
        for (server, deltas) in [
            (
                "mixed pieces",
                vec![
                    json!({"index": 0, "id": "a", "function": {"name": "order", "arguments": "{"}}),
                    json!({"index": 1, "id": "b", "function": {"name": "order", "arguments": "["}}),
                    json!({"index": 0, "function": {"arguments": "}"}}),
                    json!({"index": 1, "function": {"arguments": "]"}}),
                ],
            ),
            (
                "one index for all",
                vec![
                    json!({"index": 0, "id": "a", "function": {"name": "order", "arguments": "{}"}}),
                    json!({"index": 0, "id": "b", "function": {"name": "order", "arguments": "["}}),
                    json!({"index": 0, "function": {"arguments": "]"}}),
                ],
            ),
            (
                "no index",
                vec![
                    json!({"id": "a", "function": {"name": "order", "arguments": "{}"}}),
                    json!({"id": "b", "function": {"name": "order", "arguments": "[]"}}),
                ],
            ),
        ] {
            assert_eq!(gathered(&deltas), two, "{server}");
        }
        let nameless = |index: u32| json!({"index": index, "function": {"name": "order", "arguments": "{}"}});
        let ids: Vec<String> = gathered(&[nameless(0), nameless(1)]).into_iter().map(|call| call.0).collect();
        assert_eq!(ids, ["call_0", "call_1"], "an id is made where there is none");
    }

    #[test]
    fn words_and_the_end_are_told() {
        let mut gathered = Gathered::default();
        let words = |text: &str| Gain { words: text.into(), calls: false };
        for (data, gain, finished) in [
            (r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#, words(""), false),
            (r#"{"choices":[{"delta":{"content":"Hello"},"finish_reason":null}]}"#, words("Hello"), false),
            (r#"{"choices":[{"delta":{"content":null}}],"usage":null,"error":null}"#, words(""), false),
            (r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, words(""), true),
            (r#"{"choices":[],"usage":{"total_tokens":9}}"#, words(""), true),
        ] {
            assert_eq!(gathered.add(data).unwrap(), gain, "{data}");
            assert_eq!(gathered.finished, finished, "{data}");
        }
    }

    #[test]
    fn what_is_not_of_the_api_fails_and_is_not_quoted() {
        for data in [
            "secret words",
            "{\"secret\":1}",
            "[]",
            r#"{"choices":[{"delta":{"content":["secret"]}}]}"#,
            r#"{"error":{"message":"secret key sk-1"}}"#,
            r#"{"error":"secret","choices":[]}"#,
        ] {
            let error = Gathered::default().add(data).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        let words = format!(r#"{{"choices":[{{"delta":{{"content":"{}"}}}}]}}"#, "x".repeat(1_024));
        let mut gathered = Gathered::default();
        assert_eq!((0..100).take_while(|_| gathered.add(&words).is_ok()).count(), 64);
        let calls = |index: u32, arguments: &str| {
            let call = json!({"index": index, "function": {"name": "f", "arguments": arguments}});
            json!({"choices": [{"delta": {"tool_calls": [call]}}]}).to_string()
        };
        let mut gathered = Gathered::default();
        let begun = (0..100).take_while(|index| gathered.add(&calls(*index, "")).is_ok()).count();
        assert_eq!(begun, CALLS_MAX);
        let mut gathered = Gathered::default();
        let piece = calls(0, &"x".repeat(1_024));
        assert_eq!((0..100).take_while(|_| gathered.add(&piece).is_ok()).count(), 15);
    }
}
