//! Messages to and from a language model, as the chat completions API has them.

use dialog::llm::{ParameterValue, Tool};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// One message of a conversation with a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    System {
        content: String,
    },
    User {
        content: String,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        tool_call_id: String,
        content: String,
    },
}

/// A tool that the model wants to be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "WireCall")]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// A JSON object as the model wrote it, which may be wrong.
    pub arguments: String,
}

/// A tool call as it stands on the wire.
#[derive(Serialize)]
struct WireCall {
    id: String,
    r#type: &'static str,
    function: WireFunction,
}

#[derive(Serialize)]
struct WireFunction {
    name: String,
    arguments: String,
}

impl From<ToolCall> for WireCall {
    fn from(call: ToolCall) -> Self {
        let function = WireFunction { name: call.name, arguments: call.arguments };
        Self { id: call.id, r#type: "function", function }
    }
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Function(Value);

impl From<&Tool> for Function {
    fn from(tool: &Tool) -> Self {
        let properties: Map<String, Value> = tool
            .parameters
            .iter()
            .map(|parameter| {
                let kind = match parameter.value {
                    ParameterValue::Text => "string",
                    ParameterValue::Number => "number",
                    ParameterValue::Boolean => "boolean",
                };
                let schema = json!({"type": kind, "description": parameter.description});
                (parameter.name.clone(), schema)
            })
            .collect();
        let required = tool.parameters.iter().filter(|parameter| parameter.required);
        let required: Vec<&str> = required.map(|parameter| parameter.name.as_str()).collect();
        Self(json!({
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                },
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stand_on_the_wire_as_the_api_has_them() {
        let call =
            ToolCall { id: "c1".into(), name: "order".into(), arguments: r#"{"n":1}"#.into() };
        let messages = [
            Message::System { content: "s".into() },
            Message::User { content: "u".into() },
            Message::Assistant { content: Some("a".into()), tool_calls: Vec::new() },
            Message::Assistant { content: None, tool_calls: vec![call] },
            Message::Tool { tool_call_id: "c1".into(), content: "t".into() },
        ];
        assert_eq!(
            serde_json::to_value(messages).unwrap(),
            json!([
                {"role": "system", "content": "s"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "order", "arguments": r#"{"n":1}"#}},
                ]},
                {"role": "tool", "tool_call_id": "c1", "content": "t"},
            ])
        );
    }

    #[test]
    fn a_tool_is_described_with_its_parameters() {
        let tool: Tool = serde_json::from_value(json!({
            "name": "order", "description": "Looks an order up", "provider": "crm", "path": "/orders/{number}",
            "parameters": [
                {"name": "number", "description": "Its number", "required": true},
                {"name": "open", "value": "boolean"},
            ],
        }))
        .unwrap();
        assert_eq!(
            serde_json::to_value(Function::from(&tool)).unwrap()["function"],
            json!({
                "name": "order",
                "description": "Looks an order up",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "number": {"type": "string", "description": "Its number"},
                        "open": {"type": "boolean", "description": ""},
                    },
                    "required": ["number"],
                    "additionalProperties": false,
                },
            })
        );
    }
}
