//! Calls by HTTP to the systems that an enterprise has configured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dialog::llm::{Method, Tool};
use outbound::provider::Service;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};

use super::Toolbox;
use super::address::{add_query, below, filled, takes};
use crate::failure::SpeechError;
use crate::http_failure::{failure, refusal};
use crate::providers::Providers;
use crate::reach::Reach;

/// Bytes of an answer.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Calls the systems of one enterprise: providers of kind `system`, by their names. Clones are cheap.
#[derive(Clone)]
pub struct HttpTools {
    reach: Reach,
    providers: Arc<dyn Providers>,
}

/// What a system answered, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    pub status: u16,
    pub body: String,
}

impl HttpTools {
    pub fn new(reach: Reach, providers: Arc<dyn Providers>) -> Self {
        Self { reach, providers }
    }

    /// A request to a system. Values are put into `path` by [`filled`]; a body is sent as JSON where it is JSON, else as text.
    pub async fn request(
        &self,
        system: &str,
        method: Method,
        path: &str,
        body: Option<String>,
        timeout: Duration,
    ) -> Result<HttpAnswer, SpeechError> {
        let asking = self.ask(system, method, path, body);
        tokio::time::timeout(timeout, asking).await.map_err(|_| SpeechError::TimedOut)?
    }

    async fn ask(
        &self,
        system: &str,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<HttpAnswer, SpeechError> {
        let found = self.providers.find(system).await?;
        let provider = found
            .ok_or_else(|| SpeechError::Failed("there is no system of this name".to_owned()))?;
        let Service::Http(service) = &provider.config.service else {
            return Err(SpeechError::Failed("it is no system of the enterprise".to_owned()));
        };
        let at_once = provider.config.at_once;
        let _place = provider.places.take(at_once).ok_or(SpeechError::Overloaded(at_once))?;
        let url = below(&service.url, path)?;
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let mut request = self.reach.request(method, url.as_str())?;
        if let Some(key) = &service.key {
            request = request.bearer_auth(key.reveal());
        }
        if let Some(body) = body {
            let json = serde_json::from_str::<serde::de::IgnoredAny>(&body).is_ok();
            let kind = if json { "application/json" } else { "text/plain; charset=utf-8" };
            request = request.header(CONTENT_TYPE, kind).body(body);
        }
        let response = request.send().await.map_err(failure)?;
        let status = response.status().as_u16();
        Ok(HttpAnswer { status, body: text(response).await? })
    }
}

#[async_trait]
impl Toolbox for HttpTools {
    /// Only a status of 200–299 is an answer.
    async fn call(
        &self,
        tool: &Tool,
        arguments: Map<String, Value>,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, SpeechError> {
        let texts: BTreeMap<&str, String> =
            arguments.iter().map(|(name, value)| (name.as_str(), as_text(value))).collect();
        // An optional parameter that the path takes is empty there when it is not given.
        let mut in_path = texts.clone();
        for parameter in &tool.parameters {
            in_path.entry(&parameter.name).or_default();
        }
        let mut path = filled(&tool.path, variables, &in_path)?;
        let beside = |name: &str| !takes(&tool.path, name);
        let body = match tool.method {
            Method::Get => {
                let left = texts.iter().map(|(name, text)| (*name, text.as_str()));
                add_query(&mut path, left.filter(|(name, _)| beside(name)));
                None
            }
            Method::Post | Method::Put => {
                let left = arguments.iter().filter(|(name, _)| beside(name));
                let left: Map<String, Value> =
                    left.map(|(name, value)| (name.clone(), value.clone())).collect();
                Some(Value::Object(left).to_string())
            }
        };
        let timeout = Duration::from_millis(tool.timeout_ms.into());
        let answer = self.request(&tool.provider, tool.method, &path, body, timeout).await?;
        match StatusCode::from_u16(answer.status) {
            Ok(status) if !status.is_success() => Err(refusal(status)),
            _ => Ok(answer.body),
        }
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The body, which has to be text: JSON or any other.
async fn text(mut response: Response) -> Result<String, SpeechError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(SpeechError::Failed("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(body).ok().filter(|text| !text.contains('\0'));
    text.ok_or_else(|| SpeechError::Failed("its answer is neither JSON nor text".to_owned()))
}
