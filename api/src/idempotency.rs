//! The same POST twice happens once.
//!
//! With an `Idempotency-Key`, the reply to a POST is stored for 24 hours. The same request again gets
//! the stored reply (marked `Idempotency-Replayed: true`), another request with the key 422, and one
//! that comes while the first is in flight 409. A reply that tells of a passing failure (429, 5xx), or of a role
//! that is too low, is not stored: the request may be made again. Whatever it makes has the same id then, so that one which came to
//! its commit and to no answer makes nothing twice.

use std::future::Future;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use storage::idempotency::{self, Claim, KEY_MAX, Reply};
use tracing::Instrument;

use crate::arrival::{announced_size, read};
use crate::auth::Caller;
use crate::input::JSON_BODY_BYTES_MAX;
use crate::problem::{Problem, REQUEST_ID};
use crate::state::ApiState;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Bytes of a reply that is stored, at most; a POST's reply is one resource or a count.
const REPLY_BYTES_MAX: u64 = 4 << 20;
/// The headers of a reply that are stored with it.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Put into a reply's extensions: what a replay says instead of the body, where the body holds
/// something that is shown once.
#[derive(Debug, Clone)]
pub(crate) struct ReplayBody(pub Bytes);

/// The key of a request, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let fit = |text: &&str| {
        (1..=KEY_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    value.to_str().ok().filter(fit).map(|text| Some(text.to_owned())).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            format!("Idempotency-Key must be 1 to {KEY_MAX} visible ASCII characters"),
        )
    })
}

/// What tells one request from another: who, what, where, with which body.
#[derive(Clone)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new(caller: &Caller, method: &Method, target: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [&*caller.key.to_string(), method.as_str(), target] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The layer. Imports are too large to be read here; they call [`run`] themselves.
pub(crate) async fn once(
    State(state): State<ApiState>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let reads_itself = path.is_some_and(|path| path.ends_with("/imports"));
    if request.method() != Method::POST || reads_itself {
        return next.run(request).await;
    }
    match hold(&state, &caller, request, next).await {
        Ok(reply) => reply,
        Err(problem) => problem.into_response(),
    }
}

async fn hold(
    state: &ApiState,
    caller: &Caller,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(key) = key(request.headers())? else { return Ok(next.run(request).await) };
    let (parts, body) = request.into_parts();
    announced_size(&parts.headers, JSON_BODY_BYTES_MAX)?;
    let bytes = read(body, JSON_BODY_BYTES_MAX).await?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    let mut print = Fingerprint::new(caller, &parts.method, target);
    print.add(&bytes);
    let request = Request::from_parts(parts, Body::from(bytes));
    let work = async move { next.run(request).await };
    run(state, caller, key, print.finish(), work).await
}

/// Do the work of a request once.
///
/// The work goes on when the caller goes away: a key whose request was dropped half-way would stay in
/// flight.
pub(crate) async fn run(
    state: &ApiState,
    caller: &Caller,
    key: String,
    print: [u8; 32],
    work: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, Problem> {
    let enterprise = caller.enterprise;
    // Each API key has idempotency keys of its own: nobody takes one from another, or learns what it stands for.
    let key = format!("{} {key}", caller.key);
    let seed = match idempotency::claim(&state.store, enterprise, &key, print).await? {
        Claim::Fresh(seed) => seed,
        Claim::Stored(stored) => return Ok(replay(stored)),
        Claim::InFlight => {
            return Err(Problem {
                retry_after_seconds: Some(1),
                ..Problem::new(
                    StatusCode::CONFLICT,
                    "request_in_flight",
                    "the first request with this Idempotency-Key is still being worked on; ask again",
                )
            });
        }
        Claim::Mismatch => {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request; use a new key",
            ));
        }
    };
    let (state, tracked) = (state.clone(), state.requests.clone());
    let id = REQUEST_ID.try_with(Clone::clone).unwrap_or_default();
    let whole = async move {
        let reply = idempotency::within(seed, work).await;
        keep(&state, enterprise, &key, reply).await
    };
    let task = tracked.spawn(REQUEST_ID.scope(id, whole.in_current_span()));
    // The work panicked: the hook has logged it; the key is free again after a while.
    task.await.unwrap_or_else(|_| Err(Problem::internal()))
}

/// Store a reply, or free the key.
async fn keep(
    state: &ApiState,
    enterprise: outbound::ids::EnterpriseId,
    key: &str,
    reply: Response,
) -> Result<Response, Problem> {
    let status = reply.status();
    // A request that its role forbids did nothing, so its reply is not stored.
    let passing = status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::FORBIDDEN;
    if status.is_server_error() || passing {
        if let Err(error) = idempotency::release(&state.store, enterprise, key).await {
            tracing::warn!(%error, "a key stays in flight for a while");
        }
        return Ok(reply);
    }
    let (parts, body) = reply.into_parts();
    let bytes = read(body, REPLY_BYTES_MAX).await.map_err(|_| Problem::internal())?;
    let told = parts.extensions.get::<ReplayBody>().map_or(&bytes, |replay| &replay.0);
    let headers = KEPT_HEADERS.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), Value::from(value)))
    });
    let stored = Reply {
        status: status.as_u16(),
        headers: Value::Object(headers.collect()),
        body: told.to_vec(),
    };
    if let Err(error) = idempotency::store_reply(&state.store, enterprise, key, &stored).await {
        // It is done all the same. Sent again, it finds what it has made.
        tracing::warn!(%error, "a reply was not stored");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replay(stored: Reply) -> Response {
    let mut reply = Response::new(Body::from(stored.body));
    *reply.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    for name in KEPT_HEADERS {
        let value = stored.headers.get(name.as_str()).and_then(Value::as_str);
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    reply
}

#[cfg(test)]
mod tests {
    use outbound::api_key::Role;
    use outbound::ids::{ApiKeyId, EnterpriseId};

    use super::*;

    fn caller() -> Caller {
        Caller {
            enterprise: clock::new_id::<EnterpriseId>(),
            key: clock::new_id::<ApiKeyId>(),
            role: Role::Operator,
            permissions: Vec::new(),
            source: String::new(),
        }
    }

    fn print(caller: &Caller, target: &str, body: &str) -> [u8; 32] {
        let mut print = Fingerprint::new(caller, &Method::POST, target);
        print.add(body.as_bytes());
        print.finish()
    }

    #[test]
    fn a_request_is_the_same_only_with_the_same_path_and_body_from_the_same_caller() {
        let one = caller();
        let first = print(&one, "/v1/tasks", "{}");
        assert_eq!(first, print(&one, "/v1/tasks", "{}"));
        assert_ne!(first, print(&one, "/v1/tasks", "{ }"));
        assert_ne!(first, print(&one, "/v1/tasks{", "}"));
        assert_ne!(first, print(&caller(), "/v1/tasks", "{}"));
    }

    #[test]
    fn a_key_is_visible_ascii_within_its_length() {
        for (value, allowed) in
            [("k-1", true), ("", false), ("a b", false), (&"k".repeat(256), false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(value).expect("a header"));
            assert_eq!(key(&headers).is_ok(), allowed, "{value}");
        }
        assert_eq!(key(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn a_stored_reply_comes_back_whole_and_says_so() {
        let reply = replay(Reply {
            status: 201,
            headers: serde_json::json!({ "location": "/v1/tasks/task_1" }),
            body: b"{}".to_vec(),
        });
        assert_eq!(reply.status(), 201);
        assert_eq!(reply.headers()[header::LOCATION], "/v1/tasks/task_1");
        assert_eq!(reply.headers()[REPLAYED], "true");
    }
}
