//! A document, cut into passages: pieces that are found, and given to a model, each by itself.
//!
//! A passage has whole paragraphs of one section where they fit, and begins with the headings above it, as a paragraph alone
//! does not tell what it is about.

use super::DocumentFormat;

/// Characters of a passage, its headings among them.
pub const PASSAGE_CHARS_MAX: usize = 1_200;
/// Characters of the headings above a passage; of longer ones the beginning is left out.
const HEADINGS_CHARS_MAX: usize = 200;
/// Levels of headings in Markdown.
const LEVELS: usize = 6;

/// The passages of a text, in order. A text without a word has none.
pub fn split(text: &str, format: DocumentFormat) -> Vec<String> {
    let mut splitter = Splitter::default();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let line: String = line.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        let trimmed = line.trim();
        if format == DocumentFormat::Markdown {
            let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
            match (fence, mark) {
                (None, Some(mark)) => fence = Some(mark),
                (Some(open), Some(mark)) if open == mark => fence = None,
                _ => {}
            }
            // In a block of code `#` begins a comment.
            if let Some((level, heading)) = heading(trimmed).filter(|_| fence.is_none()) {
                splitter.heading(level, heading);
                continue;
            }
        }
        if trimmed.is_empty() {
            splitter.end_paragraph();
        } else {
            splitter.line(line.trim_end());
        }
    }
    splitter.end_section();
    splitter.passages
}

/// The level, from 1, and the words of a heading: `## Opening hours`.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let rest = &line[level..];
    let is_one =
        (1..=LEVELS).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    is_one.then(|| (level, rest.trim().trim_end_matches('#').trim_end()))
}

/// A text on its way into passages.
#[derive(Default)]
struct Splitter {
    passages: Vec<String>,
    /// The headings that stand above, by their level.
    headings: [String; LEVELS],
    paragraph: String,
    /// Paragraphs of this section that are in no passage yet.
    body: String,
    body_chars: usize,
    /// The level of the newest heading, while nothing stands below it.
    bare: Option<usize>,
}

impl Splitter {
    fn heading(&mut self, level: usize, words: &str) {
        // One with its own subheadings is told with each of them.
        self.bare = self.bare.filter(|above| level <= *above);
        self.end_section();
        words.clone_into(&mut self.headings[level - 1]);
        self.headings[level..].iter_mut().for_each(String::clear);
        self.bare = (!words.is_empty()).then_some(level);
    }

    fn line(&mut self, line: &str) {
        if !self.paragraph.is_empty() {
            self.paragraph.push('\n');
        }
        self.paragraph.push_str(line);
    }

    /// Put the paragraph with those before it, where they fit together; else it begins a passage.
    fn end_paragraph(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        if paragraph.is_empty() {
            return;
        }
        self.bare = None;
        let room = PASSAGE_CHARS_MAX - self.above().chars().count();
        for piece in pieces(&paragraph, room) {
            let chars = piece.chars().count();
            if self.body_chars > 0 && self.body_chars + 2 + chars > room {
                self.end_passage();
            }
            if self.body_chars > 0 {
                self.body.push_str("\n\n");
                self.body_chars += 2;
            }
            self.body.push_str(piece);
            self.body_chars += chars;
        }
    }

    fn end_passage(&mut self) {
        let passage = self.above() + &std::mem::take(&mut self.body);
        self.passages.push(passage.trim_end().to_owned());
        self.body_chars = 0;
    }

    fn end_section(&mut self) {
        self.end_paragraph();
        // A heading with nothing below it may be all that there is to know: "We are closed on Sundays".
        if self.body_chars > 0 || self.bare.is_some() {
            self.end_passage();
        }
        self.bare = None;
    }

    /// The headings as a passage begins with them: `Returns > Exchanges`, in a line.
    fn above(&self) -> String {
        let known = self.headings.iter().filter(|heading| !heading.is_empty());
        let all = known.map(String::as_str).collect::<Vec<_>>().join(" > ");
        if all.is_empty() {
            return all;
        }
        let over = all.chars().count().saturating_sub(HEADINGS_CHARS_MAX - 1);
        all.chars().skip(over).chain(['\n']).collect()
    }
}

