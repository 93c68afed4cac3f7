//! Pages of a list: a limit, and an opaque cursor that holds while rows come and go.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::problem::Problem;
use crate::unkept::holds_unkept;

/// Rows of a page when none are asked for.
pub const LIMIT: u32 = 50;
/// Rows of a page, at most.
pub const LIMIT_MAX: u32 = storage::rows::PAGE_MAX;
/// Characters of a cursor, at most.
pub const CURSOR_LENGTH_MAX: usize = 1_024;
/// How a cursor is written.
pub const CURSOR_PATTERN: &str = "^([0-9a-f]{2})+$";

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    pub data: Vec<T>,
    /// Send it as `cursor` for the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

/// `limit` and `cursor` of a list that has no other parameters.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Rows of a page, 1–200; 50 without.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl Paging {
    pub fn new(limit: Option<u32>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// The limit within its bounds.
    pub fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(LIMIT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            other => Err(Problem::malformed(
                "/limit",
                "out_of_bounds",
                format!("is {other}; it must be 1 to {LIMIT_MAX}"),
            )),
        }
    }

    /// Where the page goes on, as the list keyed it.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        decode(text).map(Some).ok_or_else(|| {
            Problem::malformed(
                "/cursor",
                "unknown_cursor",
                "is not a next_cursor of this list; leave it out to start again",
            )
        })
    }
}

impl<T> Page<T> {
    /// A page whose next key storage has named.
    pub fn going_on<K: Serialize>(data: Vec<T>, next: Option<&K>) -> Self {
        Self { data, next_cursor: next.map(encode) }
    }
}

/// A key in hexadecimal: it is opaque, and safe in a URL.
fn encode<K: Serialize + ?Sized>(key: &K) -> String {
    let text = serde_json::to_vec(key).unwrap_or_default();
    text.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode<K: DeserializeOwned>(text: &str) -> Option<K> {
    if text.len() > CURSOR_LENGTH_MAX || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect();
    let key: Value = serde_json::from_slice(&bytes?).ok()?;
    if holds_unkept(&key) { None } else { serde_json::from_value(key).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_out_of_bounds_is_refused_with_the_bounds() {
        for (limit, allowed) in
            [(None, true), (Some(1), true), (Some(200), true), (Some(0), false), (Some(201), false)]
        {
            let answer = Paging::new(limit, None).limit();
            assert_eq!(answer.is_ok(), allowed, "{limit:?}");
            if let Err(problem) = answer {
                assert!(problem.detail.contains("1 to 200"));
            }
        }
    }

    #[test]
    fn a_cursor_goes_on_where_the_page_ended() {
        let page = Page::going_on(vec![1, 2], Some(&2));
        let next = Paging::new(None, page.next_cursor);
        assert_eq!(next.after::<i32>(), Ok(Some(2)));
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(Page::going_on(vec![1], None::<&i32>).next_cursor, None);
        assert_eq!(Paging::default().after::<i32>(), Ok(None));
    }

    #[test]
    fn a_cursor_that_was_made_up_is_refused() {
        for text in ["x", "zz", "ab", "ééé", &"00".repeat(1_000)] {
            assert!(Paging::new(None, Some(text.to_owned())).after::<i32>().is_err(), "{text}");
        }
        for key in ["a\0", "-5000-01-01T00:00:00Z", "+262000-01-01T00:00:00Z"] {
            let paging = Paging::new(None, Some(encode(&(key, 1))));
            assert!(paging.after::<(String, i32)>().is_err(), "{key}");
        }
    }
}
