//! What the embedded service promises beside the contract: nothing half, whatever happens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use storage::StoreError;
use storage::objects::embedded::{self, KeyPair, Running};
use storage::objects::{Objects, ObjectsConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{ACCESS_KEY, SECRET_KEY, client, config, content};

const MIB: usize = 1024 * 1024;

pub async fn start(folder: &Path) -> Running {
    let keys = KeyPair { access_key: ACCESS_KEY.into(), secret_key: SECRET_KEY.into() };
    embedded::start(folder, ([127, 0, 0, 1], 0).into(), keys).await.expect("the service started")
}

async fn started() -> (tempfile::TempDir, Running, Objects) {
    let folder = tempfile::tempdir().expect("a folder");
    let running = start(folder.path()).await;
    let objects = client(running.addr.port());
    objects.ensure_bucket().await.expect("a bucket");
    (folder, running, objects)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn objects_are_there_after_a_restart() {
    let (folder, running, objects) = started().await;
    objects.put("kept/1", "text/plain", "one").await.expect("put");
    objects.put("kept/2", "text/csv", "two").await.expect("put");
    objects.put("kept/gone", "text/csv", "three").await.expect("put");
    objects.delete("kept/gone").await.expect("deleted");
    running.shutdown().await;

    let again = start(folder.path()).await;
    let objects = client(again.addr.port());
    let page = objects.list("kept/", None, 10).await.expect("a page");
    let keys: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, ["kept/1", "kept/2"]);
    let head = objects.head("kept/2").await.expect("a head").expect("the object");
    assert_eq!((head.bytes, head.content_type.as_deref()), (3, Some("text/csv")));
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_neither_seen_nor_kept() {
    let (folder, running, objects) = started().await;
    objects.put("whole", "text/plain", "whole").await.expect("put");
    running.shutdown().await;

    // A crash while a body came in, and one between the content and its sidecar.
    fs::write(folder.path().join("incoming/half"), "ha").expect("a file");
    let content_file = files(&folder.path().join("buckets"))
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "data"))
        .expect("the content of the whole object");
    let orphan = content_file.with_file_name(
        content_file.file_name().expect("a name").to_string_lossy().replace(".data", "0.data"),
    );
    fs::write(&orphan, "never named").expect("a file");

    let again = start(folder.path()).await;
    let objects = client(again.addr.port());
    let page = objects.list("", None, 10).await.expect("a page");
    assert_eq!(page.objects.len(), 1, "the list waits for the index, and sees whole objects only");
    assert!(!orphan.exists());
    assert!(files(&folder.path().join("incoming")).is_empty());
    let mut body = Vec::new();
    let got = objects.get("whole").await.expect("the object");
    got.into_read().read_to_end(&mut body).await.expect("its content");
    assert_eq!(body, b"whole");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_does_not_match_leaves_nothing() {
    let (folder, running, objects) = started().await;
    let link = objects.link("torn", "torn", Duration::from_secs(60)).await.expect("a link");
    // Not signed for a PUT: refused before a byte is kept.
    let host =
        link.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a host");
    let mut stream = tokio::net::TcpStream::connect(host).await.expect("a connection");
    let request =
        format!("PUT /contract/torn HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nabc");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("cut off");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(objects.head("torn").await.expect("a head"), None);

    let mut upload = objects.upload("torn", "text/plain");
    upload.write_all(&content(9 * MIB)).await.expect("written");
    running.shutdown().await;
    assert!(upload.finish().await.is_err(), "the service is gone");
    assert!(files(&folder.path().join("incoming")).is_empty());
    let again = start(folder.path()).await;
    let objects = client(again.addr.port());
    assert_eq!(objects.head("torn").await.expect("a head"), None);
}

#[tokio::test]
async fn an_aborted_upload_frees_its_parts_and_a_replaced_object_its_content() {
    let (folder, _running, objects) = started().await;
    let mut upload = objects.upload("aborted", "text/plain");
    upload.write_all(&content(20 * MIB)).await.expect("written");
    upload.abort().await;
    assert!(files(&folder.path().join("uploads")).is_empty());

    let mut upload = objects.upload("done", "text/plain");
    upload.write_all(&content(20 * MIB)).await.expect("written");
    upload.finish().await.expect("finished");
    assert!(files(&folder.path().join("uploads")).is_empty());
    objects.put("done", "text/plain", "short").await.expect("put again");
    assert_eq!(files(&folder.path().join("buckets")).len(), 2, "one sidecar and one content");
    objects.delete("done").await.expect("deleted");
    assert!(files(&folder.path().join("buckets")).is_empty());
}

#[tokio::test]
async fn an_upload_that_nobody_went_on_with_for_a_day_is_cleared_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    start(folder.path()).await.shutdown().await;
    let uploads = folder.path().join("uploads");
    for (id, hours) in [("a", 25), ("b", 1)] {
        let upload = uploads.join(id.repeat(32));
        fs::create_dir(&upload).expect("an upload");
        fs::write(upload.join("00001-00"), "part").expect("a part");
        let at = SystemTime::now() - Duration::from_secs(hours * 3_600);
        fs::File::open(&upload).and_then(|folder| folder.set_modified(at)).expect("an age");
    }
    start(folder.path()).await;
    assert!(!uploads.join("a".repeat(32)).exists());
    assert!(uploads.join("b".repeat(32)).exists());
}

#[tokio::test]
async fn another_key_or_secret_is_let_in_nowhere() {
    let (_folder, running, objects) = started().await;
    objects.put("mine", "text/plain", "mine").await.expect("put");
    let base = config(running.addr.port());
    for (access_key, secret_key) in [("someone", SECRET_KEY), (ACCESS_KEY, "guess")] {
        let stranger = Objects::new(&ObjectsConfig {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            ..base.clone()
        });
        assert!(matches!(stranger.get("mine").await, Err(StoreError::Unavailable(_))));
        assert!(stranger.put("mine", "text/plain", "theirs").await.is_err());
        assert!(stranger.list("", None, 10).await.is_err());
    }
}

#[tokio::test]
async fn readers_and_writers_of_one_key_see_whole_objects_only() {
    let (folder, _running, objects) = started().await;
    let whole = |n: u8| vec![n; 300_000];
    objects.put("hot", "text/plain", whole(0)).await.expect("put");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=8_u8 {
        let writer = objects.clone();
        tasks.spawn(async move {
            writer.put("hot", "text/plain", vec![n; 300_000]).await.expect("put");
        });
        let reader = objects.clone();
        tasks.spawn(async move {
            let mut body = Vec::new();
            let got = reader.get("hot").await.expect("the object");
            got.into_read().read_to_end(&mut body).await.expect("its content");
            assert_eq!(body.len(), 300_000);
            assert!(body.iter().all(|byte| *byte == body[0]), "of one writer");
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no reader saw a mixture");
    }
    assert_eq!(files(&folder.path().join("buckets")).len(), 2, "one sidecar and one content");
}
