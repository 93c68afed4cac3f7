//! A SIP line under test: the driver behind its gate, its journal, and trunks to far ends on loopback.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use clock::Clock;
use outbound::hours::Hours;
use outbound::ids::AttemptId;
use outbound::phone::parse;
use outbound::trunk::TrunkConfig;
use telephony::carrier::{Call, CallEvent, Carrier, Ending, Order};
use telephony::gate::Gate;
use telephony::journal::{Event, Journal, read_all};
use telephony::media::{MediaConfig, Plane};
use telephony::sip::{Sip, SipSettings};
use telephony::voice::Tones;
use tempfile::TempDir;

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The audio of all tests of a process.
static PLANE: LazyLock<Arc<Plane>> = LazyLock::new(|| {
    // Another process of tests has other ports.
    let first = 22_000 + u16::try_from(std::process::id() % 20).unwrap_or(0) * 1_000;
    let config = MediaConfig {
        bind: [127, 0, 0, 1].into(),
        ports: first..=first + 999,
        ..MediaConfig::default()
    };
    Arc::new(Plane::start(config).expect("a media plane"))
});

pub struct World {
    pub gate: Gate<Sip>,
    pub folder: TempDir,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings than usual.
    pub async fn with(change: impl FnOnce(&mut SipSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = SipSettings::at("127.0.0.1:0".parse().expect("an address"));
        change(&mut settings);
        let voice = Arc::new(Tones);
        let sip = Sip::start(settings, Arc::clone(&PLANE), voice, Clock::wall()).await;
        let journal = Journal::open(folder.path(), "sip").expect("a journal");
        let gate = Gate::around(sip.expect("a port"), Clock::wall(), Arc::new(journal));
        Self { gate, folder }
    }

    /// Place a call, and take it to the end without a word.
    pub async fn dial(&self, order: Order) -> (Vec<CallEvent>, Ending) {
        let mut call = self.gate.originate(order).await.expect("a call");
        rest(&mut call).await
    }

    pub fn journaled(&self, attempt: AttemptId) -> Vec<Event> {
        let entries = read_all(self.folder.path()).expect("a journal");
        entries.iter().filter(|entry| entry.attempt == attempt).map(|entry| entry.event).collect()
    }
}

/// A trunk to these far ends, with whatever else is set on it.
pub fn trunk(hosts: &[SocketAddr], sip: serde_json::Value) -> TrunkConfig {
    let hosts: Vec<_> = hosts
        .iter()
        .map(|host| serde_json::json!({ "host": host.ip().to_string(), "port": host.port() }))
        .collect();
    let mut section = serde_json::json!({ "hosts": hosts, "options_seconds": null });
    section.as_object_mut().expect("an object").extend(sip.as_object().expect("an object").clone());
    let trunk =
        serde_json::json!({ "name": "line", "concurrency": 10, "driver": "sip", "sip": section });
    let trunk: TrunkConfig = serde_json::from_value(trunk).expect("a trunk");
    assert_eq!(trunk.check(), Ok(()));
    trunk
}

pub fn order(trunk: TrunkConfig) -> Order {
    Order {
        attempt: clock::new_id(),
        token: 1,
        enterprise: clock::new_id(),
        task: clock::new_id(),
        trunk: clock::new_id(),
        line: Arc::new(trunk),
        transfer_of: None,
        callee: parse("13800000001", "CN").expect("a phone"),
        caller: parse("02160000000", "CN").expect("a phone"),
        round: 0,
        chain_index: 0,
        ring_timeout: Duration::from_secs(30),
        max_call: Duration::from_secs(60),
        recording: None,
        begun_at: Instant::now(),
        invite_by: Instant::now() + Duration::from_secs(60),
        hours: Arc::new(Hours::always(chrono_tz::UTC)),
    }
}

/// All events up to the end.
pub async fn rest(call: &mut Box<dyn Call>) -> (Vec<CallEvent>, Ending) {
    let mut events = Vec::new();
    let gathering = async {
        loop {
            match call.next().await {
                CallEvent::Ended(ending) => return ending,
                event => events.push(event),
            }
        }
    };
    let ending = tokio::time::timeout(PATIENCE, gathering).await.expect("the call ends");
    (events, ending)
}

/// The first event that is wanted; none may end the call before.
pub async fn until(call: &mut Box<dyn Call>, wanted: impl Fn(&CallEvent) -> bool) -> CallEvent {
    let waiting = async {
        loop {
            let event = call.next().await;
            if wanted(&event) {
                return event;
            }
            assert!(!matches!(event, CallEvent::Ended(_)), "{event:?}");
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it happens")
}

pub fn ringing(event: &CallEvent) -> bool {
    matches!(event, CallEvent::Ringing { .. })
}

pub fn answered(event: &CallEvent) -> bool {
    matches!(event, CallEvent::Answered { .. })
}
