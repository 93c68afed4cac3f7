//! The time zone of a phone number, by its longest known prefix.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

use super::Phone;

const DATA: &str = include_str!("../../data/time_zones.txt");

/// Prefixes and their zone; none: the prefix covers several whose clocks differ.
static ZONES: LazyLock<HashMap<&str, Option<Tz>>> = LazyLock::new(|| {
    let lines = DATA.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(prefix, zone)| (prefix, zone.parse().ok()))
        .collect()
});

impl Phone {
    /// Where the number tells its time zone. Mobile and toll-free numbers of countries whose clocks differ
    /// don't.
    pub fn time_zone(self) -> Option<Tz> {
        let digits = self.digits().to_string();
        (1..=digits.len()).rev().find_map(|length| ZONES.get(&digits[..length])).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_time_zone_where_it_can() {
        for (digits, zone) in [
            (8_613_800_000_001, Some(chrono_tz::Asia::Shanghai)),
            (12_125_550_100, Some(chrono_tz::America::New_York)),
            (13_105_550_100, Some(chrono_tz::America::Los_Angeles)),
            (4_930_123_456, Some(chrono_tz::Europe::Berlin)),
            (18_005_550_100, None),
            // The clocks of several zones agree: London's with those of the islands, Rome's with the Vatican's.
            (447_400_123_456, Some(chrono_tz::Europe::London)),
            (393_331_234_567, Some(chrono_tz::Europe::Rome)),
            (85_255_501_234, Some(chrono_tz::Asia::Hong_Kong)),
        ] {
            assert_eq!(Phone::from_digits(digits).time_zone(), zone, "{digits}");
        }
    }

    #[test]
    fn every_zone_of_the_data_is_known() {
        let unknown = |line: &&str| {
            let zone = line.split_once(' ').map(|(_, zone)| zone);
            zone.is_none_or(|zone| zone != "-" && zone.parse::<Tz>().is_err())
        };
        assert_eq!(DATA.lines().skip(1).find(unknown), None);
    }
}
