//! The job that writes one export.

use outbound::ids::ExportId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// Write the file of an export and put it into the download center.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunExport {
    pub export: ExportId,
    /// The fencing token of the export row that this wake-up is for.
    pub token: i64,
}

impl Job for RunExport {
    const KIND: &'static str = "export";

    fn id(&self) -> String {
        format!("{}:{}", self.export, self.token)
    }
}
