//! What can go wrong in storage, by what the caller can do about it.

use outbound::fault::Fault;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

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
    /// Another worker has this work, or it is over: write nothing more of it.
    #[error("another worker has this work, or it is over")]
    LeaseLost,
    /// Somebody asked to cancel this work: undo what was done, and say so.
    #[error("the work was cancelled")]
    Cancelled,
    /// As much as there may be waits already: ask again after so many seconds. `code` is stable.
    #[error("{detail}")]
    Busy { code: &'static str, detail: String, retry_after_seconds: u64 },
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

/// Classes of SQLSTATE whose messages quote names of ours, and no values: connections, constraints, access,
/// transactions, syntax, resources, locks, shutdowns.
const QUOTE_NAMES_ONLY: [&str; 10] = ["08", "23", "25", "28", "3D", "40", "42", "53", "55", "57"];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            // What could not be read may be quoted, and may be a phone number.
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Damaged(format!("the column {index} can't be decoded"))
            }
            sqlx::Error::Decode(_) => Self::Damaged("a value can't be decoded".into()),
            sqlx::Error::Encode(_) => Self::Rejected("a value can't be encoded".into()),
            sqlx::Error::Database(inner) => {
                let code = inner.code().unwrap_or_default();
                let detail = without_values(&*inner);
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
        let (line, column) = (error.line(), error.column());
        Self::Damaged(format!("JSON, {:?} error at {line}:{column}", error.classify()))
    }
}

/// What PostgreSQL says of a failure, for the log: never a value, as it may be a phone number. Its detail, its hint
/// and its context are left out; so is a message that may quote a value.
fn without_values(error: &dyn DatabaseError) -> String {
    let code = error.code().unwrap_or_default();
    let mut told = format!("SQLSTATE {code}");
    if let Some(found) = error.try_downcast_ref::<PgDatabaseError>() {
        let parts = [
            ("table", found.table()),
            ("column", found.column()),
            ("constraint", found.constraint()),
            ("routine", found.routine()),
        ];
        for (name, part) in parts {
            told.extend(part.map(|part| format!(", {name} {part}")));
        }
    }
    if QUOTE_NAMES_ONLY.iter().any(|class| code.starts_with(class)) {
        told.push_str(": ");
        told.push_str(error.message());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_is_not_quoted() {
        let error = serde_json::from_str::<u32>("\"13800000001\"").unwrap_err();
        assert!(error.to_string().contains("13800000001"), "it would be");
        let told = StoreError::from(error).to_string();
        assert!(!told.contains("13800000001") && told.contains("1:13"), "{told}");
        let source = std::io::Error::other("13800000001").into();
        let told = StoreError::from(sqlx::Error::ColumnDecode { index: "phone".into(), source });
        assert_eq!(
            told.to_string(),
            "stored data can't be read: the column phone can't be decoded"
        );
    }
}
