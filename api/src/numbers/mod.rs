//! Numbers: imported rows, where they stand, and what they went through.

mod change;
mod read;
mod view;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use outbound::ids::NumberId;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::openapi::about;
use crate::state::ApiState;

pub(crate) use view::CancelledView;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/tasks/{task_id}/numbers",
            get_with(
                read::list,
                about("list_numbers", "Numbers", "Numbers of a task, in import order"),
            ),
        )
        .api_route(
            "/v1/tasks/{task_id}/numbers/cancel",
            post_with(
                change::cancel_many,
                about("cancel_numbers", "Numbers", "Cancel pending and waiting numbers of a task"),
            ),
        )
        .api_route(
            "/v1/numbers",
            get_with(
                read::search,
                about("search_numbers", "Numbers", "A phone's numbers in all tasks, newest first"),
            ),
        )
        .api_route(
            "/v1/numbers/{number_id}",
            get_with(
                read::journey,
                about("get_number", "Numbers", "A number with all it went through"),
            )
            .delete_with(
                change::delete,
                about("delete_number", "Numbers", "Delete a number; its records stay"),
            ),
        )
        .api_route(
            "/v1/numbers/{number_id}/cancel",
            post_with(
                change::cancel,
                about("cancel_number", "Numbers", "Cancel a pending or waiting number"),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NumberPath {
    number_id: NumberId,
}
