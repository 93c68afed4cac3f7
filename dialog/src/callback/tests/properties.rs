//! What holds of any words at any time.

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;

use super::*;

/// Pieces of times, so that chance meets the rules, and any text at all.
fn words() -> impl Strategy<Value = String> {
    let pieces = "in at on the next this last tomorrow today tonight morning noon afternoon evening night half past \
        quarter to a an hour hours minutes days week weeks month friday monday december february 29th 31st first of \
        and or not no before until after three twelve twenty 12 30 0 24 15:30 12:00 9999 2026 - , am pm call me \
        明 天 后 下 周 一 日 三 十 点 半 刻 号 月 年 上 午 晚 小 时 分 钟 个 几 两 差 到 前 不 行 今";
    let pieces: Vec<&str> = pieces.split_whitespace().collect();
    let few = prop::collection::vec(prop::sample::select(pieces), 0..9);
    prop_oneof![
        8 => few.clone().prop_map(|few| few.join(" ")),
        4 => few.prop_map(|few| few.concat()),
        1 => any::<String>(),
    ]
}

fn now() -> impl Strategy<Value = NaiveDateTime> {
    let near = (0i64..5 * 366, 0i64..24 * 60).prop_map(|(days, minutes)| {
        time("2024-01-01 00:00") + TimeDelta::days(days) + TimeDelta::minutes(minutes)
    });
    let edges = vec![NaiveDateTime::MIN, NaiveDateTime::MAX, time("2028-02-28 23:59")];
    prop_oneof![9 => near, 1 => prop::sample::select(edges)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_wish_is_later_than_now_and_no_more_than_31_days_away(words in words(), now in now()) {
        if let Some(wish) = wish(&words, now) {
            prop_assert!(wish.earliest > now, "{words}: {wish:?}");
            let away = wish.earliest - now;
            prop_assert!(away <= TimeDelta::days(31), "{words}: {wish:?}");
        }
    }

    #[test]
    fn any_hour_and_minute_of_tomorrow_is_that_time(hour in 0u32..24, minute in 0u32..60, now in now()) {
        let Some(tomorrow) = now.date().succ_opt() else { return Ok(()) };
        let expected = tomorrow.and_hms_opt(hour, minute, 0).expect("a time");
        let (of_twelve, half) = ((hour + 11) % 12 + 1, if hour < 12 { "am" } else { "pm" });
        for words in [
            format!("tomorrow at {hour:02}:{minute:02}"),
            format!("at {of_twelve}:{minute:02} {half} tomorrow"),
            format!("明天{hour:02}:{minute:02}"),
        ] {
            let wish = wish(&words, now);
            let in_reach = now < NaiveDateTime::MAX - TimeDelta::days(60);
            prop_assert!(!in_reach || wish == Some(Wish { earliest: expected, part: None }), "{words}: {wish:?}");
        }
    }

    #[test]
    fn any_date_within_30_days_is_found_by_its_name(days in 1u64..=30, now in now()) {
        let in_reach = now > NaiveDateTime::MIN && now < NaiveDateTime::MAX - TimeDelta::days(60);
        prop_assume!(in_reach);
        let date: NaiveDate = now.date() + chrono::Days::new(days);
        let expected = date.and_hms_opt(15, 0, 0).expect("a time");
        for words in [
            date.format("%B %-d at 3 pm").to_string(),
            date.format("the %-d of %B %Y at three").to_string(),
            date.format("%-m月%-d号下午三点").to_string(),
            date.format("%Y-%m-%d 15:00").to_string(),
        ] {
            let wish = wish(&words, now);
            prop_assert_eq!(wish, Some(Wish { earliest: expected, part: None }), "{}", words);
        }
    }
}
