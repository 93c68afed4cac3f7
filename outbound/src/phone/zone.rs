//! The time zones that a phone number may be in; and the region of a time zone.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono_tz::Tz;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

use super::Phone;

/// Prefixes of numbers that tell a place, with their zones: several where their clocks differ.
const PREFIXES: &str = include_str!("../../data/time_zones.txt");
/// Calling codes in which other numbers may be in several zones.
const COUNTRIES: &str = include_str!("../../data/country_zones.txt");
const REGIONS: &str = include_str!("../../data/zone_regions.txt");

type Zones = HashMap<&'static str, Vec<Tz>>;

static BY_PREFIX: LazyLock<Zones> = LazyLock::new(|| zones(PREFIXES));
static BY_COUNTRY: LazyLock<Zones> = LazyLock::new(|| zones(COUNTRIES));

/// Countries whose mobile numbers have the area code of a place: Mexico, Argentina, Brazil. Those of North
/// America can't be told from fixed lines, and tell their place as well.
const MOBILES_WITH_A_PLACE: [&str; 3] = ["52", "54", "55"];

fn zones(data: &'static str) -> Zones {
    let lines = data.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(prefix, zones)| {
            (prefix, zones.split(' ').filter_map(|zone| zone.parse().ok()).collect())
        })
        .collect()
}

fn longest<'z>(zones: &'z Zones, digits: &str) -> Option<&'z [Tz]> {
    (1..=digits.len()).rev().find_map(|length| zones.get(&digits[..length])).map(Vec::as_slice)
}

impl Phone {
    /// The zones in which the number may be, those whose clocks differ: one where it tells its zone, none
    /// where nothing is known of it (satellite phones, services of no country).
    ///
    /// In a country of several zones a mobile number tells none, wherever most of them are: somebody in Perth
    /// has a number as in Sydney. Nor do toll-free numbers and their like.
    pub fn time_zones(self) -> &'static [Tz] {
        let digits = self.digits().to_string();
        match longest(&BY_COUNTRY, &digits) {
            Some(all) if all.len() > 1 && !self.tells_a_place(&digits) => all,
            _ => longest(&BY_PREFIX, &digits).unwrap_or_default(),
        }
    }

    /// Where the number tells its time zone.
    pub fn time_zone(self) -> Option<Tz> {
        match self.time_zones() {
            [zone] => Some(*zone),
            _ => None,
        }
    }

    fn tells_a_place(self, digits: &str) -> bool {
        let Ok(parsed) = PHONE_NUMBER_UTIL.parse(self.reveal(), None) else { return false };
        match PHONE_NUMBER_UTIL.get_number_type(&parsed) {
            PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile => true,
            PhoneNumberType::Mobile => {
                MOBILES_WITH_A_PLACE.iter().any(|code| digits.starts_with(code))
            }
            _ => false,
        }
    }
}

/// The ISO 3166 code of the country that a time zone is named after, where it has phone numbers: a first
/// guess at the region of an enterprise there. A zone of no country, as `UTC`, tells none.
pub fn region_of(zone: Tz) -> Option<&'static str> {
    let of_zone = |line: &'static str| line.strip_prefix(zone.name())?.strip_prefix(' ');
    let code = REGIONS.lines().find_map(of_zone)?;
    super::region("", code).is_none().then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_tells_its_region_where_it_has_one() {
        for (zone, region) in [
            (chrono_tz::Asia::Shanghai, Some("CN")),
            (chrono_tz::Europe::Berlin, Some("DE")),
            (chrono_tz::Europe::Oslo, Some("NO")),
            (chrono_tz::America::New_York, Some("US")),
            (chrono_tz::America::Toronto, Some("CA")),
            (chrono_tz::US::Eastern, Some("US")),
            (chrono_tz::Asia::Calcutta, Some("IN")),
            (chrono_tz::UTC, None),
            // Nobody has a phone number of Antarctica.
            (chrono_tz::Antarctica::Troll, None),
        ] {
            assert_eq!(region_of(zone), region, "{zone}");
        }
    }

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
            // Kazakhstan shares its calling code with Russia, and has one clock.
            (77_011_234_567, Some(chrono_tz::Asia::Almaty)),
            (380_501_234_567, Some(chrono_tz::Europe::Kyiv)),
            (4_746_123_456, Some(chrono_tz::Europe::Oslo)),
            (358_401_234_567, Some(chrono_tz::Europe::Helsinki)),
        ] {
            assert_eq!(Phone::from_digits(digits).time_zone(), zone, "{digits}");
        }
    }

    #[test]
    fn a_mobile_number_of_a_country_with_several_clocks_tells_none_of_them() {
        for (digits, country, zone) in [
            (61_412_345_678, "61", None),
            (79_161_234_567, "7", None),
            (6_281_234_567_890, "62", None),
            (56_961_234_567, "56", None),
            (64_211_234_567, "64", None),
            (34_612_345_678, "34", None),
            (351_912_345_678, "351", None),
            (593_991_234_567, "593", None),
            (97_688_123_456, "976", None),
            (243_991_234_567, "243", None),
            (299_221_234, "299", None),
            (67_570_123_456, "675", None),
            // Fixed lines have a place, and the mobile numbers of some countries, too.
            (61_851_112_345, "61", Some(chrono_tz::Australia::Perth)),
            (61_291_234_567, "61", Some(chrono_tz::Australia::Sydney)),
            (34_922_123_456, "34", Some(chrono_tz::Atlantic::Canary)),
            (34_911_234_567, "34", Some(chrono_tz::Europe::Madrid)),
            (74_951_234_567, "7", Some(chrono_tz::Europe::Moscow)),
            (5_511_961_234_567, "55", Some(chrono_tz::America::Sao_Paulo)),
            (5_592_961_234_567, "55", Some(chrono_tz::America::Manaus)),
            (525_512_345_678, "52", Some(chrono_tz::America::Mexico_City)),
        ] {
            let found = Phone::from_digits(digits).time_zones();
            match zone {
                Some(zone) => assert_eq!(found, [zone], "{digits}"),
                None => assert_eq!(found, BY_COUNTRY[country], "{digits}"),
            }
        }
    }

    #[test]
    fn a_number_without_a_place_may_be_anywhere_in_its_countries_and_a_satellite_phone_anywhere() {
        let of = |digits| Phone::from_digits(digits).time_zones();
        let toll_free = of(18_005_550_100);
        for zone in [chrono_tz::America::New_York, chrono_tz::Pacific::Honolulu] {
            assert!(toll_free.contains(&zone), "{toll_free:?}");
        }
        let australia = of(61_412_345_678);
        for zone in [chrono_tz::Australia::Perth, chrono_tz::Australia::Sydney] {
            assert!(australia.contains(&zone), "{australia:?}");
        }
        let russia = of(79_161_234_567);
        for zone in [chrono_tz::Europe::Kaliningrad, chrono_tz::Asia::Kamchatka] {
            assert!(russia.contains(&zone), "{russia:?}");
        }
        for none in [881_612_345_678, 870_773_123_456, 88_212_345_678, 80_012_345_678] {
            assert_eq!(of(none), [], "{none}");
        }
    }

    #[test]
    fn every_zone_of_the_data_is_known() {
        for data in [PREFIXES, COUNTRIES] {
            for line in data.lines().filter(|line| !line.starts_with('#')) {
                let (prefix, zones) = line.split_once(' ').unwrap();
                assert!(prefix.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
                let known = zones.split(' ').filter(|zone| zone.parse::<Tz>().is_ok()).count();
                assert_eq!(known, zones.split(' ').count(), "{line}");
            }
        }
    }
}
