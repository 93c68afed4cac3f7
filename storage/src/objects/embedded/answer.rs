//! Small parts of S3's questions and answers.

use std::time::{Duration, UNIX_EPOCH};

use s3s::dto::Timestamp;
use s3s::{S3Response, S3Result, s3_error};

pub(super) const KEY_BYTES_MAX: usize = 1_024;
pub(super) const PAGE_MAX: usize = 1_000;

/// The headers to keep with an object, of any request that makes one.
macro_rules! headers {
    ($input:ident) => {
        $crate::objects::embedded::bucket::Headers {
            content_type: $input.content_type,
            content_disposition: $input.content_disposition,
            content_encoding: $input
                .content_encoding
                .and_then(|encoding| $crate::objects::embedded::answer::of_content(&encoding)),
            cache_control: $input.cache_control,
            metadata: $input.metadata.unwrap_or_default().into_iter().collect(),
        }
    };
}

/// What a request with a body says of it.
macro_rules! claimed {
    ($req:ident, $input:ident) => {
        $crate::objects::embedded::body::Claimed {
            algorithm: $input.checksum_algorithm,
            checksum: Checksum {
                checksum_crc32: $input.checksum_crc32,
                checksum_crc32c: $input.checksum_crc32c,
                checksum_crc64nvme: $input.checksum_crc64nvme,
                checksum_sha1: $input.checksum_sha1,
                checksum_sha256: $input.checksum_sha256,
                ..Default::default()
            },
            md5: $input.content_md5,
            length: decoded_length(&$req.headers, $input.content_length),
            trailers: $req.trailing_headers,
        }
    };
}

pub(super) use {claimed, headers};

pub(super) fn answer<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

pub(super) fn check_key(key: &str) -> S3Result<()> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(s3_error!(KeyTooLongError, "a key has 1 to {KEY_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// The length of the content itself: `Content-Length` counts the frames of a chunked upload too.
pub(super) fn decoded_length(headers: &http::HeaderMap, length: Option<i64>) -> Option<i64> {
    if let Some(decoded) = headers.get("x-amz-decoded-content-length") {
        return decoded.to_str().ok().and_then(|text| text.parse().ok());
    }
    let encoding = headers.get("content-encoding").and_then(|value| value.to_str().ok());
    let chunked = encoding.is_some_and(|encoding| codings(encoding).any(is_transfer));
    length.filter(|_| !chunked)
}

/// The encoding of the content itself: `aws-chunked` is how a request sends it, and is taken off with the
/// frames. An object that is handed out with that word can't be read by anybody.
pub(super) fn of_content(encoding: &str) -> Option<String> {
    let kept: Vec<_> = codings(encoding).filter(|coding| !is_transfer(coding)).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

fn codings(encoding: &str) -> impl Iterator<Item = &str> {
    encoding.split(',').map(str::trim).filter(|coding| !coding.is_empty())
}

fn is_transfer(coding: &str) -> bool {
    coding.eq_ignore_ascii_case("aws-chunked")
}

pub(super) fn page(asked: Option<i32>) -> usize {
    asked.and_then(|asked| usize::try_from(asked).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX)
}

pub(super) fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(super) fn instant(ms: i64) -> Timestamp {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    (UNIX_EPOCH + since).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_of_a_request_are_no_encoding_of_the_object() {
        for (said, kept) in [
            ("aws-chunked", None),
            ("AWS-Chunked", None),
            ("", None),
            ("gzip", Some("gzip")),
            ("gzip,aws-chunked", Some("gzip")),
            ("aws-chunked, gzip", Some("gzip")),
            ("br , aws-chunked,gzip", Some("br, gzip")),
        ] {
            assert_eq!(of_content(said).as_deref(), kept, "{said}");
        }
    }

    #[test]
    fn the_length_of_a_chunked_request_is_not_that_of_its_content() {
        for (encoding, decoded, length) in [
            ("aws-chunked", None, None),
            ("gzip,aws-chunked", None, None),
            ("gzip,aws-chunked", Some("7"), Some(7)),
            ("gzip", None, Some(90)),
        ] {
            let mut headers = http::HeaderMap::new();
            headers.insert("content-encoding", encoding.parse().expect("a value"));
            if let Some(decoded) = decoded {
                headers.insert("x-amz-decoded-content-length", decoded.parse().expect("a value"));
            }
            assert_eq!(decoded_length(&headers, Some(90)), length, "{encoding}");
        }
    }
}
