//! What is kept as objects: imported files, exports, recordings.
//!
//! One client, `aws-sdk-s3`, whatever stands behind it: a real S3 service, or the one in our own
//! process ([`embedded`]). Memory is bounded whatever an object's size.

pub mod embedded;
pub mod keys;
mod multipart;
pub mod parts;
pub mod reach;
pub mod upload;

use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Credentials, Region, SharedHttpClient};
use aws_sdk_s3::error::{DisplayErrorContext, SdkError};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use bytes::{Bytes, BytesMut};
use outbound::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::StoreError;
pub use upload::Upload;

/// A download link lives no longer than this.
pub const LINK_MAX: Duration = Duration::from_secs(300);
/// Objects in one page of a list, at most.
pub const LIST_PAGE_MAX: usize = 1_000;
/// Files up to this size go up in one request, larger ones in parts.
const SINGLE_PUT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A file is read in pieces of so many bytes.
const PIECE_BYTES: usize = 256 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const TRIES_MAX: u32 = 4;

/// Where objects are kept.
#[derive(Clone)]
pub struct ObjectsConfig {
    /// `http://…` or `https://…`, as this process reaches it.
    pub endpoint: String,
    pub region: String,
    pub bucket: String,
    pub access_key: String,
    pub secret_key: String,
    /// As the people who download reach it; none: the same as `endpoint`.
    pub public_endpoint: Option<String>,
}

impl std::fmt::Debug for ObjectsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectsConfig")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("bucket", &self.bucket)
            .field("public_endpoint", &self.public_endpoint)
            .finish_non_exhaustive()
    }
}

/// The object store. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Objects {
    client: Client,
    /// Signs links for the endpoint that people reach; never sends anything.
    links: Client,
    bucket: String,
    region: String,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    pub key: String,
    pub bytes: u64,
    pub modified_at: Option<Time>,
    /// Known from a head, not from a list.
    pub content_type: Option<String>,
}

/// One page of a list, in the order of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPage {
    pub objects: Vec<ObjectInfo>,
    /// Give it back for the next page; none: this was the last.
    pub next: Option<String>,
}

/// An object being read.
#[derive(Debug)]
pub struct Body {
    pub bytes: u64,
    stream: ByteStream,
}

impl Body {
    /// The next piece; none after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        self.stream.try_next().await.map_err(|error| unavailable(&error))
    }

    /// The same, as a reader.
    pub fn into_read(self) -> impl tokio::io::AsyncBufRead + Send + Unpin {
        Box::pin(self.stream.into_async_read())
    }
}

impl Objects {
    /// A client; it connects when it is first used.
    pub fn new(config: &ObjectsConfig) -> Self {
        let public = config.public_endpoint.as_deref().unwrap_or(&config.endpoint);
        Self {
            client: client(config, &config.endpoint),
            links: client(config, public),
            bucket: config.bucket.clone(),
            region: config.region.clone(),
        }
    }

