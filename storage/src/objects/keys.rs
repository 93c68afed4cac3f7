//! The names of objects. Ids and dates only: a name never holds a phone number, a person's name or
//! anything else of a customer's, since names appear in logs and links.

use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId, ExportId, ImportId, TaskId};
use outbound::recording::RecordingFormat;

/// The file that an import reads.
pub fn import_source(enterprise: EnterpriseId, import: ImportId) -> String {
    format!("imports/{enterprise}/{import}/source")
}

/// The CSV of the rows that an import refused.
pub fn import_errors(enterprise: EnterpriseId, import: ImportId) -> String {
    format!("imports/{enterprise}/{import}/errors.csv")
}

/// The file that an export writes. Each run has its own, by its fencing token, so that a run that
/// lost its lease can't write over the one that has it.
pub fn export_file(
    enterprise: EnterpriseId,
    export: ExportId,
    token: i64,
    extension: &str,
) -> String {
    format!("exports/{enterprise}/{export}/{token}.{extension}")
}

/// How far a run of an export is, for whoever goes on with it.
pub fn export_checkpoint(enterprise: EnterpriseId, export: ExportId, token: i64) -> String {
    format!("exports/{enterprise}/{export}/{token}.checkpoint")
}

/// Everything that belongs to one export.
pub fn export_prefix(enterprise: EnterpriseId, export: ExportId) -> String {
    format!("exports/{enterprise}/{export}/")
}

/// The recording of one attempt, in folders by day (UTC) of its start. Its end tells its format.
pub fn recording(
    enterprise: EnterpriseId,
    task: TaskId,
    attempt: AttemptId,
    started_at: Time,
    format: RecordingFormat,
) -> String {
    let (day, end) = (started_at.format("%Y/%m/%d"), format.extension());
    format!("recordings/{enterprise}/{day}/{task}/{attempt}.{end}")
}
