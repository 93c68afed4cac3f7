//! Times as people read them: on the wall clock of a zone, to the second.

use chrono_tz::Tz;

use crate::Time;

/// `2026-11-29 10:42:07`, for a place that tells the zone by itself, as a file does.
pub fn plain(at: Time, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2026-11-29 10:42:07 +08:00`: with the clock's distance from UTC, so that it is one instant also in the
/// hour that a change of the clock repeats.
pub fn zoned(at: Time, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_the_second_by_the_zone_s_clock() {
        let at: Time = "2026-11-29T02:42:07.999999Z".parse().unwrap();
        assert_eq!(plain(at, chrono_tz::Asia::Shanghai), "2026-11-29 10:42:07");
        assert_eq!(zoned(at, chrono_tz::Asia::Shanghai), "2026-11-29 10:42:07 +08:00");
        assert_eq!(zoned(at, chrono_tz::UTC), "2026-11-29 02:42:07 +00:00");
    }

    #[test]
    fn the_repeated_hour_is_told_apart() {
        let berlin = |text: &str| zoned(text.parse().unwrap(), chrono_tz::Europe::Berlin);
        assert_eq!(berlin("2026-10-25T00:30:00Z"), "2026-10-25 02:30:00 +02:00");
        assert_eq!(berlin("2026-10-25T01:30:00Z"), "2026-10-25 02:30:00 +01:00");
    }
}
