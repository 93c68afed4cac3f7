//! The four requests of an object that goes up in parts. [`super::Upload`] and [`super::parts`] are made of them.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::{Objects, code, failed};
use crate::StoreError;

/// Parts of one object, at most.
pub(super) const PARTS_MAX: i32 = 10_000;

impl Objects {
    /// Begin; gives the id of the upload.
    pub(super) async fn create_parts(
        &self,
        key: &str,
        content_type: &str,
    ) -> Result<String, StoreError> {
        let made = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        made.upload_id().map(str::to_owned).ok_or_else(|| {
            StoreError::Unavailable("the object store gave no id for an upload".into())
        })
    }

    /// Send the part of this number, from 1.
    pub(super) async fn send_part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        content: Bytes,
    ) -> Result<CompletedPart, StoreError> {
        let sent = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(id)
            .part_number(number)
            .body(ByteStream::from(content))
            .send()
            .await
            .map_err(|error| failed(&error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag().map(str::to_owned))
            .set_checksum_crc32(sent.checksum_crc32().map(str::to_owned))
            .build())
    }

    /// Make the object of these parts visible; it has so many bytes.
    pub(super) async fn complete_parts(
        &self,
        key: &str,
        id: &str,
        parts: Vec<CompletedPart>,
        bytes: u64,
    ) -> Result<(), StoreError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let completed = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(id)
            .multipart_upload(parts)
            .send()
            .await;
        match completed {
            Ok(_) => Ok(()),
            // The answer to an earlier try was lost: the object tells whether it came through.
            Err(error) if code(&error) == Some("NoSuchUpload") => match self.head(key).await? {
                Some(object) if object.bytes == bytes => Ok(()),
                _ => Err(failed(&error)),
            },
            Err(error) => Err(failed(&error)),
        }
    }

    /// End it and free its parts. One that is over is no error.
    pub(super) async fn abort_parts(&self, key: &str, id: &str) -> Result<(), StoreError> {
        let aborted = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .upload_id(id)
            .send()
            .await;
        match aborted {
            Err(error) if code(&error) != Some("NoSuchUpload") => Err(failed(&error)),
            _ => Ok(()),
        }
    }
}
