//! The body of an import on its way to the object store: through a temporary file, bounded, hashed.

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::StatusCode;
use outbound::import::ImportFormat;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use super::options::{of_file_name, of_media_type};
use crate::arrival::{Arrival, announced_size};
use crate::input::{from_json, media_type, must_be_object, well_shaped};
use crate::problem::Problem;
use crate::unkept::no_nul;

/// Bytes of an imported file, at most.
pub const FILE_BYTES_MAX: u64 = 200_000_000;
/// Bytes of the `options` part, at most.
const OPTIONS_BYTES_MAX: usize = 65_536;
/// Parts of a form, at most.
const PARTS_MAX: usize = 8;

/// What came in.
#[derive(Debug)]
pub(crate) struct Spooled<Asked> {
    pub file: NamedTempFile,
    pub hash: [u8; 32],
    /// The options that came with the body.
    pub asked: Asked,
    /// The format that the body was seen to have.
    pub format: Option<ImportFormat>,
}

/// Read the body into a file.
pub(crate) async fn spool<Asked: DeserializeOwned + Default + JsonSchema>(
    request: Request,
) -> Result<Spooled<Asked>, Problem> {
    announced_size(request.headers(), FILE_BYTES_MAX + OPTIONS_BYTES_MAX as u64)?;
    let kind = media_type(request.headers());
    if kind == "multipart/form-data" {
        return form(request).await;
    }
    let format = of_media_type(&kind);
    if format.is_none() && kind != "application/octet-stream" {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "send multipart/form-data with a `file` part, or application/json, \
             application/x-ndjson, text/csv or an XLSX file with its Content-Type, or any of them as \
             application/octet-stream with its `format` in the query",
        ));
    }
    let body = Box::pin(request.into_body().into_data_stream());
    let (file, hash) = save(body, &mut Arrival::begin(), cut_off).await?;
    Ok(Spooled { file, hash, asked: Asked::default(), format })
}

fn cut_off(_: axum::Error) -> Problem {
    Problem::malformed("", "incomplete_body", "ended before it was whole; send it again")
}

fn bad_form(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(FILE_BYTES_MAX),
        _ => Problem::malformed(
            "",
            "not_a_form",
            format!("is not a readable form: {}", error.body_text()),
        ),
    }
}

async fn form<Asked: DeserializeOwned + Default + JsonSchema>(
    request: Request,
) -> Result<Spooled<Asked>, Problem> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Problem::malformed("", "not_a_form", format!("is not a form: {}", rejection.body_text()))
    })?;
    let (mut asked, mut saved, mut arrival) = (None, None, Arrival::begin());
    for _ in 0..PARTS_MAX {
        let Some(field) = arrival.piece(form.next_field()).await?.map_err(bad_form)? else { break };
        match field.name() {
            Some("options") if asked.is_none() => asked = Some(options(field, &mut arrival).await?),
            Some("file") if saved.is_none() => {
                let named = field.file_name().and_then(of_file_name);
                let format = named.or_else(|| field.content_type().and_then(of_media_type));
                saved = Some((save(Box::pin(field), &mut arrival, bad_form).await?, format));
            }
            other => {
                let name = other.unwrap_or_default().chars().take(64).collect::<String>();
                let detail = "is a part that is not known, or is given twice; send one `file` and one `options`";
                return Err(Problem::malformed(format!("/{name}"), "unknown_part", detail));
            }
        }
    }
    let Some(((file, hash), format)) = saved else {
        return Err(Problem::malformed(
            "/file",
            "missing_field",
            "is required: the file to import",
        ));
    };
    Ok(Spooled { file, hash, asked: asked.unwrap_or_default(), format })
}

