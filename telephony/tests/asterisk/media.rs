//! The stand-in's voice: AudioSocket as Asterisk's client, and chan_websocket with its queue, its marks and its own pace.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::stand_in::{Fault, StandIn};

const FRAME: Duration = Duration::from_millis(20);
const FRAME_BYTES: usize = 320;

/// What came of the robot's voice.
#[derive(Debug, Clone)]
pub struct Ear {
    pub began: Instant,
    /// When each frame came, on AudioSocket, or was played, on chan_websocket.
    pub played: Vec<Instant>,
    /// Frames that were not silent among them.
    pub loud: usize,
    /// Commands of chan_websocket.
    pub commands: Vec<String>,
    /// Frames that were thrown away by a flush.
    pub flushed: usize,
    pub longest_queue: usize,
    pub over: bool,
}

impl Ear {
    pub fn new(began: Instant) -> Self {
        Self {
            began,
            played: Vec::new(),
            loud: 0,
            commands: Vec::new(),
            flushed: 0,
            longest_queue: 0,
            over: false,
        }
    }

    fn play(&mut self, frame: &[u8]) {
        self.played.push(Instant::now());
        self.loud += usize::from(frame.iter().any(|byte| *byte != 0));
    }
}

fn with<T>(ear: &Mutex<Ear>, act: impl FnOnce(&mut Ear) -> T) -> T {
    act(&mut ear.lock().expect("no test has panicked in here"))
}

/// Connect to our side, name the call, and talk. It waits for our first frame, as some builds of Asterisk do.
pub async fn by_audio_socket(
    stand_in: StandIn,
    channel: String,
    host: Value,
    name: Value,
    ear: Arc<Mutex<Ear>>,
) {
    let fault = stand_in.inside().fault;
    if fault == Fault::NoMedia {
        return;
    }
    let host = host.as_str().expect("an address");
    let name: uuid::Uuid = name.as_str().and_then(|name| name.parse().ok()).expect("a UUID");
    let mut stream = TcpStream::connect(host).await.expect("AudioSocket listens");
    let mut first = vec![0x01, 0, 16];
    first.extend_from_slice(name.as_bytes());
    stream.write_all(&first).await.expect("the name is taken");
    let mut header = [0; 3];
    stream.read_exact(&mut header).await.expect("the first frame comes by itself");
    let mut frame = vec![0; FRAME_BYTES];
    stream.read_exact(&mut frame).await.expect("a whole frame");
    with(&ear, |ear| ear.play(&frame));
    stand_in.enter(&channel);
    let cut = stand_in.inside().connections.clone();
    let mut tick = tokio::time::interval(FRAME);
    let (mut read, mut write) = stream.into_split();
    let hearing = async {
        while read.read_exact(&mut header).await.is_ok() {
            let length = usize::from(u16::from_be_bytes([header[1], header[2]]));
            let mut frame = vec![0; length];
            if header[0] == 0 || read.read_exact(&mut frame).await.is_err() {
                return;
            }
            assert_eq!((header[0], length), (0x10, FRAME_BYTES));
            with(&ear, |ear| ear.play(&frame));
        }
    };
    let talking = async {
        let mut message = vec![0x10, 1, 64];
        message.resize(3 + FRAME_BYTES, 0);
        if fault == Fault::GarbageMedia {
            message[1..3].copy_from_slice(&[0xff, 0xff]);
        }
        loop {
            tick.tick().await;
            if stand_in.inside().mute {
                continue;
            }
            if write.write_all(&message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = hearing => {}
        () = talking => {}
        () = cut.cancelled() => {}
    }
    with(&ear, |ear| ear.over = true);
    stand_in.end(&channel, 16, None);
}

enum Queued {
    Frame(Vec<u8>),
    Mark(String),
}

/// The queue of chan_websocket and its timer.
pub async fn by_websocket(
    stand_in: StandIn,
    channel: String,
    mut socket: WebSocketStream<TcpStream>,
) {
    let fault = stand_in.inside().fault;
    let ear = stand_in.inside().ears.get(&channel).cloned().expect("it was asked for");
    let dead = stand_in.inside().channels.get(&channel).map(|known| known.dead.clone());
    let Some(dead) = dead else { return };
    let json_texts = fault != Fault::PlainTexts;
    let started = json!({
        "event": "MEDIA_START", "connection_id": "e226", "channel": "WebSocket/INCOMING", "channel_id": channel,
        "format": "slin", "optimal_frame_size": FRAME_BYTES, "ptime": 20, "channel_variables": {},
    });
    let started = match json_texts {
        true => started.to_string(),
        false => "MEDIA_START connection_id:e226 channel:WebSocket/INCOMING format:slin".to_owned(),
    };
    // Audio may come before it.
    let silence = || Message::Binary(vec![0; FRAME_BYTES].into());
    for message in [silence(), Message::Text(started.into())] {
        if socket.send(message).await.is_err() {
            return;
        }
    }
    stand_in.enter(&channel);
    let mut queue: VecDeque<Queued> = VecDeque::new();
    let mut tick = tokio::time::interval(FRAME);
    let (mut say_xoff, mut said_at) = (fault == Fault::Xoff, 0_usize);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let mut texts = Vec::new();
                while let Some(Queued::Mark(id)) = queue.front() {
                    let processed = json!({ "event": "MEDIA_MARK_PROCESSED", "channel_id": channel, "correlation_id": id });
                    texts.push(processed.to_string());
                    queue.pop_front();
                }
                if let Some(Queued::Frame(frame)) = queue.pop_front() {
                    with(&ear, |ear| ear.play(&frame));
                }
                if std::mem::take(&mut say_xoff) {
                    texts.push(json!({ "event": "MEDIA_XOFF", "channel_id": channel }).to_string());
                    said_at = 1;
                } else if said_at > 0 {
                    said_at += 1;
                    if said_at == 25 {
                        texts.push(json!({ "event": "MEDIA_XON", "channel_id": channel }).to_string());
                        said_at = 0;
                    }
                }
                if fault == Fault::GarbageMedia {
                    texts.push("<not an event>".to_owned());
                }
                for text in texts {
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        break;
                    }
                }
                let audio = if fault == Fault::GarbageMedia { Message::Binary(vec![1; 7].into()) } else { silence() };
                if socket.send(audio).await.is_err() {
                    break;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    assert_eq!(bytes.len() % FRAME_BYTES, 0, "frames of the best size");
                    queue.push_back(Queued::Frame(bytes.to_vec()));
                    with(&ear, |ear| ear.longest_queue = ear.longest_queue.max(queue.len()));
                }
                Some(Ok(Message::Text(text))) => {
                    assert!(json_texts, "an Asterisk without JSON gets no commands in it: {text}");
                    let command: Value = serde_json::from_str(&text).expect("a command in JSON");
                    let name = command["command"].as_str().expect("its name").to_owned();
                    match &*name {
                        "MARK_MEDIA" => {
                            let id = command["correlation_id"].as_str().expect("an id").to_owned();
                            queue.push_back(Queued::Mark(id));
                        }
                        "FLUSH_MEDIA" => {
                            let frames = queue.iter().filter(|queued| matches!(queued, Queued::Frame(_)));
                            let flushed = frames.count();
                            with(&ear, |ear| ear.flushed += flushed);
                            queue.clear();
                        }
                        _ => panic!("{text} is no command that is used"),
                    }
                    with(&ear, |ear| ear.commands.push(name));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            },
            () = dead.cancelled() => break,
        }
    }
    with(&ear, |ear| ear.over = true);
    stand_in.end(&channel, 16, None);
}
