//! A stand-in for Asterisk: it answers ARI's requests and tells its events as they are documented, and carries voice by
//! chan_websocket and AudioSocket. No Asterisk is in a registry that the tests can reach.
//!
//! Written from these pages of docs.asterisk.org: “Channels REST API”, “Bridges REST API”, “Applications REST API”, “Events
//! REST API”, “Asterisk REST Data Models”, “External Media and ARI”, “Channel Drivers / WebSocket”, “Channel Drivers /
//! AudioSocket”.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::http;
use super::media::{self, Ear};
use super::phones;

/// A channel as the stand-in knows it.
#[derive(Debug, Clone)]
pub struct Channel {
    pub state: &'static str,
    /// Whether it has entered the application.
    pub entered: bool,
    pub originate: Value,
    pub dead: CancellationToken,
}

/// What goes wrong, as a test wants it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// The originate is carried out and its answer never comes.
    OriginateUnanswered,
    /// Nothing is carried out, and no answer comes.
    OriginateSwallowed,
    /// Asterisk refuses to originate.
    OriginateRefused,
    /// No media connection is made.
    NoMedia,
    /// What comes on the media connection is garbage.
    GarbageMedia,
    /// The media connection says so much that its queue is full.
    Xoff,
    /// An Asterisk of before marks: its texts are plain.
    PlainTexts,
}

#[derive(Default)]
pub struct Inside {
    pub channels: HashMap<String, Channel>,
    pub bridges: HashMap<String, HashSet<String>>,
    /// Channels that media connections were made for.
    pub media: HashMap<String, String>,
    pub listeners: Vec<mpsc::UnboundedSender<String>>,
    /// Each request, as `POST /channels/cw-…`.
    pub requests: Vec<String>,
    pub ears: HashMap<String, Arc<Mutex<Ear>>>,
    pub fault: Fault,
    /// Nothing is said on any media connection, as on hold.
    pub mute: bool,
    pub connections: CancellationToken,
}

