//! Chinese words for times: “明天下午三点”, “半小时后”, “下周一上午”, “十二月五号”.

use super::PartOfDay::{Afternoon, Evening, Morning, Noon};
use super::said::{Bound, Clock, Day, Half, Month, Said, Stretch, Week, Year};
use super::tokens::{Number, Token, goes_on, goes_on_any};

const SATURDAY: u32 = 5;
const SUNDAY: u32 = 6;
/// What “几” is taken for, of minutes and of longer units.
const FEW_MINUTES: u32 = 10;
const FEW: u32 = 3;
/// Signs before “一点” that make it “a bit”: “晚一点”.
const BIT_BEFORE: [char; 11] = ['早', '晚', '快', '慢', '有', '差', '多', '好', '大', '小', '近'];
/// Signs after “一点” that do so: “一点时间”.
const BIT_AFTER: &str = "儿/也/都/时/事/忙/空";
/// What makes a number and 号 no date: “5号楼”.
const NUMBERED: &str = "楼/线/门/店/厅/码/机";

/// What the sentence says next about a time, and how many pieces long that is.
pub(super) fn piece(before: &[Token], tokens: &[Token]) -> Option<(Said, usize)> {
    weekday(before, tokens)
        .or_else(|| phrase(tokens))
        .or_else(|| from_now(tokens))
        .or_else(|| date(tokens))
        .or_else(|| clock(before, tokens))
}

/// Phrases that mean one thing; the longest one counts.
fn phrase(tokens: &[Token]) -> Option<(Said, usize)> {
    let same_time = Said { clock: Some(Clock::SameTime), ..Said::NOTHING };
    let early = Said { stretch: Some(Stretch::Early), ..Said::NOTHING };
    let phrases: [(&str, Said); 23] = [
        ("早上好/上午好/中午好/下午好/晚上好/晚安", Said::NOTHING),
        (
            "昨天/昨晚/前天/上周/上个周/上星期/上个星期/上礼拜/上个礼拜/上个月/每天",
            Said::day(Day::Never),
        ),
        ("今天/今日/今儿", Said::day(Day::In(0))),
        ("今早/今晨", Said::part_in(0, Morning)),
        ("今晚", Said::part_in(0, Evening)),
        ("明天/明日/明儿/听日", Said::day(Day::In(1))),
        ("明早/明晨", Said::part_in(1, Morning)),
        ("明晚/听晚", Said::part_in(1, Evening)),
        ("后天/后日", Said::day(Day::In(2))),
        ("大后天", Said::day(Day::In(3))),
        (
            "早上/早晨/上午/清早/清晨/一早/一大早/早饭后/中午前/中午之前/中午以前",
            Said::part(Morning),
        ),
        ("中午/正午/午休/午间/午休时间", Said::part(Noon)),
        ("下午/午后/午饭后/午饭以后/午饭之后/中午后/中午以后/中午之后", Said::part(Afternoon)),
        ("晚上/晚间/夜里/夜晚/傍晚/晚饭后/晚饭以后/晚饭之后", Said::part(Evening)),
        ("下班后/下班以后/下班之后/下了班/放学后", Said::part(Evening)),
        ("凌晨/半夜/深夜", early),
        ("周末/这周末/这个周末/星期末/礼拜末", Said::day(Day::Weekday(SATURDAY, Week::Coming))),
        ("下周末/下个周末", Said::day(Day::Weekday(SATURDAY, Week::In(1)))),
        ("下周/下个周/下星期/下个星期/下礼拜/下个礼拜", Said::day(Day::InWeek(1))),
        ("下下周/下下个周/下下星期/下下个星期/下下礼拜/下下个礼拜", Said::day(Day::InWeek(2))),
        ("下个月/下月", Said::day(Day::NextMonth)),
        ("明年", Said { year: Some(Year::Next), ..Said::NOTHING }),
        ("同一时间/同样时间/同样的时间/这个时间/这个时候/这时候/这个点/同一个时间", same_time),
    ];
    let found =
        phrases.iter().filter_map(|(words, said)| Some((*said, goes_on_any(tokens, words)?)));
    found.max_by_key(|(_, length)| *length)
}

