//! Requests to one Asterisk server by its REST interface.
//!
//! Every request has a deadline and a bounded answer. None is sent twice by itself: whether one may be repeated is
//! for who asked to say.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use outbound::trunk::AsteriskTrunk;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::Deserialize;
use serde_json::{Value, json};

use ::wire::ari_event::ChannelState;

/// How long a request may take.
const REQUEST_WAIT: Duration = Duration::from_secs(5);
const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 65_536;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AriError {
    /// No connection: nothing has left.
    #[error("Asterisk can't be reached: {0}")]
    Unsent(String),
    /// Asterisk said no, and did nothing.
    #[error("Asterisk answered {0}")]
    Refused(StatusCode),
    /// It may have been carried out, or not.
    #[error("Asterisk's answer is unknown: {0}")]
    Unknown(String),
}

/// What was to be removed is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Removed {
    Now,
    WasNotThere,
}

/// What is shown of a channel.
#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    #[serde(default)]
    state: String,
    #[serde(default)]
    channelvars: serde_json::Map<String, Value>,
}

impl Channel {
    pub(super) fn state(&self) -> ChannelState {
        ChannelState::of(&self.state)
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.channelvars.get(name)?.as_str().filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

/// See the module.
pub(super) struct Ari {
    client: reqwest::Client,
    base: String,
    authorization: String,
    user: String,
    password: String,
    /// The Stasis application of this process.
    pub(super) app: String,
    pub(super) tls: Arc<ClientConfig>,
}

impl Ari {
    pub(super) fn new(
        trunk: &AsteriskTrunk,
        app: String,
        tls: Arc<ClientConfig>,
    ) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&tls))
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_WAIT)
            .timeout(REQUEST_WAIT)
            .build()
            .map_err(|error| error.to_string())?;
        let (user, password) = (trunk.user.clone(), trunk.password.reveal().to_owned());
        let pair = format!("{user}:{password}");
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        Ok(Self {
            client,
            base: trunk.ari_url.trim_end_matches('/').to_owned(),
            authorization: format!("Basic {pair}"),
            user,
            password,
            app,
            tls,
        })
    }

    /// What a WebSocket to the server has in its `Authorization`. It is a secret.
    pub(super) fn authorization(&self) -> &str {
        &self.authorization
    }

    /// Where the events of our application come from.
    pub(super) fn events_url(&self) -> String {
        let base = as_websocket(&self.base);
        format!("{base}/events?app={}&subscribeAll=false", self.app)
    }

    /// Where chan_websocket waits for us, on the same HTTP server.
    pub(super) fn media_url(&self, connection: &str) -> String {
        let base = as_websocket(&self.base);
        let root = base.strip_suffix("/ari").unwrap_or(&base);
        format!("{root}/media/{connection}")
    }

    /// Call. The channel has the id that we give it, so that a second request of the same can't ring twice.
    pub(super) async fn originate(&self, channel: &str, call: Value) -> Result<Channel, AriError> {
        self.read(self.post(&["channels", channel]).json(&call)).await
    }

    /// How a channel is; none: there is none.
    pub(super) async fn channel(&self, channel: &str) -> Result<Option<Channel>, AriError> {
        match self.read(self.request(Method::GET, &["channels", channel])).await {
            Ok(channel) => Ok(Some(channel)),
            Err(AriError::Refused(StatusCode::NOT_FOUND)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn variable(&self, channel: &str, name: &str) -> Result<String, AriError> {
        #[derive(Deserialize)]
        struct Variable {
            value: String,
        }
        let request = self.request(Method::GET, &["channels", channel, "variable"]);
        let variable: Variable = self.read(request.query(&[("variable", name)])).await?;
        Ok(variable.value)
    }

    /// End a channel. One that is gone is ended.
    pub(super) async fn hang_up(&self, channel: &str) -> Result<Removed, AriError> {
        removed(self.carry_out(self.request(Method::DELETE, &["channels", channel])).await)
    }

    pub(super) async fn press(&self, channel: &str, keys: &str) -> Result<(), AriError> {
        let request = self.post(&["channels", channel, "dtmf"]);
        self.carry_out(request.json(&json!({ "dtmf": keys }))).await
    }

    /// A channel whose voice goes to us.
    pub(super) async fn external_media(&self, media: Value) -> Result<Channel, AriError> {
        self.read(self.post(&["channels", "externalMedia"]).json(&media)).await
    }

    pub(super) async fn make_bridge(&self, bridge: &str) -> Result<(), AriError> {
        let request = self.post(&["bridges", bridge]);
        self.carry_out(request.json(&json!({ "type": "mixing,dtmf_events" }))).await
    }

    pub(super) async fn join(&self, bridge: &str, channel: &str) -> Result<(), AriError> {
        let request = self.post(&["bridges", bridge, "addChannel"]);
        self.carry_out(request.json(&json!({ "channel": channel }))).await
    }

    pub(super) async fn remove_bridge(&self, bridge: &str) -> Result<Removed, AriError> {
        removed(self.carry_out(self.request(Method::DELETE, &["bridges", bridge])).await)
    }

    /// Have the events of a channel told again, after the connection was lost.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<(), AriError> {
        let request = self.post(&["applications", &self.app, "subscription"]);
        let source = format!("channel:{channel}");
        self.carry_out(request.json(&json!({ "eventSource": source }))).await
    }

    fn post(&self, path: &[&str]) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let url = format!("{}/{}", self.base, path.join("/"));
        self.client.request(method, url).basic_auth(&self.user, Some(&self.password))
    }

    async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, AriError> {
        let body = self.body(request).await?;
        serde_json::from_slice(&body)
            .map_err(|_| AriError::Unknown("it is not what ARI answers".to_owned()))
    }

    async fn carry_out(&self, request: RequestBuilder) -> Result<(), AriError> {
        self.body(request).await.map(drop)
    }

    async fn body(&self, request: RequestBuilder) -> Result<Vec<u8>, AriError> {
        let mut response: Response = request.send().await.map_err(error_of)?;
        if !response.status().is_success() {
            return Err(AriError::Refused(response.status()));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(error_of)? {
            if body.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(AriError::Unknown("it is longer than any of ARI's".to_owned()));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

/// The address of a request may hold a number, so it is not told.
fn error_of(error: reqwest::Error) -> AriError {
    let unsent = error.is_connect() || error.is_builder();
    let told = error.without_url().to_string();
    if unsent { AriError::Unsent(told) } else { AriError::Unknown(told) }
}

fn removed(answer: Result<(), AriError>) -> Result<Removed, AriError> {
    match answer {
        Ok(()) => Ok(Removed::Now),
        Err(AriError::Refused(StatusCode::NOT_FOUND)) => Ok(Removed::WasNotThere),
        Err(error) => Err(error),
    }
}

fn as_websocket(url: &str) -> String {
    match url.strip_prefix("https://") {
        Some(rest) => format!("wss://{rest}"),
        None => format!("ws://{}", url.trim_start_matches("http://")),
    }
}

/// What TLS to Asterisk trusts: what the machine does.
pub(super) fn tls() -> Result<Arc<ClientConfig>, String> {
    let mut trusted = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate that the machine trusts can't be read");
    }
    trusted.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
