//! An HTTP/1.1 server that answers byte by byte as a test wants it: late, in pieces, cut off, without end.
//!
//! It speaks over a raw socket, so that a test can send what no well-kept server would, and sees when a client leaves.

#![allow(dead_code, reason = "each test crate uses a part")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Bytes of a request that are read.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// What the server does to answer.
#[derive(Debug, Clone)]
pub enum Act {
    /// Send this as one chunk.
    Send(Vec<u8>),
    Wait(Duration),
    /// Wait until the test lets go on: [`HttpServer::go_on`].
    Gate,
    /// Close the connection in the middle of the answer.
    Close,
    /// Send this raw, without head or chunk.
    Raw(Vec<u8>),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub acts: Vec<Act>,
}

impl Answer {
    pub fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, acts: vec![Act::Send(body.into())] }
    }

    pub fn json(body: &serde_json::Value) -> Self {
        Self::new(200, "application/json", body.to_string())
    }
}

/// What the server has seen.
#[derive(Debug, Clone, Default)]
struct Seen {
    asked: Vec<Asked>,
    /// Answers during which the client closed the connection.
    left: usize,
    /// The most requests that were open at a time, and those that are.
    open_max: usize,
    open: usize,
    gates_open: usize,
}

/// The server. It stops when it is dropped.
pub struct HttpServer {
    pub url: String,
    seen: Arc<watch::Sender<Seen>>,
    _serving: JoinSet<()>,
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

impl HttpServer {
    /// Every request is answered as `script` tells.
    pub async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let script: Arc<Script> = Arc::new(script);
        let mut serving = JoinSet::new();
        let own = Arc::clone(&seen);
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&script), Arc::clone(&own)));
            }
        });
        Self { url, seen, _serving: serving }
    }

    /// Answers one after the other, the last one again and again.
    pub async fn answering(answers: Vec<Answer>) -> Self {
        let next = Mutex::new(0);
        Self::start(move |_| {
            let mut next = next.lock().expect("no panic");
            let at = (*next).min(answers.len() - 1);
            *next += 1;
            answers[at].clone()
        })
        .await
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.seen.borrow().asked.clone()
    }

    pub fn open_max(&self) -> usize {
        self.seen.borrow().open_max
    }

    /// One more [`Act::Gate`] may be passed by every connection.
    pub fn go_on(&self) {
        self.seen.send_modify(|seen| seen.gates_open += 1);
    }

    /// So many requests have come.
    pub async fn has_been_asked(&self, times: usize) {
        self.until(|seen| seen.asked.len() >= times).await;
    }

    /// So many answers were left by their clients before they had ended.
    pub async fn was_left(&self, times: usize) {
        self.until(|seen| seen.left >= times).await;
    }

    async fn until(&self, is_so: impl FnMut(&Seen) -> bool) {
        let mut watching = self.seen.subscribe();
        let waiting = tokio::time::timeout(Duration::from_secs(20), watching.wait_for(is_so));
        waiting.await.expect("in time").expect("a server");
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, seen: Arc<watch::Sender<Seen>>) {
    let mut read = Vec::new();
    while let Some(asked) = request(&mut stream, &mut read).await {
        let answer = script(&asked);
        seen.send_modify(|seen| {
            seen.asked.push(asked);
            seen.open += 1;
            seen.open_max = seen.open_max.max(seen.open);
        });
        let (mut reading, mut writing) = stream.split();
        let mut byte = [0];
        let went = tokio::select! {
            went = send(&mut writing, answer, &seen) => went,
            // A client sends nothing within an answer: it has gone.
            _ = reading.read(&mut byte) => Went::Left,
        };
        seen.send_modify(|seen| {
            seen.open -= 1;
            seen.left += usize::from(went == Went::Left);
        });
        if went != Went::Whole {
            return;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Went {
    Whole,
    Closed,
    Left,
}

async fn send(
    stream: &mut (impl AsyncWriteExt + Unpin),
    answer: Answer,
    seen: &watch::Sender<Seen>,
) -> Went {
    let head = format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        answer.status, answer.content_type
    );
    let mut head = Some(head.into_bytes());
    let mut gates = 0;
    for act in answer.acts {
        let bytes = match act {
            Act::Send(bytes) if bytes.is_empty() => continue,
            Act::Send(bytes) => {
                let mut out = head.take().unwrap_or_default();
                out.extend(format!("{:x}\r\n", bytes.len()).into_bytes());
                out.extend(bytes);
                out.extend(b"\r\n");
                out
            }
            Act::Raw(bytes) => bytes,
            Act::Wait(time) => {
                tokio::time::sleep(time).await;
                continue;
            }
            Act::Gate => {
                gates += 1;
                let open = seen.subscribe().wait_for(|seen| seen.gates_open >= gates).await.is_ok();
                assert!(open, "the server lives");
                continue;
            }
            Act::Close => return Went::Closed,
        };
        if stream.write_all(&bytes).await.is_err() {
            return Went::Left;
        }
    }
    let mut end = head.take().unwrap_or_default();
    end.extend(b"0\r\n\r\n");
    if stream.write_all(&end).await.is_ok() { Went::Whole } else { Went::Left }
}

/// The next request of a connection; none when it has closed.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Asked> {
    let mut chunk = vec![0; 16 * 1024];
    loop {
        if let Some((asked, length)) = whole(read) {
            read.drain(..length);
            return Some(asked);
        }
        let length = stream.read(&mut chunk).await.ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&chunk[..length]);
        assert!(read.len() <= REQUEST_BYTES_MAX, "a request that is too large");
    }
}

fn whole(read: &[u8]) -> Option<(Asked, usize)> {
    let head_length = read.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&read[..head_length]).expect("a head in text");
    let mut lines = head.trim_end().lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length =
        headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    let body = read.get(head_length..head_length + length)?;
    let body = String::from_utf8(body.to_vec()).expect("a body in text");
    Some((Asked { method, target, headers, body }, head_length + length))
}
