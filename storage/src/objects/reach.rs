//! Whether the object store can be used, said at once, in one line and by the setting that may mend it.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use http::Uri;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Objects, ObjectsConfig, code, is_missing};
use crate::reach::{ANSWER_MAX, Unreachable, explain_io, known_host, no_answer};

/// What is wrong with an `S3_ENDPOINT`; none: nothing that shows.
pub fn endpoint_fault(endpoint: &str) -> Option<&'static str> {
    let uri: Option<Uri> = endpoint.parse().ok();
    let right = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    (!right).then_some("is not the URL of an S3 service; write http://host:port or https://host")
}

/// A client for a store that answers, whose keys it knows, and that has the bucket: made if it is missing.
pub async fn reach(config: &ObjectsConfig) -> Result<Objects, Unreachable> {
    let server = format!("the object store at {}, bucket {}", config.endpoint, config.bucket);
    let unreachable = |why: String| Unreachable { server: server.clone(), why };
    listens(config).await.map_err(unreachable)?;
    let objects = Objects::new(config);
    match timeout(ANSWER_MAX, objects.usable_bucket()).await {
        Ok(Ok(())) => Ok(objects),
        Ok(Err(why)) => Err(unreachable(why)),
        Err(_) => Err(unreachable(no_answer("S3_ENDPOINT"))),
    }
}

/// A client tries again several times before it says that nothing listens; one try says so at once.
async fn listens(config: &ObjectsConfig) -> Result<(), String> {
    let uri: Uri =
        config.endpoint.parse().map_err(|_| "is no URL; check S3_ENDPOINT".to_owned())?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    known_host(&host, port, "S3_ENDPOINT").await?;
    match timeout(ANSWER_MAX, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(explain_io(&error, "S3_ENDPOINT")),
        Err(_) => Err(no_answer("S3_ENDPOINT")),
    }
}

impl Objects {
    /// List the bucket, and make it when it is missing. The answer to a list has the reason of a refusal in
    /// its body, which the answer to a head has not.
    async fn usable_bucket(&self) -> Result<(), String> {
        let listed = self.client.list_objects_v2().bucket(&self.bucket).max_keys(1).send().await;
        match listed {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => {
                self.create_bucket().await.map_err(|error| match code(&error) {
                    Some("AccessDenied") | None if refused(&error) => format!(
                        "there is no such bucket, and these keys may not make it; make it, or check S3_BUCKET ({})",
                        self.bucket
                    ),
                    _ => explain(&error),
                })
            }
            Err(error) => Err(explain(&error)),
        }
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn refused<E>(error: &SdkError<E>) -> bool {
    matches!(status(error), Some(401 | 403))
}

fn explain<E>(error: &SdkError<E>) -> String
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message);
    match code(error) {
        Some("InvalidAccessKeyId" | "NotSignedUp") => {
            "it does not know the access key; check S3_ACCESS_KEY".into()
        }
        Some("SignatureDoesNotMatch") => "the secret key is wrong; check S3_SECRET_KEY".into(),
        Some("AccessDenied") => {
            "these keys may not use the bucket; check S3_BUCKET, and what S3_ACCESS_KEY may do"
                .into()
        }
        Some(
            "PermanentRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        ) => "the bucket is in another region; check S3_REGION".into(),
        Some("InvalidBucketName") => "that is no name of a bucket; check S3_BUCKET".into(),
        Some("BucketAlreadyExists") => {
            "somebody else has a bucket of that name; check S3_BUCKET".into()
        }
        Some("RequestTimeTooSkewed") => {
            "this machine's clock and the store's differ by too much; set them".into()
        }
        Some(code) => format!("{code}: {}", message.unwrap_or("no reason given")),
        None if refused(error) => {
            "it refuses these keys; check S3_ACCESS_KEY and S3_SECRET_KEY".into()
        }
        None if status(error).is_some() => {
            "what answers there is no S3 service; check S3_ENDPOINT".into()
        }
        None => one_line(&DisplayErrorContext(error).to_string()),
    }
}

/// The start of an error whose whole text may be pages.
fn one_line(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.lines().next().unwrap_or_default().chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_is_no_url_is_told() {
        for wrong in ["minio:9000", "s3://bucket", "http://", ""] {
            assert!(endpoint_fault(wrong).is_some(), "{wrong}");
        }
        assert_eq!(endpoint_fault("http://127.0.0.1:9000"), None);
    }
}
