//! The Asterisk line, to phones of the stand-in, with the voice over either of its media.

use std::path::Path;
use std::time::Duration;

use outbound::phone::Phone;
use outbound::trunk::TrunkConfig;
use telephony::gate::Gate;

use super::Line;
use super::asterisk::phones::{Act, phone};
use super::asterisk::world::World;

pub struct Asterisk {
    world: World,
}

impl Asterisk {
    /// With the voice over this.
    pub async fn over(media: &'static str) -> Self {
        Self { world: World::new(media).await }
    }
}

impl Line for Asterisk {
    type Carrier = Gate<telephony::asterisk::Asterisk>;

    fn carrier(&self) -> &Self::Carrier {
        &self.world.gate
    }

    fn folder(&self) -> &Path {
        self.world.folder.path()
    }

    fn trunk(&self, _: Phone) -> TrunkConfig {
        self.world.trunk(serde_json::json!({}))
    }

    fn answers(&self) -> Phone {
        phone(Act::HangsUp)
    }

    fn busy(&self) -> Phone {
        phone(Act::Busy)
    }

    fn rings_for_ever(&self) -> Phone {
        phone(Act::RingsForEver)
    }

    fn silent(&self) -> Phone {
        phone(Act::Silent)
    }

    fn hangs_up(&self) -> Phone {
        phone(Act::HangsUp)
    }

    fn refused(&self) -> Phone {
        phone(Act::Refused)
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
