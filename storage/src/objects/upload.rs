//! An object that is written while it goes up.
//!
//! It is cut into parts that go up a few at a time: memory holds at most [`PARTS_UP_MAX`] + 1 of
//! them. Nothing is visible before [`Upload::finish`]; an upload that is dropped, or whose part
//! failed, is aborted, and its parts are freed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_sdk_s3::types::CompletedPart;
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::Objects;
use super::multipart::PARTS_MAX;
use crate::StoreError;

/// Bytes of a part; S3 wants 5 MiB at least, and 10,000 parts at most.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts that go up at a time.
pub const PARTS_UP_MAX: usize = 2;

/// An object going up. Write to it as to a file, then [`Upload::finish`] it; closing the writer
/// does not finish it.
#[derive(Debug)]
pub struct Upload {
    target: Arc<Target>,
    buffer: BytesMut,
    up: JoinSet<Result<CompletedPart, StoreError>>,
    done: Vec<CompletedPart>,
    started: i32,
    written: u64,
    settled: bool,
}

#[derive(Debug)]
struct Target {
    objects: Objects,
    key: String,
    content_type: String,
    /// Made when the first part starts: a small object needs none.
    id: OnceCell<String>,
}

impl Upload {
    pub(super) fn new(objects: Objects, key: &str, content_type: &str) -> Self {
        Self {
            target: Arc::new(Target {
                objects,
                key: key.to_owned(),
                content_type: content_type.to_owned(),
                id: OnceCell::new(),
            }),
            buffer: BytesMut::new(),
            up: JoinSet::new(),
            done: Vec::new(),
            started: 0,
            written: 0,
            settled: false,
        }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Send what is left and make the object visible; returns its bytes.
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        let finished = self.complete().await;
        if finished.is_err() {
            self.settled = true;
            self.up.shutdown().await;
            self.target.abort().await;
        }
        finished
    }

    /// Give up; what went up is freed.
    pub async fn abort(mut self) {
        self.settled = true;
        self.up.shutdown().await;
        self.target.abort().await;
    }

    async fn complete(&mut self) -> Result<u64, StoreError> {
        let rest = self.buffer.split().freeze();
        if self.started == 0 {
            let Target { objects, key, content_type, .. } = &*self.target;
            objects.put(key, content_type, rest).await?;
            self.settled = true;
            return Ok(self.written);
        }
        if !rest.is_empty() {
            self.start_part(rest)?;
        }
        while let Some(ended) = self.up.join_next().await {
            self.done.push(ended.map_err(|error| super::unavailable(&error))??);
        }
        let mut parts = std::mem::take(&mut self.done);
        parts.sort_by_key(CompletedPart::part_number);
        self.target.complete(parts, self.written).await?;
        self.settled = true;
        Ok(self.written)
    }

    fn start_part(&mut self, content: Bytes) -> Result<(), StoreError> {
        if self.started == PARTS_MAX {
            return Err(StoreError::conflict(
                "object_too_large",
                format!("an object has at most {PARTS_MAX} parts of {PART_BYTES} bytes"),
            ));
        }
        self.started += 1;
        let (target, number) = (Arc::clone(&self.target), self.started);
        self.up.spawn(async move { target.send_part(number, content).await });
        Ok(())
    }

    /// Wait until there is room for one more part; an error of an earlier part comes up here.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.up.len() >= PARTS_UP_MAX {
            match std::task::ready!(self.up.poll_join_next(cx)) {
                Some(Ok(Ok(part))) => self.done.push(part),
                Some(Ok(Err(error))) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upload {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.buffer.len() == PART_BYTES {
            std::task::ready!(self.poll_room(cx))?;
            let part = self.buffer.split().freeze();
            self.start_part(part).map_err(io::Error::other)?;
        }
        let taken = content.len().min(PART_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&content[..taken]);
        self.written += taken as u64;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.settled || self.target.id.get().is_none() {
            return;
        }
        self.up.abort_all();
        let target = Arc::clone(&self.target);
        // Without a runtime the store's own sweep of stale uploads frees the parts.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { target.abort().await });
        }
    }
}

impl Target {
    async fn send_part(&self, number: i32, content: Bytes) -> Result<CompletedPart, StoreError> {
        let create = || self.objects.create_parts(&self.key, &self.content_type);
        let id = self.id.get_or_try_init(create).await?;
        self.objects.send_part(&self.key, id, number, content).await
    }

    async fn complete(&self, parts: Vec<CompletedPart>, bytes: u64) -> Result<(), StoreError> {
        let id = self.id.get().map(String::as_str).unwrap_or_default();
        self.objects.complete_parts(&self.key, id, parts, bytes).await
    }

    async fn abort(&self) {
        let Some(id) = self.id.get() else { return };
        if let Err(error) = self.objects.abort_parts(&self.key, id).await {
            tracing::warn!(key = %self.key, %error, "an upload was not aborted");
        }
    }
}
