//! The encoding of a CSV file: told by its mark, named by the import, or refused. Never guessed.
//!
//! A GB18030 file has no mark, and nearly every text of another encoding can be decoded as GB18030, into
//! nonsense. So it is taken for one only when all of it decodes to Chinese, and to Chinese that people
//! write: most of its characters are common ones, and rare ones don't stand inside Latin words, as the
//! `ü` of a German name would.

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use outbound::import::ENCODING_AUTO;

use crate::source::{Stop, refused};

const READ_BYTES: usize = 1 << 16;
/// Bytes that are looked at for a mark, and for the NULs of UTF-16 without one.
const HEAD_BYTES: u64 = 1 << 10;

/// The encoding of the whole file.
pub fn of(file: &mut File, asked: &str) -> Result<&'static Encoding, Stop> {
    file.rewind()?;
    let mut head = Vec::new();
    (&*file).take(HEAD_BYTES).read_to_end(&mut head)?;
    let marked = Encoding::for_bom(&head).map(|(encoding, _)| encoding);
    let named = Encoding::for_label_no_replacement(asked.as_bytes());
    if let Some(encoding) = marked.or(named.filter(|_| asked != ENCODING_AUTO)) {
        return match decodes(file, encoding, |_| true)? {
            true => Ok(encoding),
            false => Err(refused(
                "wrong_encoding",
                format!(
                    "can't be read as {}: some of its bytes mean nothing in it; name the encoding \
                     that it was saved in, or save it as CSV UTF-8",
                    encoding.name()
                ),
            )),
        };
    }
    if let Some(wide) = utf16_without_mark(&head) {
        return Err(refused(
            "unknown_encoding",
            format!(
                "looks like {0} without its mark; import it with the encoding `{0}`, or save it as CSV UTF-8",
                wide.name()
            ),
        ));
    }
    if decodes(file, UTF_8, |_| true)? {
        return Ok(UTF_8);
    }
    if decodes(file, GB18030, is_of_chinese_text)? && reads_like_chinese(file)? {
        return Ok(GB18030);
    }
    Err(refused(
        "unknown_encoding",
        "is not UTF-8, and its encoding can't be told from its bytes; save it as CSV UTF-8, or import \
         it with the name of its encoding (as windows-1252 or gb18030)",
    ))
}

/// The first two characters of a header are ASCII: UTF-16 has a NUL beside each. A NUL anywhere else is a
/// fault of its cell.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    match head {
        [0, first, 0, second, ..] if *first > 0 && *second > 0 => Some(UTF_16BE),
        [first, 0, second, 0, ..] if *first > 0 && *second > 0 => Some(UTF_16LE),
        _ => None,
    }
}

/// All of the file has a meaning in this encoding, and no character that does not fit.
fn decodes(
    file: &mut File,
    encoding: &'static Encoding,
    fits: fn(char) -> bool,
) -> Result<bool, Stop> {
    file.rewind()?;
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let mut from = vec![0; READ_BYTES];
    let mut to = String::new();
    loop {
        let read = file.read(&mut from)?;
        to.clear();
        to.reserve(decoder.max_utf8_buffer_length(read).unwrap_or(READ_BYTES * 4));
        let (_, _, wrong) = decoder.decode_to_string(&from[..read], &mut to, read == 0);
        if wrong || !to.chars().all(fits) {
            return Ok(false);
        }
        if read == 0 {
            return Ok(true);
        }
    }
}

/// ASCII, Chinese characters, and the signs between them.
fn is_of_chinese_text(c: char) -> bool {
    c.is_ascii()
        || matches!(
            u32::from(c),
            0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff
                | 0x3000..=0x303f | 0xff00..=0xffef | 0xb7 | 0xd7 | 0x2013..=0x2026 | 0x2103
                | 0x2116 | 0x2460..=0x24ff
        )
}

/// The zones of GB18030, by its bytes.
#[derive(Clone, Copy, PartialEq)]
enum Zone {
    /// The 3,755 characters of daily use: GB 2312, level 1.
    Common,
    /// The other 3,008 of GB 2312.
    Further,
    /// Characters that came later; rare, but some names have them.
    Rare,
    Letter,
    Other,
}

