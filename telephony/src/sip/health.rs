//! How a watched trunk is, and how that is told to others.

use std::time::{Duration, Instant};

use outbound::trunk::SipHost;
use outbound::trunk::health::{self as told, HostError, HostState, RegistrationState};

/// How a host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet.
    Unknown,
    Up {
        round_trip: Duration,
    },
    Down,
}

/// One host of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostHealth {
    pub host: SipHost,
    pub health: Health,
    /// Since when it is up, or down.
    pub since: Instant,
    /// Why it was down the last time.
    pub last_error: Option<HostError>,
}

/// Whether the trunk knows where we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It does not want to.
    NotAsked,
    /// The first answer is not there yet.
    Asking,
    Until(Instant),
    /// With its answer; none: it does not answer. It is asked again.
    Refused {
        sip_code: Option<u16>,
    },
}

/// A trunk that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkHealth {
    pub hosts: Vec<HostHealth>,
    pub registered: Registered,
}

impl TrunkHealth {
    /// The same for whoever does not know this process' clock.
    pub fn told(&self, now: Instant) -> told::TrunkHealth {
        let hosts = self.hosts.iter().map(|host| told::HostHealth {
            host: host.host.clone(),
            state: match host.health {
                Health::Unknown => HostState::Unknown,
                Health::Up { .. } => HostState::Up,
                Health::Down => HostState::Down,
            },
            for_ms: ms(now.saturating_duration_since(host.since)),
            round_trip_ms: match host.health {
                Health::Up { round_trip } => Some(ms(round_trip)),
                Health::Unknown | Health::Down => None,
            },
            last_error: host.last_error,
        });
        let (state, left_ms, sip_code) = match self.registered {
            Registered::NotAsked => (RegistrationState::NotAsked, None, None),
            Registered::Asking => (RegistrationState::Asking, None, None),
            Registered::Until(until) => {
                let left = until.saturating_duration_since(now);
                (RegistrationState::Registered, Some(ms(left)), None)
            }
            Registered::Refused { sip_code } => (RegistrationState::Refused, None, sip_code),
        };
        let registration = told::RegistrationHealth { state, left_ms, sip_code };
        told::TrunkHealth { registration, hosts: hosts.collect() }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
