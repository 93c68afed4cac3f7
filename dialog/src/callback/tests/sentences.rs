//! Times among other words: what counts, what is denied, corrected, and no time at all.

use super::*;

#[test]
fn words_around_a_time_are_ignored() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "could you call me back tomorrow at three please => 12-03 15:00
        Yeah, sure. Um, can you, like, call me on Friday around half past four? => 12-04 16:30
        call me back at three tomorrow afternoon => 12-03 15:00
        tomorrow, at three => 12-03 15:00
        TOMORROW AT THREE!!! => 12-03 15:00
        tomorrow three please => 12-03 15:00
        three tomorrow => 12-03 15:00
        five on Friday => 12-04 17:00
        try me again in ten minutes, thanks => 12-02 10:10
        Good morning, could you ring this afternoon => 12-02 14:00 afternoon
        I'm driving right now so maybe in an hour or so => 12-02 11:00
        Tomorrow works for me. Let us say at three. => 12-03 15:00
        at three. Tomorrow. => 12-03 15:00
        你明天下午三点再打给我吧 => 12-03 15:00
        那就明天，下午三点吧 => 12-03 15:00
        我在开车，半小时后打给我 => 12-02 10:30
        下午好，明天上午十点联系我 => 12-03 10:00
        嗯，大概明天的下午三点左右 => 12-03 15:00
        明天 3 pm 打给我 => 12-03 15:00",
    );
}

#[test]
fn the_time_for_the_call_counts_before_other_times() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "I work until five today, call me tomorrow => 12-03 10:00
        call me tomorrow, I have a meeting at two on Friday => 12-03 10:00
        I called this morning, call me at five => 12-02 17:00
        I called yesterday at three, try me at four => 12-02 16:00
        I am home today, tomorrow at three would be good => 12-03 15:00
        I have a meeting in an hour, call me tomorrow at four => 12-03 16:00
        tomorrow or Friday => 12-03 10:00
        I'm busy until five => 12-02 17:00
        I am not free until five => 12-02 17:00
        I can not talk before five => 12-02 17:00
        我今天上班，明天下午三点打给我 => 12-03 15:00
        我五点下班，六点打给我 => 12-02 18:00
        五点之前不方便 => 12-02 17:00",
    );
}

#[test]
fn a_time_that_is_denied_does_not_count() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "not tomorrow => none
        not tomorrow, Friday => 12-04 10:00
        not tomorrow but Friday at two => 12-04 14:00
        not tomorrow or Friday => none
        don't call me tomorrow => none
        please don't call me back at three, call me at four => 12-02 16:00
        I'm busy tomorrow, call me on Friday => 12-04 10:00
        tomorrow doesn't work, how about Friday at four => 12-04 16:00
        tomorrow at three doesn't work => none
        tomorrow I'm not in => none
        I'm not free on Friday => none
        I can't do it at three => none
        不要明天打 => none
        明天不行，后天吧 => 12-04 10:00
        明天下午没空 => none
        明天我有事，周五上午可以 => 12-04 09:00 morning
        别今天打，明天打 => 12-03 10:00
        明天要上班，周六吧 => 12-05 10:00
        明天上班后 => 12-03 10:00
        明天不忙 => 12-03 10:00",
    );
}

#[test]
fn a_correction_counts_and_keeps_what_it_leaves_open() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "tomorrow at three, no, at four => 12-03 16:00
        tomorrow at three, sorry, Friday => 12-04 15:00
        tomorrow at three, no, on Friday at four => 12-04 16:00
        tomorrow at three, actually in an hour => 12-02 11:00
        in an hour, no, tomorrow => 12-03 10:00
        tomorrow morning, no wait, in the afternoon => 12-03 14:00 afternoon
        明天三点，不对，四点 => 12-03 16:00
        明天下午三点，还是后天吧 => 12-04 15:00",
    );
}

#[test]
fn what_is_over_by_a_time_is_no_time_to_call_at() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "before five => none
        by 3 pm => none
        tomorrow before five => 12-03 10:00
        三点之前 => none
        明天15:30之前 => 12-03 10:00",
    );
}

#[test]
fn words_that_tell_no_time_are_no_wish() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "later => none
        call me back => none
        good morning => none
        good afternoon, who is this? => none
        yesterday at three => none
        last Monday at five => none
        every Friday at five => none
        last Monday => none
        every Friday => none
        the second time => none
        my third call => none
        I have 5 children => none
        about three people => none
        at 555 1234 => none
        call me at 020 7946 0958 => none
        my number is five five five one two three four => none
        5551234567 => none
        two of three => none
        from 5 to 10 people => none
        may I ask who is calling => none
        喂 => none
        昨天三点 => none
        晚一点 => none
        晚一点再打 => none
        早点打 => none
        有一点时间 => none
        一点都不好 => none
        上周五 => none
        每周五 => none
        一周三次 => none
        5号楼 => none
        三个人 => none
        早上好 => none
        点点点 => none
        …… => none",
    );
    assert_eq!(wish("", time(WEDNESDAY_AT_TEN)), None);
}

#[test]
fn a_bit_later_is_no_hour_but_one_oclock_is() {
    all_said_at(
        WEDNESDAY_AT_TEN,
        "明天早一点打给我 => 12-03 10:00
        下午一点 => 12-02 13:00
        晚上一点钟 => 12-03 01:00
        明天下午一点打给我 => 12-03 13:00",
    );
}

#[test]
fn a_text_without_end_is_read_to_its_bound() {
    let long = format!("{}tomorrow at three", "la ".repeat(400));
    assert_eq!(wish(&long, time(WEDNESDAY_AT_TEN)), None);
    let long = format!("tomorrow at three {}", "la ".repeat(400_000));
    assert_eq!(shown(wish(&long, time(WEDNESDAY_AT_TEN))), "12-03 15:00");
}
