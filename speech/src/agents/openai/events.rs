//! Server-sent events out of the bytes of an answer, by the rules of the HTML standard (section “Server-sent events”).
//!
//! The crates for this hold a line of any length; here an event has a bound.

use crate::failure::SpeechError;

/// Bytes of one event: a thousand times what a token takes.
const EVENT_BYTES_MAX: usize = 256 << 10;
/// The mark of UTF-8 that may stand before the first line.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The `event` field; empty where there is none.
    pub kind: String,
    pub data: String,
}

/// Takes events out of a stream of bytes, wherever the pieces are cut.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The line that has not ended.
    line: Vec<u8>,
    kind: Vec<u8>,
    /// The data of the event that has not ended; none before its first `data` field.
    data: Option<Vec<u8>>,
    /// The last line ended with CR, so that an LF right after it is a part of that end.
    after_cr: bool,
    /// A line was read.
    begun: bool,
}

impl Events {
    /// The events that end within these bytes.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Event>, SpeechError> {
        let mut found = Vec::new();
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
            let (part, end, rest) = (&bytes[..at], bytes[at], &bytes[at + 1..]);
            bytes = rest;
            let of_crlf = end == b'\n' && at == 0 && self.after_cr;
            self.after_cr = end == b'\r';
            if !of_crlf {
                self.grow(part)?;
                found.extend(self.end_line()?);
            }
        }
        if !bytes.is_empty() {
            self.after_cr = false;
            self.grow(bytes)?;
        }
        Ok(found)
    }

    /// The stream has ended. An event without the empty line after it counts: some servers leave the last one out.
    pub fn finish(&mut self) -> Result<Option<Event>, SpeechError> {
        let last = self.end_line()?;
        Ok(if last.is_some() { last } else { self.event()? })
    }

    fn grow(&mut self, part: &[u8]) -> Result<(), SpeechError> {
        let held = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
        if held + part.len() > EVENT_BYTES_MAX {
            return Err(SpeechError::Failed("an event of its answer is too long".into()));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, SpeechError> {
        let whole = std::mem::take(&mut self.line);
        let line = if self.begun { &whole[..] } else { whole.strip_prefix(UTF8_MARK).unwrap_or(&whole) };
        self.begun = true;
        if line.is_empty() {
            return self.event();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => self.kind = value.to_vec(),
            // A comment (`:` first), `id`, `retry`, or something that is not known.
            _ => {}
        }
        Ok(None)
    }

    fn event(&mut self) -> Result<Option<Event>, SpeechError> {
        let kind = std::mem::take(&mut self.kind);
        let Some(data) = self.data.take() else { return Ok(None) };
        let text = |bytes| {
            String::from_utf8(bytes)
                .map_err(|_| SpeechError::Failed("its answer is no text".into()))
        };
        Ok(Some(Event { kind: text(kind)?, data: text(data)? }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut events = Events::default();
        let mut found = Vec::new();
        for piece in pieces {
            found.extend(events.push(piece).unwrap());
        }
        found.extend(events.finish().unwrap());
        found.into_iter().map(|event| (event.kind, event.data)).collect()
    }

    fn datas(text: &str) -> Vec<String> {
        read(&[text.as_bytes()]).into_iter().map(|(_, data)| data).collect()
    }

    #[test]
    fn events_are_read_however_they_are_written() {
        for (text, found) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data:a\r\n\r\ndata:b\r\n\r\n", vec!["a", "b"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            (": keep-alive\n\n:\n\ndata: a\n\n", vec!["a"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("data:  a\n\n", vec![" a"]),
            ("data\n\n", vec![""]),
            ("id: 1\nretry: 5\nother: x\n\n", vec![]),
            ("data: last", vec!["last"]),
            ("data: last\n", vec!["last"]),
            ("", vec![]),
        ] {
            assert_eq!(datas(text), found, "{text:?}");
        }
        let kinds = read(&[b"event: error\ndata: x\n\ndata: y\n\n"]);
        assert_eq!(kinds, [("error".into(), "x".into()), (String::new(), "y".into())]);
    }

    #[test]
    fn an_event_without_an_end_is_given_up() {
        let mut events = Events::default();
        let piece = [b'x'; 1 << 16];
        let held = (0..10).take_while(|_| events.push(&piece).is_ok()).count();
        assert_eq!(held, EVENT_BYTES_MAX / piece.len());
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(1 << 16));
        let held = (0..10).take_while(|_| events.push(line.as_bytes()).is_ok()).count();
        assert_eq!(held, 3, "many lines of one event, too");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(Events::default().push(b"data: \xff\n\n").is_err());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_bytes_are_cut(cuts in prop::collection::vec(0usize..60, 0..6)) {
            let text = "data: 电话\r\n\r\n: x\r\ndata:a\ndata: b\r\rdata: c\n\n".as_bytes();
            let mut at: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(read(&pieces), read(&[text]));
        }
    }
}
