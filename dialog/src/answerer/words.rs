//! Words as the phrase table and the recogniser can agree on them.
//!
//! Recognisers differ in punctuation, capitals, apostrophes, and in simplified or traditional signs. All of it
//! is made equal here: lower case, no punctuation, short forms written out, traditional signs folded, 您 as 你.
//! Each Han sign is a word of its own.

/// Characters of one result that are read; a recogniser that sends more has gone astray.
const TEXT_CHARS_MAX: usize = 1_000;

/// Short forms, with and without the apostrophe where that is no other word, and what they are short for.
const SHORT_FORMS: [(&str, &str); 29] = [
    ("can't", "can not"),
    ("cant", "can not"),
    ("cannot", "can not"),
    ("won't", "will not"),
    ("don't", "do not"),
    ("dont", "do not"),
    ("doesn't", "does not"),
    ("isn't", "is not"),
    ("isnt", "is not"),
    ("aren't", "are not"),
    ("haven't", "have not"),
    ("couldn't", "could not"),
    ("i'm", "i am"),
    ("im", "i am"),
    ("you've", "you have"),
    ("youve", "you have"),
    ("you're", "you are"),
    ("youre", "you are"),
    ("we're", "we are"),
    ("they're", "they are"),
    ("i've", "i have"),
    ("i'll", "i will"),
    ("we'll", "we will"),
    ("whos", "who is"),
    ("voicemail", "voice mail"),
    ("voicemails", "voice mail"),
    ("mailbox", "mail box"),
    ("dialled", "dialed"),
    ("ok", "okay"),
];

/// Traditional signs that stand in the phrases, each before its simplified one.
const TRADITIONAL: &str = "\
    請请問问邊边裡里現现沒没電电話话將将轉转語语開开費费掛挂斷断鍵键嗶哔後后聽听個个這这來来過过濾滤錄录對对為为說说誰谁時时無无號号\
    碼码訊讯讓让機机關关線线選选擇择歡欢統统計计聲声響响應应務务備备幫帮達达貴贵給给連连絡络員员係系兩两點点鐘钟週周禮礼幾几餘余間间\
    項项煩烦貓猫擋挡攔拦詐诈識识別别該该稱称訪访進进續续結结處处復复繫系於于會会暫暂優优撥拨撳揿樣样飯饭頭头內内還还聯联";

/// The words of a text, equal however a recogniser writes them.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for sign in text.chars().take(TEXT_CHARS_MAX).map(simplified) {
        if is_han(sign) {
            finish(&mut word, &mut words);
            words.push(sign.to_string());
        } else if sign.is_alphanumeric() || matches!(sign, '\'' | '’') {
            word.extend(if sign == '’' { '\'' } else { sign }.to_lowercase());
        } else {
            finish(&mut word, &mut words);
        }
    }
    finish(&mut word, &mut words);
    words
}

/// A sign as the tables have it: simplified, 你 for 您 and 妳, and plain letters and digits for wide ones.
pub(crate) fn simplified(sign: char) -> char {
    match sign {
        '您' | '妳' => '你',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(sign) - 0xff01 + u32::from('!')).unwrap_or(sign)
        }
        _ if is_han(sign) => {
            let mut pairs = TRADITIONAL.chars();
            while let (Some(traditional), Some(simple)) = (pairs.next(), pairs.next()) {
                if traditional == sign {
                    return simple;
                }
            }
            sign
        }
        _ => sign,
    }
}

/// Whether a sign is Chinese, and so a word of its own.
pub(crate) fn is_han(sign: char) -> bool {
    matches!(sign, '\u{3007}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

/// Ends a word: writes a short form out, and what is left of `'s` as the verb.
fn finish(word: &mut String, words: &mut Vec<String>) {
    let whole = std::mem::take(word);
    let whole = whole.trim_matches('\'');
    if whole.is_empty() {
        return;
    }
    if let Some((_, long)) = SHORT_FORMS.iter().find(|(short, _)| *short == whole) {
        words.extend(long.split(' ').map(String::from));
    } else if let Some(before) = whole.strip_suffix("'s") {
        words.extend([before.to_owned(), "is".to_owned()]);
    } else {
        words.push(whole.replace('\'', ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_has_the_same_words_however_it_is_written() {
        for (text, expected) in [
            ("You've reached Bob!", "you have reached bob"),
            ("youve reached BOB", "you have reached bob"),
            ("You’ve reached—Bob.", "you have reached bob"),
            ("I can't", "i can not"),
            ("I cannot", "i can not"),
            ("Who's this?", "who is this"),
            ("'hello'", "hello"),
            ("o'clock", "oclock"),
            ("voicemail", "voice mail"),
            ("請問您是誰", "请 问 你 是 谁"),
            ("ＡＩ助理", "ai 助 理"),
            ("AI 助理。", "ai 助 理"),
            ("'' - …", ""),
            ("", ""),
        ] {
            assert_eq!(words(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn traditional_signs_stand_in_pairs_and_none_folds_twice() {
        let signs: Vec<char> = TRADITIONAL.chars().collect();
        assert_eq!(signs.len() % 2, 0);
        for pair in signs.chunks(2) {
            assert!(pair.iter().all(|sign| is_han(*sign)), "{pair:?}");
            assert_eq!(simplified(pair[1]), pair[1], "{pair:?}");
            assert_eq!(simplified(pair[0]), pair[1], "{pair:?}");
        }
    }

    #[test]
    fn a_text_without_end_is_read_to_its_bound() {
        assert_eq!(words(&"喂".repeat(5_000)).len(), TEXT_CHARS_MAX);
    }
}
