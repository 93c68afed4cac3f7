//! The S3 operations over the folder: what a client asks for, and how S3 answers.

use std::io::SeekFrom;
use std::sync::Arc;

use async_trait::async_trait;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::answer::{
    PAGE_MAX, answer, check_key, claimed, decoded_length, headers, instant, page, signed,
};
use super::body::{self, internal};
use super::bucket::{Bucket, Sidecar, now_ms};
use super::disk::{blocking, hex};
use super::shelf::Shelf;
use super::uploads::{PART_NUMBER_MAX, UploadPlan};

const READ_BUFFER_BYTES: usize = 256 * 1024;

pub(super) struct Service(pub(super) Arc<Shelf>);

impl Service {
    fn bucket(&self, name: &str) -> S3Result<Arc<Bucket>> {
        self.0.bucket(name).ok_or_else(|| s3_error!(NoSuchBucket))
    }

    async fn sidecar(&self, bucket: &str, key: &str) -> S3Result<Sidecar> {
        let (bucket, key) = (self.bucket(bucket)?, key.to_owned());
        let sidecar = blocking(move || bucket.head(&key)).await.map_err(internal)?;
        sidecar.ok_or_else(|| s3_error!(NoSuchKey))
    }

    async fn open(&self, bucket: &str, key: &str) -> S3Result<(Sidecar, tokio::fs::File)> {
        let (bucket, key) = (self.bucket(bucket)?, key.to_owned());
        let got = blocking(move || bucket.get(&key)).await.map_err(internal)?;
        let (sidecar, file) = got.ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok((sidecar, tokio::fs::File::from_std(file)))
    }
}