    /// Answers when the object store does, and has the bucket.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let head = self.client.head_bucket().bucket(&self.bucket).send().await;
        head.map(|_| ()).map_err(|error| failed(&error))
    }

    /// Make the bucket, unless it is there.
    pub async fn ensure_bucket(&self) -> Result<(), StoreError> {
        let head = self.client.head_bucket().bucket(&self.bucket).send().await;
        match head {
            Ok(_) => return Ok(()),
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(failed(&error)),
        }
        self.create_bucket().await.map_err(|error| failed(&error))
    }

    /// Make the bucket; one that is this account's already is no error.
    async fn create_bucket(&self) -> Result<(), SdkError<CreateBucketError>> {
        let place = (self.region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                .build()
        });
        let made = self
            .client
            .create_bucket()
            .bucket(&self.bucket)
            .set_create_bucket_configuration(place)
            .send()
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Put a small object that is in memory; what had this key before is replaced.
    pub async fn put(
        &self,
        key: &str,
        content_type: &str,
        content: impl Into<Bytes>,
    ) -> Result<(), StoreError> {
        self.put_stream(key, content_type, ByteStream::from(content.into())).await
    }

    /// Put a file of any size; returns its bytes. `Rejected`: the file can't be read.
    pub async fn put_file(
        &self,
        key: &str,
        content_type: &str,
        path: &Path,
    ) -> Result<u64, StoreError> {
        let unreadable = |error| StoreError::Rejected(format!("the file can't be read: {error}"));
        let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let bytes = file.metadata().await.map_err(unreadable)?.len();
        if bytes <= SINGLE_PUT_BYTES_MAX {
            let mut content = Vec::new();
            file.read_to_end(&mut content).await.map_err(unreadable)?;
            let bytes = content.len() as u64;
            self.put(key, content_type, content).await?;
            return Ok(bytes);
        }
        let mut upload = self.upload(key, content_type);
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        while file.read_buf(&mut piece).await.map_err(unreadable)? > 0 {
            upload.write_all(&piece).await.map_err(|error| unavailable(&error))?;
            piece.clear();
        }
        upload.finish().await
    }

    /// Put an object of unknown size as it is made. It is there once [`Upload::finish`] returned.
    pub fn upload(&self, key: &str, content_type: &str) -> Upload {
        Upload::new(self.clone(), key, content_type)
    }

    async fn put_stream(
        &self,
        key: &str,
        content_type: &str,
        body: ByteStream,
    ) -> Result<(), StoreError> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .body(body)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Read an object as it comes. `NotFound` when there is none.
    pub async fn get(&self, key: &str) -> Result<Body, StoreError> {
        let got = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let got = got.map_err(|error| failed(&error))?;
        Ok(Body { bytes: length(got.content_length()), stream: got.body })
    }

    /// Read an object into a new file; returns its bytes. No half file is left behind.
    pub async fn get_to_file(&self, key: &str, path: &Path) -> Result<u64, StoreError> {
        let mut body = self.get(key).await?;
        let written = async {
            let mut file =
                tokio::fs::File::create(path).await.map_err(|error| unavailable(&error))?;
            let mut written = 0_u64;
            while let Some(piece) = body.next().await? {
                file.write_all(&piece).await.map_err(|error| unavailable(&error))?;
                written += piece.len() as u64;
            }
            file.flush().await.map_err(|error| unavailable(&error))?;
            if written != body.bytes {
                return Err(StoreError::Unavailable(format!(
                    "an object of {} bytes ended after {written}",
                    body.bytes
                )));
            }
            Ok(written)
        }
        .await;
        if written.is_err() {
            // The first error is the one to tell; a file that was never made can't be removed.
            let _ = tokio::fs::remove_file(path).await;
        }
        written
    }

    /// What is known of an object; none when there is no such object.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(head) => Ok(Some(ObjectInfo {
                key: key.to_owned(),
                bytes: length(head.content_length()),
                modified_at: head.last_modified().and_then(time),
                content_type: head.content_type().map(str::to_owned),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Delete an object; one that is not there is no error.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.client.delete_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Objects whose keys start with `prefix`, at most `limit` (up to [`LIST_PAGE_MAX`]) at a time.
    pub async fn list(
        &self,
        prefix: &str,
        next: Option<&str>,
        limit: usize,
    ) -> Result<ObjectPage, StoreError> {
        let limit = i32::try_from(limit.clamp(1, LIST_PAGE_MAX)).unwrap_or(1);
        let page = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .max_keys(limit)
            .set_continuation_token(next.map(str::to_owned))
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let objects = page
            .contents()
            .iter()
            .map(|object| ObjectInfo {
                key: object.key().unwrap_or_default().to_owned(),
                bytes: length(object.size()),
                modified_at: object.last_modified().and_then(time),
                content_type: None,
            })
            .collect();
        Ok(ObjectPage { objects, next: page.next_continuation_token().map(str::to_owned) })
    }

    /// A link that downloads the object under `file_name`, for `lives` (at most [`LINK_MAX`]).
    /// The link is made here, without asking the store: it works only if the object is there.
    pub async fn link(
        &self,
        key: &str,
        file_name: &str,
        lives: Duration,
    ) -> Result<String, StoreError> {
        let lives = lives.clamp(Duration::from_secs(1), LINK_MAX);
        let presigning =
            PresigningConfig::expires_in(lives).map_err(|error| unavailable(&error))?;
        let request = self
            .links
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .response_content_disposition(disposition(file_name))
            .presigned(presigning)
            .await
            .map_err(|error| failed(&error))?;
        Ok(request.uri().to_owned())
    }
}

