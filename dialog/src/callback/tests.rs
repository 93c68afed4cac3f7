//! What people say when they want to be called back, and when that is. Now is a Wednesday at ten, where nothing else
//! is said: 2 December 2026.

mod days;
mod properties;
mod sentences;

use chrono::NaiveDateTime;

use super::*;

const WEDNESDAY_AT_TEN: &str = "2026-12-02 10:00";

fn time(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a time")
}

/// A wish as the tables have it: `12-03 15:00`, with the part of the day behind it, or `none`.
fn shown(wish: Option<Wish>) -> String {
    wish.map_or("none".to_owned(), |wish| {
        let part = wish.part.map_or(String::new(), |part| format!(" {part:?}").to_lowercase());
        format!("{}{part}", wish.earliest.format("%m-%d %H:%M"))
    })
}

/// Reads lines of `words => wish`, all said at a time, and tells every line that comes out otherwise.
fn all_said_at(now: &str, lines: &str) {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = lines.map(|line| (now, line));
    all_said(said);
}

/// The same, each with its own time before it: `now | words => wish`.
fn all_said_then(lines: &str) {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    all_said(lines.map(|line| line.split_once(" | ").expect("a time before the words")));
}

fn all_said<'a>(lines: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (now, line) in lines {
        let (words, expected) = line.split_once(" => ").expect("a wish behind the words");
        let found = shown(wish(words, time(now)));
        if found != expected {
            wrong.push(format!("{now}: {words}: {found}, not {expected}"));
        }
        count += 1;
    }
    assert!(count > 0);
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_hour_without_a_half_of_the_day_is_the_next_one_in_waking_time() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "at three => 12-02 15:00
        at nine => 12-03 09:00
        at ten => 12-03 10:00
        at eleven => 12-02 11:00
        at twelve => 12-02 12:00
        at twelve thirty => 12-02 12:30
        at one => 12-02 13:00
        at seven => 12-02 19:00
        at 7:30 => 12-02 19:30
        at eight => 12-02 20:00
        at 8:30 => 12-03 08:30
        tomorrow at eight => 12-03 08:00
        today at nine => 12-02 21:00
        today at eleven => 12-02 11:00
        三点 => 12-02 15:00
        九点 => 12-03 09:00
        八点 => 12-02 20:00
        今天九点 => 12-02 21:00",
    );
    all_said_then(
        "2026-12-02 07:59 | at eight => 12-02 08:00
        2026-12-02 08:00 | at eight => 12-02 20:00
        2026-12-02 20:00 | at eight => 12-03 08:00
        2026-12-02 14:59 | at three => 12-02 15:00
        2026-12-02 15:00 | at three => 12-03 15:00
        2026-12-02 22:00 | today at nine => 12-03 09:00
        2026-12-02 16:00 | today at three => 12-03 15:00",
    );
}

#[test]
fn noon_and_midnight_are_where_the_clock_has_them() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "at 12 pm => 12-02 12:00
        at 12 am => 12-03 00:00
        12:30 am => 12-03 00:30
        12:30 pm => 12-02 12:30
        tomorrow at 12 am => 12-03 00:00
        at midnight => 12-03 00:00
        tomorrow at midnight => 12-04 00:00
        at noon => 12-02 12:00 noon
        tonight at twelve => 12-03 00:00
        tonight at one => 12-03 01:00
        at 0:15 => 12-03 00:15
        at 24:00 => 12-03 00:00
        中午十二点 => 12-02 12:00
        上午十二点 => 12-02 12:00
        晚上十二点 => 12-03 00:00
        凌晨十二点半 => 12-03 00:30
        凌晨两点 => 12-03 02:00
        晚上一点 => 12-03 01:00
        中午一点 => 12-02 13:00
        中午十一点半 => 12-02 11:30
        零点 => 12-03 00:00
        24点 => 12-03 00:00
        13 am => none
        at 25:00 => none
        at 12:60 => none",
    );
    all_said_then(
        "2026-12-02 23:59 | at midnight => 12-03 00:00
        2026-12-02 00:00 | at midnight => 12-03 00:00
        2026-12-02 00:00 | at noon => 12-02 12:00 noon
        2026-12-02 12:00 | at noon => 12-03 12:00 noon
        2026-12-02 00:10 | tomorrow => 12-03 10:00
        2026-12-02 00:10 | tonight => 12-02 18:00 evening",
    );
}

