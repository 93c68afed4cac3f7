//! The way of a call's voice: a bridge in Asterisk, and in it a channel whose audio comes to us.
//!
//! It is opened when the phone rings, so that it is there when somebody answers, and removed with the call.

use std::sync::Arc;
use std::time::Duration;

use outbound::trunk::{AsteriskMedia, AsteriskSound, AsteriskTrunk};
use reqwest::StatusCode;
use serde_json::json;

use super::ari::AriError;
use super::carry_audio_socket::{self, Kinds};
use super::carry_websocket;
use super::connection::{self, Connection, Echoes};
use super::doorway::Doorway;
use super::server::{Mailbox, News, Server};
use crate::media::{FramesIn, FramesOut};
use ::wire::ari_event::Happening;
use ::wire::media_control::TEXT_BYTES_MAX;

/// How long a step may take that Asterisk has to do.
const STEP_WAIT: Duration = Duration::from_secs(5);
/// Between two tries to put a channel into a bridge that it may not enter yet.
const JOIN_REST: Duration = Duration::from_millis(100);
const CONNECTION_ID: &str = "MEDIA_WEBSOCKET_CONNECTION_ID";

/// What the voice of one call is named in Asterisk.
#[derive(Debug, Clone)]
pub(super) struct VoiceNames {
    pub(super) bridge: String,
    pub(super) channel: String,
}

impl VoiceNames {
    pub(super) fn of(call: &str) -> Self {
        Self { bridge: format!("{call}-bridge"), channel: format!("{call}-media") }
    }
}

/// Where Asterisk reaches us with AudioSocket.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) doorway: Arc<Doorway>,
    /// The address that Asterisk is told.
    pub(super) told: String,
}

/// Open the voice of a call. On an error something may be left in Asterisk, which [`remove`] takes away.
pub(super) async fn open(
    server: Arc<Server>,
    trunk: Arc<AsteriskTrunk>,
    names: VoiceNames,
    door: Option<Door>,
    frames: (FramesOut, FramesIn),
) -> Result<Connection, String> {
    let mut mailbox = server.follow(&names.channel);
    server.ari.make_bridge(&names.bridge).await.map_err(|error| error.to_string())?;
    let connection = match trunk.media {
        AsteriskMedia::Websocket => by_websocket(&server, &trunk, &names, frames).await?,
        AsteriskMedia::Audiosocket => {
            let door = door.ok_or("there is no address for AudioSocket")?;
            by_audio_socket(&server, &trunk, &names, &door, frames).await?
        }
    };
    // Where the events are lost just now, joining is tried until it goes.
    let _ = tokio::time::timeout(STEP_WAIT, entered(&mut mailbox)).await;
    join(&server, &names.bridge, &names.channel).await?;
    Ok(connection)
}

async fn entered(mailbox: &mut Mailbox) {
    loop {
        match mailbox.next().await {
            News::Happened { what: Happening::Entered(_), .. } | News::LinkLost => return,
            News::Happened { .. } | News::LinkBack => {}
        }
    }
}

async fn by_websocket(
    server: &Server,
    trunk: &AsteriskTrunk,
    names: &VoiceNames,
    frames: (FramesOut, FramesIn),
) -> Result<Connection, String> {
    let format = match trunk.sound {
        AsteriskSound::Slin => "slin",
        AsteriskSound::Alaw => "alaw",
        AsteriskSound::Ulaw => "ulaw",
    };
    let media = json!({
        "channelId": names.channel, "app": server.ari.app, "external_host": "INCOMING",
        "encapsulation": "none", "transport": "websocket", "connection_type": "server",
        "format": format, "direction": "both", "transport_data": "f(json)",
    });
    let made = server.ari.external_media(media).await.map_err(|error| error.to_string())?;
    let id = match made.variable(CONNECTION_ID) {
        Some(id) => id,
        None => {
            let asked = server.ari.variable(&names.channel, CONNECTION_ID).await;
            asked.map_err(|error| error.to_string())?
        }
    };
    let safe = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && id.len() <= 64;
    if !safe {
        return Err("the id of the media connection is none".to_owned());
    }
    let url = server.ari.media_url(&id);
    let socket = server.open_socket(&url, Some("media"), TEXT_BYTES_MAX).await?;
    let (connection, carrier) = connection::channel(Echoes::Marks);
    tokio::spawn(carry_websocket::carry(socket, trunk.sound, frames, carrier));
    Ok(connection)
}

async fn by_audio_socket(
    server: &Server,
    trunk: &AsteriskTrunk,
    names: &VoiceNames,
    door: &Door,
    frames: (FramesOut, FramesIn),
) -> Result<Connection, String> {
    let own = trunk.own_audio_kind().ok_or("no kind of audio is 8 kHz")?;
    let mut expecting = door.doorway.expect();
    let media = json!({
        "channelId": names.channel, "app": server.ari.app, "external_host": door.told,
        "encapsulation": "audiosocket", "transport": "tcp", "connection_type": "client",
        "format": "slin", "direction": "both", "data": expecting.id.to_string(),
    });
    // Asterisk may connect before it answers.
    let made = server.ari.external_media(media);
    let (made, visitor) = tokio::join!(made, tokio::time::timeout(STEP_WAIT, expecting.visitor()));
    made.map_err(|error| error.to_string())?;
    let visitor = visitor.ok().flatten().ok_or("Asterisk has not connected with AudioSocket")?;
    let (connection, carrier) = connection::channel(Echoes::Nothing);
    let kinds = Kinds { known: trunk.audio_kinds.clone(), own };
    tokio::spawn(carry_audio_socket::carry(visitor.stream, visitor.bytes, kinds, frames, carrier));
    Ok(connection)
}

/// Put a channel into a bridge, once it may enter: a channel is not in our application until its `StasisStart`.
pub(super) async fn join(server: &Server, bridge: &str, channel: &str) -> Result<(), String> {
    let until = tokio::time::Instant::now() + STEP_WAIT;
    loop {
        match server.ari.join(bridge, channel).await {
            Ok(()) => return Ok(()),
            Err(AriError::Refused(StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY))
                if tokio::time::Instant::now() < until =>
            {
                tokio::time::sleep(JOIN_REST).await;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Take away what was opened.
pub(super) async fn remove(server: &Server, names: &VoiceNames) {
    let hung_up = server.ari.hang_up(&names.channel).await;
    let removed = server.ari.remove_bridge(&names.bridge).await;
    for failed in [hung_up, removed].into_iter().filter_map(Result::err) {
        tracing::warn!(error = %failed, "something of a call's voice is left in Asterisk");
    }
}
