//! The command line's side of the API: requests, problems, pages.

pub mod live;
mod screen;
pub mod table;
pub mod told;
pub mod view;

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use chrono_tz::Tz;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rows that a listing fetches when no `--limit` is given, at most.
pub const ROWS_DEFAULT: usize = 50;
/// Rows of one page.
const PAGE_ROWS_MAX: usize = 200;

/// Where the API is, and the key to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Access {
    pub url: String,
    pub key: String,
}

impl Access {
    /// `CALLWRIGHT_URL` and `CALLWRIGHT_API_KEY`, else what `up` left in the data folder.
    pub fn find(url: Option<String>, key: Option<String>, data: &Path) -> Result<Self> {
        let kept = data.join("client.json");
        let kept: Option<Self> = match std::fs::read(&kept) {
            Ok(bytes) => Some(
                serde_json::from_slice(&bytes)
                    .with_context(|| format!("{} can't be read", kept.display()))?,
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let url = url.or_else(|| kept.as_ref().map(|kept| kept.url.clone()));
        let key = key.or_else(|| kept.map(|kept| kept.key));
        match (url, key) {
            (Some(url), Some(key)) => Ok(Self { url, key }),
            _ => bail!(
                "set CALLWRIGHT_URL and CALLWRIGHT_API_KEY (or --url and --key); \
                 `callwright up` makes a demo enterprise with a key"
            ),
        }
    }
}

/// The API, as its client sees it.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    access: Access,
}

/// What the API answered instead of doing it.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub struct Refused {
    said: String,
    /// It may be done when it is asked again: the fault is not the request's.
    pub passing: bool,
}

impl Api {
    pub fn new(access: Access) -> Result<Self> {
        // The process may have one already: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(std::time::Duration::from_secs(10))
            .user_agent(concat!("callwright/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, access })
    }

    /// A request to a path below `/v1`, or to a whole URL of the API's.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with('/') {
            format!("{}{path}", self.access.url.trim_end_matches('/'))
        } else {
            format!("{}/v1/{path}", self.access.url.trim_end_matches('/'))
        };
        let request = self.http.request(method.clone(), url).bearer_auth(&self.access.key);
        if method == Method::POST {
            return request.header("Idempotency-Key", uuid::Uuid::now_v7().to_string());
        }
        request
    }

    pub async fn get(&self, path: &str) -> Result<Value> {
        body(self.request(Method::GET, path)).await
    }

    /// The time zone of the enterprise: times are shown on its wall clock.
    pub async fn zone(&self) -> Result<Tz> {
        let settings = self.get("settings").await?;
        let name =
            settings["time_zone"].as_str().context("the API's settings have no time zone")?;
        name.parse().with_context(|| format!("the time zone {name} is not known here"))
    }

    pub async fn post(&self, path: &str, value: &Value) -> Result<Value> {
        body(self.request(Method::POST, path).json(value)).await
    }

    pub async fn delete(&self, path: &str) -> Result<Value> {
        body(self.request(Method::DELETE, path)).await
    }

    /// Change what was read a moment ago: a merge patch against its ETag.
    pub async fn patch(&self, path: &str, patch: &Value) -> Result<Value> {
        let read = answer(self.request(Method::GET, path)).await?;
        let tag = read.headers().get("etag").cloned().context("the API sent no ETag")?;
        let request = self
            .request(Method::PATCH, path)
            .header("If-Match", tag)
            .header("Content-Type", "application/merge-patch+json")
            .body(serde_json::to_vec(patch)?);
        body(request).await
    }

    /// Change several rows of a list that were read a moment ago, all or none: a merge patch for each id.
    pub async fn patch_all(&self, path: &str, patches: Vec<(String, Value)>) -> Result<Value> {
        let mut edits = Vec::with_capacity(patches.len());
        for (id, changes) in patches {
            let read = answer(self.request(Method::GET, &format!("{path}/{id}"))).await?;
            let tag = read.headers().get("etag").context("the API sent no ETag")?.to_str()?;
            edits.push(serde_json::json!({ "id": id, "if_match": tag, "changes": changes }));
        }
        let request = self.request(Method::PATCH, path);
        body(request.json(&serde_json::json!({ path: edits }))).await
    }

    /// The rows of a list, page by page, up to `limit`.
    pub async fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        while rows.len() < limit {
            let page = (limit - rows.len()).min(PAGE_ROWS_MAX).to_string();
            let mut request =
                self.request(Method::GET, path).query(query).query(&[("limit", &page)]);
            if let Some(cursor) = &cursor {
                request = request.query(&[("cursor", cursor)]);
            }
            let mut page = body(request).await?;
            let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) else {
                bail!("the API's answer is not a list");
            };
            rows.extend(data);
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(rows)
    }
}

/// The answer's JSON; null when it has none.
pub async fn body(request: RequestBuilder) -> Result<Value> {
    let response = answer(request).await?;
    let bytes = response.bytes().await?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).context("the API's answer is not JSON")
}

/// The answer when it is good; a problem becomes an error that tells all of it.
pub async fn answer(request: RequestBuilder) -> Result<Response> {
    let response = request.send().await.map_err(|error| {
        if error.is_connect() {
            anyhow!("the API can't be reached: {error}; is `callwright up` or `callwright serve` running?")
        } else {
            error.into()
        }
    })?;
    if response.status().is_success() {
        return Ok(response);
    }
    let (status, path) = (response.status(), response.url().path().to_owned());
    let problem: Value = response.json().await.unwrap_or_default();
    let said = describe(status, &path, &problem);
    Err(Refused { said, passing: status.is_server_error() }.into())
}

fn describe(status: StatusCode, path: &str, problem: &Value) -> String {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let title =
        if text("title").is_empty() { status.to_string() } else { text("title").to_owned() };
    let mut said = format!(
        "{title} ({})",
        if text("code").is_empty() { status.as_str() } else { text("code") }
    );
    if !text("detail").is_empty() {
        said.push_str(&format!(": {}", text("detail")));
    }
    if status == StatusCode::NOT_FOUND {
        said.push_str(&format!(" ({path})"));
    }
    // A single fault is the detail itself.
    let errors = problem.get("errors").and_then(Value::as_array);
    for error in errors.into_iter().flatten().filter(|_| errors.is_some_and(|all| all.len() > 1)) {
        let part = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        said.push_str(&format!("\n  {} {}", part("pointer"), part("detail")));
    }
    if !text("request_id").is_empty() {
        said.push_str(&format!("\n  request {}", text("request_id")));
    }
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_told_once_and_says_what_was_not_found() {
        let fault = |pointer: &str| json!({"pointer": pointer, "code": "required", "detail": "is required"});
        let problem = |errors: Value| json!({"title": "Invalid input", "code": "invalid_input", "detail": "/name is required", "errors": errors});
        let path = "/v1/tasks/task_1";
        let one =
            describe(StatusCode::UNPROCESSABLE_ENTITY, path, &problem(json!([fault("/name")])));
        assert_eq!(one, "Invalid input (invalid_input): /name is required");
        let two = problem(json!([fault("/name"), fault("/navigation")]));
        let two = describe(StatusCode::UNPROCESSABLE_ENTITY, path, &two);
        assert!(two.ends_with("\n  /name is required\n  /navigation is required"), "{two}");
        let gone =
            json!({"title": "Not found", "code": "not_found", "detail": "task was not found"});
        let gone = describe(StatusCode::NOT_FOUND, path, &gone);
        assert_eq!(gone, "Not found (not_found): task was not found (/v1/tasks/task_1)");
    }
}