fn client(config: &ObjectsConfig, endpoint: &str) -> Client {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT);
    let credentials =
        Credentials::new(&config.access_key, &config.secret_key, None, None, "configuration");
    let built = aws_sdk_s3::Config::builder()
        .endpoint_url(endpoint)
        .region(Region::new(config.region.clone()))
        .credentials_provider(credentials)
        // Buckets in the path: an address of our own has no wildcard name in front of it.
        .force_path_style(true)
        .http_client(http_client(endpoint))
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES_MAX))
        .build();
    Client::from_conf(built)
}

fn http_client(endpoint: &str) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    if endpoint.starts_with("https:") {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
    } else {
        builder.build_http()
    }
}

/// `attachment` under a name: an ASCII form for old clients, and the whole name by RFC 6266.
fn disposition(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_. ()".contains(c) { c } else { '_' })
        .collect();
    let mut encoded = String::new();
    for byte in file_name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

fn length(bytes: Option<i64>) -> u64 {
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
}

fn time(at: &aws_sdk_s3::primitives::DateTime) -> Option<Time> {
    Time::from_timestamp(at.secs(), at.subsec_nanos())
}

/// The S3 error code of an answer, if there was one.
pub(crate) fn code<E>(error: &SdkError<E>) -> Option<&str>
where
    E: aws_sdk_s3::error::ProvideErrorMetadata,
{
    error.as_service_error().and_then(|error| error.code())
}

fn is_missing<E>(error: &SdkError<E>) -> bool
where
    E: aws_sdk_s3::error::ProvideErrorMetadata,
{
    // A HEAD has no body to name the error in: its status tells.
    let status = error.raw_response().map(|response| response.status().as_u16());
    matches!(code(error), Some("NoSuchKey" | "NotFound"))
        || (status == Some(404) && code(error) != Some("NoSuchUpload"))
}

/// What a store answers when the object itself is the reason: sent again, it is refused again.
const OF_THE_OBJECT: [&str; 6] = [
    "EntityTooLarge",
    "KeyTooLongError",
    "InvalidArgument",
    "MaxMessageLengthExceeded",
    "InvalidPart",
    "InvalidPartOrder",
];

pub(crate) fn failed<E>(error: &SdkError<E>) -> StoreError
where
    E: std::error::Error + aws_sdk_s3::error::ProvideErrorMetadata + 'static,
{
    if is_missing(error) && code(error) != Some("NoSuchBucket") {
        return StoreError::NotFound("object");
    }
    if let Some(code) = code(error).filter(|code| OF_THE_OBJECT.contains(code)) {
        return StoreError::Rejected(format!("object store: {code}"));
    }
    StoreError::Unavailable(format!("object store: {}", DisplayErrorContext(error)))
}

pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> StoreError {
    StoreError::Unavailable(format!("object store: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_of_any_script_is_given_to_old_and_new_clients() {
        assert_eq!(
            disposition("records 1.csv"),
            "attachment; filename=\"records 1.csv\"; filename*=UTF-8''records%201.csv"
        );
        assert_eq!(
            disposition("a\"\r\n名.csv"),
            "attachment; filename=\"a____.csv\"; filename*=UTF-8''a%22%0D%0A%E5%90%8D.csv"
        );
    }

    #[test]
    fn a_configuration_shows_no_secret() {
        let config = ObjectsConfig {
            endpoint: "http://127.0.0.1:1".into(),
            region: "us-east-1".into(),
            bucket: "b".into(),
            access_key: "open".into(),
            secret_key: "hush".into(),
            public_endpoint: None,
        };
        assert!(!format!("{config:?}").contains("hush"));
    }
}
