//! Imported numbers: who may be dialled when, and what a person does with them.

mod cancel;
mod delete;
mod list;
mod promote;
mod waiters;

pub(crate) use cancel::delete_ended;
pub use cancel::{Cancelled, NAMED_MAX, Which, cancel, cancel_deleted, open_of_deleted};
pub use delete::delete;
pub use list::{
    Journey, JourneyCall, LiveAttempt, Number, NumberFilter, NumberWait, get, journey, list, search,
};
pub(crate) use promote::uncap;
pub use promote::{Promoted, promote_due, reopen};
pub(crate) use waiters::phones_freed;