#[async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let (shelf, name) = (Arc::clone(&self.0), req.input.bucket);
        let location = format!("/{name}");
        if !blocking(move || shelf.create_bucket(&name)).await.map_err(internal)? {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        answer(CreateBucketOutput { location: Some(location) })
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        answer(HeadBucketOutput::default())
    }

    async fn list_buckets(
        &self,
        _: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let names = self.0.bucket_names();
        let buckets = names
            .into_iter()
            .map(|name| s3s::dto::Bucket { name: Some(name), ..Default::default() });
        answer(ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() })
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = req.input;
        check_key(&input.key)?;
        if input.if_match.is_some() || input.if_none_match.is_some() {
            return Err(s3_error!(NotImplemented, "puts on a condition are not supported"));
        }
        let bucket = self.bucket(&input.bucket)?;
        let headers = headers!(input);
        let claimed = claimed!(req, input);
        let taken = body::take(input.body, claimed, &self.0.incoming).await?;
        let (key, etag) = (input.key, hex(&taken.md5));
        let (aside, bytes) = (taken.aside, taken.bytes);
        let put = blocking(move || bucket.put(&key, aside, bytes, etag, headers));
        let sidecar = put.await.map_err(internal)?;
        answer(PutObjectOutput {
            e_tag: Some(ETag::Strong(sidecar.etag)),
            checksum_crc32: taken.checksum.checksum_crc32,
            checksum_crc32c: taken.checksum.checksum_crc32c,
            checksum_crc64nvme: taken.checksum.checksum_crc64nvme,
            checksum_sha1: taken.checksum.checksum_sha1,
            checksum_sha256: taken.checksum.checksum_sha256,
            ..Default::default()
        })
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let (sidecar, mut file) = self.open(&input.bucket, &input.key).await?;
        let whole = sidecar.bytes;
        let span = match input.range {
            Some(range) => range.check(whole)?,
            None => 0..whole,
        };
        file.seek(SeekFrom::Start(span.start)).await.map_err(internal)?;
        let length = span.end - span.start;
        let stream = ReaderStream::with_capacity(file.take(length), READ_BUFFER_BYTES);
        let content_range = input
            .range
            .map(|_| format!("bytes {}-{}/{whole}", span.start, span.end.saturating_sub(1)));
        let headers = sidecar.headers;
        answer(GetObjectOutput {
            body: Some(StreamingBlob::wrap(stream)),
            content_length: Some(signed(length)),
            content_range,
            accept_ranges: Some("bytes".to_owned()),
            content_type: headers.content_type,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            cache_control: headers.cache_control,
            metadata: Some(headers.metadata.into_iter().collect()),
            e_tag: Some(ETag::Strong(sidecar.etag)),
            last_modified: Some(instant(sidecar.modified_ms)),
            ..Default::default()
        })
    }

    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let sidecar = self.sidecar(&req.input.bucket, &req.input.key).await?;
        let headers = sidecar.headers;
        answer(HeadObjectOutput {
            content_length: Some(signed(sidecar.bytes)),
            accept_ranges: Some("bytes".to_owned()),
            content_type: headers.content_type,
            content_disposition: headers.content_disposition,
            content_encoding: headers.content_encoding,
            cache_control: headers.cache_control,
            metadata: Some(headers.metadata.into_iter().collect()),
            e_tag: Some(ETag::Strong(sidecar.etag)),
            last_modified: Some(instant(sidecar.modified_ms)),
            ..Default::default()
        })
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (bucket, key) = (self.bucket(&req.input.bucket)?, req.input.key);
        blocking(move || bucket.delete(&key)).await.map_err(internal)?;
        answer(DeleteObjectOutput::default())
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let bucket = self.bucket(&req.input.bucket)?;
        let objects = req.input.delete.objects;
        if objects.len() > PAGE_MAX {
            return Err(s3_error!(MalformedXML));
        }
        let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
        let gone = keys.clone();
        blocking(move || keys.iter().try_for_each(|key| bucket.delete(key)))
            .await
            .map_err(internal)?;
        let deleted = gone
            .into_iter()
            .map(|key| DeletedObject { key: Some(key), ..Default::default() })
            .collect();
        answer(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() })
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(s3_error!(NotImplemented, "lists by delimiter are not supported"));
        }
        let bucket = self.bucket(&input.bucket)?;
        bucket.indexed().await;
        let limit = page(input.max_keys);
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.as_deref().or(input.start_after.as_deref());
        let mut found = bucket.list(&prefix, after, limit + 1);
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(|(key, _)| key.clone());
        let contents: Vec<Object> = found
            .into_iter()
            .map(|(key, listed)| Object {
                key: Some(key),
                size: Some(signed(listed.bytes)),
                e_tag: Some(ETag::Strong(listed.etag)),
                last_modified: Some(instant(listed.modified_ms)),
                ..Default::default()
            })
            .collect();
        answer(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            key_count: i32::try_from(contents.len()).ok(),
            contents: Some(contents),
            continuation_token: input.continuation_token,
            start_after: input.start_after,
            is_truncated: Some(more),
            next_continuation_token: next,
            ..Default::default()
        })
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        check_key(&input.key)?;
        let CopySource::Bucket { bucket: from, key: source, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "only objects of a bucket can be copied"));
        };
        let to = self.bucket(&input.bucket)?;
        let (sidecar, file) = self.open(from, source).await?;
        let mut headers = sidecar.headers;
        if input.metadata_directive.as_ref().map(MetadataDirective::as_str) == Some("REPLACE") {
            headers = headers!(input);
        }
        let (shelf, key, etag, bytes) =
            (Arc::clone(&self.0), input.key, sidecar.etag, sidecar.bytes);
        let mut file = file.into_std().await;
        let copied = blocking(move || {
            let aside = super::disk::Aside::new(&shelf.incoming);
            let mut copy = std::fs::File::create_new(aside.path())?;
            std::io::copy(&mut file, &mut copy)?;
            copy.sync_all()?;
            to.put(&key, aside, bytes, etag, headers)
        });
        let copied = copied.await.map_err(internal)?;
        let result = CopyObjectResult {
            e_tag: Some(ETag::Strong(copied.etag)),
            last_modified: Some(instant(copied.modified_ms)),
            ..Default::default()
        };
        answer(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        check_key(&input.key)?;
        self.bucket(&input.bucket)?;
        let plan = UploadPlan {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            started_ms: now_ms(),
            headers: headers!(input),
        };
        let shelf = Arc::clone(&self.0);
        let created =
            blocking(move || Ok(shelf.uploads.create(&plan))).await.map_err(internal)??;
        answer(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(created),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        })
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = req.input;
        if !(1..=PART_NUMBER_MAX).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "part numbers are 1 to {PART_NUMBER_MAX}"));
        }
        self.0.uploads.plan(&input.upload_id, &input.bucket, &input.key)?;
        let claimed = claimed!(req, input);
        let taken = body::take(input.body, claimed, &self.0.incoming).await?;
        let (shelf, id, number) = (Arc::clone(&self.0), input.upload_id, input.part_number);
        let (md5, aside) = (hex(&taken.md5), taken.aside);
        let etag = md5.clone();
        blocking(move || Ok(shelf.uploads.add_part(&id, number, &md5, aside)))
            .await
            .map_err(internal)??;
        answer(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: taken.checksum.checksum_crc32,
            checksum_crc32c: taken.checksum.checksum_crc32c,
            checksum_crc64nvme: taken.checksum.checksum_crc64nvme,
            checksum_sha1: taken.checksum.checksum_sha1,
            checksum_sha256: taken.checksum.checksum_sha256,
            ..Default::default()
        })
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let bucket = self.bucket(&input.bucket)?;
        let plan = self.0.uploads.plan(&input.upload_id, &input.bucket, &input.key)?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let wanted: Vec<(i32, String)> = parts
            .into_iter()
            .map(|part| {
                let md5 = part.e_tag.map(ETag::into_value).unwrap_or_default();
                (part.part_number.unwrap_or_default(), md5)
            })
            .collect();
        let (shelf, id, key) = (Arc::clone(&self.0), input.upload_id, input.key.clone());
        let completed = blocking(move || {
            let joined = match shelf.uploads.join(&id, &wanted) {
                Ok(joined) => joined,
                Err(error) => return Ok(Err(error)),
            };
            let put = bucket.put(&key, joined.aside, joined.bytes, joined.etag, plan.headers)?;
            shelf.uploads.remove(&id)?;
            Ok(Ok(put))
        });
        let sidecar = completed.await.map_err(internal)??;
        answer(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(sidecar.etag)),
            ..Default::default()
        })
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.0.uploads.plan(&input.upload_id, &input.bucket, &input.key)?;
        let shelf = Arc::clone(&self.0);
        blocking(move || shelf.uploads.remove(&input.upload_id)).await.map_err(internal)?;
        answer(AbortMultipartUploadOutput::default())
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        self.0.uploads.plan(&input.upload_id, &input.bucket, &input.key)?;
        let marker = input.part_number_marker.unwrap_or(0);
        let limit = page(input.max_parts);
        let mut here = self.0.uploads.parts(&input.upload_id)?;
        here.retain(|part| part.number > marker);
        let more = here.len() > limit;
        here.truncate(limit);
        let next = here.last().filter(|_| more).map(|part| part.number);
        let parts: Vec<Part> = here
            .into_iter()
            .map(|part| Part {
                part_number: Some(part.number),
                size: Some(signed(part.bytes)),
                e_tag: Some(ETag::Strong(part.md5)),
                last_modified: Some(part.modified.into()),
                ..Default::default()
            })
            .collect();
        answer(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(marker),
            max_parts: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            is_truncated: Some(more),
            next_part_number_marker: next,
            parts: Some(parts),
            ..Default::default()
        })
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let limit = page(input.max_uploads);
        let prefix = input.prefix.clone().unwrap_or_default();
        let (shelf, bucket) = (Arc::clone(&self.0), input.bucket.clone());
        let mut found =
            blocking(move || shelf.uploads.list(&bucket, &prefix)).await.map_err(internal)?;
        let key_marker = input.key_marker.clone().unwrap_or_default();
        let id_marker = input.upload_id_marker.clone().unwrap_or_default();
        found.retain(|(id, plan)| match plan.key.cmp(&key_marker) {
            std::cmp::Ordering::Equal => !id_marker.is_empty() && *id > id_marker,
            order => order.is_gt(),
        });
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        let (next_key_marker, next_upload_id_marker) =
            last.map(|(id, plan)| (plan.key.clone(), id.clone())).unzip();
        let uploads: Vec<MultipartUpload> = found
            .into_iter()
            .map(|(id, plan)| MultipartUpload {
                key: Some(plan.key),
                upload_id: Some(id),
                initiated: Some(instant(plan.started_ms)),
                ..Default::default()
            })
            .collect();
        answer(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            max_uploads: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
            is_truncated: Some(more),
            next_key_marker,
            next_upload_id_marker,
            uploads: Some(uploads),
            ..Default::default()
        })
    }
}
