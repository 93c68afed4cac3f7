//! What a model gives a tool: checked, before anything is called. What is wrong is told to the model, which tries again.

use dialog::llm::{Parameter, ParameterValue, Tool};
use serde_json::{Map, Number, Value};

/// Characters of one argument.
const VALUE_CHARS_MAX: usize = 2_000;

/// The arguments from the JSON that a model wrote: each of its kind, all that are needed, and none that the tool does not have.
pub fn read(tool: &Tool, text: &str) -> Result<Map<String, Value>, String> {
    // A call without arguments is often written as nothing at all.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let Ok(Value::Object(given)) = serde_json::from_str(text) else {
        return Err("the arguments are no JSON object".to_owned());
    };
    let mut arguments = Map::new();
    for (name, value) in given {
        let parameter = tool.parameters.iter().find(|parameter| parameter.name == name);
        let Some(parameter) = parameter else {
            let names: Vec<&str> =
                tool.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(format!("an argument has a wrong name; right are: {}", names.join(", ")));
        };
        if value.is_null() && !parameter.required {
            continue;
        }
        arguments.insert(name, of_kind(parameter, value)?);
    }
    let missing =
        |parameter: &&Parameter| parameter.required && !arguments.contains_key(&parameter.name);
    match tool.parameters.iter().find(missing) {
        Some(parameter) => Err(format!("`{}` is needed", parameter.name)),
        None => Ok(arguments),
    }
}

/// Models write numbers as texts, and the other way round; both are meant.
fn of_kind(parameter: &Parameter, value: Value) -> Result<Value, String> {
    let name = &parameter.name;
    match (parameter.value, value) {
        (ParameterValue::Text, Value::String(text)) if text.chars().count() > VALUE_CHARS_MAX => {
            Err(format!("`{name}` has more than {VALUE_CHARS_MAX} characters"))
        }
        (ParameterValue::Text, Value::String(text)) => Ok(Value::String(text)),
        (ParameterValue::Text, value @ (Value::Number(_) | Value::Bool(_))) => {
            Ok(Value::String(value.to_string()))
        }
        (ParameterValue::Text, _) => Err(format!("`{name}` must be a text")),
        (ParameterValue::Number, value @ Value::Number(_)) => Ok(value),
        (ParameterValue::Number, Value::String(text)) => {
            let number: Option<Number> = text.trim().parse().ok();
            number.map(Value::Number).ok_or_else(|| format!("`{name}` must be a number"))
        }
        (ParameterValue::Number, _) => Err(format!("`{name}` must be a number")),
        (ParameterValue::Boolean, value @ Value::Bool(_)) => Ok(value),
        (ParameterValue::Boolean, Value::String(text)) => match text.trim() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(format!("`{name}` must be true or false")),
        },
        (ParameterValue::Boolean, _) => Err(format!("`{name}` must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool() -> Tool {
        serde_json::from_value(json!({
            "name": "order", "description": "x", "provider": "crm", "path": "/orders",
            "parameters": [
                {"name": "number", "required": true},
                {"name": "count", "value": "number"},
                {"name": "open", "value": "boolean"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn arguments_are_of_their_kinds() {
        for (text, arguments) in [
            (r#"{"number": "A 1"}"#, json!({"number": "A 1"})),
            (
                r#"{"number": 7, "count": "2.5", "open": "true"}"#,
                json!({"number": "7", "count": 2.5, "open": true}),
            ),
            (
                r#"{"number": "x", "count": 3, "open": false}"#,
                json!({"number": "x", "count": 3, "open": false}),
            ),
            (r#"{"number": "x", "count": null}"#, json!({"number": "x"})),
        ] {
            assert_eq!(Value::Object(read(&tool(), text).unwrap()), arguments, "{text}");
        }
        let mut bare = tool();
        bare.parameters.clear();
        assert_eq!(read(&bare, ""), Ok(Map::new()));
    }

    #[test]
    fn what_is_wrong_is_told_to_the_model() {
        let long = json!({"number": "x".repeat(VALUE_CHARS_MAX + 1)}).to_string();
        for (text, why) in [
            ("", "`number` is needed"),
            (r#"{"number": "1"#, "no JSON object"),
            ("[1]", "no JSON object"),
            (r#"{"number": null}"#, "`number` must be a text"),
            (r#"{"number": {"a": 1}}"#, "`number` must be a text"),
            (r#"{"number": "1", "colour": "red"}"#, "right are: number, count, open"),
            (r#"{"number": "1", "count": "many"}"#, "`count` must be a number"),
            (r#"{"number": "1", "count": true}"#, "`count` must be a number"),
            (r#"{"number": "1", "open": 1}"#, "`open` must be true or false"),
            (r#"{"number": "1", "open": "yes"}"#, "`open` must be true or false"),
            (&long, "more than"),
        ] {
            let told = read(&tool(), text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
