//! Call records and conversations: lists, details, and links to recordings.

mod conversation;
mod list;
mod read;
mod view;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use outbound::ids::AttemptId;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::openapi::about;
use crate::state::ApiState;

pub(crate) use view::RecordView;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/records",
            get_with(list::records, about("list_records", "Records", "Call records, newest first")),
        )
        .api_route(
            "/v1/conversations",
            get_with(
                list::conversations,
                about(
                    "list_conversations",
                    "Records",
                    "Answered calls with a robot session, newest first",
                ),
            ),
        )
        .api_route(
            "/v1/records/{record_id}",
            get_with(read::read, about("get_record", "Records", "A call record")),
        )
        .api_route(
            "/v1/records/{record_id}/conversation",
            get_with(
                conversation::conversation,
                about(
                    "get_conversation",
                    "Records",
                    "What was said in a call, and the interaction log",
                ),
            ),
        )
        .api_route(
            "/v1/records/{record_id}/recording",
            get_with(
                read::recording,
                about("get_recording", "Records", "A link to a call's recording"),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct RecordPath {
    record_id: AttemptId,
}
