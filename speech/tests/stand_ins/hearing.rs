//! Services that hear, as their public pages describe them: OpenAI (API reference, “Create transcription”), Deepgram
//! (developers.deepgram.com, “Live audio”, “Finalize”) and FunASR (`runtime/docs/websocket_protocol.md`, of the runtime in C++).
//! The real ones were not called.
//!
//! A stand-in “hears” the height of the samples: audio that holds the value 7 is the word `seven`, and so on. Other values
//! are silence. So a test sees which audio a text comes from.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request, Response as Upgraded,
};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

type WebSocket = WebSocketStream<TcpStream>;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It takes all, and never answers.
    Silent,
    /// It answers what no protocol has.
    Rubbish,
    /// It closes the connection in the middle of a speech.
    Closes,
    /// It answers with this status.
    Status(u16),
}

/// A stand-in, and what it saw.
#[derive(Clone)]
pub struct StandIn {
    /// Where it answers requests.
    pub address: String,
    /// Where it takes WebSockets.
    pub sockets: String,
    seen: Arc<Seen>,
}

struct Seen {
    fault: Fault,
    /// Requests: their address, headers that matter, and fields.
    requests: Mutex<Vec<String>>,
    closed: Notify,
}

impl StandIn {
    pub async fn start(fault: Fault) -> Self {
        let requests = Mutex::new(Vec::new());
        let seen = Arc::new(Seen { fault, requests, closed: Notify::new() });
        let routes = Router::new()
            .route("/v1/audio/transcriptions", post(transcribe))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sockets = listener.local_addr().unwrap().to_string();
        tokio::spawn(take(listener, Arc::clone(&seen)));
        Self { address, sockets, seen }
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Waits until a connection was closed, or a request given up.
    pub async fn closed(&self) {
        self.seen.closed.notified().await;
    }
}

/// The words that samples stand for: each value once, in order.
fn words(samples: &[i16]) -> String {
    const WORDS: [&str; 10] =
        ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let mut values: Vec<i16> = samples.to_vec();
    values.dedup();
    let word = |value: &i16| usize::try_from(*value).ok().and_then(|at| WORDS.get(at));
    let words: Vec<&str> = values.iter().filter_map(word).copied().collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Tells when it is dropped, as a request is that nobody waits for any more.
struct Closing(Arc<Seen>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closed.notify_one();
    }
}

fn key(headers: &HeaderMap) -> &str {
    headers.get("authorization").and_then(|key| key.to_str().ok()).unwrap_or("no key")
}

async fn transcribe(
    State(seen): State<Arc<Seen>>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    let _closing = Closing(Arc::clone(&seen));
    let (mut request, mut heard) = (key(&headers).to_owned(), String::new());
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.unwrap();
        if name == "file" {
            let mut wav = hound::WavReader::new(std::io::Cursor::new(bytes)).unwrap();
            assert_eq!((wav.spec().sample_rate, wav.spec().channels), (8_000, 1));
            heard = words(&wav.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>());
        } else {
            request = format!("{request} {name}={}", String::from_utf8(bytes.to_vec()).unwrap());
        }
    }
    seen.requests.lock().unwrap().push(request);
    match seen.fault {
        Fault::None => axum::Json(json!({ "text": heard })).into_response(),
        Fault::Silent => std::future::pending().await,
        Fault::Rubbish => "<html>".into_response(),
        Fault::Closes => {
            let pieces =
                futures::stream::iter([Ok("{\"text\":"), Err(std::io::Error::other("cut"))]);
            axum::body::Body::from_stream(pieces).into_response()
        }
        Fault::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

/// Takes WebSockets; the path tells the service.
async fn take(listener: TcpListener, seen: Arc<Seen>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(talk(stream, Arc::clone(&seen)));
    }
}

// The library's signature has the whole response as its error.
#[allow(clippy::result_large_err)]
async fn talk(stream: TcpStream, seen: Arc<Seen>) {
    let mut path = String::new();
    let asked = |request: &Request, response: Upgraded| {
        path = request.uri().path().to_owned();
        let line = format!("{} {}", key(request.headers()), request.uri());
        seen.requests.lock().unwrap().push(line);
        let Fault::Status(status) = seen.fault else { return Ok(response) };
        let mut refused = ErrorResponse::new(None);
        *refused.status_mut() = StatusCode::from_u16(status).unwrap();
        Err(refused)
    };
    let Ok(socket) = accept_hdr_async(stream, asked).await else { return };
    if path == "/v1/listen" {
        listen(socket, seen).await;
    } else {
        two_passes(socket, seen).await;
    }
}

async fn say(socket: &mut WebSocket, message: &Value) -> bool {
    socket.send(Message::text(message.to_string())).await.is_ok()
}

/// What both streams do with a fault, when audio comes. True: no more is to be done with this message.
async fn faulty(socket: &mut WebSocket, fault: Fault) -> bool {
    match fault {
        Fault::None | Fault::Status(_) => false,
        Fault::Silent => true,
        Fault::Rubbish => socket.send(Message::text("<html>")).await.is_ok(),
        Fault::Closes => socket.send(Message::Close(None)).await.is_ok(),
    }
}

async fn listen(mut socket: WebSocket, seen: Arc<Seen>) {
    let _closing = Closing(Arc::clone(&seen));
    let (mut settled, mut heard) = (0.0, Vec::new());
    while let Some(Ok(message)) = socket.next().await {
        let result = |heard: &[i16], settled: f64, is_final: bool| {
            json!({
                "type": "Results", "channel_index": [0, 1], "start": settled,
                "duration": heard.len() as f64 / 8_000.0, "is_final": is_final,
                "speech_final": false, "from_finalize": is_final,
                "channel": { "alternatives": [{ "transcript": words(heard), "confidence": 0.9 }] },
            })
        };
        match message {
            Message::Binary(_) | Message::Text(_) if faulty(&mut socket, seen.fault).await => {}
            Message::Binary(bytes) => {
                let before = words(&heard);
                heard.extend(samples(&bytes));
                if words(&heard) != before
                    && !say(&mut socket, &result(&heard, settled, false)).await
                {
                    return;
                }
            }
            Message::Text(text) if text.contains("Finalize") => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if !say(&mut socket, &result(&heard, settled, true)).await {
                    return;
                }
                settled += heard.len() as f64 / 8_000.0;
                heard.clear();
            }
            Message::Text(text) => seen.requests.lock().unwrap().push(text.to_string()),
            _ => {}
        }
    }
}

