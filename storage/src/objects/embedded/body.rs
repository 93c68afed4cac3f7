//! A request's body, taken in to a file and checked against what the client said of it.

use std::path::Path;
use std::time::Duration;

use futures::TryStreamExt;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, ChecksumAlgorithm, StreamingBlob};
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::disk::Aside;

const BUFFER_BYTES: usize = 256 * 1024;
/// How long a sender may keep us waiting for the next piece.
const PIECE_WITHIN: Duration = Duration::from_secs(60);

/// What the client said of the content.
pub(super) struct Claimed {
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    pub(super) checksum: Checksum,
    pub(super) md5: Option<String>,
    pub(super) length: Option<i64>,
    pub(super) trailers: Option<TrailingHeaders>,
}

/// A body that lies in a synced file aside.
pub(super) struct Taken {
    pub(super) aside: Aside,
    pub(super) bytes: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
}

/// Write `body` aside and check it. Nothing stays behind when it breaks off or does not match.
pub(super) async fn take(
    body: Option<StreamingBlob>,
    claimed: Claimed,
    incoming: &Path,
) -> S3Result<Taken> {
    let mut body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
    let mut hasher = hasher(&claimed)?;
    let mut md5 = Md5::new();
    let aside = Aside::new(incoming);
    let file = tokio::fs::File::create_new(aside.path()).await.map_err(internal)?;
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut bytes = 0_u64;
    loop {
        let piece = tokio::time::timeout(PIECE_WITHIN, body.try_next()).await;
        let piece = piece.map_err(|_| s3_error!(RequestTimeout, "nothing came for a minute"))?;
        let piece = piece.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
        let Some(piece) = piece else { break };
        md5.update(&piece);
        hasher.update(&piece);
        bytes += piece.len() as u64;
        file.write_all(&piece).await.map_err(internal)?;
    }
    file.flush().await.map_err(internal)?;
    let (md5, checksum) = (md5.finalize(), hasher.finalize());
    check(claimed, bytes, &checksum, md5)?;
    file.get_ref().sync_all().await.map_err(internal)?;
    Ok(Taken { aside, bytes, md5, checksum })
}

fn hasher(claimed: &Claimed) -> S3Result<ChecksumHasher> {
    let said = &claimed.checksum;
    let mut hasher = ChecksumHasher {
        crc32: said.checksum_crc32.as_ref().map(|_| Default::default()),
        crc32c: said.checksum_crc32c.as_ref().map(|_| Default::default()),
        sha1: said.checksum_sha1.as_ref().map(|_| Default::default()),
        sha256: said.checksum_sha256.as_ref().map(|_| Default::default()),
        crc64nvme: said.checksum_crc64nvme.as_ref().map(|_| Default::default()),
    };
    // A checksum that comes behind the content is announced by its algorithm.
    match claimed.algorithm.as_ref().map(ChecksumAlgorithm::as_str) {
        None => {}
        Some(ChecksumAlgorithm::CRC32) => hasher.crc32 = Some(Default::default()),
        Some(ChecksumAlgorithm::CRC32C) => hasher.crc32c = Some(Default::default()),
        Some(ChecksumAlgorithm::SHA1) => hasher.sha1 = Some(Default::default()),
        Some(ChecksumAlgorithm::SHA256) => hasher.sha256 = Some(Default::default()),
        Some(ChecksumAlgorithm::CRC64NVME) => hasher.crc64nvme = Some(Default::default()),
        Some(_) => return Err(s3_error!(NotImplemented, "this checksum algorithm is not known")),
    }
    Ok(hasher)
}

fn check(claimed: Claimed, bytes: u64, is: &Checksum, md5: [u8; 16]) -> S3Result<()> {
    let mut said = claimed.checksum;
    if let Some(trailers) = claimed.trailers.and_then(|trailers| trailers.take()) {
        let trailer =
            |name| trailers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        said.checksum_crc32 = trailer("x-amz-checksum-crc32").or(said.checksum_crc32);
        said.checksum_crc32c = trailer("x-amz-checksum-crc32c").or(said.checksum_crc32c);
        said.checksum_sha1 = trailer("x-amz-checksum-sha1").or(said.checksum_sha1);
        said.checksum_sha256 = trailer("x-amz-checksum-sha256").or(said.checksum_sha256);
        said.checksum_crc64nvme = trailer("x-amz-checksum-crc64nvme").or(said.checksum_crc64nvme);
    }
    for (said, is) in [
        (&said.checksum_crc32, &is.checksum_crc32),
        (&said.checksum_crc32c, &is.checksum_crc32c),
        (&said.checksum_sha1, &is.checksum_sha1),
        (&said.checksum_sha256, &is.checksum_sha256),
        (&said.checksum_crc64nvme, &is.checksum_crc64nvme),
    ] {
        if said.is_some() && said != is {
            return Err(s3_error!(BadDigest));
        }
    }
    if let Some(said) = claimed.md5
        && said != base64(&md5)
    {
        return Err(s3_error!(BadDigest));
    }
    match claimed.length {
        Some(length) if u64::try_from(length).ok() != Some(bytes) => Err(s3_error!(IncompleteBody)),
        _ => Ok(()),
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            if place <= three.len() {
                let digit = (bits >> (18 - 6 * place)) & 63;
                text.push(char::from(BASE64[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// A file error, as S3 tells it.
pub(super) fn internal(error: std::io::Error) -> S3Error {
    tracing::error!(%error, "the object folder failed");
    s3_error!(error, InternalError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_is_cut_off_and_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let never = futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        let claimed = Claimed {
            algorithm: None,
            checksum: Checksum::default(),
            md5: None,
            length: None,
            trailers: None,
        };
        let taken = take(Some(StreamingBlob::wrap(never)), claimed, folder.path()).await;
        let error = taken.err().expect("an error");
        assert_eq!(error.code().as_str(), "RequestTimeout");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
