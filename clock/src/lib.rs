//! The one place that reads the time, and makes identifiers, which take it.
//!
//! Business time is what windows, schedules, redials and records go by. In service it is the wall
//! clock. A demo may let it run faster, a test or a chaos run may set it, and every process of an
//! installation then reads the same: the setting is a text (`CALLWRIGHT_CLOCK`), or a file of such
//! texts that is read again as it changes.
//!
//! Leases don't go by it: they go by the database's clock.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// A new identifier, later in order than those that this process made before. It takes the wall clock's time, whatever
/// business time is, so that two runs of a demo never make the same.
pub fn new_id<Id: From<Uuid>>() -> Id {
    Uuid::now_v7().into()
}

/// The fastest that business time may run.
pub const FACTOR_MAX: u32 = 1_000;
/// How often a clock file is looked at. A setting that is in the file for longer before its REAL takes
/// over at the same instant in all processes.
pub const FILE_CHECK: Duration = Duration::from_millis(50);

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

    /// The business time at this real time.
    pub fn at(&self, real: DateTime<Utc>) -> DateTime<Utc> {
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
    settings: Vec<Setting>,
    file: Option<File>,
}

impl State {
    /// The last setting whose REAL has come; before all of them, the first.
    fn setting(&self, real: DateTime<Utc>) -> Setting {
        let come = self.settings.iter().rev().find(|setting| setting.real <= real);
        come.or(self.settings.first()).copied().unwrap_or(Setting::WALL)
    }
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
        Self { state: Arc::new(RwLock::new(State { settings: vec![setting], file: None })) }
    }

    /// Business time by the settings in a file, which may change while this runs: one a line, each
    /// taking over at its REAL.
    pub fn from_file(path: PathBuf) -> Self {
        let file = File { path, checked: SystemTime::UNIX_EPOCH, changed: None };
        Self { state: Arc::new(RwLock::new(State { settings: Vec::new(), file: Some(file) })) }
    }

    /// The business time now, to the microsecond, as the database keeps it.
    pub fn now(&self) -> DateTime<Utc> {
        // Read before the file: what is in it by then is known.
        let real = Utc::now();
        self.reread(real.into());
        let now = self.setting_at(real).at(real);
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    /// Set the time to `business`, going on as fast as before.
    pub fn set(&self, business: DateTime<Utc>) {
        if let Ok(mut state) = self.state.write() {
            let real = Utc::now();
            state.settings = vec![Setting::new(real, business, state.setting(real).factor)];
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

    /// What holds now.
    pub fn setting(&self) -> Setting {
        let real = Utc::now();
        self.reread(real.into());
        self.setting_at(real)
    }

    fn setting_at(&self, real: DateTime<Utc>) -> Setting {
        self.state.read().unwrap_or_else(PoisonError::into_inner).setting(real)
    }

    /// Read the file again when it was changed. One that is missing or unreadable for a moment (it is
    /// being replaced) leaves the settings as they were.
    fn reread(&self, now: SystemTime) {
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
        let Ok(text) = std::fs::read_to_string(&file.path) else { return };
        let settings: Result<Vec<Setting>, NotASetting> = text.lines().map(str::parse).collect();
        if let Some(settings) = settings.ok().filter(|settings| !settings.is_empty()) {
            state.settings = settings;
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
    fn a_setting_takes_over_at_its_instant() {
        let real = Utc::now();
        let second = TimeDelta::seconds(1);
        let settings = vec![
            Setting::new(real, real, 1),
            Setting::new(real + second, DateTime::UNIX_EPOCH, 60),
        ];
        let state = State { settings, file: None };
        let at = |real: DateTime<Utc>| state.setting(real).at(real);
        assert_eq!(at(real - second), real - second);
        let last = real + second - TimeDelta::microseconds(1);
        assert_eq!(at(last), last);
        assert_eq!(at(real + second), DateTime::UNIX_EPOCH);
        assert_eq!(at(real + second * 2), DateTime::UNIX_EPOCH + TimeDelta::minutes(1));
    }

    #[test]
    fn a_file_may_hold_the_setting_that_comes_next() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (real, hour) = (Utc::now(), TimeDelta::hours(1));
        let now = Setting::new(real, DateTime::UNIX_EPOCH, 1);
        let next = Setting::new(real + hour, DateTime::UNIX_EPOCH, 60);
        std::fs::write(file.path(), format!("{now}\n{next}\n")).unwrap();
        let clock = Clock::from_file(file.path().to_owned());
        assert!(clock.now() < DateTime::UNIX_EPOCH + hour);
        assert_eq!(clock.setting_at(real + hour), next);
    }

    #[test]
    fn whoever_asks_first_for_the_setting_or_for_a_wait_has_it_as_the_file_says() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let setting = Setting::new(Utc::now(), DateTime::UNIX_EPOCH, 60);
        std::fs::write(file.path(), format!("{setting}\n")).unwrap();
        assert_eq!(Clock::from_file(file.path().to_owned()).setting(), setting);
        let clock = Clock::from_file(file.path().to_owned());
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
