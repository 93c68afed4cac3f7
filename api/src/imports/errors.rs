//! `GET /v1/imports/{import_id}/errors`: the rows that were refused.
//!
//! The file quotes what stood in them, so whoever may not see full numbers gets it masked.

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use outbound::audit::Action;
use outbound::phone::mask_digits;
use serde_json::json;
use storage::{StoreError, imports};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::ImportPath;
use crate::auth::{Numbers, Viewer};
use crate::input::Path;
use crate::problem::Problem;
use crate::reply::{Attachment, Reply};
use crate::state::ApiState;

/// Bytes of a line, at most; a longer one is cut.
const LINE_BYTES_MAX: u64 = 65_536;

pub(super) async fn errors(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ImportPath>,
) -> Reply<Attachment> {
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    let key = row.error_key.ok_or_else(|| Problem::not_found("a file of refused rows"))?;
    let body = match state.objects.get(&key).await {
        Err(StoreError::NotFound(_)) => {
            let detail = "the file of refused rows was kept for its time and is gone; the setting \
                          import_file_retention_days says for how long";
            return Err(Problem::new(StatusCode::GONE, "file_gone", detail));
        }
        body => body?,
    };
    let numbers = caller.numbers_of_one();
    let detail = json!({ "numbers": if numbers == Numbers::Full { "full" } else { "masked" } });
    state.audit(&caller, Action::ImportErrorsDownload, path.import_id, detail).await;
    let reader: Reader = Box::new(body.into_read());
    let lines = stream::try_unfold(reader, move |reader| next_line(reader, numbers));
    Ok(Attachment {
        media_type: "text/csv; charset=utf-8",
        file_name: format!("{}-errors.csv", path.import_id),
        body: Body::from_stream(lines),
    })
}

type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

async fn next_line(
    mut reader: Reader,
    numbers: Numbers,
) -> std::io::Result<Option<(Bytes, Reader)>> {
    let mut line = Vec::new();
    (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    let line = match numbers {
        Numbers::Full => line,
        Numbers::Masked => masked(&line),
    };
    Ok(Some((line.into(), reader)))
}

/// A line in which what may be a phone number is masked. The row's own number, in the first column,
/// stays.
fn masked(line: &[u8]) -> Vec<u8> {
    let line = String::from_utf8_lossy(line);
    match line.split_once(',') {
        Some((row, rest)) => {
            let cells = rest.split(',').map(mask_digits).collect::<Vec<_>>().join(",");
            format!("{row},{cells}").into_bytes()
        }
        None => mask_digits(&line).into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_refused_rows_are_masked_however_they_are_written() {
        for line in
            ["1234567,Phone Number,13800000001,is taken\n", "7,Phone Number,138 0000 0001x,no\n"]
        {
            let shown = String::from_utf8(masked(line.as_bytes())).expect("text");
            assert!(!shown.contains("0001"), "{shown}");
            assert_eq!(shown.split(',').next(), line.split(',').next());
            assert!(shown.ends_with('\n') && shown.contains("Phone Number,138"), "{shown}");
        }
        assert_eq!(masked(b"12,Backup Numbers,letters,no"), b"12,Backup Numbers,letters,no");
    }
}