/// “周一”, “下星期天”, “下下周三”; “上周五”, “每周五” are no days for a call, and “一周三次” is no day.
fn weekday(before: &[Token], tokens: &[Token]) -> Option<(Said, usize)> {
    let prefixes = [
        ("下下/下下个", Some(Week::In(2))),
        ("下/下个", Some(Week::In(1))),
        ("这/这个/本", Some(Week::Coming)),
        ("上/上个/每/每个", None),
    ];
    let found =
        prefixes.iter().filter_map(|(words, week)| Some((*week, goes_on_any(tokens, words)?)));
    let (week, start) = found.max_by_key(|(_, length)| *length).unwrap_or((Some(Week::Coming), 0));
    let at = start + goes_on_any(&tokens[start..], "周/星期/礼拜")?;
    let day = match tokens.get(at)? {
        Token::Number(number) if (1..=6).contains(&number.value) => number.value - 1,
        Token::Sign('天' | '日') => SUNDAY,
        _ => return None,
    };
    let counted = start == 0 && matches!(before.last(), Some(Token::Number(_)));
    let said = match week {
        Some(week) => Said::day(Day::Weekday(day, week)),
        None => Said::day(Day::Never),
    };
    (!counted).then_some((said, at + 1))
}

/// “十二月五号”, “12月5日”, “五号”, “2026年12月5日”.
fn date(tokens: &[Token]) -> Option<(Said, usize)> {
    let number = |at: usize| tokens.get(at).and_then(Token::cardinal);
    let sign = |at: usize, signs: &[char]| matches!(tokens.get(at), Some(Token::Sign(sign)) if signs.contains(sign));
    let first = number(0)?;
    if sign(1, &['年']) {
        let (said, length) = date(&tokens[2..])?;
        return Some((Said { year: Some(Year::Number(first)), ..said }, 2 + length));
    }
    if sign(1, &['月']) {
        let said = Said::date(Month::Number(first), number(2)?)?;
        return Some((said, if sign(3, &['号', '日']) { 4 } else { 3 }));
    }
    let numbered = goes_on_any(tokens.get(2..).unwrap_or_default(), NUMBERED).is_some();
    let alone = sign(1, &['号', '日']) && !numbered;
    Some((Said::date(Month::Coming, first).filter(|_| alone)?, 2))
}

/// How much time is counted.
#[derive(Clone, Copy)]
enum Unit {
    Minutes(u32),
    Days(u32),
    Longer,
}

/// “半小时后”, “过十分钟”, “一个半小时以后”, “三天后”; “半小时内” is no time to call at.
fn from_now(tokens: &[Token]) -> Option<(Said, usize)> {
    let lead = goes_on_any(tokens, "过/再过/等/等我/再等/隔/给我").unwrap_or(0);
    let (said, length) = duration(&tokens[lead..])?;
    let about = goes_on_any(&tokens[lead + length..], "左右/多").unwrap_or(0);
    let end = lead + length + about;
    let rest = &tokens[end..];
    if let Some(within) = goes_on_any(rest, "内/以内/之内") {
        return Some((Said::NOTHING, end + within));
    }
    if let Some(trail) = goes_on_any(rest, "后/以后/之后/过后") {
        return Some((said, end + trail));
    }
    let ends = goes_on_any(rest, "再/吧/打").is_some() && said.after_minutes.is_some();
    (lead > 0 || ends).then_some((said, end))
}

