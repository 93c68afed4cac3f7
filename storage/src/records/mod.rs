//! Call records: lists, details, exports, and how long they are kept.

mod filter;
mod partitions;
mod read;
mod retention;
mod row;
mod select;
mod stream;
mod words;

pub use partitions::ensure_partitions;
pub use read::{
    Analysis, Conversation, RecordCursor, Subject, conversation, count, get, list, not_analyzed,
    set_analysis, to_analyze, unanalyzed,
};
pub use retention::{Dropped, drop_expired};
pub use select::{COUNT_MAX, Order, RecordQuery};
pub use stream::{RecordStream, RecordView};
