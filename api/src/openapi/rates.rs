//! The headers that tell how many requests a key has left; every reply to a key carries them.

use serde_json::{Value, json};

use super::names::operations;

/// Put the headers beside those of every reply.
pub(super) fn tell(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flatten().flat_map(|(_, path)| operations(path)) {
        let replies = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, reply) in replies.into_iter().flatten() {
            for name in ["RateLimit-Policy", "RateLimit"] {
                reply["headers"][name] = reference(name);
            }
            if status == "default" {
                reply["headers"]["Retry-After"] = reference("Retry-After");
            }
        }
    }
    let header = |text: &str, schema: Value| json!({ "description": text, "schema": schema });
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    document["components"]["headers"] = json!({
        "RateLimit-Policy": header(
            "How many requests (`q`) a key may make in how many seconds (`w`).",
            text("^\"default\";q=[0-9]+;w=[0-9]+$"),
        ),
        "RateLimit": header(
            "How many requests the key has left (`r`), and in how many seconds (`t`) it has all again; \
             when it has none, in how many it has the next.",
            text("^\"default\";r=[0-9]+;t=[0-9]+$"),
        ),
        "Retry-After": header(
            "Seconds until it is worth asking again; with 429 and 503.",
            json!({ "type": "integer", "minimum": 0 }),
        ),
    });
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}
