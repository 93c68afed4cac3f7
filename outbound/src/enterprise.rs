//! What an enterprise sets for all of its tasks.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Verdict, number, verdict};
use crate::phone;

/// Calls that one enterprise may have up at a time, at most.
pub const CONCURRENCY_MAX: u32 = 10_000;
/// Characters of a time zone's name, at most.
pub const ZONE_CHARS_MAX: usize = 64;
/// How names of time zones are written; which of them there are is another matter.
pub const ZONE_PATTERN: &str = "^[A-Za-z0-9_+/-]+$";
/// Days that anything is kept, at most.
pub const RETENTION_DAYS_MAX: u32 = 3_650;
/// The largest distance of a frequency cap: 30 days.
pub const DISTANCE_SECONDS_MAX: u32 = 30 * 86_400;

/// Settings of an enterprise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnterpriseSettings {
    /// IANA name; tasks without a zone of their own use it.
    #[schemars(with = "String", length(max = ZONE_CHARS_MAX), regex(pattern = ZONE_PATTERN))]
    pub time_zone: Tz,
    /// Calls up at a time over all tasks, 1–10,000; no more than the enterprise's `concurrency_max`.
    #[schemars(range(min = 1, max = CONCURRENCY_MAX))]
    pub concurrency_limit: u32,
    /// ISO 3166 code of the region whose national phone number form imports may use.
    #[serde(default = "cn")]
    #[schemars(regex(pattern = phone::REGION_PATTERN))]
    pub default_region: String,
    #[serde(default)]
    pub frequency_cap: FrequencyCap,
    /// Days that call records are kept, 1–3,650.
    #[serde(default = "year")]
    #[schemars(range(min = 1, max = RETENTION_DAYS_MAX))]
    pub record_retention_days: u32,
    /// Days that recordings are kept, 1–3,650.
    #[serde(default = "year")]
    #[schemars(range(min = 1, max = RETENTION_DAYS_MAX))]
    pub recording_retention_days: u32,
    /// Days that imported files and the files of their refused rows are kept, 1–3,650.
    #[serde(default = "month")]
    pub import_file_retention_days: u32,
    /// Off: batch and number priorities are ignored. On: they count.
    #[serde(default = "on")]
    pub predict_call_priority_strategy_gray: bool,
    /// On: a batch with a higher priority goes ahead as soon as its import has landed. Off: a
    /// started batch is finished first.
    #[serde(default = "on")]
    pub gray_predict_call_use_full_cache: bool,
    /// Numbers are masked also for those who may see them, unless they ask for one number.
    #[serde(default)]
    pub number_masking: bool,
}

/// How often one phone number may be called, whatever tasks it is in. `None`: no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// Calls to one phone number a day of the enterprise's time zone, 1–100.
    #[schemars(range(min = 1, max = 100))]
    pub per_day: Option<u32>,
    /// Seconds between the starts of two calls to one phone number, 1–2,592,000.
    #[schemars(range(min = 1, max = DISTANCE_SECONDS_MAX))]
    pub distance_seconds: Option<u32>,
}

fn cn() -> String {
    "CN".into()
}

fn year() -> u32 {
    365
}

fn month() -> u32 {
    30
}

fn on() -> bool {
    true
}

impl EnterpriseSettings {
    /// Settings of a new enterprise.
    pub fn new(time_zone: Tz, concurrency_limit: u32) -> Self {
        Self {
            time_zone,
            concurrency_limit,
            default_region: cn(),
            frequency_cap: FrequencyCap::default(),
            record_retention_days: year(),
            recording_retention_days: year(),
            import_file_retention_days: month(),
            predict_call_priority_strategy_gray: true,
            gray_predict_call_use_full_cache: true,
            number_masking: false,
        }
    }
}

impl EnterpriseSettings {
    /// Each value within its bounds, and calls within the hard limit of the enterprise, where it has one.
    pub fn check_within(&self, concurrency_max: Option<u32>) -> Verdict {
        let mut faults = self.check().err().unwrap_or_default();
        let over = concurrency_max.filter(|most| self.concurrency_limit > *most);
        faults.extend(over.map(|most| {
            let detail = format!(
                "must be at most {most}, the hard limit of this enterprise; who runs this installation can change \
                 it: `callwright enterprises change`"
            );
            Fault::new("/concurrency_limit", "over_hard_limit", detail)
        }));
        verdict(faults)
    }

