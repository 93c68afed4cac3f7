//! Days, weeks and dates, to the end of months and years.

use super::*;

#[test]
fn days_are_counted_from_today() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "tomorrow => 12-03 10:00
        the day after tomorrow => 12-04 10:00
        day after tomorrow at four => 12-04 16:00
        in three days => 12-05 10:00
        in a couple of days => 12-04 10:00
        in a few days => 12-05 10:00
        in a week => 12-09 10:00
        two weeks from now => 12-16 10:00
        in one and a half weeks => 12-12 10:00
        in two days at 4 pm => 12-04 16:00
        three days later in the evening => 12-05 18:00 evening
        tomorrow at the same time => 12-03 10:00
        same time => 12-03 10:00
        this time next week => 12-09 10:00
        明天 => 12-03 10:00
        后天 => 12-04 10:00
        後天下午 => 12-04 14:00 afternoon
        大后天 => 12-05 10:00
        三天后 => 12-05 10:00
        几天后 => 12-05 10:00
        两三天后 => 12-04 10:00
        过两天 => 12-04 10:00
        一周后 => 12-09 10:00
        两个星期以后 => 12-16 10:00
        半个月后 => 12-17 10:00
        三天后下午两点 => 12-05 14:00
        明天同一时间 => 12-03 10:00",
    );
    all_said_then(
        "2026-12-02 16:47 | tomorrow at the same time => 12-03 16:47
        2026-12-02 16:47 | this time next week => 12-09 16:47
        2026-12-02 16:47 | 下周同一时间 => 12-09 16:47",
    );
}

#[test]
fn a_weekday_is_the_next_one_and_next_week_begins_on_monday() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "Friday => 12-04 10:00
        on Friday at 15:30 => 12-04 15:30
        at 15:30 on Friday => 12-04 15:30
        Monday => 12-07 10:00
        Tuesday morning => 12-08 09:00 morning
        Wednesday => 12-09 10:00
        Wednesday at three => 12-02 15:00
        Wednesday at nine => 12-09 09:00
        Thursday => 12-03 10:00
        Saturday => 12-05 10:00
        Sunday => 12-06 10:00
        this Friday => 12-04 10:00
        this coming Friday => 12-04 10:00
        next Monday => 12-07 10:00
        next Monday morning => 12-07 09:00 morning
        next Friday => 12-11 10:00
        next Wednesday => 12-09 10:00
        Monday next week => 12-07 10:00
        next week on Thursday at two => 12-10 14:00
        next week => 12-07 10:00
        the week after next => 12-14 10:00
        a week from Friday => 12-11 10:00
        on the weekend => 12-05 10:00
        next weekend => 12-12 10:00
        周五 => 12-04 10:00
        周5 => 12-04 10:00
        星期一 => 12-07 10:00
        礼拜天 => 12-06 10:00
        禮拜日下午 => 12-06 14:00 afternoon
        这周五 => 12-04 10:00
        本周六 => 12-05 10:00
        下周一 => 12-07 10:00
        下周一上午 => 12-07 09:00 morning
        下周五十点 => 12-11 10:00
        下个星期三下午三点 => 12-09 15:00
        下下周二 => 12-15 10:00
        下周 => 12-07 10:00
        下下个礼拜 => 12-14 10:00
        周末 => 12-05 10:00
        下周末 => 12-12 10:00
        周日 => 12-06 10:00",
    );
    all_said_then(
        "2026-12-06 10:00 | next Monday => 12-07 10:00
        2026-12-07 10:00 | next Monday => 12-14 10:00
        2026-12-06 10:00 | Sunday => 12-13 10:00
        2026-12-06 10:00 | Sunday at five => 12-06 17:00
        2026-12-07 09:00 | Monday => 12-14 10:00
        2026-12-05 09:00 | weekend => 12-12 10:00",
    );
}

#[test]
fn a_date_is_the_next_such_date_at_ten() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "December 5th => 12-05 10:00
        on December the 5th => 12-05 10:00
        on the 5th of December at 3 pm => 12-05 15:00
        5 December 2026 => 12-05 10:00
        December 5, 2026, at four => 12-05 16:00
        Friday the 4th => 12-04 10:00
        Friday, December 4th, at four => 12-04 16:00
        on the 5th => 12-05 10:00
        how about the fifth at five => 12-05 17:00
        on the twenty first => 12-21 10:00
        on the twenty-first => 12-21 10:00
        on the first => 01-01 10:00
        January 1st => 01-01 10:00
        the 1st of next month => 01-01 10:00
        next month => 01-01 10:00
        January 1st next year => 01-01 10:00
        2026-12-05 15:30 => 12-05 15:30
        2026-12-05T15:30 => 12-05 15:30
        2026-12-05T15:30:00 => 12-05 15:30
        2026-12-05 => 12-05 10:00
        December 2nd => 12-02 11:00
        十二月五号 => 12-05 10:00
        12月5日下午三点 => 12-05 15:00
        十二月二十五号晚上七点 => 12-25 19:00
        五号 => 12-05 10:00
        二十号 => 12-20 10:00
        2026年12月5号 => 12-05 10:00
        明年一月一号 => 01-01 10:00
        下个月一号 => 01-01 10:00
        下個月 => 01-01 10:00",
    );
}

#[test]
fn months_and_years_end_and_february_may_have_29_days() {
    all_said_then(
        "2026-12-31 23:30 | tomorrow => 01-01 10:00
        2026-12-31 23:30 | in one hour => 01-01 00:30
        2026-12-31 15:00 | at three => 01-01 15:00
        2026-12-30 12:00 | next Monday => 01-04 10:00
        2026-12-20 12:00 | January 5th => 01-05 10:00
        2026-12-20 12:00 | January 5th 2027 => 01-05 10:00
        2026-12-20 12:00 | January 5th 2026 => none
        2026-12-20 12:00 | 明年一月五号 => 01-05 10:00
        2027-02-28 12:00 | tomorrow => 03-01 10:00
        2028-02-28 12:00 | tomorrow => 02-29 10:00
        2028-02-28 12:00 | in two days => 03-01 10:00
        2028-02-10 12:00 | February 29th => 02-29 10:00
        2028-02-10 12:00 | on the 29th => 02-29 10:00
        2027-02-10 12:00 | February 29th => none
        2027-02-10 12:00 | on the 29th => none
        2027-02-28 12:00 | on the 29th => 03-29 10:00
        2027-01-31 12:00 | on the 31st => 01-31 13:00
        2027-01-31 20:00 | on the 31st => none
        2027-04-05 12:00 | on the 31st => none
        2027-05-05 12:00 | on the 31st => 05-31 10:00
        2027-04-30 12:00 | 三十一号 => none
        2027-01-30 12:00 | on the 30th of next month => none
        2027-01-30 12:00 | 二月二十八号 => 02-28 10:00",
    );
}

#[test]
fn nothing_is_further_away_than_30_days() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "in 30 days => 01-01 10:00
        in 31 days => none
        in four weeks => 12-30 10:00
        in five weeks => none
        in a month => none
        in six months => none
        in 720 hours => 01-01 10:00
        in 721 hours => none
        in 9999 hours => none
        in two years => none
        next year => none
        January 2nd => none
        March 5th => none
        December 5th 2028 => none
        一个月后 => none
        三十天后 => 01-01 10:00
        三十一天后 => none
        明年 => none
        明年十二月五号 => none
        三月五号 => none
        两年后 => none",
    );
    all_said_then("2026-12-02 23:59 | in 30 days at 12:30 am => 01-01 00:30");
}
