//! The stand-in's HTTP server: ARI's requests, the connection of events, and that of chan_websocket.

use base64::Engine;
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::media;
use super::stand_in::{Fault, PASSWORD, StandIn, USER};

/// A head that is longer is none of ours.
const HEAD_BYTES_MAX: usize = 8_192;

pub async fn serve(stream: TcpStream, stand_in: StandIn) {
    let mut head = vec![0; HEAD_BYTES_MAX];
    loop {
        let Ok(length @ 1..) = stream.peek(&mut head).await else { return };
        if find_end(&head[..length]).is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if text.contains("upgrade: websocket") {
        upgrade(stream, stand_in).await;
    } else {
        answer(stream, stand_in).await;
    }
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn basic() -> String {
    let pair = format!("{USER}:{PASSWORD}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

async fn answer(mut stream: TcpStream, stand_in: StandIn) {
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = find_end(&bytes) {
                break end;
            }
            if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                return;
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let value = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim().to_owned())
        };
        let length: usize = value("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while bytes.len() < end + length {
            if !matches!(stream.read_buf(&mut bytes).await, Ok(1..)) {
                return;
            }
        }
        let body = serde_json::from_slice(&bytes[end..end + length]).unwrap_or(Value::Null);
        bytes.drain(..end + length);
        let mut words = head.split_ascii_whitespace();
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = target.split('?').next().unwrap_or("");
        let answered = if value("authorization") != Some(basic()) {
            Some((401, Value::Null))
        } else if let Some(path) = path.strip_prefix("/ari") {
            stand_in.carry_out(method, path, body).await
        } else {
            Some((404, Value::Null))
        };
        // Whoever gets no answer waits until its own time is over.
        let Some((status, body)) = answered else { return std::future::pending().await };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = format!(
            "HTTP/1.1 {status} As Documented\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn upgrade(stream: TcpStream, stand_in: StandIn) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's callback has this error")]
    let look = |request: &Request, mut response: Response| {
        path = request.uri().path().to_owned();
        let authorization = request.headers().get("authorization");
        let known = authorization.and_then(|value| value.to_str().ok()) == Some(&*basic());
        if path.starts_with("/ari/") && !known {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::UNAUTHORIZED;
            return Err(refusal);
        }
        if let Some(protocol) = request.headers().get("sec-websocket-protocol") {
            response.headers_mut().insert("sec-websocket-protocol", protocol.clone());
        }
        Ok(response)
    };
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    if let Some(connection) = path.strip_prefix("/media/") {
        // A connection id is good for one connection.
        let channel = stand_in.inside().media.remove(connection);
        let Some(channel) = channel else { return };
        if stand_in.inside().fault == Fault::NoMedia {
            return;
        }
        media::by_websocket(stand_in, channel, socket).await;
        return;
    }
    let (sender, mut events) = mpsc::unbounded_channel();
    stand_in.inside().listeners.push(sender);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => {
                    if socket.send(Message::Text(event.into())).await.is_err() {
                        return;
                    }
                }
                // The test cuts the events.
                None => return,
            },
            message = socket.next() => {
                if !matches!(message, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
}
