//! Sentence accumulation: the pieces of an expression, until it has been answered.
//!
//! The guide's scenario 4. Switched off, each piece is a question of its own, asked one after another.
//! Switched on, a piece that comes before the answer to the last one cancels that request, and all pieces
//! together are asked anew.

use std::collections::VecDeque;

/// Pieces kept of one expression; later ones are joined to the last.
pub const PIECES_MAX: usize = 64;
/// Characters kept of one expression.
pub const EXPRESSION_CHARS_MAX: usize = 4_000;

/// What the customer said and nobody answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accumulator {
    mode: Mode,
    pieces: VecDeque<String>,
}

/// Whether the pieces of an expression belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Each piece is a question.
    Apart,
    /// All pieces are one question.
    Together,
}

impl Accumulator {
    /// Nothing said yet.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode, pieces: VecDeque::new() }
    }

    /// How the pieces are asked.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Another piece; an empty one is nothing.
    pub fn push(&mut self, piece: &str) {
        let piece = piece.trim();
        if piece.is_empty() {
            return;
        }
        let full = self.pieces.len() == PIECES_MAX;
        match self.pieces.back_mut().filter(|_| full) {
            Some(last) => *last = joined([last.as_str(), piece]),
            None => self.pieces.push_back(joined([piece])),
        }
    }

    /// What to ask the agent now: the whole expression, or its oldest piece.
    #[must_use]
    pub fn question(&self) -> Option<String> {
        match self.mode {
            Mode::Apart => self.pieces.front().cloned(),
            Mode::Together if self.pieces.is_empty() => None,
            Mode::Together => Some(joined(self.pieces.iter().map(String::as_str))),
        }
    }

    /// What would be asked if this piece came now; none where an older piece waits for its own answer.
    #[must_use]
    pub fn question_with(&self, piece: &str) -> Option<String> {
        if self.mode == Mode::Apart && !self.pieces.is_empty() {
            return None;
        }
        let mut with = self.clone();
        with.push(piece);
        with.question()
    }

    /// The question has been answered.
    pub fn answered(&mut self) {
        match self.mode {
            Mode::Apart => drop(self.pieces.pop_front()),
            Mode::Together => self.pieces.clear(),
        }
    }

    /// Pieces that are not answered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether everything is answered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Puts pieces of a sentence together: the marks of hesitation between them go, and so does the full stop
/// that the recogniser puts after each piece.
fn joined<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
    let mut whole = String::new();
    for piece in pieces {
        let piece = if whole.is_empty() {
            piece
        } else {
            let end = whole.trim_end_matches(['.', '…', ',', '-', ' ']).len();
            whole.truncate(end);
            whole.push(' ');
            piece.trim_start_matches(['.', '…', ',', '-', ' '])
        };
        whole.push_str(piece);
    }
    let trimmed = whole.trim_end_matches([' ']);
    match trimmed.char_indices().nth(EXPRESSION_CHARS_MAX) {
        Some((end, _)) => trimmed[..end].to_owned(),
        None => trimmed.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_one_question() {
        let mut said = Accumulator::new(Mode::Together);
        assert_eq!(said.question(), None);
        assert!(said.is_empty());
        said.push("I want to ask...");
        assert!(!said.is_empty());
        assert_eq!(said.question().as_deref(), Some("I want to ask..."));
        said.push("  ");
        said.push("...what is your current interest rate?");
        assert_eq!(
            said.question().as_deref(),
            Some("I want to ask what is your current interest rate?")
        );
        said.answered();
        assert!(said.is_empty());
    }

    #[test]
    fn apart_each_piece_is_asked_in_its_turn() {
        let mut said = Accumulator::new(Mode::Apart);
        said.push("I want to ask");
        said.push("about you");
        assert_eq!(said.question().as_deref(), Some("I want to ask"));
        said.answered();
        assert_eq!(said.question().as_deref(), Some("about you"));
        said.answered();
        assert_eq!(said.question(), None);
    }

    #[test]
    fn an_endless_expression_stays_bounded() {
        for mode in [Mode::Together, Mode::Apart] {
            let mut said = Accumulator::new(mode);
            for _ in 0..1_000 {
                said.push(&"word ".repeat(100));
            }
            assert_eq!(said.len(), PIECES_MAX);
            let chars = said.question().expect("something was said").chars().count();
            assert!(chars <= EXPRESSION_CHARS_MAX);
        }
    }
}
