//! Answers of a language model on the wire of the chat completions API: `chat.completion.chunk` objects as server-sent events,
//! then `[DONE]`.
//!
//! By the public API reference of OpenAI (Chat Completions, streaming). The real service was not called.

#![allow(dead_code, reason = "each test crate uses a part")]

use serde_json::{Value, json};

use super::http::{Act, Answer, Asked};

/// The words in these pieces, then the end.
pub fn words(pieces: &[&str]) -> Answer {
    let mut acts = vec![role()];
    acts.extend(pieces.iter().map(|piece| word(piece)));
    acts.extend(end("stop"));
    stream(acts)
}

/// Calls of tools: id, name, and the arguments in pieces.
pub fn calls(calls: &[(&str, &str, &[&str])]) -> Answer {
    stream(call_acts(calls))
}

/// Words, then calls of tools.
pub fn words_and_calls(said: &str, calls: &[(&str, &str, &[&str])]) -> Answer {
    let mut acts = vec![word(said)];
    acts.extend(call_acts(calls));
    stream(acts)
}

pub fn stream(acts: Vec<Act>) -> Answer {
    Answer { status: 200, content_type: "text/event-stream", acts }
}

/// An error before the answer, as the API tells it.
pub fn refusal(status: u16) -> Answer {
    let body = json!({"error": {"message": "told by sk-secret about +4915112345678", "type": "x", "code": null}});
    Answer::new(status, "application/json", body.to_string())
}

pub fn role() -> Act {
    event(&chunk(&json!({"role": "assistant", "content": ""}), Value::Null))
}

pub fn word(piece: &str) -> Act {
    event(&chunk(&json!({"content": piece}), Value::Null))
}

/// The finish reason, the count of tokens, and the mark of the end.
pub fn end(reason: &str) -> Vec<Act> {
    let usage =
        json!({"object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 7}});
    vec![
        event(&chunk(&json!({}), json!(reason))),
        event(&usage),
        Act::Send(b"data: [DONE]\n\n".to_vec()),
    ]
}

pub fn event(data: &Value) -> Act {
    Act::Send(format!("data: {data}\n\n").into_bytes())
}

pub fn chunk(delta: &Value, finish_reason: Value) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "stand-in",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}],
    })
}

fn call_acts(calls: &[(&str, &str, &[&str])]) -> Vec<Act> {
    let delta = |call: Value| event(&chunk(&json!({"tool_calls": [call]}), Value::Null));
    let mut acts = Vec::new();
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        acts.push(delta(json!({
            "index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""},
        })));
        acts.extend(
            arguments
                .iter()
                .map(|piece| delta(json!({"index": index, "function": {"arguments": piece}}))),
        );
    }
    acts.extend(end("tool_calls"));
    acts
}

/// The messages that a model was given.
pub fn messages(asked: &Asked) -> Vec<Value> {
    let body: Value = serde_json::from_str(&asked.body).expect("JSON");
    body["messages"].as_array().expect("messages").clone()
}

/// What the customer said last.
pub fn question(asked: &Asked) -> String {
    let messages = messages(asked);
    let of_customer =
        messages.iter().rfind(|message| message["role"] == "user").expect("a question");
    of_customer["content"].as_str().expect("words").to_owned()
}
