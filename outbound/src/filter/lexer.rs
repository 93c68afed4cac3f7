//! The marks and words of a filter.

use crate::filter::{FilterError, Op};

/// Reads a filter from left to right; spaces between words do not count.
pub(super) struct Lexer {
    text: Vec<char>,
    place: usize,
}

impl Lexer {
    pub fn new(text: &str) -> Self {
        Self { text: text.chars().collect(), place: 0 }
    }

    /// The character that comes next, from 1.
    pub fn column(&mut self) -> usize {
        self.skip_spaces();
        self.place + 1
    }

    /// How many characters were read.
    pub fn place(&self) -> usize {
        self.place
    }

    pub fn at_end(&mut self) -> bool {
        self.skip_spaces();
        self.place == self.text.len()
    }

    fn skip_spaces(&mut self) {
        while self.text.get(self.place).is_some_and(|c| c.is_whitespace()) {
            self.place += 1;
        }
    }

    /// Take a mark, if it comes next.
    pub fn take(&mut self, mark: &str) -> bool {
        self.skip_spaces();
        self.take_close(mark)
    }

    /// Take a mark, if it comes next without a space between.
    pub fn take_close(&mut self, mark: &str) -> bool {
        let comes =
            mark.chars().enumerate().all(|(at, c)| self.text.get(self.place + at) == Some(&c));
        if comes {
            self.place += mark.chars().count();
        }
        comes
    }

    /// The word that comes next: letters, digits and underscores; empty if there is none.
    pub fn word(&mut self) -> String {
        self.skip_spaces();
        let word = self.ahead(|c| c.is_alphanumeric() || c == '_');
        self.place += word.chars().count();
        word
    }

    pub fn next_word_is(&mut self, word: &str) -> bool {
        self.skip_spaces();
        self.ahead(|c| c.is_alphanumeric() || c == '_') == word
    }

    fn ahead(&self, belongs: impl Fn(char) -> bool) -> String {
        self.text[self.place..].iter().copied().take_while(|c| belongs(*c)).collect()
    }

    pub fn op(&mut self) -> Option<Op> {
        // Those of two characters before those that they begin with.
        let ops = [Op::Ne, Op::Le, Op::Ge, Op::Eq, Op::Lt, Op::Gt, Op::Has];
        ops.into_iter().find(|op| self.take(op.mark()))
    }

    /// A quoted text, if one comes next. `\` takes the next character as it is.
    pub fn quoted(&mut self) -> Result<Option<String>, FilterError> {
        let opened = self.column();
        let quote = match self.text.get(self.place) {
            Some(quote @ ('"' | '\'')) => *quote,
            _ => return Ok(None),
        };
        self.place += 1;
        let mut read = String::new();
        while let Some(c) = self.text.get(self.place) {
            self.place += 1;
            match c {
                c if *c == quote => return Ok(Some(read)),
                '\\' => {
                    read.extend(self.text.get(self.place));
                    self.place += 1;
                }
                c => read.push(*c),
            }
        }
        Err(FilterError::new(opened, format!("the text that begins here has no closing {quote}")))
    }

    /// A value: quoted, or bare up to a space or a bracket.
    pub fn value(&mut self) -> Result<String, FilterError> {
        if let Some(text) = self.quoted()? {
            return Ok(text);
        }
        let bare = self.ahead(|c| !c.is_whitespace() && !"()\"'".contains(c));
        if bare.is_empty() {
            return Err(FilterError::new(self.column(), "expected a value"));
        }
        self.place += bare.chars().count();
        Ok(bare)
    }
}
