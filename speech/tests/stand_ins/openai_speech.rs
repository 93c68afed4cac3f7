//! A stand-in for `POST /v1/audio/speech`, built after OpenAI's public API reference (“Create speech”: `model`, `voice`,
//! `input`, `response_format: "pcm"` gives 24,000 samples of 16 bits a second without a header). The real service was not
//! called. Each server has one behaviour, right or wrong.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

/// What the server does with a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Behaviour {
    /// 60 ms for each character, at a level of 100 for each (30,000 at most), in parts that end in the middle of samples.
    Speaks,
    /// The same with a WAV header that tells 16,000 samples a second.
    SpeaksWav,
    /// Half of it, and the rest after [`OpenaiSpeech::go_on`].
    SpeaksInTwoParts,
    NeverAnswers,
    /// The head of an answer, and no body.
    AnswersNothing,
    /// Half of it, and then it closes the connection.
    Closes,
    /// Half of it, and then nothing more.
    Stalls,
    /// A byte a second.
    Trickles,
    /// It does not stop.
    Endless,
    /// JSON, though with a status of 200.
    Json,
    Mp3,
    /// A sound of no length.
    Silent,
    /// An error, whose body quotes what it was asked.
    Status(u16),
}

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub authorization: String,
    pub body: Value,
}

pub struct OpenaiSpeech {
    /// Where it is, as a provider's `url`.
    pub url: String,
    server: Arc<Server>,
}

struct Server {
    behaviour: Behaviour,
    asked: Mutex<Vec<Asked>>,
    go_on: Notify,
    /// Requests that are open.
    open: watch::Sender<usize>,
}

/// An open request: it ends when its connection does.
struct Open(Arc<Server>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

impl OpenaiSpeech {
    pub async fn start(behaviour: Behaviour) -> Self {
        let (asked, go_on, open) = (Mutex::default(), Notify::new(), watch::channel(0).0);
        let server = Arc::new(Server { behaviour, asked, go_on, open });
        let app = Router::new().route("/v1/audio/speech", post(answer)).with_state(server.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, server }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.server.asked.lock().unwrap().clone()
    }

    /// Give the second part.
    pub fn go_on(&self) {
        self.server.go_on.notify_one();
    }

    /// Wait until so many requests are open.
    pub async fn open(&self, requests: usize) {
        let mut open = self.server.open.subscribe();
        let reached = open.wait_for(|open| *open == requests);
        tokio::time::timeout(Duration::from_secs(20), reached).await.unwrap().unwrap();
    }
}

async fn answer(
    State(server): State<Arc<Server>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    server.open.send_modify(|open| *open += 1);
    let open = Open(server.clone());
    let authorization = headers.get("authorization").map(|key| key.to_str().unwrap().to_owned());
    let authorization = authorization.unwrap_or_default();
    let text = body["input"].as_str().unwrap().to_owned();
    let quoted = format!("{authorization} {text}");
    server.asked.lock().unwrap().push(Asked { authorization, body });
    let kind = |kind: &'static str, body: Body| ([("content-type", kind)], body).into_response();
    match server.behaviour {
        Behaviour::NeverAnswers => pending().await,
        Behaviour::Json => kind("application/json", Body::from(format!("{{\"it\":\"{quoted}\"}}"))),
        Behaviour::Mp3 => kind("application/octet-stream", Body::from(&b"ID3\x04\0\0\0\0\0\0"[..])),
        Behaviour::Status(status) => {
            (StatusCode::from_u16(status).unwrap(), quoted).into_response()
        }
        _ => kind("audio/pcm", Body::from_stream(spoken(open, &text))),
    }
}

type Part = Result<Bytes, std::io::Error>;

fn spoken(open: Open, text: &str) -> BoxStream<'static, Part> {
    let (behaviour, server) = (open.0.behaviour, open.0.clone());
    let rate = if behaviour == Behaviour::SpeaksWav { 16 } else { 24 };
    let characters = text.chars().count();
    let level = i16::try_from((characters * 100).min(30_000)).unwrap().to_le_bytes();
    let mut sound: Vec<u8> = level.repeat(characters * 60 * rate);
    if behaviour == Behaviour::SpeaksWav {
        let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\xff\xff\xff\xff".to_vec();
        wav.append(&mut sound);
        sound = wav;
    }
    let half = sound.split_off(sound.len() / 2 + 1);
    let parts = |sound: Vec<u8>| {
        let parts: Vec<Part> = sound.chunks(1_001).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        stream::iter(parts)
    };
    let (first, second) = (parts(sound), parts(half));
    let never = || stream::pending::<Part>();
    let parts = match behaviour {
        Behaviour::SpeaksInTwoParts => {
            let asked = async move {
                server.go_on.notified().await;
                second
            };
            first.chain(stream::once(asked).flatten()).boxed()
        }
        Behaviour::AnswersNothing => never().boxed(),
        Behaviour::Closes => {
            let closes = stream::once(async { Err(std::io::Error::other("it closes")) });
            first.chain(closes).boxed()
        }
        Behaviour::Stalls => first.chain(never()).boxed(),
        Behaviour::Trickles => stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok(Bytes::from_static(&[7])), ()))
        })
        .boxed(),
        Behaviour::Endless => {
            let much = Bytes::from(vec![1; 1 << 16]);
            stream::repeat_with(move || Ok(much.clone())).boxed()
        }
        Behaviour::Silent => stream::empty().boxed(),
        _ => first.chain(second).boxed(),
    };
    // The request is open as long as its body is sent.
    let held = stream::unfold((parts, open), |(mut parts, open)| async move {
        let part = parts.next().await?;
        Some((part, (parts, open)))
    });
    held.boxed()
}
