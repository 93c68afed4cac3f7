//! One answer of a language model, put together from the pieces that it comes in.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::message::ToolCall;
use crate::failure::SpeechError;

/// Bytes of the words, and of the arguments of all calls, of one answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Tools that one answer may call. An agent calls fewer; more than these are rubbish.
const GATHERED_MAX: usize = 32;
/// Characters of a tool's name and of a call's id.
const NAME_CHARS_MAX: usize = 256;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    bytes: usize,
    calls: Vec<Gathering>,
    finish: Option<Finish>,
    any_words: bool,
}

/// A call whose arguments are still coming.
#[derive(Debug, Default)]
struct Gathering {
    index: Option<u64>,
    call: Partial,
}

#[derive(Debug, Default)]
struct Partial {
    id: String,
    name: String,
    arguments: String,
}

/// Why a model stopped. Only a filter makes a difference: its answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    Filtered,
    Other,
}

/// What one event brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Brought {
    Words(String),
    /// A piece of a call.
    Call,
    /// Something that tells neither words nor calls: a role, a count of tokens.
    Nothing,
    /// The answer is whole.
    End,
}

impl Answer {
    /// Take an event in.
    pub(super) fn take(&mut self, data: &str) -> Result<Brought, SpeechError> {
        if data.trim() == "[DONE]" {
            return Ok(Brought::End);
        }
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|_| failed("its answer is no JSON of this API"))?;
        if chunk.error.is_some_and(|error| !error.is_null()) {
            return Err(failed("it broke its answer off with an error"));
        }
        let Some(choice) = chunk.choices.into_iter().find(|choice| choice.index == 0) else {
            return Ok(Brought::Nothing);
        };
        if let Some(reason) = choice.finish_reason {
            let filtered = reason == "content_filter";
            self.finish = Some(if filtered { Finish::Filtered } else { Finish::Other });
        }
        let mut brought = Brought::Nothing;
        for piece in choice.delta.tool_calls {
            self.gather(piece)?;
            brought = Brought::Call;
        }
        let words =
            choice.delta.content.unwrap_or_default() + &choice.delta.refusal.unwrap_or_default();
        if words.is_empty() {
            return Ok(brought);
        }
        self.any_words = true;
        self.grow(words.len())?;
        Ok(Brought::Words(words))
    }

    /// The calls of an answer that has ended. `closed`: the connection ended, and nothing told that the answer is whole.
    pub(super) fn end(self, how: End) -> Result<Vec<ToolCall>, SpeechError> {
        match self.finish {
            None if how == End::Closed => {
                return Err(failed("the connection closed within its answer"));
            }
            Some(Finish::Filtered) => return Err(failed("its filter has stopped the answer")),
            _ => {}
        }
        if !self.any_words && self.calls.is_empty() {
            return Err(failed("its answer is empty"));
        }
        let calls = self.calls.into_iter().enumerate().map(|(at, gathered)| {
            let Partial { id, name, arguments } = gathered.call;
            // Some servers give no ids; a call's answer needs one.
            let id = if id.is_empty() { format!("call_{at}") } else { id };
            ToolCall { id, name, arguments }
        });
        Ok(calls.collect())
    }

    fn gather(&mut self, piece: CallPiece) -> Result<(), SpeechError> {
        let function = piece.function.unwrap_or_default();
        let [id, name] = [piece.id, function.name].map(Option::unwrap_or_default);
        let arguments = function.arguments.unwrap_or_default();
        self.grow(id.len() + name.len() + arguments.len())?;
        let begins = |last: &Gathering| {
            let another = piece.index.is_some() && piece.index != last.index;
            // Servers that give no index, or always the same, begin a call with another id.
            another || (!id.is_empty() && !last.call.id.is_empty() && id != last.call.id)
        };
        let known = match piece.index {
            Some(_) => self.calls.iter().rposition(|call| call.index == piece.index),
            None => self.calls.len().checked_sub(1),
        };
        let at = match known {
            Some(at) if !begins(&self.calls[at]) => at,
            _ if self.calls.len() == GATHERED_MAX => return Err(failed("it calls too many tools")),
            _ => {
                self.calls.push(Gathering { index: piece.index, call: Partial::default() });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at].call;
        if call.id.is_empty() {
            call.id = id;
        }
        // Most servers send the name once and whole; some repeat it with every piece.
        if call.name.is_empty() {
            call.name = name;
        }
        call.arguments.push_str(&arguments);
        if call.id.chars().count().max(call.name.chars().count()) > NAME_CHARS_MAX {
            return Err(failed("a call's name is too long"));
        }
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), SpeechError> {
        self.bytes += bytes;
        (self.bytes <= ANSWER_BYTES_MAX)
            .then_some(())
            .ok_or_else(|| failed("its answer is too long"))
    }
}

/// How an answer's stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the mark of its end.
    Marked,
    /// The connection closed.
    Closed,
}

fn failed(why: &str) -> SpeechError {
    SpeechError::Failed(why.to_owned())
}

/// `chat.completion.chunk`, as far as it is of use. Servers send `null` where a field is not used.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default, deserialize_with = "or_default")]
    choices: Vec<Choice>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default, deserialize_with = "or_default")]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
    /// Words by which a model declines; they are an answer.
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    tool_calls: Vec<CallPiece>,
}

