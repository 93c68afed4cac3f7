//! The OpenAPI 3.1 document, made from the code, and its page at `/docs`.

use std::sync::LazyLock;

use aide::axum::ApiRouter;
use aide::openapi::{
    HeaderStyle, Info, OpenApi, Operation, Parameter, ParameterData, ParameterSchemaOrContent,
    ReferenceOr, SchemaObject, SecurityScheme, Tag,
};
use aide::scalar::Scalar;
use aide::transform::TransformOperation;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, header};

use crate::problem::Problem;
use crate::state::ApiState;

/// The page may run its own script and talk to its own server; nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src \
    'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri \
    'none'; form-action 'none'; frame-ancestors 'none'";

const TAGS: [(&str, &str); 17] = [
    ("Tasks", "Who to call with which robot, when, how many at once, how to redial."),
    ("Templates", "Named, saved task configurations."),
    ("Periods", "Named time conditions."),
    ("Navigations", "Flows of nodes that a call runs through."),
    ("Robots", "Named voice bots."),
    ("Trunks", "Lines to the phone network."),
    ("Caller IDs", "Outbound numbers shown to customers."),
    ("Imports", "Numbers into a task, as background work."),
    ("Batches", "Named imports of a task."),
    ("Numbers", "Imported rows, and where they stand."),
    ("Records", "Call records and conversations."),
    ("Exports", "Files for the download center, as background work."),
    ("Keys", "Keys to this API."),
    ("Settings", "What an enterprise sets for all of its tasks."),
    ("Suppressions", "The do-not-call list."),
    ("Audit", "Who did what, when, from where."),
    ("Workers", "Processes of the installation that work, and which are gone."),
];

const ABOUT: &str = "Automatic outbound calls. Every request carries a key as `Authorization: \
    Bearer cw_…`; the enterprise comes from the key. Errors are RFC 9457 problems with a stable \
    `code`. Lists are paged by `limit` and `cursor`. A POST may carry an `Idempotency-Key` (an \
    import must): the same request again within 24 h gets the stored reply. A PATCH is a merge \
    patch and needs `If-Match`. Clients must ignore fields and enum values that they don't know.";

/// Id, tag and summary of an operation.
pub(crate) fn about(
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |operation| operation.id(id).tag(tag).summary(summary)
}

/// The paths under `/v1`, and their document.
pub(crate) fn build() -> (Router<ApiState>, OpenApi) {
    aide::generate::reset_context();
    aide::generate::extract_schemas(true);
    aide::generate::infer_responses(true);
    let mut document = OpenApi {
        info: Info {
            title: "Callwright".into(),
            version: "1".into(),
            description: Some(ABOUT.into()),
            ..Info::default()
        },
        tags: TAGS
            .iter()
            .map(|(name, text)| Tag {
                name: (*name).to_owned(),
                description: Some((*text).to_owned()),
                ..Tag::default()
            })
            .collect(),
        ..OpenApi::default()
    };
    let routes: ApiRouter<ApiState> = crate::router::documented();
    let router = routes.finish_api_with(&mut document, |document| {
        document
            .default_response::<Problem>()
            .security_scheme(
                "key",
                SecurityScheme::Http {
                    scheme: "bearer".into(),
                    bearer_format: Some("cw_…".into()),
                    description: Some("A key of the enterprise".into()),
                    extensions: Default::default(),
                },
            )
            .security_requirement("key")
    });
    add_headers(&mut document);
    drop_unused(&mut document);
    (router, document)
}

/// Drop the schemas that nothing refers to: those of paths and queries, whose parameters stand on
/// their own.
fn drop_unused(document: &mut OpenApi) {
    loop {
        let text = text(document);
        let Some(components) = &mut document.components else { return };
        let before = components.schemas.len();
        let used = |name: &String| text.contains(&format!("\"#/components/schemas/{name}\""));
        components.schemas.retain(|name, _| used(name));
        if components.schemas.len() == before {
            return;
        }
    }
}

