//! `callwright limits`: `docs/limits.md`, from the constants that the code holds everybody to.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use api::arrival::{BYTES_PER_SECOND_MIN, PIECE_WITHIN};
use api::at_once;
use api::limits::RateConfig;
use api::strangers::FAILURES;
use outbound::quota::{Full, Quota, REVOKED_KEYS_KEPT};
use outbound::{export, filter, import, knowledge, period, redial, suppression, task, trunk};

use crate::client::told::grouped;
use crate::connections;

pub fn run() -> Result<()> {
    super::say(page().trim_end())
}

/// What is limited, and to how many.
type Row = (&'static str, u64);

/// The whole page.
pub fn page() -> String {
    let mut page = String::from(
        "# Limits\n\n\
         Written by `make limits` from the code (`callwright limits` prints it); a test compares the two. What a\n\
         request can make grow has a limit, and each is checked before anything is stored.\n\n\
         ## What an enterprise may have\n\n\
         Refused with the status and the code below. A problem names the limit, how many there are, and what to do. With 429\n\
         comes `Retry-After`: room comes by itself. Requests that come at the same moment may pass a limit by a few.\n\n\
         | what | at most | answer | code | what to do |\n| --- | --- | --- | --- | --- |\n",
    );
    for quota in Quota::ALL {
        let status = match quota.full() {
            Full::MakeRoom => "409".to_owned(),
            Full::AskAgain { seconds } => format!("429, after {seconds} s"),
        };
        let (what, max) = (quota.what(), grouped(quota.max()));
        let (code, mend) = (quota.code(), quota.mend());
        let _ = writeln!(page, "| {what} | {max} | {status} | `{code}` | {mend} |");
    }
    page += "\nA limit that an import meets while it lands is the `problem` of the import, and nothing of it has landed:\n\n";
    table(&mut page, "numbers", &landing());
    let kept = grouped(REVOKED_KEYS_KEPT.unsigned_abs());
    let _ = writeln!(
        page,
        "\nOf revoked API keys the newest {kept} stay in the list. Customers who ask on a call not to be called again get \
         onto the\ndo-not-call list whatever its limit is. Records, recordings and the audit log grow with what is done: \
         the settings `record_retention_days` and\n`recording_retention_days` say for how long the first two are kept."
    );
    for (title, rows) in [
        ("What one request may bring", request()),
        ("What may be configured", configured()),
        ("Connections, and time", connections()),
    ] {
        let _ = write!(page, "\n## {title}\n\n");
        table(&mut page, "what", &rows);
    }
    let _ = writeln!(
        page,
        "\nA body has to come at {} bytes a second, on the average, once it has taken {} seconds.",
        grouped(BYTES_PER_SECOND_MIN),
        seconds(PIECE_WITHIN)
    );
    page
}

fn table(page: &mut String, head: &str, rows: &[Row]) {
    let _ = writeln!(page, "| {head} | at most |\n| --- | --- |");
    for (what, max) in rows {
        let _ = writeln!(page, "| {what} | {} |", grouped(*max));
    }
}

fn landing() -> Vec<Row> {
    vec![
        ("numbers of one batch (`batch_numbers_max`)", import::BATCH_NUMBERS_MAX),
        ("numbers of one task (`task_numbers_max`)", import::TASK_NUMBERS_MAX),
        ("numbers of one enterprise (`enterprise_numbers_max`)", import::ENTERPRISE_NUMBERS_MAX),
    ]
}

fn request() -> Vec<Row> {
    vec![
        ("bytes of a JSON body", api::JSON_BODY_BYTES_MAX),
        ("bytes of an imported file", api::FILE_BYTES_MAX),
        ("rows of a file of numbers", import::BATCH_NUMBERS_MAX),
        ("rows of a do-not-call list", suppression::FILE_ROWS_MAX),
        ("columns of a file beside the fixed ones", import::CUSTOM_COLUMNS_MAX as u64),
        ("characters of a cell", import::CELL_CHARS_MAX as u64),
        (
            "phones that one request puts on the do-not-call list",
            api::SUPPRESSED_AT_ONCE_MAX as u64,
        ),
        ("numbers that one request names to cancel or delete", storage::numbers::NAMED_MAX as u64),
        ("periods that one request changes", api::PERIODS_EDITED_MAX as u64),
        ("rows of a page of a list", u64::from(storage::rows::PAGE_MAX)),
        ("characters of a filter", filter::FILTER_CHARS_MAX as u64),
        ("tests in a filter", filter::TESTS_MAX as u64),
        ("brackets of a filter inside each other", filter::DEPTH_MAX as u64),
        ("fields of an export", export::EXPORT_FIELDS_MAX as u64),
        ("characters of an idempotency key", storage::idempotency::KEY_MAX as u64),
        ("bytes of a request's headers", api::HEADERS_BYTES_MAX as u64),
        ("header lines of a request", connections::HEADERS_MAX as u64),
        ("bytes of a document's text", knowledge::DOCUMENT_BYTES_MAX as u64),
        ("passages of a document", knowledge::PASSAGES_MAX as u64),
        ("characters of a question", knowledge::QUESTION_CHARS_MAX as u64),
        ("passages that a question finds", u64::from(knowledge::FOUND_MAX)),
        ("lines of a rehearsal", dialog::rehearsal::SAID_MAX as u64),
        ("characters of a line of a rehearsal", dialog::rehearsal::SAID_CHARS_MAX as u64),
    ]
}

fn configured() -> Vec<Row> {
    vec![
        ("nodes of a voice navigation", dialog::navigation::NODES_MAX as u64),
        ("edges of a node", dialog::navigation::EDGES_MAX as u64),
        ("variables of a voice navigation", dialog::navigation::VARIABLES_MAX as u64),
        ("characters of a node's text", dialog::navigation::TEXT_CHARS_MAX as u64),
        ("entries of a robot's list", dialog::robot::LIST_MAX as u64),
        ("intents of a script", dialog::script::INTENTS_MAX as u64),
        ("patterns of a script", dialog::script::PATTERNS_MAX as u64),
        ("states of a script's patterns, as they are estimated", dialog::script::STATES_MAX),
        ("characters of a pattern", dialog::script::PATTERN_CHARS_MAX as u64),
        ("caller IDs of a task", task::CALLER_IDS_MAX as u64),
        ("variables of a task", task::VARIABLES_MAX as u64),
        ("characters of a variable", task::VARIABLE_CHARS_MAX as u64),
        ("tags of a task", task::TAGS_MAX as u64),
        ("retries of a redial policy", redial::RETRIES_MAX as u64),
        ("ranges of a period", period::RANGES_MAX as u64),
        ("exceptions of a period", period::EXCEPTIONS_MAX as u64),
        ("mappings of a trunk", trunk::MAPPING_MAX as u64),
        ("personas of a simulated trunk", trunk::PERSONAS_MAX as u64),
    ]
}

fn connections() -> Vec<Row> {
    vec![
        ("connections to the API; others wait", connections::CONNECTIONS_MAX as u64),
        (
            "connections of one address, but for this machine's own; others are closed",
            connections::OF_ONE_ADDRESS_MAX as u64,
        ),
        ("seconds for a request's head", seconds(connections::HEAD_WITHIN)),
        ("seconds between two pieces of a body (408 `body_timeout`)", seconds(PIECE_WITHIN)),
        ("seconds in which a peer takes nothing of its answer", seconds(connections::TAKEN_WITHIN)),
        (
            "requests a minute of one API key (429 `rate_limited`)",
            per_minute(RateConfig::default()),
        ),
        (
            "keys a minute of one address that open nothing (429 `too_many_failures`)",
            per_minute(FAILURES),
        ),
        (
            "requests of one enterprise that are worked on at a time, for each processor",
            at_once::PER_PROCESSOR as u64,
        ),
        ("the same in all, at least", at_once::AT_ONCE_MIN as u64),
        (
            "seconds that the next ones wait, at most (429 `too_many_at_once`)",
            seconds(at_once::WAIT_MAX),
        ),
    ]
}

const fn seconds(time: Duration) -> u64 {
    time.as_secs()
}

fn per_minute(rate: RateConfig) -> u64 {
    u64::from(rate.requests) * 60 / rate.window.as_secs().max(1)
}