#[test]
fn a_part_of_the_day_begins_at_its_hour_and_tells_the_half_of_an_hour() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "tomorrow morning => 12-03 09:00 morning
        tomorrow at noon => 12-03 12:00 noon
        tomorrow afternoon => 12-03 14:00 afternoon
        tomorrow evening => 12-03 18:00 evening
        tomorrow night => 12-03 18:00 evening
        this evening => 12-02 18:00 evening
        this afternoon => 12-02 14:00 afternoon
        in the morning => 12-03 09:00 morning
        in the afternoon => 12-02 14:00 afternoon
        after work => 12-02 18:00 evening
        at eight in the evening => 12-02 20:00
        at nine at night => 12-02 21:00
        at three in the morning => 12-03 03:00
        three in the afternoon => 12-02 15:00
        5 in the evening => 12-02 17:00
        8 tonight => 12-02 20:00
        tomorrow evening at half past seven => 12-03 19:30
        tomorrow at eleven in the morning => 12-03 11:00
        明天上午 => 12-03 09:00 morning
        明天中午 => 12-03 12:00 noon
        明天下午 => 12-03 14:00 afternoon
        明晚 => 12-03 18:00 evening
        今晚八点 => 12-02 20:00
        晚上八点 => 12-02 20:00
        早上九点 => 12-03 09:00
        下午三点 => 12-02 15:00
        下午3:30 => 12-02 15:30
        下午03:30 => 12-02 15:30
        傍晚六点 => 12-02 18:00
        中午 => 12-02 12:00 noon
        下班后 => 12-02 18:00 evening
        凌晨 => none",
    );
}

#[test]
fn what_has_begun_is_an_hour_from_now_and_what_is_over_rolls_on() {
    all_said_then(
        "2026-12-02 09:00 | today => 12-02 10:00
        2026-12-02 14:20 | today => 12-02 15:20
        2026-12-02 14:20 | later today => 12-02 15:20
        2026-12-02 19:00 | today => 12-02 20:00
        2026-12-02 19:01 | today => 12-03 10:00
        2026-12-02 15:00 | this afternoon => 12-02 16:00 afternoon
        2026-12-02 17:00 | this afternoon => 12-02 18:00 afternoon
        2026-12-02 17:01 | this afternoon => 12-03 14:00 afternoon
        2026-12-02 10:30 | this morning => 12-02 11:30 morning
        2026-12-02 11:01 | this morning => 12-03 09:00 morning
        2026-12-02 12:30 | at noon today => 12-02 13:30 noon
        2026-12-02 21:00 | tonight => 12-02 22:00 evening
        2026-12-02 21:01 | tonight => 12-03 18:00 evening
        2026-12-02 15:00 | in the afternoon => 12-03 14:00 afternoon
        2026-12-02 08:59 | in the morning => 12-02 09:00 morning
        2026-12-02 09:00 | in the morning => 12-03 09:00 morning
        2026-12-04 15:00 | Friday afternoon => 12-04 16:00 afternoon
        2026-12-02 16:00 | 今天 => 12-02 17:00
        2026-12-02 23:30 | 今晚 => 12-03 18:00 evening",
    );
}

