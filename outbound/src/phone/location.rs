//! Where a number is from: province and city, in the words of its country.
//!
//! Mainland mobile numbers by their first seven digits, landlines by their area code. Of numbers of other
//! countries the country is known, and stands for the province.

use std::collections::HashMap;
use std::sync::LazyLock;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use super::Phone;

/// Runs of seven-digit prefixes: the first prefix (u32) and the place (u16) from there on, little endian,
/// rising.
const RUNS: &[u8] = include_bytes!("../../data/mainland.bin");
const RUN_BYTES: usize = 6;
/// A province and a city a line, by their place.
const PLACES: &str = include_str!("../../data/mainland_places.txt");
/// An area code and its place a line.
const AREAS: &str = include_str!("../../data/mainland_areas.txt");

/// The code and the name of a country a line.
const COUNTRIES: &str = include_str!("../../data/countries.txt");

static COUNTRY: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let lines = COUNTRIES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).collect()
});

static PLACE: LazyLock<Vec<Location>> = LazyLock::new(|| {
    let place = |line: &'static str| {
        let (province, city) = line.split_once(' ').unwrap_or((line, ""));
        Location { province, city }
    };
    PLACES.lines().map(place).collect()
});

static AREA: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
    let lines = AREAS.lines().filter_map(|line| line.split_once(' '));
    lines.filter_map(|(area, place)| Some((area, place.parse().ok()?))).collect()
});

/// A province and a city; a country alone where no more is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    pub province: &'static str,
    pub city: &'static str,
}

impl Phone {
    /// Where the number is from, when that is known.
    pub fn location(self) -> Option<Location> {
        let digits = self.digits().to_string();
        let Some(national) = digits.strip_prefix("86") else { return self.country() };
        let place = if national.len() == 11 && national.starts_with('1') {
            mobile(national[..7].parse().ok()?)?
        } else {
            let area = (2..=3).filter_map(|length| national.get(..length));
            let mut area = area.filter_map(|area| AREA.get(format!("0{area}").as_str()).copied());
            area.next()?
        };
        PLACE.get(place).copied()
    }

    /// None for numbers of no country: satellites and international services.
    fn country(self) -> Option<Location> {
        let parsed = PHONE_NUMBER_UTIL.parse(self.reveal(), None).ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&parsed)?;
        let country = COUNTRY.get(region.to_string().as_str())?;
        Some(Location { province: country, city: "" })
    }
}

/// The place of a seven-digit prefix: that of the last run that starts at it or before.
fn mobile(prefix: u32) -> Option<usize> {
    let run = |at: usize| {
        let bytes = &RUNS[at * RUN_BYTES..(at + 1) * RUN_BYTES];
        let start = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        (start, u16::from_le_bytes([bytes[4], bytes[5]]))
    };
    let (mut low, mut high) = (0, RUNS.len() / RUN_BYTES);
    while low < high {
        let middle = low + (high - low) / 2;
        if run(middle).0 <= prefix { low = middle + 1 } else { high = middle }
    }
    let place = run(low.checked_sub(1)?).1;
    (place != u16::MAX).then(|| place.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mainland_number_tells_its_province_and_city() {
        for (digits, place) in [
            (8_613_800_000_001, Some(("北京", "北京"))),
            (8_613_000_000_001, Some(("山东", "济南"))),
            (8_613_000_010_001, Some(("江苏", "常州"))),
            (862_155_500_101, Some(("上海", "上海"))),
            (8_653_185_550_101, Some(("山东", "济南"))),
            (12_125_550_100, Some(("United States", ""))),
            (14_165_550_100, Some(("Canada", ""))),
            (4_930_123_456, Some(("Germany", ""))),
            (447_400_123_456, Some(("Britain (UK)", ""))),
            (85_255_501_234, Some(("Hong Kong", ""))),
            (88_212_345_678, None),
        ] {
            let found = Phone::from_digits(digits).location();
            let place = place.map(|(province, city)| Location { province, city });
            assert_eq!(found, place, "{digits}");
        }
    }

    #[test]
    fn every_run_and_area_has_a_place() {
        for run in RUNS.chunks(RUN_BYTES) {
            let place = u16::from_le_bytes([run[4], run[5]]);
            assert!(place == u16::MAX || usize::from(place) < PLACE.len());
        }
        assert!(AREA.values().all(|place| *place < PLACE.len()));
    }
}
