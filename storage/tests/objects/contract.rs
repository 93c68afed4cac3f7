//! The suite.

use std::time::Duration;

use storage::StoreError;
use storage::objects::{LINK_MAX, Objects};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{content, web};

const MIB: usize = 1024 * 1024;

pub async fn run(objects: &Objects) {
    a_bucket_is_made_once(objects).await;
    what_is_put_is_got_back(objects).await;
    a_missing_object_is_not_found(objects).await;
    lists_come_in_pages_in_the_order_of_the_keys(objects).await;
    a_large_object_goes_up_in_parts(objects).await;
    a_dropped_upload_leaves_nothing(objects).await;
    an_upload_is_gone_on_with_by_whoever_knows_its_parts(objects).await;
    files_go_up_and_come_down(objects).await;
    a_link_downloads_under_a_name(objects).await;
    a_link_gives_a_range(objects).await;
    a_changed_link_is_refused(objects).await;
    a_link_expires(objects).await;
}

async fn read(objects: &Objects, key: &str) -> Vec<u8> {
    let body = objects.get(key).await.expect("an object");
    let bytes = body.bytes;
    let mut content = Vec::new();
    body.into_read().read_to_end(&mut content).await.expect("its content");
    assert_eq!(content.len() as u64, bytes);
    content
}

async fn a_bucket_is_made_once(objects: &Objects) {
    objects.ensure_bucket().await.expect("the bucket made");
    objects.ensure_bucket().await.expect("the bucket found");
}

async fn what_is_put_is_got_back(objects: &Objects) {
    for key in ["put/plain", "put/with space & plus+.csv", "put/名前/é.txt", "put/empty"] {
        let body = if key.ends_with("empty") { Vec::new() } else { content(100_000) };
        objects.put(key, "text/csv", body.clone()).await.expect("put");
        assert_eq!(read(objects, key).await, body, "{key}");
        let head = objects.head(key).await.expect("a head").expect("the object");
        assert_eq!(
            (head.bytes, head.content_type.as_deref()),
            (body.len() as u64, Some("text/csv"))
        );
        assert!(head.modified_at.is_some());
    }
    objects.put("put/plain", "text/plain", "second").await.expect("put again");
    assert_eq!(read(objects, "put/plain").await, b"second");
    objects.delete("put/plain").await.expect("deleted");
    assert_eq!(objects.head("put/plain").await.expect("a head"), None);
}

async fn a_missing_object_is_not_found(objects: &Objects) {
    assert!(matches!(objects.get("no/such").await, Err(StoreError::NotFound(_))));
    assert_eq!(objects.head("no/such").await.expect("a head"), None);
    objects.delete("no/such").await.expect("nothing to delete");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("down");
    assert!(matches!(objects.get_to_file("no/such", &path).await, Err(StoreError::NotFound(_))));
    assert!(!path.exists(), "no half file is left");
}

async fn lists_come_in_pages_in_the_order_of_the_keys(objects: &Objects) {
    let mut keys: Vec<String> = (0..7).map(|n| format!("list/{n}/é {n}.txt")).collect();
    for key in keys.iter().rev() {
        objects.put(key, "text/plain", key.clone()).await.expect("put");
    }
    objects.put("listed-elsewhere", "text/plain", "x").await.expect("put");
    keys.sort();
    let (mut found, mut next, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = objects.list("list/", next.as_deref(), 3).await.expect("a page");
        assert!(page.objects.len() <= 3);
        found.extend(page.objects.into_iter().map(|object| (object.key, object.bytes)));
        pages += 1;
        next = page.next;
        if next.is_none() || pages > 10 {
            break;
        }
    }
    let expected: Vec<(String, u64)> =
        keys.into_iter().map(|key| (key.clone(), key.len() as u64)).collect();
    assert_eq!(found, expected);
    let none = objects.list("list/none", None, 10).await.expect("a page");
    assert!(none.objects.is_empty() && none.next.is_none());
}

async fn a_large_object_goes_up_in_parts(objects: &Objects) {
    let body = content(20 * MIB + 12_345);
    let mut upload = objects.upload("large/parts", "application/zip");
    for piece in body.chunks(777_777) {
        upload.write_all(piece).await.expect("written");
        assert_eq!(objects.head("large/parts").await.expect("a head"), None, "not before the end");
    }
    assert_eq!(upload.finish().await.expect("finished"), body.len() as u64);
    assert!(read(objects, "large/parts").await == body, "the content is what was written");
    let head = objects.head("large/parts").await.expect("a head").expect("the object");
    assert_eq!(head.content_type.as_deref(), Some("application/zip"));

    let mut small = objects.upload("large/small", "text/csv");
    small.write_all(b"a,b\n").await.expect("written");
    assert_eq!(small.finish().await.expect("finished"), 4);
    assert_eq!(read(objects, "large/small").await, b"a,b\n");
}

async fn a_dropped_upload_leaves_nothing(objects: &Objects) {
    for abort in [true, false] {
        let mut upload = objects.upload("dropped", "text/plain");
        upload.write_all(&content(9 * MIB)).await.expect("written");
        if abort {
            upload.abort().await;
        } else {
            drop(upload);
        }
        assert_eq!(objects.head("dropped").await.expect("a head"), None);
    }
}

