//! What can go wrong in storage, by what the caller can do about it.

use outbound::fault::Fault;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database or the object store can't be reached or failed: try again later.
    #[error("storage is not available: {0}")]
    Unavailable(String),
    /// There is no such row in this enterprise.
    #[error("{0} was not found")]
    NotFound(&'static str),
    /// It was changed since it was read: read it again.
    #[error("it was changed since it was read")]
    Stale,
    /// Of several that are changed together these were changed since they were read.
    #[error("some were changed since they were read")]
    StaleAmong(Vec<Fault>),
    /// The state of things does not allow it. `code` is stable.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    /// The input is refused, nothing was changed.
    #[error("the input was refused")]
    Refused(Vec<Fault>),
    /// The database or the object store is well and does not take this, nor will it the next time: a defect,
    /// damage, or an object that is too large. Loud, and left with its row.
    #[error("storage does not take it: {0}")]
    Rejected(String),
    /// A row can't be read as what it should be: a defect or damage. Loud, never skipped.
    #[error("stored data can't be read: {0}")]
    Damaged(String),
}

impl StoreError {
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// The servers are the reason, not what was asked of them: it may be done when it is asked again.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Classes of SQLSTATE, and codes, by which PostgreSQL says that the data is the reason: exceptions of data,
/// violated constraints, rows and keys that are too large, damaged rows and indexes.
const OF_THE_DATA: [&str; 6] = ["21", "22", "23", "54", "XX001", "XX002"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Damaged(error.to_string())
            }
            // A database message may quote the row, and a row may hold a phone number.
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default();
                let constraint = inner.constraint().unwrap_or("no constraint");
                let detail = format!("SQLSTATE {code}, {constraint}: {}", inner.message());
                if OF_THE_DATA.iter().any(|known| code.starts_with(known)) {
                    Self::Rejected(detail)
                } else {
                    Self::Unavailable(detail)
                }
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}
