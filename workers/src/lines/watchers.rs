//! The lines that watch trunks: each tells whether the far end of a trunk is well.

use outbound::ids::TrunkId;
use outbound::trunk::Driver;
use storage::trunks::RealLine;
use telephony::asterisk::{AriHealth, Asterisk};
use telephony::gate::Gate;
use telephony::media::PlaneCounts;
use telephony::sip::Sip;

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

    /// Say how an Asterisk trunk is, by metrics. `health` tells of the others.
    pub(super) fn tell_health(&self, trunk: TrunkId) {
        if let Some(health) = self.asterisk.and_then(|gate| gate.driver().health(trunk)) {
            let up = f64::from(u8::from(health == AriHealth::Up));
            metrics::gauge!("callwright_asterisk_up", "trunk" => trunk.to_string()).set(up);
        }
    }
}

/// Say how the voice of this process fares, by metrics.
pub(super) fn tell_voice(counts: &PlaneCounts) {
    metrics::gauge!("callwright_voice_calls").set(counts.shards.calls as f64);
    metrics::gauge!("callwright_voice_calls_free").set(counts.calls_free as f64);
    metrics::gauge!("callwright_voice_call_cost_seconds").set(counts.call_us as f64 / 1e6);
    let waiting = counts.recording_seconds_waiting as f64;
    metrics::gauge!("callwright_recording_seconds_waiting").set(waiting);
    let frames = counts.lateness.frames.iter().sum();
    metrics::counter!("callwright_voice_frames_total").absolute(frames);
    for (bound, ms) in [("5 ms", 5), ("10 ms", 10)] {
        let late = counts.lateness.later_than(ms);
        metrics::counter!("callwright_voice_late_frames_total", "by" => bound).absolute(late);
    }
}
