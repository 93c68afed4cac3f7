//! Server-sent events, as they come over a connection that may cut them anywhere (WHATWG HTML, section 9.2).

use crate::failure::SpeechError;

/// Bytes of one event.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// Puts events together. Only their data counts: names, ids and comments are read over.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: String,
    /// The last byte was CR, so that an LF belongs to the same end of line.
    after_return: bool,
}

impl Events {
    /// The data of the events that are whole with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, SpeechError> {
        let mut whole = Vec::new();
        for &byte in bytes {
            let second_half = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            match byte {
                _ if second_half => {}
                b'\n' | b'\r' => whole.extend(self.end_of_line()?),
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.len() > EVENT_BYTES_MAX {
                return Err(SpeechError::Failed("an event of its answer is too long".to_owned()));
            }
        }
        Ok(whole)
    }

    /// An empty line ends an event.
    fn end_of_line(&mut self) -> Result<Option<String>, SpeechError> {
        let line = std::mem::take(&mut self.line);
        let Ok(line) = std::str::from_utf8(&line) else {
            return Err(SpeechError::Failed("its answer is no text".to_owned()));
        };
        let line = line.trim_start_matches('\u{feff}');
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return Ok((!data.is_empty()).then_some(data));
        }
        if let Some(data) = line.strip_prefix("data:") {
            if !self.data.is_empty() {
                self.data.push('\n');
            }
            self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        Events::default().push(text.as_bytes()).unwrap()
    }

    #[test]
    fn events_are_told_apart_whatever_ends_their_lines() {
        for (text, events) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data:a\r\n\r\ndata:  b\r\n\r\n", vec!["a", " b"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            (": a comment\n\nevent: x\nid: 1\ndata: a\n\n", vec!["a"]),
            ("data: {\ndata: }\n\n", vec!["{\n}"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("data: no end", vec![]),
            ("data: no empty line\n", vec![]),
            ("data\n\nretry: 5\n\n", vec![]),
        ] {
            assert_eq!(all(text), events, "{text:?}");
        }
    }

    #[test]
    fn an_event_without_end_and_bytes_that_are_no_text_are_failures() {
        let mut events = Events::default();
        let endless = vec![b'x'; EVENT_BYTES_MAX];
        assert!(events.push(&endless).is_ok());
        assert!(events.push(b"x").is_err());
        let lines = "data: x\n".repeat(EVENT_BYTES_MAX);
        assert!(Events::default().push(lines.as_bytes()).is_err());
        assert!(Events::default().push(b"data: \xff\n\n").is_err());
    }

    proptest! {
        #[test]
        fn an_answer_that_is_cut_anywhere_gives_the_same_events(
            text in "(data: ?[a好]{0,3}(\n|\r\n|\r)|: c\n|\n|\r\n|\r){0,12}",
            cuts in proptest::collection::vec(0usize..200, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut events = Events::default();
            let pieces = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]);
            let found: Vec<String> = pieces.flat_map(|piece| events.push(piece).unwrap()).collect();
            prop_assert_eq!(found, all(&text));
        }
    }
}