/// “半小时”, “一个半小时”, “两小时二十分钟”, “三刻钟”, “两天”.
fn duration(tokens: &[Token]) -> Option<(Said, usize)> {
    const HOURS: &str = "小时/个小时/个钟头/个钟/钟头";
    if let Some(length) = goes_on_any(tokens, "半小时/半个小时/半个钟头/半个钟/半钟头")
    {
        return Some((Said::after(30), length));
    }
    if let Some(length) = goes_on_any(tokens, "半个月") {
        return Some((Said::day(Day::In(15)), length));
    }
    let (tenths, few, start) = match tokens.first()? {
        Token::Sign('几') => (FEW * 10, true, 1),
        _ => {
            let (number, length) = count(tokens)?;
            (number.value * 10 + number.tenths, false, length)
        }
    };
    let rest = &tokens[start..];
    if let Some(length) = goes_on_any(rest, "个半小时/个半钟头/个半钟/小时半") {
        return Some((Said::after(tenths * 6 + 30), start + length));
    }
    if let Some(length) = goes_on_any(rest, HOURS) {
        let (more, more_length) = minutes(&rest[length..]).unwrap_or((0, 0));
        return Some((Said::after(tenths * 6 + more), start + length + more_length));
    }
    let units = [
        ("分钟/分", Unit::Minutes(1)),
        ("刻钟", Unit::Minutes(15)),
        ("天/日", Unit::Days(1)),
        ("周/星期/个星期/礼拜/个礼拜", Unit::Days(7)),
        ("个月/年", Unit::Longer),
    ];
    let (unit, length) =
        units.iter().find_map(|(words, unit)| Some((*unit, goes_on_any(rest, words)?)))?;
    let said = match unit {
        Unit::Minutes(1) if few => Said::after(FEW_MINUTES),
        Unit::Minutes(minutes) => Said::after(tenths * minutes / 10),
        Unit::Days(days) => Said::day(Day::In(tenths * days / 10)),
        Unit::Longer => Said::TOO_FAR,
    };
    Some((said, start + length))
}

/// A number; the first of “两三” and “五到十”.
fn count(tokens: &[Token]) -> Option<(Number, usize)> {
    let number = |at: usize| match tokens.get(at) {
        Some(Token::Number(number)) if !number.ordinal => Some(*number),
        _ => None,
    };
    let first = number(0)?;
    let apart = match tokens.get(1) {
        Some(Token::Dash) => 1,
        _ => goes_on_any(&tokens[1..], "到/至/或/或者").unwrap_or(0),
    };
    let second = number(1 + apart).filter(|second| second.value > first.value);
    Some((first, if second.is_some() { 2 + apart } else { 1 }))
}

/// The minutes beside hours: “二十分钟”, “零五分”.
fn minutes(tokens: &[Token]) -> Option<(u32, usize)> {
    let start = goes_on_any(tokens, "零/又").unwrap_or(0);
    let minutes = tokens.get(start)?.cardinal()?;
    Some((minutes, start + 1 + goes_on_any(&tokens[start + 1..], "分钟/分")?))
}

/// “三点”, “两点半”, “三点一刻”, “差五分三点”, “15:30之前”.
fn clock(before: &[Token], tokens: &[Token]) -> Option<(Said, usize)> {
    let (said, length) = time(before, tokens)?;
    let rest = &tokens[length..];
    if let Some(trail) = goes_on_any(rest, "前/以前/之前") {
        return Some((Said { bound: Bound::Until, ..said }, length + trail));
    }
    // A time in digits without any of these words is read as in English.
    let digits = matches!(tokens[0], Token::Clock(..)) && length == 1;
    let to = range_end(rest);
    if digits && to.is_none() {
        return None;
    }
    let length = length + to.unwrap_or(0);
    let trail = goes_on_any(&tokens[length..], "后/以后/之后/过后/左右/多/钟/整").unwrap_or(0);
    Some((said, length + trail))
}

/// “到四点”, “或者四点”.
fn range_end(tokens: &[Token]) -> Option<usize> {
    let lead = match tokens.first()? {
        Token::Dash => 1,
        _ => goes_on_any(tokens, "到/至/或/或者/和")?,
    };
    let (_, length) = time(&tokens[..lead], &tokens[lead..])?;
    Some(lead + length)
}