/// A paragraph in pieces of so many characters at most: after sentences where there are some, else between words.
fn pieces(paragraph: &str, chars_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = paragraph.trim_end();
    while let Some((limit, _)) = rest.char_indices().nth(chars_max) {
        let head = &rest[..limit];
        let end =
            after_sentence(head).or_else(|| head.rfind(char::is_whitespace)).filter(|end| *end > 0);
        let (piece, next) = rest.split_at(end.unwrap_or(limit));
        pieces.push(piece.trim_end());
        rest = next.trim_start();
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Where the last whole sentence, or line, of a text ends, in its second half: earlier, pieces would be small.
fn after_sentence(text: &str) -> Option<usize> {
    let mut ends = text.char_indices().filter(|(at, c)| {
        let next = text[at + c.len_utf8()..].chars().next();
        match c {
            '。' | '！' | '？' | '；' | '\n' => true,
            '.' | '!' | '?' => next.is_some_and(char::is_whitespace),
            _ => false,
        }
    });
    ends.next_back().map(|(at, c)| at + c.len_utf8()).filter(|end| *end >= text.len() / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn markdown(text: &str) -> Vec<String> {
        split(text, DocumentFormat::Markdown)
    }

    #[test]
    fn paragraphs_of_a_section_stay_together_under_their_headings() {
        let text = "Welcome.\n\n# Returns\nWithin 14 days.\n\nWith the bill.\n## Exchanges #\nFree of charge.\n# Hours\n- nine\n- to five\n";
        let passages = markdown(text);
        assert_eq!(
            passages,
            [
                "Welcome.",
                "Returns\nWithin 14 days.\n\nWith the bill.",
                "Returns > Exchanges\nFree of charge.",
                "Hours\n- nine\n- to five",
            ]
        );
    }

    #[test]
    fn a_heading_of_a_higher_level_ends_those_below_it() {
        let passages = markdown("### c\none\n# a\n### d\ntwo\n## b\nthree");
        assert_eq!(
            passages,
            ["c\none", "a > d\ntwo", "a > b\nthree"].map(str::to_owned)[..],
            "{passages:?}"
        );
    }

    #[test]
    fn a_heading_with_nothing_below_it_is_a_passage_of_its_own() {
        assert_eq!(
            markdown("# Closed on Sundays\n# Hours\nNine."),
            ["Closed on Sundays", "Hours\nNine."]
        );
        assert_eq!(markdown("#\n##  \n"), Vec::<String>::new());
        assert_eq!(markdown("# Hours\n## Sunday\nClosed."), ["Hours > Sunday\nClosed."]);
    }

    #[test]
    fn only_markdown_has_headings_and_none_in_a_block_of_code() {
        assert_eq!(split("# one\ntwo", DocumentFormat::Plain), ["# one\ntwo"]);
        assert_eq!(
            markdown("```\n# comment\n```\n#hash\n####### seven"),
            ["```\n# comment\n```\n#hash\n####### seven"]
        );
        assert_eq!(markdown("~~~\n```\n# a\n~~~\n# b\nc"), ["~~~\n```\n# a\n~~~", "b\nc"]);
    }

    #[test]
    fn a_long_paragraph_is_cut_after_a_sentence_else_between_words_else_anywhere() {
        let sentence = "It takes five days to come, and a week in winter. ".repeat(60);
        let passages = markdown(&sentence);
        assert!(passages.len() == 3 && passages.iter().all(|passage| passage.ends_with("winter.")));
        let words = "word ".repeat(600);
        assert!(markdown(&words).iter().all(|passage| passage.ends_with("word")));
        let chinese = format!("{}。", "我们九点开门".repeat(20)).repeat(20);
        assert!(markdown(&chinese).iter().all(|passage| passage.ends_with('。')));
        let solid = markdown(&"a".repeat(3_000));
        assert_eq!(solid.iter().map(String::len).collect::<Vec<_>>(), [1_200, 1_200, 600]);
    }

    #[test]
    fn headings_that_are_too_long_leave_room_for_the_text() {
        let text = format!("# {}\n{}", "h".repeat(3_000), "a".repeat(1_500));
        let passages = markdown(&text);
        assert_eq!(passages.len(), 2);
        assert_eq!(passages[0].chars().count(), PASSAGE_CHARS_MAX);
        assert_eq!(passages[0].lines().next().map(str::len), Some(199));
    }

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(markdown("a\u{0}b\u{c}\r\n\r\n\u{1b}c"), ["ab\n\nc"]);
    }

    fn letters(text: &str) -> String {
        text.chars().filter(|c| c.is_alphanumeric()).collect()
    }

    proptest! {
        #[test]
        fn no_passage_is_too_long_and_no_letter_of_a_plain_text_is_lost(
            text in "([a-z]{0,30}[ .\n。李]{1,3}){0,200}[a-z]{0,2000}",
        ) {
            let passages = split(&text, DocumentFormat::Plain);
            prop_assert!(passages.iter().all(|passage| (1..=PASSAGE_CHARS_MAX).contains(&passage.chars().count())));
            prop_assert_eq!(letters(&passages.concat()), letters(&text));
        }

        #[test]
        fn any_text_is_split_into_passages_of_the_right_length(text in "(#{0,7} ?.{0,300}\n{0,3}|```\n){0,12}") {
            for passage in markdown(&text) {
                prop_assert!((1..=PASSAGE_CHARS_MAX).contains(&passage.chars().count()), "{:?}", passage);
            }
        }
    }
}
