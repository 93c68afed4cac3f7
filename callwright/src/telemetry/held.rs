//! Log lines that are held back while a picture stands in the terminal: written into it, they would tear it.
//!
//! Who draws the picture takes them and prints them above it, twice a second. Without a picture they go to
//! standard error at once.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are held, at most; what comes then is left out, and a line says so.
const HELD_MAX: usize = 64 * 1024;
const LEFT_OUT: &[u8] = b"(more was logged than can be shown here)\n";

/// None: there is no picture.
static HELD: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// Where log lines go.
#[derive(Debug)]
pub struct Lines;

fn held() -> MutexGuard<'static, Option<Vec<u8>>> {
    // Bytes are whole, whoever panicked while they were added.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hold lines back from now on.
pub fn begin() {
    held().get_or_insert_default();
}

/// What was held back since the last look.
pub fn take() -> Vec<u8> {
    held().as_mut().map(std::mem::take).unwrap_or_default()
}

/// Hold no more; gives what is left.
pub fn end() -> Vec<u8> {
    held().take().unwrap_or_default()
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match held().as_mut() {
            None => return std::io::stderr().write(bytes),
            Some(held) => add(held, bytes),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

fn add(held: &mut Vec<u8>, bytes: &[u8]) {
    if held.len() + bytes.len() <= HELD_MAX {
        held.extend_from_slice(bytes);
    } else if !held.ends_with(LEFT_OUT) {
        held.extend_from_slice(LEFT_OUT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_has_a_bound_and_says_what_it_left_out() {
        let mut held = Vec::new();
        for _ in 0..HELD_MAX {
            add(&mut held, b"a line\n");
        }
        assert!(held.len() <= HELD_MAX + LEFT_OUT.len());
        assert!(held.ends_with(LEFT_OUT) && !held[..held.len() - 1].ends_with(LEFT_OUT));
    }
}
