//! The job that lands one imported file.

use outbound::ids::ImportId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// Read an uploaded file and land its rows as a batch, whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportBatch {
    pub import: ImportId,
    /// The fencing token of the import row that this wake-up is for.
    pub token: i64,
}

impl Job for ImportBatch {
    const KIND: &'static str = "import";

    fn id(&self) -> String {
        format!("{}:{}", self.import, self.token)
    }
}