/// See the module.
#[derive(Clone)]
pub struct StandIn {
    pub address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

pub const USER: &str = "clara";
pub const PASSWORD: &str = "hush";

impl StandIn {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stand_in = Self { address, inside: Arc::default() };
        let serving = stand_in.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, cut) = (serving.clone(), serving.inside().connections.clone());
                tokio::spawn(async move {
                    cut.run_until_cancelled(http::serve(stream, serving)).await;
                });
            }
        });
        stand_in
    }

    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no test has panicked in here")
    }

    pub fn with(&self, fault: Fault) {
        self.inside().fault = fault;
    }

    /// Cut all connections and forget all calls, as a process that is killed does. It listens on.
    pub fn restart(&self) {
        let mut inside = self.inside();
        for channel in inside.channels.values() {
            channel.dead.cancel();
        }
        inside.channels.clear();
        inside.bridges.clear();
        inside.listeners.clear();
        std::mem::take(&mut inside.connections).cancel();
    }

    /// Cut the connections of events. Calls and their voice go on.
    pub fn cut_events(&self) {
        self.inside().listeners.clear();
    }

    /// Whether an application listens.
    pub fn is_heard(&self) -> bool {
        !self.inside().listeners.is_empty()
    }

    /// How often this was asked for.
    pub fn asked(&self, request: &str) -> usize {
        self.inside().requests.iter().filter(|asked| asked.starts_with(request)).count()
    }

    /// What was heard of a call's voice.
    pub fn ear(&self, call: &str) -> Option<Ear> {
        let ear = self.inside().ears.get(&format!("{call}-media")).cloned();
        ear.map(|ear| ear.lock().expect("no test has panicked in here").clone())
    }

    pub fn tell(&self, event: Value) {
        let text = event.to_string();
        self.inside().listeners.retain(|listener| listener.send(text.clone()).is_ok());
    }

    pub fn tell_of(&self, channel: &str, kind: &str, more: Value) {
        let state = self.inside().channels.get(channel).map_or("Down", |known| known.state);
        let mut event = json!({
            "type": kind, "application": "callwright", "timestamp": "2026-01-01T00:00:00.000+0000",
            "channel": { "id": channel, "name": format!("PJSIP/{channel}"), "state": state },
        });
        let more = more.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(more);
        self.tell(event);
    }

    pub fn set_state(&self, channel: &str, state: &'static str) -> bool {
        let mut inside = self.inside();
        let known = inside.channels.get_mut(channel);
        known.map(|known| known.state = state).is_some()
    }

    /// The channel is picked up.
    pub fn answer(&self, channel: &str) {
        if !self.set_state(channel, "Up") {
            return;
        }
        self.tell_of(channel, "ChannelStateChange", json!({}));
        self.enter(channel);
    }

    /// The channel enters the application.
    pub fn enter(&self, channel: &str) {
        if let Some(known) = self.inside().channels.get_mut(channel) {
            known.entered = true;
            known.state = "Up";
        }
        self.tell_of(channel, "StasisStart", json!({ "args": [] }));
    }

    /// The channel ends, for this cause; `sip` where Asterisk tells one.
    pub fn end(&self, channel: &str, cause: u16, sip: Option<u16>) {
        let Some(known) = self.inside().channels.remove(channel) else { return };
        known.dead.cancel();
        let mut more = json!({ "cause": cause, "cause_txt": "as the test wants it" });
        if let Some(sip) = sip {
            more["tech_cause"] = json!(sip);
        }
        self.tell_of(channel, "ChannelHangupRequest", more.clone());
        self.tell_of(channel, "ChannelDestroyed", more);
    }

    /// Carry out a request: its status, and what is answered. None: no answer comes.
    pub async fn carry_out(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        self.inside().requests.push(format!("{method} {path}"));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let done = Some((204, Value::Null));
        match (method, &*parts) {
            ("POST", ["channels", "externalMedia"]) => self.external_media(&body),
            ("POST", ["channels", id]) => self.originate(id, body),
            ("GET", ["channels", id]) => match self.inside().channels.get(*id) {
                Some(known) => Some((200, shown(id, known.state, json!({})))),
                None => Some(missing()),
            },
            ("DELETE", ["channels", id]) => {
                if !self.inside().channels.contains_key(*id) {
                    return Some(missing());
                }
                let up = self.inside().channels.get(*id).is_some_and(|known| known.state == "Up");
                self.end(id, if up { 16 } else { 26 }, (!up).then_some(487));
                done
            }
            ("GET", ["channels", id, "variable"]) => {
                let id = self
                    .inside()
                    .media
                    .iter()
                    .find(|(_, channel)| channel == id)
                    .map(|(id, _)| id.clone());
                id.map_or(Some(missing()), |id| Some((200, json!({ "value": id }))))
            }
            ("POST", ["channels", id, "dtmf"]) => {
                let keys = body["dtmf"].as_str().unwrap_or("").to_owned();
                self.inside().requests.push(format!("keys {id} {keys}"));
                done
            }
            ("POST", ["bridges", id]) => {
                self.inside().bridges.insert((*id).to_owned(), HashSet::new());
                Some((200, json!({ "id": id, "bridge_type": "mixing" })))
            }
            ("POST", ["bridges", id, "addChannel"]) => self.join(id, body["channel"].as_str()?),
            ("DELETE", ["bridges", id]) => {
                if self.inside().bridges.remove(*id).is_some() {
                    done
                } else {
                    Some(missing())
                }
            }
            ("POST", ["applications", _, "subscription"]) => {
                let source = body["eventSource"].as_str().unwrap_or("");
                let id = source.trim_start_matches("channel:");
                let there = self.inside().channels.contains_key(id);
                Some(if there { (200, json!({})) } else { (422, json!({})) })
            }
            _ => Some((404, json!({ "message": "no such resource" }))),
        }
    }

    fn originate(&self, id: &str, body: Value) -> Option<(u16, Value)> {
        let fault = self.inside().fault;
        match fault {
            Fault::OriginateSwallowed => return None,
            Fault::OriginateRefused => return Some((500, json!({ "error": "Allocation failed" }))),
            _ => {}
        }
        if self.inside().channels.contains_key(id) {
            return Some((
                409,
                json!({ "message": "Channel with given unique ID already exists" }),
            ));
        }
        let endpoint = body["endpoint"].as_str().unwrap_or("").to_owned();
        let dead = CancellationToken::new();
        let channel =
            Channel { state: "Down", entered: false, originate: body, dead: dead.clone() };
        self.inside().channels.insert(id.to_owned(), channel);
        let (phone, id) = (self.clone(), id.to_owned());
        let answer = (200, shown(&id, "Down", json!({})));
        tokio::spawn(async move {
            dead.run_until_cancelled(phones::act(&phone, &id, &endpoint)).await;
        });
        (fault != Fault::OriginateUnanswered).then_some(answer)
    }

    fn external_media(&self, body: &Value) -> Option<(u16, Value)> {
        let id = body["channelId"].as_str()?.to_owned();
        let dead = CancellationToken::new();
        let channel =
            Channel { state: "Down", entered: false, originate: body.clone(), dead: dead.clone() };
        let ear = Arc::new(Mutex::new(Ear::new(Instant::now())));
        let mut inside = self.inside();
        inside.channels.insert(id.clone(), channel);
        inside.ears.insert(id.clone(), Arc::clone(&ear));
        if body["encapsulation"] == "audiosocket" {
            drop(inside);
            let (stand_in, channel) = (self.clone(), id.clone());
            let (host, name) = (body["external_host"].clone(), body["data"].clone());
            tokio::spawn(async move {
                let carrying =
                    media::by_audio_socket(stand_in.clone(), channel.clone(), host, name, ear);
                dead.run_until_cancelled(carrying).await;
            });
            return Some((200, shown(&id, "Down", json!({}))));
        }
        let connection = format!("{:032x}", rand::random::<u128>());
        inside.media.insert(connection.clone(), id.clone());
        let variables = json!({ "MEDIA_WEBSOCKET_CONNECTION_ID": connection });
        Some((200, shown(&id, "Down", variables)))
    }

    fn join(&self, bridge: &str, channel: &str) -> Option<(u16, Value)> {
        let mut inside = self.inside();
        if !inside.channels.get(channel).is_some_and(|known| known.entered) {
            return Some((422, json!({ "message": "Channel not in Stasis application" })));
        }
        let Some(inside) = inside.bridges.get_mut(bridge) else { return Some(missing()) };
        inside.insert(channel.to_owned());
        Some((204, Value::Null))
    }
}

fn shown(id: &str, state: &str, variables: Value) -> Value {
    json!({
        "id": id, "name": format!("PJSIP/{id}"), "state": state, "channelvars": variables,
        "caller": {}, "connected": {}, "creationtime": "2026-01-01T00:00:00.000+0000",
    })
}

fn missing() -> (u16, Value) {
    (404, json!({ "message": "Channel not found" }))
}
