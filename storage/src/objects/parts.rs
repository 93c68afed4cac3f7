//! An object that goes up in parts, one at a time, and that another process can go on with.
//!
//! What [`Parts::saved`] tells is all that it takes. Nothing is visible before [`Parts::complete`]. Unlike
//! [`super::Upload`] it is not aborted when it is dropped: whoever gives the work up calls
//! [`Objects::abort_uploads`].

use std::collections::HashSet;

use aws_sdk_s3::types::CompletedPart;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::multipart::PARTS_MAX;
use super::{Objects, code, failed};
use crate::StoreError;

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
    /// Bytes of the parts.
    bytes: u64,
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
        let id = self.create_parts(key, content_type).await?;
        let saved = SavedParts { key: key.to_owned(), id, parts: Vec::new(), bytes: 0 };
        Ok(Parts { objects: self.clone(), saved })
    }

    /// Go on with an upload. None: the store does not have it any more, or not these parts of it.
    pub async fn go_on_with_parts(&self, saved: SavedParts) -> Result<Option<Parts>, StoreError> {
        let mut here = HashSet::new();
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
            here.extend(
                listed
                    .parts()
                    .iter()
                    .filter_map(|part| Some((part.part_number()?, part.e_tag()?.to_owned()))),
            );
            marker = listed.next_part_number_marker().map(str::to_owned);
            if listed.is_truncated() != Some(true) || here.len() as i64 > i64::from(PARTS_MAX) {
                break;
            }
        }
        // A worker that lost the work may have sent further parts before it noticed. Where one of them took the
        // place of ours, ours is gone; some stores keep both, and complete with the one that is named.
        let same = saved
            .parts
            .iter()
            .zip(1..)
            .all(|(part, number)| here.contains(&(number, part.etag.clone())));
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
                let (key, id) = (upload.key(), upload.upload_id());
                self.abort_parts(key.unwrap_or_default(), id.unwrap_or_default()).await?;
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

    /// Bytes of the parts that are up.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Parts {
    /// What to keep, so that another process can go on behind the parts that are up.
    pub const fn saved(&self) -> &SavedParts {
        &self.saved
    }

    /// Send the next part.
    pub async fn send(&mut self, content: Bytes) -> Result<(), StoreError> {
        let number = i32::try_from(self.saved.parts.len() + 1).unwrap_or(i32::MAX);
        if number > PARTS_MAX {
            let detail = format!("an object has at most {PARTS_MAX} parts");
            return Err(StoreError::conflict("object_too_large", detail));
        }
        let bytes = content.len() as u64;
        let SavedParts { key, id, .. } = &self.saved;
        let sent = self.objects.send_part(key, id, number, content).await?;
        self.saved.parts.push(SavedPart {
            etag: sent.e_tag().unwrap_or_default().to_owned(),
            crc32: sent.checksum_crc32().map(str::to_owned),
        });
        self.saved.bytes += bytes;
        Ok(())
    }

    /// Make the object visible; gives its bytes.
    pub async fn complete(self) -> Result<u64, StoreError> {
        let SavedParts { key, id, parts, bytes } = &self.saved;
        let parts = parts.iter().zip(1..).map(|(part, number)| {
            CompletedPart::builder()
                .part_number(number)
                .e_tag(&part.etag)
                .set_checksum_crc32(part.crc32.clone())
                .build()
        });
        self.objects.complete_parts(key, id, parts.collect(), *bytes).await?;
        Ok(*bytes)
    }
}