    /// Each value within its bounds.
    pub fn check(&self) -> Verdict {
        let cap = &self.frequency_cap;
        let faults: Vec<Fault> = [
            number("/concurrency_limit", self.concurrency_limit, 1, CONCURRENCY_MAX),
            phone::region("/default_region", &self.default_region),
            cap.per_day.and_then(|calls| number("/frequency_cap/per_day", calls, 1, 100)),
            cap.distance_seconds.and_then(|seconds| {
                number("/frequency_cap/distance_seconds", seconds, 1, DISTANCE_SECONDS_MAX)
            }),
            number("/record_retention_days", self.record_retention_days, 1, RETENTION_DAYS_MAX),
            number(
                "/recording_retention_days",
                self.recording_retention_days,
                1,
                RETENTION_DAYS_MAX,
            ),
            number(
                "/import_file_retention_days",
                self.import_file_retention_days,
                1,
                RETENTION_DAYS_MAX,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        verdict(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_set_as_for_a_new_enterprise() {
        let given = serde_json::json!({ "time_zone": "Europe/Berlin", "concurrency_limit": 100 });
        let settings: EnterpriseSettings = serde_json::from_value(given).unwrap();
        let new = EnterpriseSettings::new(chrono_tz::Europe::Berlin, 100);
        assert_eq!(settings, new);
        assert_eq!((new.record_retention_days, new.recording_retention_days), (365, 365));
        assert_eq!(new.import_file_retention_days, 30);
        assert_eq!((&*new.default_region, new.frequency_cap), ("CN", FrequencyCap::default()));
        assert!(new.predict_call_priority_strategy_gray && new.gray_predict_call_use_full_cache);
        assert!(!new.number_masking);
    }

    #[test]
    fn each_setting_may_reach_its_bounds() {
        for (limit, days, calls, seconds) in
            [(1, 1, 1, 1), (10_000, 3_650, 100, 2_592_000 /* 30 days */)]
        {
            let settings = EnterpriseSettings {
                frequency_cap: FrequencyCap {
                    per_day: Some(calls),
                    distance_seconds: Some(seconds),
                },
                record_retention_days: days,
                recording_retention_days: days,
                import_file_retention_days: days,
                ..EnterpriseSettings::new(chrono_tz::Europe::Berlin, limit)
            };
            assert_eq!(settings.check(), Ok(()), "{limit}");
        }
    }

    #[test]
    fn calls_stay_within_the_hard_limit_of_the_enterprise() {
        let settings = EnterpriseSettings::new(chrono_tz::Europe::Berlin, 50);
        assert_eq!(
            (settings.check_within(None), settings.check_within(Some(50))),
            (Ok(()), Ok(()))
        );
        let faults = settings.check_within(Some(49)).unwrap_err();
        assert_eq!(
            (&*faults[0].pointer, &*faults[0].code),
            ("/concurrency_limit", "over_hard_limit")
        );
        for word in ["at most 49", "who runs this installation", "callwright enterprises change"] {
            assert!(faults[0].detail.contains(word), "{}", faults[0].detail);
        }
    }

    #[test]
    fn settings_out_of_bounds_are_named() {
        let good = EnterpriseSettings::new(chrono_tz::Europe::Berlin, 100);
        assert_eq!(good.check(), Ok(()));
        let cap =
            FrequencyCap { per_day: Some(0), distance_seconds: Some(DISTANCE_SECONDS_MAX + 1) };
        let bad = EnterpriseSettings {
            concurrency_limit: CONCURRENCY_MAX + 1,
            default_region: "XX".into(),
            frequency_cap: cap,
            record_retention_days: 0,
            recording_retention_days: 3_651,
            import_file_retention_days: 0,
            ..good
        };
        let faults = bad.check().unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (f.pointer.as_str(), f.code.as_str())).collect();
        assert_eq!(
            found,
            [
                ("/concurrency_limit", "too_large"),
                ("/default_region", "unknown_region"),
                ("/frequency_cap/per_day", "too_small"),
                ("/frequency_cap/distance_seconds", "too_large"),
                ("/record_retention_days", "too_small"),
                ("/recording_retention_days", "too_large"),
                ("/import_file_retention_days", "too_small"),
            ]
        );
    }
}
