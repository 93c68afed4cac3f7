//! What rows have in common: a version to edit by, pages to list by, and how a phone is kept.

use outbound::Time;
use outbound::phone::Phone;

use crate::StoreError;

/// Rows of one page, at most.
pub const PAGE_MAX: u32 = 200;

/// Something configured, with the version that an edit must name.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<Id, Config> {
    pub id: Id,
    pub config: Config,
    /// Counts edits; an edit of another version than the newest is [`StoreError::Stale`].
    pub version: i64,
    pub created_at: Time,
}

/// Which rows of a list: newest first, those that follow `after`.
#[derive(Debug, Clone, Copy)]
pub struct Page<Id> {
    /// Held to 1–[`PAGE_MAX`].
    pub limit: u32,
    pub after: Option<Id>,
}

impl<Id> Page<Id> {
    pub const fn first(limit: u32) -> Self {
        Self { limit, after: None }
    }

    /// One row more than the page holds tells whether another page follows.
    pub(crate) fn fetched(&self) -> i64 {
        i64::from(self.limit.clamp(1, PAGE_MAX)) + 1
    }

    /// The page from the rows that [`Page::fetched`] asked for.
    pub(crate) fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> Id) -> Listed<T, Id> {
        let held = self.limit.clamp(1, PAGE_MAX) as usize;
        let more = rows.len() > held;
        rows.truncate(held);
        let next = if more { rows.last().map(id) } else { None };
        Listed { rows, next }
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T, Id> {
    pub rows: Vec<T>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Id>,
}

/// The row's version, or why it can't be edited by someone who read version `expected`.
pub(crate) fn same_version(found: i64, expected: i64) -> Result<(), StoreError> {
    if found == expected { Ok(()) } else { Err(StoreError::Stale) }
}

/// A name that another row of the enterprise has is a conflict; other errors stay what they are.
pub(crate) fn name_taken(error: sqlx::Error, name: &str) -> StoreError {
    taken(error, "name_taken", || format!("the name “{name}” is taken; names are unique"))
}

/// A unique key that another row has is a conflict of this code.
pub(crate) fn taken(
    error: sqlx::Error,
    code: &'static str,
    detail: impl FnOnce() -> String,
) -> StoreError {
    match &error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => {
            StoreError::conflict(code, detail())
        }
        _ => error.into(),
    }
}

/// Users that an error names before it only counts them.
const USERS_NAMED_MAX: usize = 5;

/// Refuse a deletion because of what still uses the thing.
pub(crate) fn unused(code: &'static str, what: &str, users: &[String]) -> Result<(), StoreError> {
    if users.is_empty() {
        return Ok(());
    }
    let named = users.iter().take(USERS_NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let others = users.len().saturating_sub(USERS_NAMED_MAX);
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    Err(StoreError::conflict(code, format!("the {what} is used by {named}{more}")))
}

/// A phone as its column holds it.
pub(crate) fn phone_column(phone: Phone) -> i64 {
    i64::try_from(phone.digits()).unwrap_or(i64::MAX)
}

/// A small count as PostgreSQL keeps it.
pub(crate) fn small(count: u16) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}

/// The phone of a column.
pub(crate) fn phone(column: i64) -> Phone {
    Phone::from_digits(column.unsigned_abs())
}
