//! Asking a system of the enterprise, and what follows.
//!
//! Whoever runs the call sends the request. Here it is only known that it is asked for, what was answered, or that nothing
//! was.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Conversation, Millis, Output, Stage};
use crate::llm::Method;
use crate::navigation::NodeKind;
use crate::transcript::EntryKind;
use crate::variables::{render, render_json};

/// How long after its own time a request may go untold, in milliseconds. Then it has failed.
const GRACE_MS: Millis = 2_000;
/// Requests of one call. Then it is ended as going round in circles.
const REQUESTS_MAX: u64 = 50;

/// A request to a system of the enterprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Counts up from 1 within the call; what comes of it names it.
    pub id: u64,
    /// The provider of kind `system` that is asked.
    pub provider: String,
    pub method: Method,
    /// The path below the provider's address; its variables are still in double braces, to be put in encoded.
    pub path: String,
    /// The call's variables.
    pub variables: BTreeMap<String, String>,
    /// What is sent.
    pub body: Option<String>,
    pub timeout_ms: u32,
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct HttpStage {
    id: u64,
    gives_up_at: Millis,
    /// Variables, and where in the answer their values stand.
    save: BTreeMap<String, String>,
    next: Option<String>,
    otherwise: Option<String>,
}

impl Conversation {
    pub(super) fn enter_http(&mut self, node: &NodeKind) {
        let NodeKind::Http { provider, method, path, body, save, timeout_ms, next, otherwise } =
            node
        else {
            return;
        };
        if self.http_requests == REQUESTS_MAX {
            return self.hang_up("the navigation goes round in circles");
        }
        self.http_requests += 1;
        let id = self.http_requests;
        self.stage = Stage::Http(HttpStage {
            id,
            gives_up_at: self.now + Millis::from(*timeout_ms) + GRACE_MS,
            save: save.clone(),
            next: next.clone(),
            otherwise: otherwise.clone(),
        });
        self.log(EntryKind::HttpRequest, format!("{} {provider}{path}", method.word()));
        let fill = |body: &String| match body.trim_start().starts_with(['{', '[']) {
            true => render_json(body, &self.variables),
            false => render(body, &self.variables),
        };
        let request = HttpRequest {
            id,
            provider: provider.clone(),
            method: *method,
            path: path.clone(),
            body: body.as_ref().map(fill),
            variables: self.variables.clone(),
            timeout_ms: *timeout_ms,
        };
        self.out.push(Output::Http(request));
    }

    /// The system answered. Only a status of 200–299 is what was asked for; the values of its answer become variables,
    /// and one that is not there becomes empty.
    pub(super) fn http_answered(&mut self, request: u64, status: u16, body: &str) {
        let Some(stage) = self.open_http(request) else { return };
        self.log(EntryKind::HttpAnswer, format!("{status}, {} bytes", body.len()));
        if !(200..300).contains(&status) {
            return self.enter(stage.otherwise);
        }
        let answer: Value = match serde_json::from_str(body) {
            Ok(answer) => answer,
            Err(_) if stage.save.is_empty() => Value::Null,
            Err(_) => {
                self.log(EntryKind::HttpAnswer, "it is no JSON");
                return self.enter(stage.otherwise);
            }
        };
        for (variable, pointer) in &stage.save {
            let value = match answer.pointer(pointer) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            self.set_variable(variable, &value);
        }
        self.enter(stage.next);
    }

    pub(super) fn http_failed(&mut self, request: u64, why: &str) {
        let Some(stage) = self.open_http(request) else { return };
        self.log(EntryKind::HttpAnswer, why);
        self.enter(stage.otherwise);
    }

    pub(super) fn http_due_at(&self) -> Option<Millis> {
        match &self.stage {
            Stage::Http(stage) => Some(stage.gives_up_at),
            _ => None,
        }
    }

    pub(super) fn http_overdue(&mut self) {
        if let Stage::Http(HttpStage { id, gives_up_at, .. }) = self.stage
            && gives_up_at <= self.now
        {
            self.out.push(Output::CancelHttp { id });
            self.http_failed(id, "nothing was heard of it");
        }
    }

    /// The call is over: nobody needs the answer.
    pub(super) fn close_http(&mut self) {
        if let Stage::Http(HttpStage { id, .. }) = self.stage {
            self.out.push(Output::CancelHttp { id });
        }
    }

    /// The request that is waited for; whoever asks goes on from it.
    fn open_http(&mut self, request: u64) -> Option<HttpStage> {
        match &self.stage {
            Stage::Http(stage) if stage.id == request => {}
            _ => return None,
        }
        match std::mem::replace(&mut self.stage, Stage::Playing { next: None }) {
            Stage::Http(stage) => Some(stage),
            _ => None,
        }
    }
}
