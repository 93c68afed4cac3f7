//! A far end that is a bare socket: it says what no sipp would, and sees every byte.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(10);
const DATAGRAM_BYTES_MAX: usize = 65_536;

pub struct Socket {
    socket: UdpSocket,
}

/// A message and where it came from.
pub struct Heard {
    pub text: String,
    pub from: SocketAddr,
}

impl Heard {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.text.lines().take_while(|line| !line.is_empty());
        lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// A response to it.
    pub fn answer(&self, status: &str, tag: &str, extra: &str) -> String {
        let header = |name| self.header(name).unwrap_or_default();
        // A request of a call has the tag already.
        let to = header("to");
        let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag={tag}") };
        format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{extra}\
             Content-Length: 0\r\n\r\n",
            header("via"),
            header("from"),
            header("call-id"),
            header("cseq"),
        )
    }
}

impl Socket {
    pub async fn new() -> Self {
        Self { socket: UdpSocket::bind("127.0.0.1:0").await.expect("a port") }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// What a phone here says to an INVITE when it is picked up.
    pub fn picks_up(&self, invite: &Heard, tag: &str, extra: &str) -> String {
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n";
        let contact = format!("Contact: <sip:{tag}@{}>\r\n", self.address());
        let headers = format!("{contact}{extra}Content-Type: application/sdp\r\n");
        let length = format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len());
        invite.answer("200 OK", tag, &headers).replace("Content-Length: 0\r\n\r\n", &length)
    }

    /// The next message that begins so.
    pub async fn hear(&self, start: &str) -> Heard {
        let hearing = async {
            loop {
                let heard = self.next().await;
                if heard.text.starts_with(start) {
                    return heard;
                }
            }
        };
        tokio::time::timeout(PATIENCE, hearing).await.unwrap_or_else(|_| panic!("no {start} came"))
    }

    /// All messages that come within a time.
    pub async fn hear_for(&self, time: Duration) -> Vec<Heard> {
        let until = tokio::time::Instant::now() + time;
        let mut all = Vec::new();
        while let Ok(heard) = tokio::time::timeout_at(until, self.next()).await {
            all.push(heard);
        }
        all
    }

    async fn next(&self) -> Heard {
        let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
        let (length, from) = self.socket.recv_from(&mut bytes).await.expect("a datagram");
        Heard { text: String::from_utf8_lossy(&bytes[..length]).into_owned(), from }
    }

    pub async fn say(&self, to: SocketAddr, bytes: &[u8]) {
        self.socket.send_to(bytes, to).await.expect("a datagram");
    }
}
