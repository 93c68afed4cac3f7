//! What a request brings: path, query and body, bounded, and refused with a pointer to the fault.

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, RequestBody, SchemaObject};
use aide::operation::{ParamLocation, add_parameters, parameters_from_schema, set_body};
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use outbound::moment::TOO_FAR;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::arrival::{announced_size, read};
use crate::problem::Problem;
use crate::shape;
use crate::unkept::{no_nul, well_written};

/// Bytes of a JSON body, at most. Imports have a limit of their own.
pub const JSON_BODY_BYTES_MAX: u64 = 1 << 20;

/// A JSON body.
#[derive(Debug)]
pub struct Body<T>(pub T);

/// The query. Parameters that are not known are refused.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The ids of the path. A text that is no id names nothing: 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

/// The media type without its parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|text| text.split(';').next()).unwrap_or("").trim().to_ascii_lowercase()
}

/// A body that must be JSON of one of `types`.
pub(crate) async fn json_bytes(request: Request, types: &[&str]) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    announced_size(&parts.headers, JSON_BODY_BYTES_MAX)?;
    let bytes = read(body, JSON_BODY_BYTES_MAX).await?;
    if !bytes.is_empty() && !types.contains(&media_type(&parts.headers).as_str()) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("send the body with Content-Type {}", types.join(" or ")),
        ));
    }
    no_nul(&bytes)?;
    Ok(bytes)
}

/// Every body is an object; another value is refused in words of its own.
pub(crate) fn must_be_object(bytes: &[u8]) -> Result<(), Problem> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let other = matches!(first, Some(b'[' | b'"' | b'-' | b'0'..=b'9'));
    if other || matches!(bytes.trim_ascii(), b"null" | b"true" | b"false") {
        return Err(Problem::malformed("", "not_an_object", "must be a JSON object"));
    }
    Ok(())
}

/// Read JSON text, and point to what can't be read.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = match serde_path_to_error::deserialize(&mut reader) {
        Ok(value) => value,
        Err(error) if error.inner().to_string().contains("floating point") => {
            let value = serde_json::from_slice(bytes).map_err(|_| unreadable(&error))?;
            return from_value(whole_numbers(value));
        }
        Err(error) => return Err(unreadable(&error)),
    };
    reader.end().map_err(|error| Problem::malformed("", "not_json", error.to_string()))?;
    Ok(value)
}

/// `5.0` as `5`: to JSON, and to many who write it, they are the same number.
pub fn whole_numbers(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    /// Beyond it a floating point number can't tell whole ones apart.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() <= EXACT_MAX => {
                (float as i64).into()
            }
            _ => number.into(),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, field)| (name, whole_numbers(field))).collect()
        }
        other => other,
    }
}

/// Read a JSON value, and point to what can't be read.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let inner = error.inner();
    let text = inner.to_string();
    // The position says nothing that the pointer does not say better.
    let detail = text.split(" at line ").next().unwrap_or(&text);
    if inner.is_syntax() || inner.is_eof() {
        return Problem::malformed("", "not_json", format!("is not JSON: {text}"));
    }
    let mut pointer = pointer(error.path());
    let (code, named) = match detail.split_once('`') {
        Some(("missing field ", rest)) => ("missing_field", rest.split('`').next()),
        Some(("unknown field ", rest)) => ("unknown_field", rest.split('`').next()),
        Some(("unknown variant ", _)) => ("unknown_value", None),
        _ => ("invalid_value", None),
    };
    if detail.starts_with("failed to parse timezone") {
        let detail = "is not a time zone that is known; write an IANA name, as Asia/Shanghai";
        return Problem::fault(pointer, "unknown_time_zone", detail);
    }
    if let Some(name) = named {
        let step = format!("/{}", escaped(name));
        if !pointer.ends_with(&step) {
            pointer.push_str(&step);
        }
    }
    Problem::fault(pointer, code, detail)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |mut pointer, segment| {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
        pointer
    })
}

pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The reader would take a list for the fields of an object, in their order, and a time that nobody can keep.
pub(crate) fn well_shaped<T: JsonSchema>(value: &serde_json::Value) -> Result<(), Problem> {
    if let Some(pointer) = shape::list_for_object::<T>(value) {
        return Err(Problem::fault(pointer, "not_an_object", "must be an object, not a list"));
    }
    match shape::far_time::<T>(value) {
        Some(pointer) => Err(Problem::fault(pointer, "out_of_bounds", TOO_FAR)),
        None => Ok(()),
    }
}

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request, &["application/json"]).await?;
        // A verb whose fields all have defaults may come without a body.
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        must_be_object(bytes)?;
        // A body that is no JSON is refused below, by `from_json`.
        if let Ok(value) = serde_json::from_slice(bytes) {
            well_shaped::<T>(&value)?;
        }
        from_json(bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + JsonSchema> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        well_written::<T>(&parts.uri)?;
        axum::extract::Query::<T>::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(
            |rejection| {
                let text = rejection.body_text();
                let text = text.trim_start_matches("Failed to deserialize query string: ");
                // With or without the parameter's name in front; it may be quoted in the message.
                let detail = text.split_once(": ").map_or(text, |(_, detail)| detail);
                let quoted = detail.split('`').nth(1).filter(|_| detail.contains(" field `"));
                let name = quoted.or_else(|| Some(text.split_once(": ")?.0));
                let pointer = name.map(|name| format!("/{}", escaped(name))).unwrap_or_default();
                Problem::malformed(pointer, "invalid_parameter", format!("(query): {detail}"))
            },
        )
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Problem::not_found("what the path names"))
    }
}

