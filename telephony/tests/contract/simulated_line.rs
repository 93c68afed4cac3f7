//! The simulated line, and its test numbers.

use std::path::Path;
use std::sync::Arc;

use clock::Clock;
use outbound::phone::{Phone, parse};
use outbound::trunk::TrunkConfig;
use telephony::journal::Journal;
use telephony::simulated::SimulatedCarrier;
use tempfile::TempDir;

use super::Line;

pub struct Simulated {
    carrier: SimulatedCarrier,
    folder: TempDir,
}

impl Simulated {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Arc::new(Journal::open(folder.path(), "contract").unwrap());
        Self { carrier: SimulatedCarrier::new(Clock::wall(), journal), folder }
    }

    fn phone(suffix: u32) -> Phone {
        parse(&format!("1380000{suffix:04}"), "CN").unwrap()
    }
}

impl Line for Simulated {
    type Carrier = SimulatedCarrier;

    fn carrier(&self) -> &SimulatedCarrier {
        &self.carrier
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn trunk(&self, _: Phone) -> TrunkConfig {
        serde_json::from_value(serde_json::json!({ "name": "line", "concurrency": 10 })).unwrap()
    }

    fn answers(&self) -> Phone {
        Self::phone(1)
    }

    fn busy(&self) -> Phone {
        Self::phone(2)
    }

    fn rings_for_ever(&self) -> Phone {
        Self::phone(20)
    }

    fn silent(&self) -> Phone {
        Self::phone(15)
    }

    fn hangs_up(&self) -> Phone {
        Self::phone(13)
    }

    fn refused(&self) -> Phone {
        Self::phone(14)
    }
}