#[test]
fn how_long_from_now_is_counted_to_the_minute() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "in half an hour => 12-02 10:30
        in a half hour => 12-02 10:30
        in about half an hour => 12-02 10:30
        in an hour => 12-02 11:00
        in an hour and a half => 12-02 11:30
        in one and a half hours => 12-02 11:30
        in two and a half hours => 12-02 12:30
        in 1.5 hours => 12-02 11:30
        in an hour and twenty minutes => 12-02 11:20
        in 2 hours 5 minutes => 12-02 12:05
        in a quarter of an hour => 12-02 10:15
        in three quarters of an hour => 12-02 10:45
        in ten minutes => 12-02 10:10
        in twenty-five minutes => 12-02 10:25
        in 5 to 10 minutes => 12-02 10:05
        in 5-10 minutes => 12-02 10:05
        in one or two hours => 12-02 11:00
        in a few minutes => 12-02 10:10
        in a few hours => 12-02 13:00
        in a couple of hours => 12-02 12:00
        ten minutes from now => 12-02 10:10
        an hour later => 12-02 11:00
        give me ten minutes => 12-02 10:10
        wait 20 mins => 12-02 10:20
        in 0 minutes => none
        in 20 => none
        半小时后 => 12-02 10:30
        半个小时以后 => 12-02 10:30
        半個鐘頭後 => 12-02 10:30
        一个小时后 => 12-02 11:00
        一小时后 => 12-02 11:00
        一个半小时之后 => 12-02 11:30
        两小时二十分钟后 => 12-02 12:20
        1.5小时后 => 12-02 11:30
        十分钟后 => 12-02 10:10
        30分钟后 => 12-02 10:30
        過十分鐘 => 12-02 10:10
        过一刻钟 => 12-02 10:15
        三刻钟后 => 12-02 10:45
        几分钟后 => 12-02 10:10
        几个小时后 => 12-02 13:00
        两三个小时后 => 12-02 12:00
        五到十分钟后 => 12-02 10:05
        等我二十分钟 => 12-02 10:20
        十分钟左右以后 => 12-02 10:10
        半小时再打 => 12-02 10:30
        半小时内 => none
        十分方便 => none",
    );
}

#[test]
fn a_time_of_the_day_is_said_in_many_ways() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "half past ten => 12-02 10:30
        at half three => 12-02 15:30
        quarter past four => 12-02 16:15
        a quarter to five => 12-02 16:45
        ten to four => 12-02 15:50
        ten minutes past two => 12-02 14:10
        twenty past two => 12-02 14:20
        quarter to one => 12-02 12:45
        five to twelve => 12-02 11:55
        three o'clock => 12-02 15:00
        15 o'clock => 12-02 15:00
        three thirty => 12-02 15:30
        three oh five pm => 12-02 15:05
        at three fifteen => 12-02 15:15
        5 pm => 12-02 17:00
        5pm => 12-02 17:00
        5 p.m. => 12-02 17:00
        5 P M => 12-02 17:00
        11 a.m. => 12-02 11:00
        nine am => 12-03 09:00
        5:15pm => 12-02 17:15
        3.30 pm => 12-02 15:30
        at 15:30 => 12-02 15:30
        15:30 => 12-02 15:30
        at 09:30 => 12-03 09:30
        at 1530 => 12-02 15:30
        at 930 pm => 12-02 21:30
        at 15 => 12-02 15:00
        after 5 pm => 12-02 17:00
        after five => 12-02 17:00
        not until five => 12-02 17:00
        any time after 4 => 12-02 16:00
        around four => 12-02 16:00
        between three and five => 12-02 15:00
        from 3 to 5 pm => 12-02 15:00
        9 to 11 pm => 12-02 21:00
        3-5pm => 12-02 15:00
        11 - 1 pm => 12-02 11:00
        from ten to four => 12-03 10:00
        at three or four => 12-02 15:00
        两点半 => 12-02 14:30
        三点一刻 => 12-02 15:15
        三點三刻 => 12-02 15:45
        三点钟 => 12-02 15:00
        三点整 => 12-02 15:00
        三点二十 => 12-02 15:20
        三点二十五分 => 12-02 15:25
        三点零五分 => 12-02 15:05
        三点过十分 => 12-02 15:10
        差五分三点 => 12-02 14:55
        三点差一刻 => 12-02 14:45
        一点差五分 => 12-02 12:55
        十五点 => 12-02 15:00
        十五时三十分 => 12-02 15:30
        二十点 => 12-02 20:00
        3点半 => 12-02 15:30
        １５：３０ => 12-02 15:30
        三点以后 => 12-02 15:00
        三点左右 => 12-02 15:00
        三四点 => 12-02 15:00
        三点到五点 => 12-02 15:00
        三到五点 => 12-02 15:00
        下午3点-5点 => 12-02 15:00
        15:30到17:00 => 12-02 15:30
        十一点十五 => 12-02 11:15
        一点半 => 12-02 13:30",
    );
}
