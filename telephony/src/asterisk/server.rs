//! One Asterisk server, as all calls on it share it: its requests, and the connection that its events come by.
//!
//! The connection is kept open while a call or a trunk needs it. When it is lost it is opened again with a growing
//! wait, and each call is told, so that it looks how its channel is: what happened meanwhile was told to nobody.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ari::Ari;
use ::wire::ari_event::{self as event, EVENT_BYTES_MAX, Happening};

/// News that wait for one call. A call takes them at once; a channel has a handful in its life.
const NEWS_MAX: usize = 256;
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Between two tries to connect: the first, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// A connection that is quiet is asked for a sign of life, and lost when none comes.
const PING_EVERY: Duration = Duration::from_secs(10);
const QUIET_MAX: Duration = Duration::from_secs(30);

pub(super) type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// How the connection of events is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// Not tried yet.
    Opening,
    Up,
    /// With the reason.
    Down(String),
}

/// What a call is told.
#[derive(Debug)]
pub(super) enum News {
    Happened {
        at: Instant,
        what: Happening,
    },
    /// Events may be missed from now on.
    LinkLost,
    /// Events come again. Some may be missed.
    LinkBack,
}

/// See the module.
pub(super) struct Server {
    pub(super) ari: Ari,
    channels: Channels,
    link: watch::Receiver<Link>,
    _stop: DropGuard,
}

type Channels = Arc<Mutex<HashMap<String, mpsc::Sender<News>>>>;

/// The news of one channel. Dropping it ends them.
pub(super) struct Mailbox {
    channel: String,
    news: mpsc::Receiver<News>,
    channels: Channels,
}

impl Mailbox {
    /// The next news. Cancel safe.
    pub(super) async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        locked(&self.channels).remove(&self.channel);
    }
}

fn locked(
    channels: &Mutex<HashMap<String, mpsc::Sender<News>>>,
) -> MutexGuard<'_, HashMap<String, mpsc::Sender<News>>> {
    channels.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Open the connection of events, and keep it until this is dropped.
    pub(super) fn start(ari: Ari) -> Arc<Self> {
        let (told, link) = watch::channel(Link::Opening);
        let (channels, stop) = (Channels::default(), CancellationToken::new());
        let server = Arc::new(Self {
            ari,
            channels: Arc::clone(&channels),
            link,
            _stop: stop.clone().drop_guard(),
        });
        let listening = listen(Arc::downgrade(&server), channels, told);
        tokio::spawn(async move { stop.run_until_cancelled(listening).await });
        server
    }

    /// Have the news of a channel, which is not there yet.
    pub(super) fn follow(&self, channel: &str) -> Mailbox {
        let (sender, news) = mpsc::channel(NEWS_MAX);
        locked(&self.channels).insert(channel.to_owned(), sender);
        Mailbox { channel: channel.to_owned(), news, channels: Arc::clone(&self.channels) }
    }

    pub(super) fn link(&self) -> Link {
        self.link.borrow().clone()
    }

    /// Wait until events come, or it is known why not.
    pub(super) async fn linked(&self, patience: Duration) -> Result<(), String> {
        let mut link = self.link.clone();
        let known = tokio::time::timeout(patience, link.wait_for(|link| *link == Link::Up)).await;
        if let Ok(Ok(_)) = known {
            return Ok(());
        }
        match self.link() {
            Link::Down(reason) => Err(reason),
            Link::Opening | Link::Up => Err("Asterisk does not answer".to_owned()),
        }
    }

    /// Open a WebSocket to this server.
    pub(super) async fn open_socket(
        &self,
        url: &str,
        protocol: Option<&'static str>,
        message_bytes_max: usize,
    ) -> Result<Socket, String> {
        let mut request = url.into_client_request().map_err(told)?;
        let mut authorization = HeaderValue::from_str(self.ari.authorization())
            .map_err(|_| "user and password don't fit into a header".to_owned())?;
        authorization.set_sensitive(true);
        let headers = request.headers_mut();
        headers.insert("Authorization", authorization);
        if let Some(protocol) = protocol {
            headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(8 * 1_024)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let connector = Connector::Rustls(Arc::clone(&self.ari.tls));
        let opening = connect_async_tls_with_config(request, Some(config), true, Some(connector));
        match tokio::time::timeout(CONNECT_WAIT, opening).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(told(error)),
            Err(_) => Err("the connection was not taken in time".to_owned()),
        }
    }
}

/// An error in words. Its address holds no secret, but is of no use either.
fn told(error: tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => match response.status().as_u16() {
            code @ (401 | 403) => format!("Asterisk refuses the user or the password ({code})"),
            code => format!("Asterisk answered {code}"),
        },
        error => error.to_string(),
    }
}

async fn listen(server: Weak<Server>, channels: Channels, link: watch::Sender<Link>) {
    let mut wait = RETRY_FIRST;
    loop {
        let Some(open) = server.upgrade() else { return };
        let url = open.ari.events_url();
        let opened = open.open_socket(&url, None, EVENT_BYTES_MAX).await;
        drop(open);
        let reason = match opened {
            Ok(socket) => {
                wait = RETRY_FIRST;
                // Calls that begin from now on have missed nothing.
                tell_all(&channels, || News::LinkBack);
                link.send_replace(Link::Up);
                let reason = pass_on(socket, &channels).await;
                link.send_replace(Link::Down(reason.clone()));
                tell_all(&channels, || News::LinkLost);
                reason
            }
            Err(reason) => reason,
        };
        tracing::warn!(reason, "the events of an Asterisk server don't come; trying again");
        link.send_replace(Link::Down(reason));
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// Tell each call what happens on its channel, until the connection is lost. Returns why it is.
async fn pass_on(mut socket: Socket, channels: &Channels) -> String {
    let mut ping = tokio::time::interval(PING_EVERY);
    let mut last = Instant::now();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = ping.tick() => {
                if last.elapsed() > QUIET_MAX {
                    return "no sign of life".to_owned();
                }
                let sent = socket.send(Message::Ping(Vec::new().into()));
                match tokio::time::timeout(CONNECT_WAIT, sent).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => return told(error),
                    Err(_) => return "nothing can be sent".to_owned(),
                }
            }
        };
        last = Instant::now();
        match message {
            Some(Ok(Message::Text(text))) => {
                if let Some(event) = event::parse(&text) {
                    let news = News::Happened { at: last, what: event.what };
                    tell(&locked(channels), &event.channel, news);
                }
            }
            Some(Ok(Message::Close(_))) | None => return "Asterisk has closed it".to_owned(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return told(error),
        }
    }
}

fn tell(channels: &HashMap<String, mpsc::Sender<News>>, channel: &str, news: News) {
    if let Some(call) = channels.get(channel)
        && call.try_send(news).is_err()
    {
        tracing::warn!("a call does not take what Asterisk tells of it");
    }
}

fn tell_all(channels: &Channels, news: impl Fn() -> News) {
    let channels = locked(channels);
    for channel in channels.keys() {
        tell(&channels, channel, news());
    }
}