/// The headers that go by the method, not by the handler.
fn add_headers(document: &mut OpenApi) {
    let Some(paths) = &mut document.paths else { return };
    for (path, item) in &mut paths.paths {
        let ReferenceOr::Item(item) = item else { continue };
        if let Some(post) = &mut item.post {
            let required = path.ends_with("/imports");
            header_parameter(
                post,
                "Idempotency-Key",
                required,
                "1–255 characters, kept 24 h: the \
                same request again gets the stored reply, another with this key 422",
            );
        }
        if let Some(patch) = &mut item.patch {
            header_parameter(patch, "If-Match", true, "The ETag that was read");
        }
    }
}

fn header_parameter(operation: &mut Operation, name: &str, required: bool, text: &str) {
    let json_schema = schemars::json_schema!({ "type": "string" });
    let schema = SchemaObject { json_schema, external_docs: None, example: None };
    operation.parameters.push(ReferenceOr::Item(Parameter::Header {
        parameter_data: ParameterData {
            name: name.to_owned(),
            description: Some(text.to_owned()),
            required,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(schema),
            example: None,
            examples: Default::default(),
            explode: None,
            extensions: Default::default(),
        },
        style: HeaderStyle::Simple,
    }));
}

/// The document as text: the same for the same code, byte for byte.
pub fn openapi() -> String {
    text(&build().1)
}

fn text(document: &OpenApi) -> String {
    // A document of our own making always has a JSON form.
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

/// `/openapi.json` and `/docs`.
pub(crate) fn pages(document: OpenApi) -> Router<ApiState> {
    static PAGE: LazyLock<Bytes> =
        LazyLock::new(|| Scalar::new("/openapi.json").with_title("Callwright API").html().into());
    let text = Bytes::from(text(&document));
    let document = move || async move { reply(text, "application/json", None) };
    let page = || async { reply(PAGE.clone(), "text/html; charset=utf-8", Some(PAGE_POLICY)) };
    Router::new().route("/openapi.json", get(document)).route("/docs", get(page))
}

fn reply(body: Bytes, kind: &'static str, policy: Option<&'static str>) -> Response {
    let mut reply = body.into_response();
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(policy) = policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    reply
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&openapi()).expect("JSON")
    }

    fn operations(document: &Value) -> Vec<(String, String, &Value)> {
        let paths = document["paths"].as_object().expect("paths");
        let methods = ["get", "post", "put", "patch", "delete"];
        paths
            .iter()
            .flat_map(|(path, item)| {
                methods.iter().filter_map(move |method| {
                    Some(((*method).to_owned(), path.clone(), item.get(method)?))
                })
            })
            .collect()
    }

    #[test]
    fn the_document_is_the_same_each_time() {
        assert_eq!(openapi(), openapi());
        assert!(document()["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    }

    #[test]
    fn every_operation_has_an_id_of_its_own_a_tag_that_is_known_and_its_problems() {
        let document = document();
        let mut ids = BTreeSet::new();
        for (method, path, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            assert!(!id.is_empty() && ids.insert(id), "{method} {path}");
            let tag = operation["tags"][0].as_str().unwrap_or_default();
            assert!(TAGS.iter().any(|(known, _)| *known == tag), "{method} {path}");
            let kinds = operation["responses"]["default"]["content"].as_object();
            assert!(
                kinds.is_some_and(|kinds| kinds.contains_key(crate::problem::MEDIA_TYPE)),
                "{method} {path}"
            );
        }
        assert!(ids.len() > 60, "{}", ids.len());
    }

    #[test]
    fn every_parameter_of_a_path_is_described() {
        let document = document();
        for (method, path, operation) in operations(&document) {
            let described: BTreeSet<&str> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            let named: BTreeSet<&str> = path
                .split('/')
                .filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(described, named, "{method} {path}");
        }
    }

    #[test]
    fn every_schema_is_used() {
        let text = openapi();
        let document = document();
        for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
            assert!(text.contains(&format!("\"#/components/schemas/{name}\"")), "{name}");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut open = vec![&document];
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                        let pointer = target.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    open.extend(fields.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
    }

    #[test]
    fn posts_take_an_idempotency_key_and_patches_need_if_match() {
        let document = document();
        for (method, path, operation) in operations(&document) {
            let has = |name: &str| {
                let parameters = operation["parameters"].as_array();
                parameters.is_some_and(|all| all.iter().any(|one| one["name"] == name))
            };
            assert_eq!(has("Idempotency-Key"), method == "post", "{method} {path}");
            assert_eq!(has("If-Match"), method == "patch", "{method} {path}");
        }
    }
}
