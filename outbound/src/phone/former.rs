//! Forms in which numbers of a country were written before its plan changed, and still stand in lists.
//!
//! The tables of libphonenumber know a plan as it is today, and forget the one before after some years. Here is
//! only what turns into today's form by a rule without an exception; renumbering by operator is not.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber};

const MEXICO: i32 = 52;
const BRAZIL: i32 = 55;
const CHILE: i32 = 56;

/// Digits in front of a Mexican number until August 2019: `1` told mobiles to callers from abroad, `044` and
/// `045` to callers in Mexico, and `01` stood before an area code. All are gone; the ten digits stayed.
const MEXICO_FRONTS: [&str; 4] = ["044", "045", "01", "1"];

/// The number that one in a former form stands for, where today's plan has it. Numbers that are valid as they
/// stand are not for here.
pub(super) fn todays(written: &PhoneNumber) -> Option<PhoneNumber> {
    let code = written.country_code;
    let national = national(code, &written.get_national_significant_number())?;
    let number = PHONE_NUMBER_UTIL.parse(format!("+{code}{national}"), None).ok()?;
    PHONE_NUMBER_UTIL.is_valid_number(&number).then_some(number)
}

fn national(code: i32, written: &str) -> Option<String> {
    match code {
        MEXICO => {
            MEXICO_FRONTS.iter().find_map(|front| written.strip_prefix(front)).map(str::to_owned)
        }
        // Mobiles were dialled with 09 from fixed lines until 2016; today they begin with the 9.
        CHILE => written.strip_prefix('0').map(str::to_owned),
        // Mobiles, which began with 6 to 9 behind the area code, got a 9 in front of that until 2016.
        BRAZIL if written.len() == 10 && matches!(written.as_bytes()[2], b'6'..=b'9') => {
            let (area, subscriber) = written.split_at(2);
            Some(format!("{area}9{subscriber}"))
        }
        _ => None,
    }
}