async fn two_passes(mut socket: WebSocket, seen: Arc<Seen>) {
    let _closing = Closing(Arc::clone(&seen));
    let (mut name, mut heard, mut told) = (String::new(), Vec::new(), String::new());
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(_) | Message::Text(_) if faulty(&mut socket, seen.fault).await => {}
            Message::Binary(bytes) => {
                heard.extend(samples(&bytes));
                // The first pass tells only what is new.
                let all = words(&heard);
                let new = all.strip_prefix(&told).unwrap_or(&all).to_owned();
                told = all;
                let answer = json!({ "mode": "2pass-online", "text": new, "wav_name": name, "is_final": false });
                if !new.is_empty() && !say(&mut socket, &answer).await {
                    return;
                }
            }
            Message::Text(text) => {
                seen.requests.lock().unwrap().push(text.to_string());
                let text: Value = serde_json::from_str(&text).unwrap();
                if text["is_speaking"] == true {
                    text["wav_name"].as_str().unwrap().clone_into(&mut name);
                    continue;
                }
                let all = words(&std::mem::take(&mut heard));
                told.clear();
                let mut answer = json!({ "text": all, "wav_name": name, "is_final": true });
                if !all.is_empty() {
                    answer["mode"] = "2pass-offline".into();
                }
                if !say(&mut socket, &answer).await {
                    return;
                }
            }
            _ => {}
        }
    }
}
