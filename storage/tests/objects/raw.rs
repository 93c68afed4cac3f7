//! What other S3 clients ask for: operations that our own client has no need of.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier,
};

use crate::{ACCESS_KEY, SECRET_KEY, config, content};

const BUCKET: &str = "contract";
const PART: usize = 5 * 1024 * 1024;

pub fn client(port: u16) -> Client {
    let built = aws_sdk_s3::Config::builder()
        .endpoint_url(config(port).endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(built)
}

pub async fn run(client: &Client) {
    uploads_and_their_parts_are_listed_until_they_end(client).await;
    objects_are_copied_and_deleted_by_the_many(client).await;
}

async fn create(client: &Client, key: &str) -> String {
    let made = client.create_multipart_upload().bucket(BUCKET).key(key).send().await;
    made.expect("an upload").upload_id().expect("its id").to_owned()
}

async fn part(client: &Client, key: &str, id: &str, number: i32, bytes: usize) -> CompletedPart {
    let body = ByteStream::from(content(bytes));
    let sent =
        client.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number).body(body);
    let sent = sent.send().await.expect("a part");
    CompletedPart::builder().part_number(number).e_tag(sent.e_tag().expect("a tag")).build()
}

async fn complete(
    client: &Client,
    key: &str,
    id: &str,
    parts: Vec<CompletedPart>,
) -> Result<(), String> {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let asked = client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
    let done = asked.multipart_upload(parts).send().await;
    done.map(drop).map_err(|error| error.code().unwrap_or("no code").to_owned())
}

async fn uploads_and_their_parts_are_listed_until_they_end(client: &Client) {
    let key = "raw/parts";
    let id = create(client, key).await;
    let second = part(client, key, &id, 2, 1_000).await;
    part(client, key, &id, 1, PART).await;
    // The same number again replaces the part.
    let first = part(client, key, &id, 1, PART + 7).await;
    let parts =
        client.list_parts().bucket(BUCKET).key(key).upload_id(&id).send().await.expect("parts");
    let sizes: Vec<_> =
        parts.parts().iter().map(|part| (part.part_number(), part.size())).collect();
    // SeaweedFS goes on listing a part that was replaced, and completes with the one that is named.
    assert!(sizes.contains(&(Some(1), Some(PART as i64 + 7))), "{sizes:?}");
    let mut numbers: Vec<_> = sizes.iter().map(|(number, _)| *number).collect();
    numbers.dedup();
    assert_eq!(numbers, [Some(1), Some(2)]);
    let open = async || {
        let list = client.list_multipart_uploads().bucket(BUCKET).prefix("raw/").send().await;
        let list = list.expect("uploads");
        list.uploads()
            .iter()
            .map(|upload| upload.key().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(open().await, [key]);
    complete(client, key, &id, vec![first, second]).await.expect("completed");
    let head = client.head_object().bucket(BUCKET).key(key).send().await.expect("a head");
    assert_eq!(head.content_length(), Some(PART as i64 + 1_007));
    assert!(open().await.is_empty());

    let id = create(client, "raw/aborted").await;
    client
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("raw/aborted")
        .upload_id(&id)
        .send()
        .await
        .expect("aborted");
    assert!(open().await.is_empty());
}

async fn objects_are_copied_and_deleted_by_the_many(client: &Client) {
    let body = content(1_000);
    let put = client.put_object().bucket(BUCKET).key("raw/from").content_type("text/csv");
    put.body(ByteStream::from(body)).send().await.expect("put");
    let copy = client.copy_object().bucket(BUCKET).key("raw/to");
    copy.copy_source("contract/raw/from").send().await.expect("copied");
    let head = client.head_object().bucket(BUCKET).key("raw/to").send().await.expect("a head");
    assert_eq!((head.content_length(), head.content_type()), (Some(1_000), Some("text/csv")));
    let all = ["raw/from", "raw/to", "raw/never"];
    let all = all.map(|key| ObjectIdentifier::builder().key(key).build().expect("a key"));
    let all = Delete::builder().set_objects(Some(all.into())).build().expect("keys");
    client.delete_objects().bucket(BUCKET).delete(all).send().await.expect("deleted");
    let left = client.list_objects_v2().bucket(BUCKET).prefix("raw/").send().await.expect("a list");
    let keys: Vec<_> = left.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["raw/parts"]);
}

/// The frames of an upload are taken off, and the word for them with them; servers differ in it.
pub async fn frames_are_no_encoding(client: &Client) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), content(100_000)).expect("written");
    // A file goes up in frames, and the client says so by itself.
    let framed = ByteStream::from_path(file.path()).await.expect("a body");
    let whole = || ByteStream::from(content(100_000));
    for (key, body, said, kept) in [
        ("raw/framed", framed, None, None),
        ("raw/said", whole(), Some("aws-chunked"), None),
        ("raw/packed", whole(), Some("gzip,aws-chunked"), Some("gzip")),
        ("raw/plain", whole(), Some("gzip"), Some("gzip")),
    ] {
        let put = client.put_object().bucket(BUCKET).key(key);
        let put = put.set_content_encoding(said.map(str::to_owned));
        put.body(body).send().await.expect("put");
        let head = client.head_object().bucket(BUCKET).key(key).send().await.expect("a head");
        assert_eq!(head.content_encoding(), kept, "{key}");
        let got = client.get_object().bucket(BUCKET).key(key).send().await.expect("got");
        assert_eq!(got.content_encoding(), kept, "{key}");
        let body = got.body.collect().await.expect("its content");
        assert!(body.into_bytes() == content(100_000), "{key}");
    }
    let made = client.create_multipart_upload().bucket(BUCKET).key("raw/in_parts");
    let made = made.content_encoding("aws-chunked").send().await.expect("an upload");
    let id = made.upload_id().expect("its id");
    let only = part(client, "raw/in_parts", id, 1, 1_000).await;
    complete(client, "raw/in_parts", id, vec![only]).await.expect("completed");
    let head = client.head_object().bucket(BUCKET).key("raw/in_parts").send().await;
    assert_eq!(head.expect("a head").content_encoding(), None);
}

/// How the embedded service answers what is wrong; servers differ in it.
pub async fn wrong(client: &Client) {
    let key = "raw/wrong";
    let id = create(client, key).await;
    let small = part(client, key, &id, 1, 10).await;
    let last = part(client, key, &id, 2, 10).await;
    let other = CompletedPart::builder().part_number(2).e_tag("\"00\"").build();
    for (parts, code) in [
        (vec![small.clone(), last.clone()], "EntityTooSmall"),
        (vec![last.clone(), small.clone()], "InvalidPartOrder"),
        (vec![small.clone(), other], "InvalidPart"),
    ] {
        assert_eq!(complete(client, key, &id, parts).await, Err(code.to_owned()));
    }
    assert_eq!(
        complete(client, "raw/foreign", &id, vec![small.clone()]).await,
        Err("NoSuchUpload".into())
    );
    complete(client, key, &id, vec![small]).await.expect("a last part may be small");

    let put = client.put_object().bucket(BUCKET).key("raw/torn").checksum_crc32("AAAAAA==");
    let put =
        put.checksum_algorithm(ChecksumAlgorithm::Crc32).body(ByteStream::from_static(b"other"));
    let refused = put.send().await.expect_err("a checksum of something else");
    assert_eq!(refused.code(), Some("BadDigest"));
    let head = client.head_object().bucket(BUCKET).key("raw/torn").send().await;
    assert!(head.is_err(), "nothing is kept of it");
}
