//! The lines that watch trunks: each tells whether the far end of a trunk is well.

use outbound::ids::TrunkId;
use outbound::trunk::Driver;
use storage::trunks::RealLine;
use telephony::asterisk::{AriHealth, Asterisk};
use telephony::gate::Gate;
use telephony::media::PlaneCounts;
use telephony::sip::{Health, Sip, TrunkHealth};

/// Those that are open.
pub(super) struct Watchers<'a> {
    pub(super) sip: Option<&'a Gate<Sip>>,
    pub(super) asterisk: Option<&'a Gate<Asterisk>>,
}

impl Watchers<'_> {
    /// Watch a trunk from now on. Whether its line is open.
    pub(super) fn watch(&self, line: &RealLine) -> bool {
        match line.config.driver {
            Driver::Simulated => false,
            Driver::Sip => {
                self.sip.map(|gate| gate.driver().watch(line.trunk, &line.config)).is_some()
            }
            Driver::Asterisk => {
                self.asterisk.map(|gate| gate.driver().watch(line.trunk, &line.config)).is_some()
            }
        }
    }

    pub(super) fn unwatch(&self, trunk: TrunkId, driver: Driver) {
        match (driver, self.sip, self.asterisk) {
            (Driver::Sip, Some(gate), _) => gate.driver().unwatch(trunk),
            (Driver::Asterisk, _, Some(gate)) => gate.driver().unwatch(trunk),
            _ => {}
        }
    }

    /// Say how a trunk is, by metrics.
    pub(super) fn tell_health(&self, trunk: TrunkId) {
        if let Some(health) = self.sip.and_then(|gate| gate.driver().health(trunk)) {
            tell_hosts(trunk, &health);
        }
        if let Some(health) = self.asterisk.and_then(|gate| gate.driver().health(trunk)) {
            let up = f64::from(u8::from(health == AriHealth::Up));
            metrics::gauge!("callwright_asterisk_up", "trunk" => trunk.to_string()).set(up);
        }
    }
}

fn tell_hosts(trunk: TrunkId, health: &TrunkHealth) {
    let up = health.hosts.iter().filter(|host| matches!(host.health, Health::Up { .. })).count();
    let trunk = trunk.to_string();
    metrics::gauge!("callwright_sip_hosts_up", "trunk" => trunk.clone()).set(up as f64);
    metrics::gauge!("callwright_sip_hosts", "trunk" => trunk).set(health.hosts.len() as f64);
}

/// Say how the voice of this process fares, by metrics.
pub(super) fn tell_voice(counts: &PlaneCounts) {
    metrics::gauge!("callwright_voice_calls").set(counts.shards.calls as f64);
    let frames = counts.lateness.frames.iter().sum();
    metrics::counter!("callwright_voice_frames_total").absolute(frames);
    for (bound, ms) in [("5 ms", 5), ("10 ms", 10)] {
        let late = counts.lateness.later_than(ms);
        metrics::counter!("callwright_voice_late_frames_total", "by" => bound).absolute(late);
    }
}
