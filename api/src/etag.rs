//! Versions of a resource: `ETag`, `If-Match`, and merge patches (RFC 7396).

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::{document_body, from_value, json_bytes, well_shaped, whole_numbers};
use crate::openapi::{MERGE_PATCH, PATCH_MARK};
use crate::problem::Problem;

/// The media types a patch may come as.
const PATCH_TYPES: [&str; 2] = [MERGE_PATCH, "application/json"];

/// The header for a version.
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// The version that the caller has read; a change is refused when it is no longer current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMatch {
    Version(i64),
    /// `*`: whatever is there when the request is worked on.
    Any,
}

impl IfMatch {
    /// The version that a change must find; `current` is the one that was just read.
    pub fn version(self, current: i64) -> i64 {
        match self {
            Self::Version(version) => version,
            Self::Any => current,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_required",
                "read the resource, and send its ETag as If-Match",
            ));
        };
        let read = |text: &str| match text.trim() {
            "*" => Some(Self::Any),
            text => version(text).map(Self::Version),
        };
        value.to_str().ok().and_then(read).ok_or_else(|| {
            let detail = "If-Match is neither an ETag of this resource nor `*`; read it again and \
                send its ETag";
            Problem::new(StatusCode::PRECONDITION_FAILED, "stale", detail)
        })
    }
}

impl OperationInput for IfMatch {}

/// `"7"` is version 7. A weak tag can't stand for a change.
fn version(text: &str) -> Option<i64> {
    let digits = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    digits.parse().ok().filter(|version| *version >= 0)
}

/// An `ETag` in a body: where several are changed together, each is named with its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub i64);

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("\"{}\"", self.0))
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        let detail = "is not an ETag of this resource; send it as it was read, quotes and all";
        version(&text).map(Self).ok_or_else(|| serde::de::Error::custom(detail))
    }
}

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ETag".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^\"[0-9]{1,18}\"$" })
    }
}

/// A merge patch of a `T`: fields that are given replace, `null` takes a field back to its default.
#[derive(Debug)]
pub struct MergePatch<T> {
    changes: Value,
    of: std::marker::PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + JsonSchema> MergePatch<T> {
    /// What the current value becomes.
    pub fn apply(self, current: &T) -> Result<T, Problem> {
        let mut value = serde_json::to_value(current).map_err(|_| Problem::internal())?;
        merge(&mut value, self.changes);
        well_shaped::<T>(&value)?;
        from_value(value)
    }
}

/// RFC 7396, section 2.
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(changes) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

impl<S: Send + Sync, T> FromRequest<S> for MergePatch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = json_bytes(request, &PATCH_TYPES).await?;
        let changes = whole_numbers(crate::input::from_json(&bytes)?);
        if !changes.is_object() {
            return Err(Problem::malformed(
                "",
                "not_an_object",
                "must be an object: the fields to change",
            ));
        }
        Ok(Self { changes, of: std::marker::PhantomData })
    }
}

impl<T: JsonSchema> OperationInput for MergePatch<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let schema = ctx.schema.subschema_for::<Self>();
        document_body(ctx, operation, &[(MERGE_PATCH, schema)], true);
    }
}

impl<'de, T> Deserialize<'de> for MergePatch<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let changes = serde_json::Map::deserialize(from)?;
        Ok(Self { changes: Value::Object(changes), of: std::marker::PhantomData })
    }
}

/// The whole, marked: the document gets a patch of it in its place.
impl<T: JsonSchema> JsonSchema for MergePatch<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}Patch", T::schema_name()).into()
    }

    fn json_schema(made: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let whole = made.subschema_for::<T>();
        schemars::json_schema!({ "allOf": [whole], PATCH_MARK: true })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_goes_out_and_comes_back() {
        let header = etag(7);
        assert_eq!(header, "\"7\"");
        assert_eq!(header.to_str().ok().and_then(version), Some(7));
        for other in ["7", "W/\"7\"", "\"x\"", "\"\"", "*", "\"-1\""] {
            assert_eq!(version(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_change_without_if_match_is_told_to_send_it() {
        let (mut parts, ()) = Request::new(()).into_parts();
        let problem = IfMatch::from_request_parts(&mut parts, &()).await.expect_err("a problem");
        assert_eq!((problem.status.as_u16(), &*problem.code), (428, "if_match_required"));
        parts.headers.insert(header::IF_MATCH, HeaderValue::from_static("*"));
        let any = IfMatch::from_request_parts(&mut parts, &()).await.expect("any version");
        assert_eq!((any.version(7), IfMatch::Version(3).version(7)), (7, 3));
        parts.headers.insert(header::IF_MATCH, HeaderValue::from_static("nonsense"));
        let problem = IfMatch::from_request_parts(&mut parts, &()).await.expect_err("a problem");
        assert_eq!((problem.status.as_u16(), &*problem.code), (412, "stale"));
    }

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn patches_merge_as_the_rfc_says() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, patch.clone());
            assert_eq!(merged, result, "{target} + {patch}");
        }
    }
}