/// A time of the day, without the words around it.
fn time(before: &[Token], tokens: &[Token]) -> Option<(Said, usize)> {
    if let Some(Token::Clock(hour, minute)) = tokens.first() {
        return Some((Said::clock(hour.value, *minute, half(hour.value))?, 1));
    }
    if let Some(lead) = goes_on(tokens, "差") {
        let (minutes, length) = minutes_to(&tokens[lead..])?;
        let (hour, hour_length) = hour(&[], &tokens[lead + length..])?;
        return Some((short_of(hour, minutes)?, lead + length + hour_length));
    }
    let (hour, mut at) = hour(before, tokens)?;
    if let Some(lead) = goes_on(&tokens[at..], "差") {
        let (minutes, length) = minutes_to(&tokens[at + lead..])?;
        return Some((short_of(hour, minutes)?, at + lead + length));
    }
    let rest = &tokens[at..];
    let minute = if let Some(length) = goes_on(rest, "半") {
        at += length;
        30
    } else if let Some((minute, length)) = minute(rest) {
        at += length;
        minute
    } else {
        at += goes_on_any(rest, "钟/整").unwrap_or(0);
        0
    };
    Some((Said::clock(hour, minute, half(hour))?, at))
}

fn half(hour: u32) -> Half {
    if (1..=12).contains(&hour) { Half::Open } else { Half::Whole }
}

/// So many minutes before an hour.
fn short_of(hour: u32, minutes: u32) -> Option<Said> {
    let hour_before = if hour == 1 { 12 } else { hour.checked_sub(1)? };
    let minute = 60u32.checked_sub(minutes).filter(|minute| *minute < 60)?;
    Said::clock(hour_before, minute, half(hour_before))
}

/// “五分”, “一刻”: minutes that are short of an hour.
fn minutes_to(tokens: &[Token]) -> Option<(u32, usize)> {
    let number = tokens.first()?.cardinal()?;
    if let Some(length) = goes_on_any(&tokens[1..], "刻钟/刻") {
        return Some((number * 15, 1 + length));
    }
    Some((number, 1 + goes_on_any(&tokens[1..], "分钟/分").unwrap_or(0)))
}

/// “一刻”, “二十”, “零五分”, “过十分”: minutes after an hour.
fn minute(tokens: &[Token]) -> Option<(u32, usize)> {
    let start = goes_on_any(tokens, "过/零").unwrap_or(0);
    let number = tokens.get(start)?.cardinal().filter(|number| *number < 60)?;
    let rest = &tokens[start + 1..];
    if let Some(length) = goes_on(rest, "刻").filter(|_| (1..=3).contains(&number)) {
        return Some((number * 15, start + 1 + length));
    }
    // “三点五个人”: a number that counts something else.
    let counts = goes_on_any(rest, "个/天/小时/月/号/点/周").is_some();
    (!counts).then(|| (number, start + 1 + goes_on(rest, "分").unwrap_or(0)))
}

/// “三点”, “三四点”, “3到5点”, “十五时”; “晚一点” is a bit later.
fn hour(before: &[Token], tokens: &[Token]) -> Option<(u32, usize)> {
    let (number, at) = count(tokens)?;
    let whole = number.tenths == 0 && number.value <= 24;
    let clock = matches!(tokens.get(at), Some(Token::Sign('点' | '时'))).then_some(at + 1)?;
    let rest = &tokens[clock..];
    let bit_before = matches!(before.last(), Some(Token::Sign(sign)) if BIT_BEFORE.contains(sign));
    let bit = number.value == 1 && (bit_before || goes_on_any(rest, BIT_AFTER).is_some());
    let later =
        goes_on_any(rest, "钟/半/整").is_some() || matches!(rest.first(), Some(Token::Number(_)));
    (whole && (!bit || later)).then_some((number.value, clock))
}
