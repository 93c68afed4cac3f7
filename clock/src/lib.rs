//! The one place that reads the time.
//!
//! Business time is what windows, schedules, redials and records go by. In service it is the wall
//! clock. A demo may let it run faster, a test or a chaos run may set it, and every process of an
//! installation then reads the same: the setting is a text (`CALLWRIGHT_CLOCK`), or a file with such
//! a text that is read again as it changes.
//!
//! Leases don't go by it: they go by the database's clock.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// The fastest that business time may run.
pub const FACTOR_MAX: u32 = 1_000;
/// How often a clock file is looked at.
const FILE_CHECK: Duration = Duration::from_millis(50);

/// How business time comes from real time: `wall`, or `REAL=BUSINESS*FACTOR`, where at the real
/// instant REAL it is BUSINESS, and goes on FACTOR times as fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    real: DateTime<Utc>,
    business: DateTime<Utc>,
    factor: u32,
}

/// The text is not a clock setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a clock setting; write `wall`, or `REAL=BUSINESS*FACTOR` with two RFC 3339 times and a factor of 1 to {FACTOR_MAX}"
)]
pub struct NotASetting;

impl Setting {
    /// The wall clock itself.
    pub const WALL: Self =
        Self { real: DateTime::UNIX_EPOCH, business: DateTime::UNIX_EPOCH, factor: 1 };

    /// At `real` it is `business`, and goes on `factor` times as fast (held to 1–[`FACTOR_MAX`]).
    pub fn new(real: DateTime<Utc>, business: DateTime<Utc>, factor: u32) -> Self {
        Self { real, business, factor: factor.clamp(1, FACTOR_MAX) }
    }

    fn at(&self, real: DateTime<Utc>) -> DateTime<Utc> {
        let gone = real - self.real;
        let factor = i32::try_from(self.factor).unwrap_or(1);
        self.business + gone * factor
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::WALL {
            return f.write_str("wall");
        }
        write!(f, "{}={}*{}", self.real.to_rfc3339(), self.business.to_rfc3339(), self.factor)
    }
}

impl FromStr for Setting {
    type Err = NotASetting;

    fn from_str(text: &str) -> Result<Self, NotASetting> {
        let text = text.trim();
        if text == "wall" {
            return Ok(Self::WALL);
        }
        let time = |text: &str| {
            DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(|_| NotASetting)
        };
        let (real, rest) = text.split_once('=').ok_or(NotASetting)?;
        let (business, factor) = rest.split_once('*').ok_or(NotASetting)?;
        let factor: u32 = factor.parse().map_err(|_| NotASetting)?;
        if !(1..=FACTOR_MAX).contains(&factor) {
            return Err(NotASetting);
        }
        Ok(Self { real: time(real)?, business: time(business)?, factor })
    }
}

/// Business time. Clones share one setting.
#[derive(Debug, Clone)]
pub struct Clock {
    state: Arc<RwLock<State>>,
}

#[derive(Debug)]
struct State {
    setting: Setting,
    file: Option<File>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    checked: SystemTime,
    changed: Option<SystemTime>,
}

impl Clock {
    /// Business time is the wall clock.
    pub fn wall() -> Self {
        Self::with(Setting::WALL)
    }

    /// Business time by a setting.
    pub fn with(setting: Setting) -> Self {
        Self { state: Arc::new(RwLock::new(State { setting, file: None })) }
    }

    /// Business time by the setting in a file, which may change while this runs.
    pub fn from_file(path: PathBuf) -> Self {
        let file = File { path, checked: SystemTime::UNIX_EPOCH, changed: None };
        Self { state: Arc::new(RwLock::new(State { setting: Setting::WALL, file: Some(file) })) }
    }

    /// The business time now, to the microsecond, as the database keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        self.reread();
        let now = self.setting().at(Utc::now());
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// Set the time to `business`, going on as fast as before.
    pub fn set(&self, business: DateTime<Utc>) {
        if let Ok(mut state) = self.state.write() {
            state.setting = Setting::new(Utc::now(), business, state.setting.factor);
        }
    }

    /// How long, in real time, until it is `due`; zero when it is past.
    pub fn until(&self, due: DateTime<Utc>) -> Duration {
        let left = (due - self.now()).max(TimeDelta::zero());
        self.real(left.to_std().unwrap_or_default())
    }

    /// How long a span of business time takes in real time.
    pub fn real(&self, business: Duration) -> Duration {
        business / self.setting().factor
    }

    pub fn setting(&self) -> Setting {
        match self.state.read() {
            Ok(state) => state.setting,
            Err(poisoned) => poisoned.into_inner().setting,
        }
    }

    /// Read the file again when it was changed. One that is missing or unreadable for a moment (it is
    /// being replaced) leaves the setting as it was.
    fn reread(&self) {
        let now = SystemTime::now();
        let due = |state: &State| {
            state.file.as_ref().is_some_and(|file| {
                now.duration_since(file.checked).is_ok_and(|gone| gone >= FILE_CHECK)
            })
        };
        if !self.state.read().is_ok_and(|state| due(&state)) {
            return;
        }
        let Ok(mut state) = self.state.write() else { return };
        let Some(file) = &mut state.file else { return };
        file.checked = now;
        let changed = std::fs::metadata(&file.path).and_then(|data| data.modified()).ok();
        if changed == file.changed {
            return;
        }
        file.changed = changed;
        let read = std::fs::read_to_string(&file.path).ok().and_then(|text| text.parse().ok());
        if let Some(setting) = read {
            state.setting = setting;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_reads_back_as_it_was_written() {
        let setting = Setting::new(Utc::now(), DateTime::UNIX_EPOCH, 60);
        assert_eq!(setting.to_string().parse(), Ok(setting));
        assert_eq!("wall".parse(), Ok(Setting::WALL));
        assert!("2026-01-01T00:00:00Z=2026-01-01T00:00:00Z*0".parse::<Setting>().is_err());
    }

    #[test]
    fn a_faster_clock_makes_a_wait_shorter() {
        let real = Utc::now();
        let setting = Setting::new(real, real, 60);
        assert_eq!(setting.at(real + TimeDelta::seconds(10)), real + TimeDelta::minutes(10));
        let clock = Clock::with(setting);
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(1));
    }

    #[test]
    fn clones_of_a_clock_are_set_together() {
        let clock = Clock::wall();
        let other = clock.clone();
        clock.set(DateTime::UNIX_EPOCH);
        assert!(other.now() < DateTime::UNIX_EPOCH + TimeDelta::hours(1));
    }
}
