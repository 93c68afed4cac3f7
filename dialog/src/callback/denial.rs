//! Whether a sentence denies a time: “not tomorrow”, “I’m busy on Monday”, “明天没空”.

use super::tokens::{Token, goes_on_any};

const NOT: &str = "not/never/dont/cant/cannot/wont/isnt/arent/couldnt/shouldnt/busy/away/except/gone/不要/别/不用/除了";
/// What may stand between “not” and the time.
const IDLE: &str = "free/available/here/home/there/do/make/it/be/able/talk/good/to/for/in/on/at/the/before/到/在/是";
/// What may stand between “not” and the time of a call: “don’t call me back at three”.
const CALLING: &str =
    "call/ring/phone/try/me/us/back/again/to/for/in/on/at/the/给/我/打/电/话/来/再";
/// Words after a time that deny it.
const DENIALS: &str = "doesnt/isnt/wont/does not/is not/will not/is no/is bad/is out/is impossible/not/\
    im busy/i am busy/ill be busy/im away/i am away/ill be away/im not/i am not/i cant/i cannot/i can not/i wont/\
    不行/不可以/不方便/没空/没时间/没有时间/没有空/不在/有事/有会/忙/开会/上班/不能/不好/不太方便/不太行/不要/别打/\
    别给我打/不是";
/// What may stand between a time and its denial in Chinese.
const IDLE_AFTER: &str = "我/都/也/要/会/可/能/很/在/比/较/得/的/话/就/挺/太";
/// How many such words may.
const IDLE_MAX: usize = 5;
/// What belongs to a time of freedom: “下班” after “上班”, “上班时间”.
const NOT_DENIALS: &str = "开会后/开会以后/开会之后/开会前/上班后/上班以后/上班之后/上班前/上班时/不是吗/不忙/不要紧/\
    忙完/不会/不太忙/not sure";

/// Whether the words before a piece deny it.
pub(super) fn before(before: &[Token], piece: &[Token]) -> bool {
    // “Not until five” and “I’m busy until five” tell when it is fine.
    if goes_on_any(piece, "until/till/til").is_some() {
        return false;
    }
    let without = |idle: &str| {
        let is_idle = |token: &Token| goes_on_any(std::slice::from_ref(token), idle).is_some();
        let skipped = before.iter().rev().take(IDLE_MAX).take_while(|token| is_idle(token)).count();
        &before[..before.len() - skipped]
    };
    let ends_with_not = |tokens: &[Token]| {
        let starts = tokens.len().saturating_sub(2)..tokens.len();
        starts.into_iter().any(|at| goes_on_any(&tokens[at..], NOT) == Some(tokens.len() - at))
    };
    ends_with_not(without(IDLE)) || ends_with_not(without(CALLING))
}

/// Whether the words after a time deny it.
pub(super) fn after(after: &[Token]) -> bool {
    let mut rest = after;
    for _ in 0..=IDLE_MAX {
        if goes_on_any(rest, NOT_DENIALS).is_some() {
            return false;
        }
        if goes_on_any(rest, DENIALS).is_some() {
            return true;
        }
        match rest.split_first() {
            Some((first, later))
                if goes_on_any(std::slice::from_ref(first), IDLE_AFTER).is_some() =>
            {
                rest = later
            }
            _ => return false,
        }
    }
    false
}
