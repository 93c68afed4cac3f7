//! The API's documentation at `/docs`: pages that are written once, when the process starts, from the
//! OpenAPI document. They hold no script, and ask nobody for anything but their own style sheet.

mod example;
mod html;
mod page;
mod types;

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::problem::Problem;
use crate::state::ApiState;

/// A page may use the style sheet beside it; nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
const STYLE: &str = include_str!("style.css");

/// `/docs` and the pages under it, and `/openapi.json`.
pub(crate) fn routes(document: &Value) -> Router<ApiState> {
    let pages: BTreeMap<String, Bytes> =
        page::all(document).into_iter().map(|page| (page.name, Bytes::from(page.html))).collect();
    let text = Bytes::from(crate::openapi::text(document));
    let first = pages.get("").cloned().unwrap_or_default();
    let one = move |Path(name): Path<String>| {
        let page = pages.get(&name).cloned();
        async move {
            match page {
                Some(page) => html(page),
                None => Problem::of_status(StatusCode::NOT_FOUND).into_response(),
            }
        }
    };
    Router::new()
        .route("/openapi.json", get(move || async move { reply(text, "application/json") }))
        .route("/docs", get(move || async move { html(first) }))
        .route("/docs/style.css", get(|| async { reply(STYLE.into(), "text/css; charset=utf-8") }))
        .route("/docs/{name}", get(one))
}

fn html(page: Bytes) -> Response {
    let mut reply = reply(page, "text/html; charset=utf-8");
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

fn reply(body: Bytes, kind: &'static str) -> Response {
    let mut reply = body.into_response();
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}
