//! An Asterisk line under test: the driver behind its gate, its journal, and the stand-in.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use clock::Clock;
use outbound::hours::Hours;
use outbound::ids::AttemptId;
use outbound::phone::{Phone, parse};
use outbound::trunk::TrunkConfig;
use serde_json::{Value, json};
use telephony::asterisk::{Asterisk, AsteriskSettings};
use telephony::carrier::{Call, CallEvent, Carrier, Ending, Order};
use telephony::gate::Gate;
use telephony::journal::{Event, Journal, read_all};
use telephony::media::{MediaConfig, Plane};
use telephony::voice::Tones;
use tempfile::TempDir;

use super::stand_in::{PASSWORD, StandIn, USER};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The audio of all tests of a process. Silence on the wire is told of soon.
static PLANE: LazyLock<Arc<Plane>> = LazyLock::new(|| {
    let config =
        MediaConfig { wire_silent_after: Duration::from_secs(3), ..MediaConfig::default() };
    Arc::new(Plane::start(config).expect("a media plane"))
});

pub struct World {
    pub gate: Gate<Asterisk>,
    pub folder: TempDir,
    pub asterisk: StandIn,
    media: &'static str,
}

impl World {
    /// Calls that may be up at a time.
    pub const CALLS_MAX: usize = 8;

    /// With the voice over this.
    pub async fn new(media: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listen = Some("127.0.0.1:0".parse().expect("an address"));
        let settings = AsteriskSettings { listen, told: None, calls_max: Self::CALLS_MAX };
        let driver = Asterisk::start(settings, Arc::clone(&PLANE), Arc::new(Tones), Clock::wall());
        let journal = Journal::open(folder.path(), "asterisk").expect("a journal");
        let driver = driver.await.expect("a port");
        let gate = Gate::around(driver, Clock::wall(), Arc::new(journal));
        Self { gate, folder, asterisk: StandIn::start().await, media }
    }

    /// A trunk to the stand-in, with whatever else is set on it.
    pub fn trunk(&self, more: Value) -> TrunkConfig {
        let mut section = json!({
            "ari_url": format!("http://{}/ari", self.asterisk.address), "user": USER, "password": PASSWORD,
            "dial_string": "PJSIP/{number}@carrier", "media": self.media,
        });
        let more = more.as_object().expect("an object").clone();
        section.as_object_mut().expect("an object").extend(more);
        let trunk =
            json!({ "name": "line", "concurrency": 10, "driver": "asterisk", "asterisk": section });
        let trunk: TrunkConfig = serde_json::from_value(trunk).expect("a trunk");
        assert_eq!(trunk.check(), Ok(()));
        trunk
    }

    pub fn order(&self, callee: Phone) -> Order {
        order(self.trunk(json!({})), callee)
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

    /// Wait until the stand-in has nothing left of any call.
    pub async fn nothing_is_left(&self) {
        eventually(|| {
            let inside = self.asterisk.inside();
            inside.channels.is_empty() && inside.bridges.is_empty()
        })
        .await;
    }
}

pub fn order(trunk: TrunkConfig, callee: Phone) -> Order {
    Order {
        attempt: clock::new_id(),
        token: 1,
        enterprise: clock::new_id(),
        task: clock::new_id(),
        trunk: clock::new_id(),
        line: Arc::new(trunk),
        transfer_of: None,
        callee,
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

/// Wait until something is so, which no event tells.
pub async fn eventually(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes to be so");
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