/// See the head of this file. The text decodes as GB18030.
fn reads_like_chinese(file: &mut File) -> Result<bool, Stop> {
    file.rewind()?;
    let mut bytes = BufReader::with_capacity(READ_BYTES, file).bytes();
    let (mut common, mut all) = (0_u64, 0_u64);
    let mut before = Zone::Other;
    while let Some(lead) = bytes.next().transpose()? {
        let zone = if lead < 0x80 {
            if lead.is_ascii_alphabetic() { Zone::Letter } else { Zone::Other }
        } else {
            match bytes.next().transpose()? {
                Some(0x30..=0x39) => {
                    // Four bytes: the last two tell no more.
                    let _ = (bytes.next().transpose()?, bytes.next().transpose()?);
                    Zone::Rare
                }
                Some(0xa1..) if (0xb0..=0xd7).contains(&lead) => Zone::Common,
                Some(0xa1..) if (0xd8..=0xf7).contains(&lead) => Zone::Further,
                Some(0xa1..) if (0xa1..=0xa9).contains(&lead) => Zone::Other,
                _ => Zone::Rare,
            }
        };
        let pair = [before, zone];
        if pair.contains(&Zone::Rare) && pair.contains(&Zone::Letter) {
            return Ok(false);
        }
        common += u64::from(zone == Zone::Common);
        all += u64::from(matches!(zone, Zone::Common | Zone::Further | Zone::Rare));
        before = zone;
    }
    Ok(all > 0 && common * 2 >= all)
}

/// A reader that gives UTF-8, without a mark, whatever the file's encoding is.
pub struct Decoded<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    from: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    done: bool,
}

impl<R: Read> Decoded<R> {
    pub fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            from: vec![0; READ_BYTES],
            ready: Vec::new(),
            given: 0,
            done: false,
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.ready.len() && !self.done {
            let read = self.inner.read(&mut self.from)?;
            self.done = read == 0;
            let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(READ_BYTES * 4);
            self.ready.resize(room, 0);
            let (_, _, written, _) =
                self.decoder.decode_to_utf8(&self.from[..read], &mut self.ready, self.done);
            self.ready.truncate(written);
            self.given = 0;
        }
        let count = to.len().min(self.ready.len() - self.given);
        to[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn told(bytes: &[u8], asked: &str) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        match of(&mut file, asked) {
            Ok(encoding) => encoding.name().to_owned(),
            Err(Stop::Refused(problem)) => problem.code,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_encoding_is_told_by_its_mark_or_its_text_and_else_refused() {
        let gb = |text: &str| GB18030.encode(text).0.into_owned();
        let label = |text: &str, label: &str| {
            Encoding::for_label(label.as_bytes()).expect("known").encode(text).0.into_owned()
        };
        for (bytes, name) in [
            (b"Phone Number\n".to_vec(), "UTF-8"),
            ("\u{feff}Müller".as_bytes().to_vec(), "UTF-8"),
            ("李明,Müller".as_bytes().to_vec(), "UTF-8"),
            (b"\xff\xfeP\0\xfc\0".to_vec(), "UTF-16LE"),
            (b"\xfe\xff\0P\0\xfc".to_vec(), "UTF-16BE"),
            (b"\xff\xfeP\0\xfc".to_vec(), "wrong_encoding"),
            (b"P\0h\0".to_vec(), "unknown_encoding"),
            (b"\0P\0h".to_vec(), "unknown_encoding"),
            (b"Phone\0,a\0".to_vec(), "UTF-8"),
            (gb("13800000001,,,,李明"), "gb18030"),
            (gb("王先生，VIP客户（北京）"), "gb18030"),
            (gb("朱镕基,陶喆"), "gb18030"),
            (label("13800000001,,,,Müller\r\n", "windows-1252"), "unknown_encoding"),
            (label("Łukasz Żółć", "latin2"), "unknown_encoding"),
            (label("Grüße aus Köln", "windows-1252"), "unknown_encoding"),
            (label("Привет", "windows-1251"), "unknown_encoding"),
            (label("Ολυμπία", "windows-1253"), "unknown_encoding"),
            (label("\u{2022} ñandú é", "windows-1252"), "unknown_encoding"),
            (b"a\xff\xff\n".to_vec(), "unknown_encoding"),
        ] {
            assert_eq!(told(&bytes, "auto"), name, "{bytes:x?}");
        }
    }

    #[test]
    fn an_encoding_that_the_import_names_is_the_one() {
        let bytes = b"M\xfcller";
        assert_eq!(told(bytes, "windows-1252"), "windows-1252");
        assert_eq!(told(bytes, "latin2"), "ISO-8859-2");
        assert_eq!(told(bytes, "utf-8"), "wrong_encoding");
        assert_eq!(told(b"P\0h\0", "utf-16le"), "UTF-16LE");
        assert_eq!(told("\u{feff}é".as_bytes(), "windows-1252"), "UTF-8", "its mark says more");
    }
}
