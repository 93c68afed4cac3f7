//! The SIP line, to phones that sipp plays.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use outbound::phone::Phone;
use outbound::trunk::TrunkConfig;

use super::Line;
use super::sipp::Sipp;
use super::world::{World, trunk};

/// SIP to phones that sipp plays, one process for each way to act.
pub struct Sip {
    world: World,
    phones: Mutex<Vec<(&'static str, Sipp)>>,
}

/// How a phone acts, by its number.
const PHONES: [(u64, &str); 5] = [
    (8_613_800_000_001, "hangs_up"),
    (8_613_800_000_002, "refuses_at_once"),
    (8_613_800_000_003, "rings_for_ever"),
    (8_613_800_000_004, "answers"),
    (8_613_800_000_005, "takes_no_call"),
];

impl Sip {
    pub async fn new() -> Self {
        Self { world: World::new().await, phones: Mutex::default() }
    }

    fn phone(&self, scenario: &str) -> Phone {
        let place = PHONES.iter().position(|(_, known)| *known == scenario).unwrap();
        Phone::from_digits(PHONES[place].0)
    }

    /// Where a phone is reached. It is started with its first call.
    fn address(&self, callee: Phone) -> std::net::SocketAddr {
        let (_, scenario) = PHONES.iter().find(|(known, _)| *known == callee.digits()).unwrap();
        let mut phones = self.phones.lock().unwrap();
        if let Some((_, phone)) = phones.iter().find(|(known, _)| known == scenario) {
            return phone.address;
        }
        let (file, keys): (_, &[_]) = match *scenario {
            "refuses_at_once" => {
                (*scenario, &[("code", "486"), ("extra", "Reason: Q.850;cause=17")])
            }
            "takes_no_call" => {
                ("refuses_at_once", &[("code", "500"), ("extra", "X-Nothing: here")])
            }
            other => (other, &[]),
        };
        let phone = Sipp::play(file, 1_000, keys);
        let address = phone.address;
        phones.push((scenario, phone));
        address
    }
}

impl Line for Sip {
    type Carrier = telephony::gate::Gate<telephony::sip::Sip>;

    fn carrier(&self) -> &Self::Carrier {
        &self.world.gate
    }

    fn folder(&self) -> &Path {
        self.world.folder.path()
    }

    fn trunk(&self, callee: Phone) -> TrunkConfig {
        trunk(&[self.address(callee)], serde_json::json!({}))
    }

    fn answers(&self) -> Phone {
        self.phone("hangs_up")
    }

    fn busy(&self) -> Phone {
        self.phone("refuses_at_once")
    }

    fn rings_for_ever(&self) -> Phone {
        self.phone("rings_for_ever")
    }

    fn silent(&self) -> Phone {
        self.phone("answers")
    }

    fn hangs_up(&self) -> Phone {
        self.phone("hangs_up")
    }

    fn refused(&self) -> Phone {
        self.phone("takes_no_call")
    }

    fn ring_timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn max_call(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn slack_ms(&self) -> i64 {
        120
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