#[derive(Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionPiece>,
}

#[derive(Default, Deserialize)]
struct FunctionPiece {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<String>,
}

fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The calls that these deltas of `tool_calls` make.
    fn calls(deltas: &[Value]) -> Result<Vec<ToolCall>, SpeechError> {
        let mut answer = Answer::default();
        for calls in deltas {
            let chunk = json!({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
            assert_eq!(answer.take(&chunk.to_string())?, Brought::Call);
        }
        answer.end(End::Marked)
    }

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn calls_are_put_together_from_their_pieces() {
        let piece = |index: u64, id: Value, name: Value, arguments: &str| {
            json!({"index": index, "id": id, "type": "function",
                "function": {"name": name, "arguments": arguments}})
        };
        let null = Value::Null;
        let two = [
            json!([piece(0, json!("a"), json!("order"), "")]),
            json!([piece(0, null.clone(), null.clone(), r#"{"n"#)]),
            json!([piece(1, json!("b"), json!("stock"), r#"{"#)]),
            json!([
                piece(0, null.clone(), null.clone(), r#"":1}"#),
                piece(1, null.clone(), null, "}")
            ]),
        ];
        assert_eq!(
            calls(&two).unwrap(),
            [call("a", "order", r#"{"n":1}"#), call("b", "stock", "{}")]
        );
        let whole_with_one_index = [json!([
            piece(0, json!("a"), json!("x"), "{}"),
            piece(0, json!("b"), json!("y"), "{}")
        ])];
        assert_eq!(
            calls(&whole_with_one_index).unwrap(),
            [call("a", "x", "{}"), call("b", "y", "{}")]
        );
        let without_index = [
            json!([{"function": {"name": "x", "arguments": "{"}}]),
            json!([{"function": {"arguments": "}"}}]),
        ];
        assert_eq!(calls(&without_index).unwrap(), [call("call_0", "x", "{}")]);
    }

    #[test]
    fn an_answer_that_grows_without_end_is_a_failure() {
        let arguments = "x".repeat(1_024);
        let piece =
            json!([{"index": 0, "id": "a", "function": {"name": "x", "arguments": arguments}}]);
        assert!(calls(&vec![piece.clone(); 60]).is_ok());
        assert!(calls(&vec![piece; 64]).is_err());
        let many: Vec<Value> =
            (0..=GATHERED_MAX).map(|index| json!([{"index": index, "id": "a"}])).collect();
        assert!(calls(&many[1..]).is_ok());
        assert!(calls(&many).is_err());
        assert!(calls(&[json!([{"index": 0, "id": "x".repeat(NAME_CHARS_MAX + 1)}])]).is_err());
        let mut answer = Answer::default();
        let words = json!({"choices": [{"delta": {"content": "x".repeat(ANSWER_BYTES_MAX)}}]});
        assert!(answer.take(&words.to_string()).is_ok());
        let error = answer.take(r#"{"choices": [{"delta": {"content": "x"}}]}"#).unwrap_err();
        assert!(error.to_string().contains("too long"));
    }

    #[test]
    fn what_tells_no_words_is_read_over() {
        for data in [
            r#"{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}"#,
            r#"{"choices": [{"index": 0, "delta": {"role": "assistant", "content": null, "tool_calls": null}}]}"#,
            r#"{"choices": [], "usage": {"total_tokens": 7}, "error": null}"#,
            r#"{"choices": null}"#,
            r#"{"choices": [{"index": 1, "delta": {"content": "another answer"}}]}"#,
            r#"{"choices": [{"index": 0, "delta": null, "finish_reason": "stop"}]}"#,
            r#"{"choices": [{"index": 0, "delta": {"reasoning_content": "I think"}}]}"#,
        ] {
            assert_eq!(Answer::default().take(data).unwrap(), Brought::Nothing, "{data}");
        }
        assert_eq!(Answer::default().take(" [DONE]").unwrap(), Brought::End);
        let refusal = r#"{"choices": [{"delta": {"refusal": "I can't."}}]}"#;
        assert_eq!(Answer::default().take(refusal).unwrap(), Brought::Words("I can't.".into()));
    }

    #[test]
    fn an_answer_ends_as_its_last_events_tell() {
        let words = r#"{"choices": [{"delta": {"content": "Hi"}}]}"#;
        let finish = |reason: &str| {
            format!(r#"{{"choices": [{{"delta": {{}}, "finish_reason": "{reason}"}}]}}"#)
        };
        let [stop, length, filter] = ["stop", "length", "content_filter"].map(finish);
        for (events, how, whole) in [
            (vec![words, &stop], End::Closed, true),
            (vec![words, &length], End::Closed, true),
            (vec![words], End::Marked, true),
            (vec![words], End::Closed, false),
            (vec![words, &filter], End::Marked, false),
            (vec![&stop], End::Marked, false),
        ] {
            let mut answer = Answer::default();
            for event in &events {
                answer.take(event).unwrap();
            }
            assert_eq!(answer.end(how).is_ok(), whole, "{events:?} {how:?}");
        }
        for rubbish in ["", "hello", "5", "{\"choices\": 5}", r#"{"error": {"message": "x"}}"#] {
            assert!(Answer::default().take(rubbish).is_err(), "{rubbish}");
        }
    }
}