/// A request body in the document.
pub(crate) fn document_body(
    ctx: &mut GenContext,
    operation: &mut Operation,
    media_types: &[(&str, schemars::Schema)],
    required: bool,
) {
    let content = media_types
        .iter()
        .map(|(name, json_schema)| {
            let schema = SchemaObject {
                json_schema: json_schema.clone(),
                external_docs: None,
                example: None,
            };
            ((*name).to_owned(), MediaType { schema: Some(schema), ..MediaType::default() })
        })
        .collect();
    set_body(ctx, operation, RequestBody { content, required, ..RequestBody::default() });
}

impl<T: JsonSchema> OperationInput for Body<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let schema = ctx.schema.subschema_for::<T>();
        let required = ctx.resolve_schema(&schema).get("required").is_some();
        document_body(ctx, operation, &[("application/json", schema)], required);
    }
}

impl<T: JsonSchema> OperationInput for Query<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let schema = ctx.schema.subschema_for::<T>();
        let parameters = parameters_from_schema(ctx, schema, ParamLocation::Query);
        add_parameters(ctx, operation, parameters);
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let schema = ctx.schema.subschema_for::<T>();
        let parameters = parameters_from_schema(ctx, schema, ParamLocation::Path);
        add_parameters(ctx, operation, parameters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outbound::task::TaskConfig;

    fn faults<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Vec<(String, String)> {
        let problem = from_json::<T>(text.as_bytes()).expect_err("a problem");
        problem.faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
    }

    fn task(changed: serde_json::Value) -> String {
        let mut body = serde_json::json!({
            "name": "Spring", "concurrency": 5, "caller_ids": [],
            "navigation": clock::new_id::<outbound::ids::NavigationId>(),
        });
        crate::etag::merge(&mut body, changed);
        body.to_string()
    }

    #[test]
    fn a_body_that_is_no_object_is_told_so() {
        for body in ["[]", " \"x\"", "null", "-1", "[[[["] {
            let problem = must_be_object(body.as_bytes()).expect_err(body);
            assert_eq!(problem.detail, "the input must be a JSON object");
        }
        assert!(must_be_object(b" {}").is_ok() && must_be_object(b"{").is_ok());
    }

    #[test]
    fn a_body_that_cant_be_read_is_pointed_into() {
        for (change, pointer, code) in [
            (serde_json::json!({"concurrency": "five"}), "/concurrency", "invalid_value"),
            (serde_json::json!({"concurrency": null}), "/concurrency", "missing_field"),
            (serde_json::json!({"colour": 1}), "/colour", "unknown_field"),
            (serde_json::json!({"redial": {"mode": "all"}}), "/redial/mode", "unknown_value"),
            (
                serde_json::json!({"redial": {"retry_seconds": [60, -1]}}),
                "/redial/retry_seconds/1",
                "invalid_value",
            ),
            (serde_json::json!({"redial": {"retries": 3}}), "/redial/retries", "unknown_field"),
            (serde_json::json!({"time_zone": "Mars/Olympus"}), "/time_zone", "unknown_time_zone"),
            (serde_json::json!({"caller_ids": ["task_1"]}), "/caller_ids/0", "invalid_value"),
        ] {
            let text = task(change);
            assert_eq!(
                faults::<TaskConfig>(&text),
                [(pointer.to_owned(), code.to_owned())],
                "{text}"
            );
        }
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let text =
            task(serde_json::json!({"redial": {"retry_seconds": [60.0]}, "concurrency": 5.0}));
        let read: TaskConfig = from_json(text.as_bytes()).expect("whole numbers");
        assert_eq!((read.concurrency, &read.redial.retry_seconds[..]), (5, &[60][..]));
        let text = task(serde_json::json!({"concurrency": 5.5}));
        assert_eq!(faults::<TaskConfig>(&text)[0].0, "/concurrency");
    }

    #[test]
    fn text_that_is_not_json_is_a_bad_request() {
        for text in ["", "{", "{} {}", "[1,]"] {
            let problem = from_json::<serde_json::Value>(text.as_bytes()).expect_err("a problem");
            assert_eq!(problem.status, 400, "{text}");
        }
    }

    #[tokio::test]
    async fn a_query_that_cant_be_read_names_the_parameter() {
        for (query, pointer) in [
            ("limit=many", "/limit"),
            ("colour=red", "/colour"),
            ("cursor=%00", "/cursor"),
            ("limit=5&cur%00sor=a", "/cursor"),
        ] {
            let uri = format!("/v1/tasks?{query}");
            let (mut parts, ()) = http::Request::get(uri).body(()).expect("a request").into_parts();
            let problem = Query::<crate::page::Paging>::from_request_parts(&mut parts, &()).await;
            let problem = problem.expect_err("a problem");
            assert_eq!((problem.status.as_u16(), &*problem.faults[0].pointer), (400, pointer));
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_by_name_of_the_limit() {
        let body = axum::body::Body::from(vec![b' '; 11]);
        let problem = read(body, 10).await.expect_err("a problem");
        assert_eq!((problem.status.as_u16(), &*problem.code), (413, "body_too_large"));
        assert!(problem.detail.contains("10 bytes"));
    }
}
