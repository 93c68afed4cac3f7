//! The service is killed (SIGKILL) in the middle of writes, again and again: what it said is there
//! is there, and nothing half is ever seen.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use storage::objects::Objects;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::{client, content, embedded};

const FOLDER: &str = "CALLWRIGHT_TEST_SERVE_FOLDER";
const ROUNDS: usize = 4;
const WRITERS: usize = 6;
const ACKS_BEFORE_KILL: usize = 12;

/// The process that is killed: this test program, started again with a folder to serve.
#[tokio::test]
async fn serve_until_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let running = embedded::start(Path::new(&folder)).await;
    println!("\nserving {}", running.addr.port());
    std::future::pending::<()>().await;
}

async fn serve(folder: &Path) -> (Child, u16) {
    let program = std::env::current_exe().expect("this program");
    let mut child = Command::new(program)
        .args(["--exact", "killed::serve_until_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a service of its own process");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    while let Some(line) = lines.next_line().await.expect("a line") {
        if let Some(port) = line.strip_prefix("serving ") {
            return (child, port.parse().expect("a port"));
        }
    }
    panic!("the service did not start");
}

/// What is written under a key in a round: its first bytes tell which it is.
fn body(round: usize, writer: usize, turn: usize) -> Vec<u8> {
    let mut body = format!("{round}/{writer}/{turn};").into_bytes();
    // One writer's objects go up in parts.
    let bytes = if writer == 0 { 17 * 1024 * 1024 } else { 200_000 + 10_000 * turn };
    body.extend(content(bytes));
    body
}

async fn write(objects: &Objects, key: &str, body: Vec<u8>) -> bool {
    let mut upload = objects.upload(key, "application/octet-stream");
    upload.write_all(&body).await.is_ok() && upload.finish().await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_and_nothing_half_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let acked: Arc<Mutex<Vec<String>>> = Arc::default();
    for round in 0..ROUNDS {
        let (mut child, port) = serve(folder.path()).await;
        client(port).ensure_bucket().await.expect("a bucket");
        let (acks, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (acked, acks, enough) =
                (Arc::clone(&acked), Arc::clone(&acks), Arc::clone(&enough));
            writers.spawn(async move {
                let objects = client(port);
                for turn in 0.. {
                    let (key, body) =
                        (format!("{round}/{writer}/{turn}"), body(round, writer, turn));
                    if !write(&objects, &key, body).await {
                        return;
                    }
                    acked.lock().await.push(key);
                    if acks.fetch_add(1, Ordering::Relaxed) + 1 >= ACKS_BEFORE_KILL {
                        enough.notify_one();
                    }
                }
            });
        }
        enough.notified().await;
        child.kill().await.expect("killed");
        writers.abort_all();
        while writers.join_next().await.is_some() {}
        look(folder.path(), &acked.lock().await).await;
    }
}

/// Everything that was acknowledged is there, and everything that is there is whole.
async fn look(folder: &Path, acked: &[String]) {
    let running = embedded::start(folder).await;
    let objects = client(running.addr.port());
    let page = objects.list("", None, 1_000).await.expect("a page");
    for key in acked {
        assert!(page.objects.iter().any(|object| object.key == *key), "{key} was acknowledged");
    }
    for object in page.objects {
        let mut read = Vec::new();
        let got = objects.get(&object.key).await.expect("an object that is listed");
        got.into_read().read_to_end(&mut read).await.expect("its content");
        let mut parts = object.key.split('/').map(|part| part.parse().expect("a number"));
        let mut part = || parts.next().expect("a part of the key");
        let whole = body(part(), part(), part());
        assert!(read == whole, "{} is whole", object.key);
    }
    running.shutdown().await;
}
