//! An object that goes up in parts, one at a time, and that another process can go on with.
//!
//! What [`Parts::saved`] tells is all that it takes. Nothing is visible before [`Parts::complete`]. Unlike
//! [`super::Upload`] it is not aborted when it is dropped: whoever gives the work up calls
//! [`Objects::abort_uploads`].

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Objects, code, failed};
use crate::StoreError;

/// Parts of one object, at most.
const PARTS_MAX: usize = 10_000;
/// Uploads that are looked up by one request.
const UPLOADS_PAGE: i32 = 1_000;

/// An upload under way.
#[derive(Debug)]
pub struct Parts {
    objects: Objects,
    saved: SavedParts,
}

/// What to keep of an upload, to go on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedParts {
    key: String,
    id: String,
    parts: Vec<SavedPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SavedPart {
    etag: String,
    /// Where the store gives one, it wants it back.
    crc32: Option<String>,
}

impl Objects {
    /// Begin an object that goes up in parts. Every part but the last must have 5 MiB at least.
    pub async fn begin_parts(&self, key: &str, content_type: &str) -> Result<Parts, StoreError> {
        let made = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key)
            .content_type(content_type)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let id = made.upload_id().ok_or_else(|| {
            StoreError::Unavailable("the object store gave no id for an upload".into())
        })?;
        let saved = SavedParts { key: key.to_owned(), id: id.to_owned(), parts: Vec::new() };
        Ok(Parts { objects: self.clone(), saved })
    }

    /// Go on with an upload. None: the store does not have it any more, or not these parts of it.
    pub async fn go_on_with_parts(&self, saved: SavedParts) -> Result<Option<Parts>, StoreError> {
        let mut here = Vec::new();
        let mut marker = None;
        loop {
            let listed = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .key(&saved.key)
                .upload_id(&saved.id)
                .set_part_number_marker(marker)
                .send()
                .await;
            let listed = match listed {
                Ok(listed) => listed,
                Err(error) if code(&error) == Some("NoSuchUpload") => return Ok(None),
                Err(error) => match failed(&error) {
                    StoreError::NotFound(_) => return Ok(None),
                    error => return Err(error),
                },
            };
            let parts = listed.parts().iter();
            here.extend(parts.map(|part| part.e_tag().unwrap_or_default().to_owned()));
            marker = listed.next_part_number_marker().map(str::to_owned);
            if listed.is_truncated() != Some(true) || here.len() > PARTS_MAX {
                break;
            }
        }
        // A worker that lost the work may have sent one part more before it noticed: it is sent again.
        let same = here.len() >= saved.parts.len()
            && saved.parts.iter().zip(&here).all(|(part, etag)| part.etag == *etag);
        Ok(same.then(|| Parts { objects: self.clone(), saved }))
    }

    /// End all uploads under way whose keys start with `prefix`, and free their parts.
    pub async fn abort_uploads(&self, prefix: &str) -> Result<(), StoreError> {
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let page = self
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(prefix)
                .max_uploads(UPLOADS_PAGE)
                .set_key_marker(key_marker)
                .set_upload_id_marker(id_marker)
                .send()
                .await
                .map_err(|error| failed(&error))?;
            for upload in page.uploads() {
                let aborted = self
                    .client
                    .abort_multipart_upload()
                    .bucket(&self.bucket)
                    .set_key(upload.key().map(str::to_owned))
                    .set_upload_id(upload.upload_id().map(str::to_owned))
                    .send()
                    .await;
                if let Err(error) = aborted
                    && code(&error) != Some("NoSuchUpload")
                {
                    return Err(failed(&error));
                }
            }
            if page.is_truncated() != Some(true) {
                return Ok(());
            }
            key_marker = page.next_key_marker().map(str::to_owned);
            id_marker = page.next_upload_id_marker().map(str::to_owned);
        }
    }
}

impl SavedParts {
    /// The key of the object.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl Parts {
    /// What to keep, so that another process can go on behind the parts that are up.
    pub const fn saved(&self) -> &SavedParts {
        &self.saved
    }

    /// Send the next part.
    pub async fn send(&mut self, content: Bytes) -> Result<(), StoreError> {
        let number = self.saved.parts.len() + 1;
        if number > PARTS_MAX {
            let detail = format!("an object has at most {PARTS_MAX} parts");
            return Err(StoreError::conflict("object_too_large", detail));
        }
        let Objects { client, bucket, .. } = &self.objects;
        let sent = client
            .upload_part()
            .bucket(bucket)
            .key(&self.saved.key)
            .upload_id(&self.saved.id)
            .part_number(i32::try_from(number).unwrap_or(i32::MAX))
            .body(ByteStream::from(content))
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let crc32 = sent.checksum_crc32().map(str::to_owned);
        self.saved
            .parts
            .push(SavedPart { etag: sent.e_tag().unwrap_or_default().to_owned(), crc32 });
        Ok(())
    }

    /// Make the object visible.
    pub async fn complete(self) -> Result<(), StoreError> {
        let Objects { client, bucket, .. } = &self.objects;
        let parts = self.saved.parts.iter().zip(1..).map(|(part, number)| {
            CompletedPart::builder()
                .part_number(number)
                .e_tag(&part.etag)
                .set_checksum_crc32(part.crc32.clone())
                .build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let completed = client
            .complete_multipart_upload()
            .bucket(bucket)
            .key(&self.saved.key)
            .upload_id(&self.saved.id)
            .multipart_upload(parts)
            .send()
            .await;
        match completed {
            Ok(_) => Ok(()),
            // The answer to an earlier try was lost: the object is there.
            Err(error) if code(&error) == Some("NoSuchUpload") => {
                let there = self.objects.head(&self.saved.key).await?;
                there.map(|_| ()).ok_or_else(|| failed(&error))
            }
            Err(error) => Err(failed(&error)),
        }
    }
}
