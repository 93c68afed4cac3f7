//! The other end of a call, as simple as it can be: two sockets that say what a test tells them to.

use std::net::SocketAddr;
use std::time::Duration;

use telephony::media::rtp::{self, Packet};
use telephony::media::{Codec, DigitsBy, Direction, FRAME_SAMPLES, MediaConfig, Peer};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long a test waits for what must come; a loaded machine takes its time.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The payload type of key presses in the tests.
pub const EVENTS: u8 = 101;

/// A plane's settings for the tests. Ports that other programs have are passed over.
pub fn config() -> MediaConfig {
    MediaConfig { bind: [127, 0, 0, 1].into(), ports: 22_000..=31_999, ..MediaConfig::default() }
}

/// A packet, its payload owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub payload: Vec<u8>,
    pub from: SocketAddr,
}

pub struct FarEnd {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    pub ssrc: u32,
    pub sequence: u16,
    pub timestamp: u32,
    pub codec: Codec,
}

impl FarEnd {
    pub async fn new() -> Self {
        let socket = || UdpSocket::bind("127.0.0.1:0");
        Self {
            rtp: socket().await.unwrap(),
            rtcp: socket().await.unwrap(),
            ssrc: rand::random(),
            sequence: rand::random(),
            timestamp: rand::random(),
            codec: Codec::Pcma,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.rtp.local_addr().unwrap()
    }

    /// What its SDP says.
    pub fn peer(&self) -> Peer {
        Peer {
            rtp: self.address(),
            rtcp: Some(self.rtcp.local_addr().unwrap()),
            codec: self.codec,
            digits: DigitsBy::Event { payload_type: EVENTS },
            direction: Direction::Both,
            srtp: None,
        }
    }

    /// The next packet.
    pub async fn receive(&self) -> Got {
        let mut bytes = [0; 2_048];
        let (length, from) = timeout(PATIENCE, self.rtp.recv_from(&mut bytes))
            .await
            .expect("a packet comes")
            .unwrap();
        let packet = rtp::parse(&bytes[..length]).expect("it is RTP");
        Got {
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            payload: packet.payload.to_vec(),
            from,
        }
    }

    /// The next packet's samples.
    pub async fn hear(&self) -> Vec<i16> {
        let got = self.receive().await;
        let codec = Codec::from_payload_type(got.payload_type).expect("it is audio");
        got.payload.iter().map(|byte| codec.decode(*byte)).collect()
    }

    /// Whether nothing comes for so long.
    pub async fn hears_nothing_for(&self, time: Duration) -> bool {
        let mut bytes = [0; 2_048];
        timeout(time, self.rtp.recv_from(&mut bytes)).await.is_err()
    }

    /// Throw away what has come.
    pub fn forget(&self) {
        let mut bytes = [0; 2_048];
        while self.rtp.try_recv_from(&mut bytes).is_ok() {}
    }

    /// The next packet of its stream, as bytes.
    pub fn packet(&mut self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let packet = Packet {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload,
        };
        rtp::write(&packet, &mut bytes);
        self.sequence = self.sequence.wrapping_add(1);
        bytes
    }

    /// Say 20 ms.
    pub async fn say(&mut self, to: SocketAddr, samples: &[i16; FRAME_SAMPLES]) {
        let payload: Vec<u8> = samples.iter().map(|sample| self.codec.encode(*sample)).collect();
        let bytes = self.packet(self.codec.payload_type(), &payload);
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        self.rtp.send_to(&bytes, to).await.unwrap();
    }

    /// Lose 20 ms.
    pub fn lose(&mut self) {
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
    }
}

/// A tick each 20 ms.
pub fn every_frame() -> tokio::time::Interval {
    tokio::time::interval(Duration::from_millis(20))
}

/// A loud sine of 20 ms that begins at this sample.
pub fn tone(hz: f64, from: usize) -> [i16; FRAME_SAMPLES] {
    std::array::from_fn(|at| {
        ((from + at) as f64 * hz * std::f64::consts::TAU / 8_000.0).sin() * 10_000.0
    })
    .map(|sample: f64| sample as i16)
}
