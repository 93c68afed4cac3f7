//! The OpenAPI 3.1 document, made from the code. Handlers and types say what there is; the files here give
//! it the form that other people's tools read whole: plain names, patches, no schema that is only `true`.

mod names;
mod patches;
mod plain;
mod rates;
pub(crate) mod schema;

use aide::axum::ApiRouter;
use aide::openapi::{
    HeaderStyle, Info, OpenApi, Operation, Parameter, ParameterData, ParameterSchemaOrContent,
    ReferenceOr, SchemaObject, SecurityScheme, Tag,
};
use aide::transform::TransformOperation;
use axum::Router;
use serde_json::{Map, Value};

use crate::auth::SECURITY_SCHEME;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) use patches::{MERGE_PATCH, PATCH_MARK};

const TAGS: [(&str, &str); 20] = [
    ("Tasks", "Who to call with which robot, when, how many at once, how to redial."),
    ("Templates", "Named, saved task configurations."),
    ("Periods", "Named time conditions."),
    ("Navigations", "Flows of nodes that a call runs through."),
    ("Robots", "Named voice bots."),
    ("Agents", "The people whom calls are transferred to."),
    ("Providers", "Services that robots hear, think and speak with, and systems that they ask."),
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
    ("Knowledge", "Documents that robots answer from."),
];

/// How an Idempotency-Key is written.
const IDEMPOTENCY_KEY_PATTERN: &str = "^[!-~]{1,255}$";
/// How an ETag of ours is written; `*` stands for any.
const IF_MATCH_PATTERN: &str = "^(\\*|\"[0-9]{1,18}\")$";
const IF_MATCH: &str = "The ETag that was read: then a change that somebody else made in between is \
    not undone (412). `*` changes it whatever it is.";

/// How a key is written.
const KEY_FORM: &str = "cw_xxxxxxxx_xxxx…";
const KEY_ABOUT: &str = "A key of the enterprise, as `Authorization: Bearer KEY`: `cw_`, 8 characters \
    that the list of keys shows, `_`, and 52 that are shown once; each a digit or a small letter. \
    Each operation names the least role that it is for (`viewer`, `operator` or `admin`), and after it a permission \
    that it needs.";

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
pub(crate) fn build() -> (Router<ApiState>, Value) {
    let (router, document) = described();
    (router, finish(&document).0)
}

/// The paths, and the document as their types and handlers describe it.
fn described() -> (Router<ApiState>, OpenApi) {
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
        document.default_response::<Problem>().security_scheme(
            SECURITY_SCHEME,
            SecurityScheme::Http {
                scheme: "bearer".into(),
                bearer_format: Some(KEY_FORM.into()),
                description: Some(KEY_ABOUT.into()),
                extensions: Default::default(),
            },
        )
    });
    add_headers(&mut document);
    (router, document)
}

/// The document in the form that tools read whole, and the names that two of its parts would have.
fn finish(document: &OpenApi) -> (Value, Vec<String>) {
    // A document of our own making always has a JSON form.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    plain::join_parts(&mut document);
    for (_, schema) in document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        plain::schema(schema);
    }
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flatten().flat_map(|(_, path)| names::operations(path)) {
        for parameter in
            operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
        {
            plain::parameter(parameter);
        }
    }
    forms(&mut document);
    rates::tell(&mut document);
    let clashes = names::name_all(&mut document);
    patches::make_all(&mut document);
    keep_used(&mut document);
    (document, clashes)
}

/// Parts of a form that are objects come as JSON.
fn forms(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flatten().flat_map(|(_, path)| names::operations(path)) {
        let form = operation.pointer_mut("/requestBody/content/multipart~1form-data");
        if let Some(form) = form {
            form["encoding"] =
                serde_json::json!({ "options": { "contentType": "application/json" } });
        }
    }
}

/// Keep the schemas that an operation needs, in the order of their names: those of paths and queries
/// stand in their parameters already.
fn keep_used(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas").map(Value::take)
    else {
        return;
    };
    let used = schema::needed(&document["paths"], &schemas);
    let kept =
        used.into_iter().filter_map(|name| Some((name.clone(), schemas.get(&name)?.clone())));
    document["components"]["schemas"] = Value::Object(kept.collect::<Map<_, _>>());
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
                IDEMPOTENCY_KEY_PATTERN,
                "1–255 visible ASCII characters, kept 24 h: the same request again gets the stored \
                 reply, another with this key 422",
            );
        }
        if let Some(patch) = &mut item.patch {
            header_parameter(patch, "If-Match", true, IF_MATCH_PATTERN, IF_MATCH);
        }
    }
}

fn header_parameter(
    operation: &mut Operation,
    name: &str,
    required: bool,
    pattern: &str,
    text: &str,
) {
    let json_schema = schemars::json_schema!({ "type": "string", "pattern": pattern });
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

/// A document as text.
pub(crate) fn text(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
