//! The timed steps of a task: its scheduled start and end, and the edges of its windows.
//!
//! Each is a delayed job. Its id carries the instant that it was planned for, so a plan that is
//! edited leaves a job behind that finds nothing to do; the task row decides.

use outbound::ids::TaskId;
use serde::{Deserialize, Serialize};

use crate::Job;

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name {
            pub task: TaskId,
            /// The instant that it was planned for: business time, ms since 1970.
            pub at_ms: i64,
        }

        impl Job for $name {
            const KIND: &'static str = $kind;

            fn id(&self) -> String {
                format!("{}:{}", self.task, self.at_ms)
            }
        }
    )*};
}

steps! {
    /// Start a task at its scheduled time.
    StartTask = "step_start";
    /// End a task at its scheduled time.
    EndTask = "step_end";
    /// Pause or resume a task where one of its windows closes or opens.
    ClockEdge = "step_edge";
}