async fn an_upload_is_gone_on_with_by_whoever_knows_its_parts(objects: &Objects) {
    let body = content(13 * MIB);
    let part = |from: usize, to: usize| bytes::Bytes::copy_from_slice(&body[from..to]);
    let mut first = objects.begin_parts("parts/one", "application/zip").await.expect("an upload");
    first.send(part(0, 6 * MIB)).await.expect("a part");
    let saved = first.saved().clone();
    // It sends one part more before it notices that the work is another's.
    first.send(part(0, 5 * MIB)).await.expect("a part");
    let mut second =
        objects.go_on_with_parts(saved.clone()).await.expect("an answer").expect("it is there");
    second.send(part(6 * MIB, 12 * MIB)).await.expect("a part");
    let told = serde_json::to_string(second.saved()).expect("JSON");
    let other = told.replacen("\"etag\":\"", "\"etag\":\"0", 1);
    let other = serde_json::from_str(&other).expect("what is kept of an upload");
    assert!(objects.go_on_with_parts(other).await.expect("an answer").is_none(), "not these parts");
    second.send(part(12 * MIB, 13 * MIB)).await.expect("the last part");
    assert_eq!(objects.head("parts/one").await.expect("a head"), None, "nothing is visible yet");
    assert_eq!(second.complete().await.expect("completed"), 13 * MIB as u64);
    assert!(read(objects, "parts/one").await == body);
    assert!(objects.go_on_with_parts(saved).await.expect("an answer").is_none(), "it is over");

    let mut mine = objects.begin_parts("parts/given/up", "text/plain").await.expect("an upload");
    mine.send(part(0, 6 * MIB)).await.expect("a part");
    let other = objects.begin_parts("parts/other", "text/plain").await.expect("an upload");
    objects.abort_uploads("parts/given/").await.expect("aborted");
    assert!(objects.go_on_with_parts(mine.saved().clone()).await.expect("an answer").is_none());
    let other = objects.go_on_with_parts(other.saved().clone()).await.expect("an answer");
    assert!(other.is_some(), "others go on");
    objects.abort_uploads("parts/").await.expect("aborted");
}

async fn files_go_up_and_come_down(objects: &Objects) {
    let folder = tempfile::tempdir().expect("a folder");
    let (up, down) = (folder.path().join("up"), folder.path().join("down"));
    for bytes in [0, 5, 17 * MIB] {
        let body = content(bytes);
        std::fs::write(&up, &body).expect("a file");
        let sent = objects.put_file("files/one", "audio/wav", &up).await.expect("up");
        assert_eq!(sent, bytes as u64);
        assert_eq!(objects.get_to_file("files/one", &down).await.expect("down"), bytes as u64);
        assert!(std::fs::read(&down).expect("a file") == body, "{bytes} bytes");
    }
}

async fn a_link_downloads_under_a_name(objects: &Objects) {
    let body = content(300_000);
    objects.put("links/rows 1.csv", "text/csv", body.clone()).await.expect("put");
    let link = objects.link("links/rows 1.csv", "名 \"1\".csv", LINK_MAX).await.expect("a link");
    let answer = web::get(&link, "").await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.body == body, "the content is that of the object");
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"_ _1_.csv\"; filename*=UTF-8''%E5%90%8D%20%221%22.csv")
    );
    assert_eq!(answer.header("content-type"), Some("text/csv"));
}

async fn a_link_gives_a_range(objects: &Objects) {
    let body = content(300_000);
    objects.put("links/range.wav", "audio/wav", body.clone()).await.expect("put");
    let link = objects.link("links/range.wav", "range.wav", LINK_MAX).await.expect("a link");
    let answer = web::get(&link, "Range: bytes=1000-1999\r\n").await;
    assert_eq!((answer.status, &answer.body[..]), (206, &body[1_000..2_000]));
    assert_eq!(answer.header("content-range"), Some("bytes 1000-1999/300000"));
    let tail = web::get(&link, "Range: bytes=-10\r\n").await;
    assert_eq!((tail.status, &tail.body[..]), (206, &body[299_990..]));
    let past = web::get(&link, "Range: bytes=300000-\r\n").await;
    assert_eq!(past.status, 416);
}

async fn a_changed_link_is_refused(objects: &Objects) {
    objects.put("links/mine", "text/plain", "mine").await.expect("put");
    objects.put("links/other", "text/plain", "other").await.expect("put");
    let link = objects.link("links/mine", "mine.txt", LINK_MAX).await.expect("a link");
    let lives_longer = link.replace("X-Amz-Expires=300", "X-Amz-Expires=86400");
    assert_ne!(lives_longer, link);
    for changed in [
        link.replace("links/mine", "links/other"),
        lives_longer,
        link.split('?').next().expect("a path").to_owned(),
    ] {
        let answer = web::get(&changed, "").await;
        assert_eq!(answer.status, 403, "{changed}");
        assert_ne!(answer.body, b"other");
    }
}

async fn a_link_expires(objects: &Objects) {
    objects.put("links/brief", "text/plain", "brief").await.expect("put");
    let link = objects.link("links/brief", "b.txt", Duration::from_secs(1)).await.expect("a link");
    let refused = async {
        while web::get(&link, "").await.status != 403 {
            // Only time makes it expire.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), refused).await.expect("refused after its time");
}
