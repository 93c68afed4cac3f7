//! `GET /v1/imports/{import_id}/errors`: the rows that were refused.
//!
//! The file quotes what stood in them, so whoever may not see full numbers gets it masked, and so does
//! everybody where the enterprise masks numbers in lists.

use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use futures::stream;
use http::StatusCode;
use outbound::audit::Action;
use outbound::mask;
use serde_json::json;
use storage::StoreError;
use storage::imports::{self, Import};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::ImportPath;
use crate::auth::{Caller, Numbers, Viewer};
use crate::input::Path;
use crate::problem::Problem;
use crate::reply::{CsvFile, Reply};
use crate::state::ApiState;

/// Bytes of a line, at most; a longer one is cut.
const LINE_BYTES_MAX: u64 = 65_536;

pub(super) async fn errors(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ImportPath>,
) -> Reply<CsvFile> {
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    row.numbers().ok_or(StoreError::NotFound("import"))?;
    refused_rows(&state, &caller, row).await
}

/// The file of an import of any kind.
pub(crate) async fn refused_rows(state: &ApiState, caller: &Caller, row: Import) -> Reply<CsvFile> {
    let key = row.error_key.ok_or_else(|| Problem::not_found("a file of refused rows"))?;
    let body = match state.objects.get(&key).await {
        Err(StoreError::NotFound(_)) => {
            let detail = "the file of refused rows was kept for its time and is gone; the setting \
                          import_file_retention_days says for how long";
            return Err(Problem::new(StatusCode::GONE, "file_gone", detail));
        }
        body => body?,
    };
    let numbers = state.numbers_in_lists(caller).await?;
    let detail = json!({ "numbers": if numbers == Numbers::Full { "full" } else { "masked" } });
    state.audit(caller, Action::ImportErrorsDownload, row.id, detail).await;
    let reader: Reader = Box::new(body.into_read());
    let lines = stream::try_unfold(reader, move |reader| next_line(reader, numbers));
    let file_name = format!("{}-errors.csv", row.id);
    Ok(CsvFile { file_name, body: Body::from_stream(lines) })
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
        Numbers::Masked => masked(&line)?,
    };
    Ok(Some((line.into(), reader)))
}

/// A line in which numbers in what was given are masked. The row's own number and our words stay as they
/// are. A cell has no line end in it: the worker writes those as escapes.
fn masked(line: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut record = csv::StringRecord::new();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line);
    reader.read_record(&mut record)?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let cells = record.iter().enumerate().map(|(at, cell)| match at {
        1 | 2 => mask::text(cell),
        _ => cell.to_owned(),
    });
    writer.write_record(cells)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_refused_rows_are_masked_however_they_are_written_and_our_words_are_not() {
        for (line, shown) in [
            (
                "1234567,Phone Number,13800000001,is taken\n",
                "1234567,Phone Number,138********,is taken\n",
            ),
            ("7,Phone Number,138 0000 0001x,no\n", "7,Phone Number,138 **** ****x,no\n"),
            (
                "7,Phone Number,１３８００２２０００４,write it in E.164 (+8613800000001)\n",
                "7,Phone Number,１３８********,write it in E.164 (+8613800000001)\n",
            ),
            (
                "7,Phone Number,138\\u{200b}0000\\u{a}0001,no\n",
                "7,Phone Number,138\\u{***b}****\\u{a}****,no\n",
            ),
            ("7,13800000001,\"138,0000\"\"0001\",no\n", "7,138********,\"138,****\"\"****\",no\n"),
            ("12,Backup Numbers,letters,no\n", "12,Backup Numbers,letters,no\n"),
        ] {
            let masked = masked(line.as_bytes()).expect("a line");
            assert_eq!(String::from_utf8(masked).expect("text"), shown);
        }
    }
}
