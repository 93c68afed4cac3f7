//! What a success looks like: its status, its headers, and both in the document.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{
    Header, HeaderStyle, MediaType, Operation, ParameterSchemaOrContent, ReferenceOr,
    Response as ApiResponse, SchemaObject,
};
use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::etag::etag;
use crate::problem::Problem;

/// What a handler gives back.
pub type Reply<T> = Result<T, Problem>;

/// 200 with the `ETag` of the version that was read or written.
#[derive(Debug)]
pub struct Tagged<T> {
    pub version: i64,
    pub body: T,
}

/// 201: it was made, and stands at `location`.
#[derive(Debug)]
pub struct Created<T> {
    pub location: String,
    pub version: i64,
    pub body: T,
}

/// 202: work that goes on; `location` tells how far it is.
#[derive(Debug)]
pub struct Accepted<T> {
    pub location: String,
    pub body: T,
}

/// The media type of a CSV file.
const CSV: &str = "text/csv; charset=utf-8";
/// The media type of a file whose name tells what it is.
const BYTES: &str = "application/octet-stream";

/// 200 with a file whose name tells what it is.
#[derive(Debug)]
pub struct Attachment {
    pub file_name: String,
    pub body: Body,
}

/// 200 with a file that is CSV whatever was asked for.
#[derive(Debug)]
pub struct CsvFile {
    pub file_name: String,
    pub body: Body,
}

/// 200 with a presigned link for programs (`Accept: application/json`), 302 to it for people.
#[derive(Debug)]
pub struct Link {
    pub link: LinkBody,
    pub redirect: bool,
}

/// A presigned link.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LinkBody {
    pub url: String,
    /// Then it no longer works; ask for a new one.
    pub expires_at: outbound::Time,
}

fn place(reply: &mut Response, location: &str) {
    if let Ok(value) = HeaderValue::try_from(location) {
        reply.headers_mut().insert(header::LOCATION, value);
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut reply = Json(self.body).into_response();
        reply.headers_mut().insert(header::ETAG, etag(self.version));
        reply
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut reply = (StatusCode::CREATED, Json(self.body)).into_response();
        reply.headers_mut().insert(header::ETAG, etag(self.version));
        place(&mut reply, &self.location);
        reply
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        let mut reply = (StatusCode::ACCEPTED, Json(self.body)).into_response();
        place(&mut reply, &self.location);
        reply
    }
}

impl IntoResponse for Attachment {
    fn into_response(self) -> Response {
        let mut reply = Response::new(self.body);
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(BYTES));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(value) = HeaderValue::try_from(disposition(&self.file_name)) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        reply
    }
}

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        let Self { file_name, body } = self;
        let mut reply = Attachment { file_name, body }.into_response();
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CSV));
        reply
    }
}

/// RFC 6266: a plain name for old readers, the whole name in UTF-8 for the rest.
fn disposition(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' })
        .collect();
    let whole: String = file_name
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}")
}

impl Link {
    /// A link, in the form that the request's `Accept` asks for.
    pub fn new(link: LinkBody, headers: &http::HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Self { link, redirect: !accept.is_some_and(|types| types.contains("application/json")) }
    }
}

impl IntoResponse for Link {
    fn into_response(self) -> Response {
        let mut reply = if self.redirect {
            let mut reply = StatusCode::FOUND.into_response();
            place(&mut reply, &self.link.url);
            reply
        } else {
            Json(self.link).into_response()
        };
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
    }
}

fn documented<T: JsonSchema>(
    ctx: &mut GenContext,
    description: &str,
    headers: &[&str],
) -> ApiResponse {
    let json_schema = ctx.schema.subschema_for::<T>();
    let schema = SchemaObject { json_schema, external_docs: None, example: None };
    let content = MediaType { schema: Some(schema), ..MediaType::default() };
    ApiResponse {
        description: description.to_owned(),
        headers: headers.iter().map(|name| ((*name).to_owned(), text_header())).collect(),
        content: [("application/json".to_owned(), content)].into_iter().collect(),
        ..ApiResponse::default()
    }
}

fn text_header() -> ReferenceOr<Header> {
    ReferenceOr::Item(Header {
        description: None,
        style: HeaderStyle::Simple,
        required: true,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(SchemaObject {
            json_schema: schemars::json_schema!({ "type": "string" }),
            external_docs: None,
            example: None,
        }),
        example: None,
        examples: Default::default(),
        extensions: Default::default(),
    })
}

macro_rules! replies {
    ($($name:ident: $status:literal, $description:literal, $headers:expr;)*) => {$(
        impl<T: JsonSchema> OperationOutput for $name<T> {
            type Inner = T;

            fn operation_response(ctx: &mut GenContext, _: &mut Operation) -> Option<ApiResponse> {
                Some(documented::<T>(ctx, $description, $headers))
            }

            fn inferred_responses(
                ctx: &mut GenContext,
                operation: &mut Operation,
            ) -> Vec<(Option<u16>, ApiResponse)> {
                let reply = Self::operation_response(ctx, operation);
                reply.map(|reply| (Some($status), reply)).into_iter().collect()
            }
        }
    )*};
}

replies! {
    Tagged: 200, "As it stands now", &["ETag"];
    Created: 201, "It was made", &["ETag", "Location"];
    Accepted: 202, "It goes on in the background", &["Location"];
}

impl OperationOutput for Link {
    type Inner = LinkBody;

    fn inferred_responses(
        ctx: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<u16>, ApiResponse)> {
        let found = ApiResponse {
            description: "Without `Accept: application/json`: to the link".into(),
            headers: [("Location".to_owned(), text_header())].into_iter().collect(),
            ..ApiResponse::default()
        };
        let link = documented::<LinkBody>(ctx, "With `Accept: application/json`: the link", &[]);
        vec![(Some(200), link), (Some(302), found)]
    }
}

fn documented_file(media_type: &str, schema: schemars::Schema) -> Vec<(Option<u16>, ApiResponse)> {
    let schema = SchemaObject { json_schema: schema, external_docs: None, example: None };
    let content = MediaType { schema: Some(schema), ..MediaType::default() };
    let reply = ApiResponse {
        description: "The file".into(),
        headers: [("Content-Disposition".to_owned(), text_header())].into_iter().collect(),
        content: [(media_type.to_owned(), content)].into_iter().collect(),
        ..ApiResponse::default()
    };
    vec![(Some(200), reply)]
}

impl OperationOutput for Attachment {
    type Inner = ();

    fn inferred_responses(
        _: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<u16>, ApiResponse)> {
        let bytes = schemars::json_schema!({ "type": "string", "format": "binary" });
        documented_file(BYTES, bytes)
    }
}

impl OperationOutput for CsvFile {
    type Inner = ();

    fn inferred_responses(
        _: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<u16>, ApiResponse)> {
        documented_file("text/csv", schemars::json_schema!({ "type": "string" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_can_not_break_out_of_its_header() {
        let header = disposition("春季\"; x=1\r\n.csv");
        assert!(HeaderValue::try_from(&header).is_ok());
        assert!(
            header.starts_with("attachment; filename=\"____ x_1__.csv\"; filename*=UTF-8''%E6")
        );
    }
}
