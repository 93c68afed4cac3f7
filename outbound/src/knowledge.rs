//! Documents that answers come from: what people write, and the passages and words that it is found by.
//!
//! The text of a document and a question are cut into words by the same function, so that they meet in the index.

mod split;
mod words;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, NAME_PATTERN, Verdict, name, number, verdict};
use crate::words::words as closed_words;

pub use split::{PASSAGE_CHARS_MAX, split};
pub use words::{QUESTION_WORDS_MAX, index_text, question_words};

/// Characters of the name of a base or of a document.
const NAME_CHARS_MAX: usize = 64;
/// Bytes of the text of a document.
pub const DOCUMENT_BYTES_MAX: usize = 1_000_000;
/// Passages of a document. A text of long paragraphs has a thousand at most; one with a heading above every word has more.
pub const PASSAGES_MAX: usize = 5_000;
/// Characters of a question.
pub const QUESTION_CHARS_MAX: usize = 2_000;
/// Passages that one question finds.
pub const FOUND_MAX: u32 = 20;

/// A text has a character that can be seen. Control characters are left out of passages.
const TEXT_PATTERN: &str = r"[^\s\u0000-\u001f\u007f-\u009f]";

/// A knowledge base: documents that robots answer from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeConfig {
    /// Unique in the enterprise, 1–64 characters; robots name it.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub name: String,
}

impl KnowledgeConfig {
    pub fn check(&self) -> Verdict {
        verdict(name("/name", &self.name, 1, NAME_CHARS_MAX).into_iter().collect())
    }
}

closed_words! {
    /// How a document is written.
    DocumentFormat {
        /// Paragraphs with empty lines between them.
        Plain = "plain",
        /// The same, with headings, lists and blocks of code.
        Markdown = "markdown",
    }
}

/// A document of a knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentConfig {
    /// Unique in the knowledge base, 1–64 characters; the interaction log tells it.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub name: String,
    #[serde(default = "markdown")]
    pub format: DocumentFormat,
    /// 1–1,000,000 bytes in UTF-8.
    #[schemars(length(min = 1, max = DOCUMENT_BYTES_MAX), regex(pattern = TEXT_PATTERN))]
    pub text: String,
}

fn markdown() -> DocumentFormat {
    DocumentFormat::Markdown
}

impl DocumentConfig {
    /// The passages that it is found by; or everything that is wrong with it.
    pub fn passages(&self) -> Result<Vec<String>, Vec<Fault>> {
        let mut faults: Vec<Fault> =
            name("/name", &self.name, 1, NAME_CHARS_MAX).into_iter().collect();
        let bytes = self.text.len();
        if bytes > DOCUMENT_BYTES_MAX {
            let detail = format!(
                "has {bytes} bytes in UTF-8; at most {DOCUMENT_BYTES_MAX}: make several documents of it"
            );
            faults.push(Fault::new("/text", "too_long", detail));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let passages = split(&self.text, self.format);
        let fault = match passages.len() {
            0 => Fault::new("/text", "required", "has no text"),
            1..=PASSAGES_MAX => return Ok(passages),
            found => {
                let detail = format!(
                    "has {found} passages; at most {PASSAGES_MAX}: take out headings, or make several documents of it"
                );
                Fault::new("/text", "passages_max", detail)
            }
        };
        Err(vec![fault])
    }
}

/// Something that is asked of knowledge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// In the words of a customer, 1–2,000 characters.
    #[schemars(length(min = 1, max = QUESTION_CHARS_MAX))]
    pub question: String,
    /// How many passages are wanted, 1–20.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = FOUND_MAX))]
    pub most: u32,
}

fn five() -> u32 {
    5
}

impl Question {
    pub fn check(&self) -> Verdict {
        let chars = self.question.chars().count();
        let mut faults: Vec<Fault> = number("/most", self.most, 1, FOUND_MAX).into_iter().collect();
        if !(1..=QUESTION_CHARS_MAX).contains(&chars) {
            let detail = format!("must have 1 to {QUESTION_CHARS_MAX} characters, not {chars}");
            let code = if chars == 0 { "required" } else { "too_long" };
            faults.push(Fault::new("/question", code, detail));
        }
        verdict(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, text: String) -> DocumentConfig {
        DocumentConfig { name: name.to_owned(), format: DocumentFormat::Markdown, text }
    }

    fn told(document: &DocumentConfig) -> Vec<String> {
        let faults = document.passages().err().unwrap_or_default().into_iter();
        faults.map(|fault| format!("{} {}", fault.pointer, fault.code)).collect()
    }

    #[test]
    fn a_document_has_a_name_and_text_within_its_limit() {
        for (name, text, wrong) in [
            ("faq", "We open at nine.".to_owned(), vec![]),
            ("", "We open at nine.".to_owned(), vec!["/name required"]),
            ("faq", " \n\u{0}\n".to_owned(), vec!["/text required"]),
            ("faq", "a".repeat(DOCUMENT_BYTES_MAX), vec![]),
            ("faq", "李".repeat(DOCUMENT_BYTES_MAX / 3 + 1), vec!["/text too_long"]),
            ("faq", "# a\n".repeat(PASSAGES_MAX), vec![]),
            ("faq", "# a\nb\n".repeat(PASSAGES_MAX), vec![]),
            ("faq", "# a\nb\n".repeat(PASSAGES_MAX + 1), vec!["/text passages_max"]),
        ] {
            assert_eq!(told(&document(name, text.clone())), wrong, "{name} {:.20}", text);
        }
    }

    #[test]
    fn a_question_is_asked_for_some_passages_and_not_for_all() {
        let pointers = |question: &str, most: u32| {
            let asked = Question { question: question.to_owned(), most };
            let faults = asked.check().err().unwrap_or_default().into_iter();
            faults.map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers("When do you open?", 1), Vec::<String>::new());
        assert_eq!(pointers(&"a".repeat(QUESTION_CHARS_MAX), FOUND_MAX), Vec::<String>::new());
        assert_eq!(pointers("", 0), ["/most", "/question"]);
        assert_eq!(
            pointers(&"a".repeat(QUESTION_CHARS_MAX + 1), FOUND_MAX + 1),
            ["/most", "/question"]
        );
    }
}
