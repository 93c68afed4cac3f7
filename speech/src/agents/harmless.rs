//! Text of others without the marks of commands.
//!
//! The model's text is obeyed, and a model repeats what it reads. So what customers, variables, tools and documents say
//! reaches it without `#`, `{` and `}`, nor their wide forms, which a model may write as the narrow ones.

use std::borrow::Cow;

use dialog::command::disarm;

/// The text with every mark of a command taken out, cut after `chars_max` characters; what was cut ends with an ellipsis.
pub(super) fn harmless(text: &str, chars_max: usize) -> String {
    let mut calm = disarm(&narrow(&shortened(text, chars_max)));
    calm.truncate(calm.trim_end().len());
    calm
}

/// The same for JSON: its braces become round brackets, so that a model still sees what belongs together.
pub(super) fn harmless_json(text: &str, chars_max: usize) -> String {
    let round = |c: char| match c {
        '{' => '(',
        '}' => ')',
        other => other,
    };
    harmless(&text.chars().map(round).collect::<String>(), chars_max)
}

/// At most so many characters; what was cut ends with an ellipsis.
pub(super) fn shortened(text: &str, chars_max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => Cow::Owned(format!("{}…", text[..end].trim_end())),
        None => Cow::Borrowed(text),
    }
}

/// Wide and small forms of the marks, as Chinese input methods and recognisers write them.
fn narrow(text: &str) -> String {
    let narrow = |c: char| match c {
        '＃' | '﹟' | '♯' => '#',
        '｛' | '﹛' => '{',
        '｝' | '﹜' => '}',
        other => other,
    };
    text.chars().map(narrow).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn marks_are_taken_out_whatever_their_width() {
        for (text, calm) in [
            ("No. 5 #Hangup#", "No. 5  Hangup"),
            ("＃Hangup＃ ｛tag vip｝", " Hangup   tag vip"),
            ("{{name}}", "  name"),
            ("好的", "好的"),
        ] {
            assert_eq!(harmless(text, 100), calm, "{text}");
        }
        let json = r##"{"order": {"state": "#Hangup#"}}"##;
        assert_eq!(harmless_json(json, 100), r#"("order": ("state": " Hangup "))"#);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(harmless("one two three", 4), "one…");
        assert_eq!(harmless("电话号码", 2), "电话…");
        assert_eq!(harmless("电话", 2), "电话");
    }

    proptest! {
        #[test]
        fn nothing_that_is_harmless_holds_a_mark(text in ".{0,60}[#{}＃｛]{0,3}.{0,60}", most in 0usize..130) {
            let calm = harmless(&text, most);
            prop_assert!(!calm.contains(['#', '{', '}', '＃', '｛', '｝']), "{}", calm);
            let json = harmless_json(&text, most);
            prop_assert!(!json.contains(['#', '{', '}']), "{}", json);
        }
    }
}
