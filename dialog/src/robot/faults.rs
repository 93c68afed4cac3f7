//! What is wrong with a robot's configuration, as it is found.

use super::{LIST_MAX, SPEECH_CHARS_MAX};

/// Characters of the name of a provider or knowledge base.
const NAMED_CHARS_MAX: usize = 64;

/// One thing wrong with a robot's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A JSON pointer into the configuration.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
}
#[derive(Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.to_owned(), detail: detail.into() });
    }

    pub(crate) fn range(&mut self, pointer: &str, value: u32, min: u32, max: u32) {
        if !(min..=max).contains(&value) {
            self.add(pointer, format!("must be between {min} and {max}"));
        }
    }

    pub(crate) fn list<'a>(
        &mut self,
        pointer: &str,
        texts: impl ExactSizeIterator<Item = &'a String>,
    ) {
        if texts.len() > LIST_MAX {
            self.add(pointer, format!("must have at most {LIST_MAX} entries"));
        }
        for (index, text) in texts.enumerate() {
            if text.trim().is_empty() || text.chars().count() > SPEECH_CHARS_MAX {
                let detail = format!("must have 1 to {SPEECH_CHARS_MAX} characters");
                self.add(&format!("{pointer}/{index}"), detail);
            }
        }
    }

    /// Names of other things, each of them once.
    pub(crate) fn names(&mut self, pointer: &str, names: &[String], most: usize) {
        if names.len() > most {
            self.add(pointer, format!("must have at most {most} entries"));
        }
        for (index, name) in names.iter().enumerate() {
            if name.trim().is_empty() || name.chars().count() > NAMED_CHARS_MAX {
                let detail = format!("must have 1 to {NAMED_CHARS_MAX} characters");
                self.add(&format!("{pointer}/{index}"), detail);
            } else if names[..index].contains(name) {
                self.add(&format!("{pointer}/{index}"), "is named before; once is enough");
            }
        }
    }
}