async fn options<Asked: DeserializeOwned + JsonSchema>(
    mut field: Field<'_>,
    arrival: &mut Arrival,
) -> Result<Asked, Problem> {
    let mut text = Vec::new();
    while let Some(chunk) = arrival.piece(field.chunk()).await?.map_err(bad_form)? {
        arrival.came(chunk.len());
        if text.len() + chunk.len() > OPTIONS_BYTES_MAX {
            let detail = format!("may have {OPTIONS_BYTES_MAX} bytes at most");
            return Err(Problem::malformed("/options", "too_long", detail));
        }
        text.extend_from_slice(&chunk);
    }
    must_be_object(&text)?;
    no_nul(&text)?;
    if let Ok(value) = serde_json::from_slice(&text) {
        well_shaped::<Asked>(&value)?;
    }
    from_json(&text)
}

/// Write what comes into a file, up to the limit.
async fn save<E>(
    mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin,
    arrival: &mut Arrival,
    failed: impl Fn(E) -> Problem,
) -> Result<(NamedTempFile, [u8; 32]), Problem> {
    let file = NamedTempFile::new().map_err(unwritable)?;
    let mut writer = tokio::fs::File::from_std(file.reopen().map_err(unwritable)?);
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    while let Some(chunk) = arrival.piece(stream.next()).await? {
        let chunk = chunk.map_err(&failed)?;
        arrival.came(chunk.len());
        bytes += chunk.len() as u64;
        if bytes > FILE_BYTES_MAX {
            return Err(Problem::too_large(FILE_BYTES_MAX));
        }
        hash.update(&chunk);
        writer.write_all(&chunk).await.map_err(unwritable)?;
    }
    writer.flush().await.map_err(unwritable)?;
    if bytes == 0 {
        return Err(Problem::fault("/file", "empty", "is empty; it needs a header and rows"));
    }
    Ok((file, hash.finalize().into()))
}

fn unwritable(error: std::io::Error) -> Problem {
    tracing::error!(%error, "an imported file can't be written to the temporary folder");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::super::options::Asked;
    use super::*;

    const FORM: &str = "--b\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n\
        {\"batch_name\": \"May\"}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; \
        filename=\"people.csv\"\r\n\r\nPhone Number\r\n--b--\r\n";

    fn request(kind: &str, body: impl Into<Body>) -> Request {
        Request::builder().header("content-type", kind).body(body.into()).expect("a request")
    }

    #[tokio::test]
    async fn a_form_gives_file_options_and_format() {
        let form = request("multipart/form-data; boundary=b", FORM);
        let spooled = spool::<Asked>(form).await.expect("read");
        assert_eq!(spooled.asked.batch_name.as_deref(), Some("May"));
        assert_eq!(spooled.format, Some(ImportFormat::Csv));
        assert_eq!(
            std::fs::read_to_string(spooled.file.path()).ok().as_deref(),
            Some("Phone Number")
        );
        assert_eq!(spooled.hash, <[u8; 32]>::from(Sha256::digest("Phone Number")));
    }

    #[tokio::test]
    async fn bytes_may_come_without_their_type() {
        let spooled = spool::<Asked>(request("application/octet-stream", "Phone Number")).await;
        assert_eq!(spooled.expect("read").format, None);
    }

    #[tokio::test]
    async fn a_body_that_cant_be_an_import_is_refused() {
        for (kind, body, status, code) in [
            ("text/html", "x", 415, "unsupported_media_type"),
            ("text/csv", "", 422, "invalid_input"),
            ("multipart/form-data; boundary=b", "--b--\r\n", 400, "malformed_request"),
            ("multipart/form-data; boundary=b", "nonsense", 400, "malformed_request"),
            ("multipart/form-data", "", 400, "malformed_request"),
        ] {
            let problem = spool::<Asked>(request(kind, body)).await.expect_err("a problem");
            assert_eq!((problem.status.as_u16(), &*problem.code), (status, code), "{kind}: {body}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_announced_as_too_large_is_refused_before_it_is_read() {
        let mut request = request("text/csv", "x");
        request.headers_mut().insert("content-length", http::HeaderValue::from(300_000_000_u64));
        let problem = spool::<Asked>(request).await.expect_err("a problem");
        assert_eq!((problem.status.as_u16(), &*problem.code), (413, "body_too_large"));
    }
}
