//! The request that a call has put to a system of its enterprise: one at a time, and dropped when it is taken back.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use dialog::conversation::{HttpRequest, Input};
use speech::SpeechError;
use speech::tools::address::filled;
use speech::tools::{HttpAnswer, HttpTools};

type Answer = Pin<Box<dyn Future<Output = Result<HttpAnswer, SpeechError>> + Send>>;

/// Nothing is asked, or one thing.
#[derive(Default)]
pub struct Enquiry(Option<(u64, Answer)>);

impl Enquiry {
    /// Ask; what was asked before is not wanted any more.
    pub fn ask(&mut self, tools: HttpTools, request: HttpRequest) {
        let id = request.id;
        self.0 = Some((id, Box::pin(async move { answer(&tools, request).await })));
    }

    pub fn cancel(&mut self, request: u64) {
        self.0.take_if(|(id, _)| *id == request);
    }

    /// What the system answered; never while nothing is asked. Cancel safe.
    pub async fn next(&mut self) -> Input {
        let Some((request, answer)) = &mut self.0 else { return std::future::pending().await };
        let request = *request;
        let input = match answer.await {
            Ok(HttpAnswer { status, body }) => Input::HttpAnswered { request, status, body },
            Err(error) => Input::HttpFailed { request, why: error.to_string() },
        };
        self.0 = None;
        input
    }
}

async fn answer(tools: &HttpTools, request: HttpRequest) -> Result<HttpAnswer, SpeechError> {
    let HttpRequest { provider, method, path, variables, body, timeout_ms, .. } = request;
    let path = filled(&path, &variables, &BTreeMap::new())?;
    let timeout = Duration::from_millis(timeout_ms.into());
    tools.request(&provider, method, &path, body, timeout).await
}
