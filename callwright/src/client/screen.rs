//! The lower rows of a terminal, drawn over and over, below what was printed before.
//!
//! After each picture the cursor stands, hidden, at the picture's first cell. A terminal that is resized breaks its
//! lines anew and takes the cursor with them, so that everything from the cursor on is the old picture, wherever it
//! went: it is cleared, and the next one begins there. Nothing is counted back that the terminal may have wrapped.

use std::io::{IsTerminal, Write};

use anyhow::Result;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::telemetry::held;

/// Rows of the terminal that the picture leaves to what was printed before.
const ROWS_LEFT: usize = 1;
const SHOW_CURSOR: &str = "\x1b[?25h";

/// The part of the terminal that is drawn on. Dropped, it leaves its last picture and a terminal as it was.
#[derive(Debug)]
pub struct Screen {
    terminal: console::Term,
    /// Rows and columns when the last picture was drawn.
    size: (u16, u16),
    /// Lines of the last picture.
    drawn: usize,
    echo: Option<Termios>,
}

impl Screen {
    /// None: the output is no terminal.
    pub fn open() -> Option<Self> {
        if !std::io::stdout().is_terminal() {
            return None;
        }
        let terminal = console::Term::stdout();
        let size = terminal.size_checked()?;
        held::begin();
        Some(Self { terminal, size, drawn: 0, echo: hush() })
    }

    /// Draw the lines that `view` makes for the width that the terminal has now. What was logged meanwhile is
    /// printed above.
    pub fn draw(&mut self, view: impl FnOnce(u16) -> Vec<String>) -> Result<()> {
        let size = self.terminal.size_checked().unwrap_or(self.size);
        let mut lines = view(size.1);
        lines.truncate(usize::from(size.0).saturating_sub(ROWS_LEFT).max(1));
        let logged = held::take();
        let mut out = std::io::stdout().lock();
        if size != self.size || !logged.is_empty() {
            write!(out, "\r\x1b[J")?;
            out.flush()?;
            std::io::stderr().write_all(&logged)?;
        }
        write!(out, "{}", picture(&lines))?;
        out.flush()?;
        (self.size, self.drawn) = (size, lines.len());
        Ok(())
    }

    /// Below the picture, for what is printed next.
    fn leave(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match self.drawn {
            0 => {}
            1 => write!(out, "\r\n")?,
            lines => write!(out, "\x1b[{}B\r\n", lines - 1)?,
        }
        write!(out, "{SHOW_CURSOR}")?;
        out.flush()?;
        std::io::stderr().write_all(&held::end())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone can't be put right, and nobody is there to be told.
        let _ = self.leave();
        if let Some(before) = &self.echo {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, before);
        }
    }
}

/// What draws the lines from the cursor on, over what was there, and comes back to where it began.
fn picture(lines: &[String]) -> String {
    let mut text = "\x1b[?25l\r".to_owned();
    for (at, line) in lines.iter().enumerate() {
        let end = if at == 0 { "" } else { "\r\n" };
        text.push_str(&format!("{end}{line}\x1b[K"));
    }
    text.push_str("\x1b[J\r");
    if lines.len() > 1 {
        text.push_str(&format!("\x1b[{}A", lines.len() - 1));
    }
    text
}

/// Typed keys would be shown in the middle of the picture: they are not echoed while it is there. Ctrl-C stays
/// what it is.
fn hush() -> Option<Termios> {
    let before = tcgetattr(std::io::stdin()).ok()?;
    let mut quiet = before.clone();
    quiet.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(std::io::stdin(), SetArg::TCSANOW, &quiet).ok()?;
    Some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_ends_where_it_began() {
        let lines = ["one", "two", "three"].map(str::to_owned);
        let text = picture(&lines);
        assert_eq!(text, "\x1b[?25l\rone\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\x1b[J\r\x1b[2A");
        assert_eq!(picture(&lines[..1]), "\x1b[?25l\rone\x1b[K\x1b[J\r");
    }
}
