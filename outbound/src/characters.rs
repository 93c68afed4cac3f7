//! Characters as people type and paste them: digits of any script, and what nobody sees.

/// The zeros of all decimal digits (Unicode 17, general category Nd): nine digits follow each.
const ZEROS: [u32; 77] = [
    0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6,
    0x0d66, 0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80,
    0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
    0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50,
    0x11d50, 0x11da0, 0x11de0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0,
    0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950,
    0x1fbf0,
];

/// The value of a decimal digit of any script: 3 for `3`, `３` and `٣`.
pub fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let code = u32::from(c);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    Some(code - zero).filter(|value| *value < 10)
}

/// It takes no place on a screen: marks of direction, joiners, fillers, byte order marks (Unicode,
/// `Default_Ignorable_Code_Point`, and the marks of annotations).
pub fn is_invisible(c: char) -> bool {
    matches!(
        u32::from(c),
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f
            | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f
            | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

/// The first character that a name may not have: a control character, a line end of any kind, or one that nobody
/// sees. Two names that look alike would be two things, and a mark of direction turns what stands beside it.
pub fn unfit_for_name(name: &str) -> Option<char> {
    let ends_line = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
    name.chars().find(|c| c.is_control() || ends_line(*c) || is_invisible(*c))
}

/// A character as a message names it: by its code point, as `U+200B`.
pub fn code_point(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// A dash or a minus of any length.
pub fn is_dash(c: char) -> bool {
    matches!(
        u32::from(c),
        0x2d | 0x58a | 0x2010
            ..=0x2015
                | 0x2043
                | 0x2212
                | 0x2e3a
                | 0x2e3b
                | 0xfe31
                | 0xfe32
                | 0xfe58
                | 0xfe63
                | 0xff0d
    )
}

/// A text as an error shows it: what nobody would see stands as its escape, `\u{202d}`.
pub fn escaped(text: &str) -> String {
    let unseen = |c: char| c.is_control() || is_invisible(c) || (c.is_whitespace() && c != ' ');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if unseen(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// A name as names are compared: without spaces around it and without invisible characters.
pub fn folded(name: &str) -> String {
    let seen: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    seen.trim().to_owned()
}

/// A name without its case and its spaces: two that are alike so are most likely meant to be one.
pub fn alike(name: &str) -> String {
    let letters = name.chars().filter(|c| !is_invisible(*c) && !c.is_whitespace());
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_any_script_are_read() {
        for (text, value) in [("7", 7), ("７", 7), ("٣", 3), ("۹", 9), ("०", 0), ("𝟗", 9)] {
            assert_eq!(text.chars().next().and_then(digit), Some(value), "{text}");
        }
        for text in ["a", "/", ":", "十", "²", "½", "Ⅷ", "٪", "\u{669}\u{66a}"] {
            let last = text.chars().next_back().expect("a character");
            assert_eq!(digit(last), None, "{text}");
        }
        assert!(ZEROS.is_sorted());
    }

    proptest::proptest! {
        #[test]
        fn no_decimal_digit_of_unicode_is_overlooked(c in "\\p{Nd}") {
            proptest::prop_assert!(c.chars().all(|c| digit(c).is_some()), "{c}");
        }
    }

    #[test]
    fn a_name_has_no_character_that_nobody_sees() {
        for (name, found) in [
            ("Müller 李 👍", None),
            ("a\u{200b}b", Some('\u{200b}')),
            ("a\u{202e}b", Some('\u{202e}')),
            ("\u{feff}a", Some('\u{feff}')),
            ("a\u{ad}b", Some('\u{ad}')),
            ("a\nb", Some('\n')),
            ("a\u{2028}b", Some('\u{2028}')),
            ("a\u{e0041}b", Some('\u{e0041}')),
        ] {
            assert_eq!(unfit_for_name(name), found, "{name:?}");
        }
        assert_eq!(code_point('\u{200b}'), "U+200B");
    }

    #[test]
    fn what_nobody_sees_is_shown_by_its_escape() {
        assert_eq!(escaped("\u{202d}138\u{a0}x y\n"), "\\u{202d}138\\u{a0}x y\\u{a}");
        assert_eq!(escaped("Müller 李"), "Müller 李");
    }

    #[test]
    fn names_are_compared_as_they_are_seen() {
        assert_eq!(folded(" Phone Number\u{200b} "), "Phone Number");
        assert_eq!(alike("Customer Name"), alike("customername"));
        assert_ne!(alike("name1"), alike("name2"));
    }
}
