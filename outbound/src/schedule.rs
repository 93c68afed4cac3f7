//! When a task starts and ends by itself, and the periods that it keeps to.

use chrono::NaiveDateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::PeriodId;

/// Scheduled start and end, interval calling and the do-not-call period of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Date and time in the task's time zone (`2026-12-01T09:00:00`).
    pub scheduled_start: Option<NaiveDateTime>,
    /// Date and time in the task's time zone, after now and after the start.
    pub scheduled_end: Option<NaiveDateTime>,
    /// Interval calling: calls are made only in this period, of kind `call`.
    pub call_period: Option<PeriodId>,
    /// No calls are made in this period, of kind `do_not_call`.
    pub do_not_call_period: Option<PeriodId>,
    /// The windows apply in the callee's own time zone.
    pub callee_local_time: bool,
}
