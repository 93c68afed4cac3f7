//! What every object store must do for us: one suite, over the service in our own process and over
//! a real S3 server (SeaweedFS).
//!
//! The second needs `WEED_BIN`, the path of SeaweedFS's `weed`. Without it only the embedded service
//! is tested, unless `CALLWRIGHT_CONTRACT_S3=1` demands both.

mod contract;
mod embedded;
mod killed;
mod raw;
mod reach;
mod web;
mod weed;

use storage::objects::{Objects, ObjectsConfig};

pub const ACCESS_KEY: &str = "callwright";
pub const SECRET_KEY: &str = "contract-secret";

pub fn client(port: u16) -> Objects {
    Objects::new(&config(port))
}

pub fn config(port: u16) -> ObjectsConfig {
    ObjectsConfig {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1".into(),
        bucket: "contract".into(),
        access_key: ACCESS_KEY.into(),
        secret_key: SECRET_KEY.into(),
        public_endpoint: None,
    }
}

/// Bytes that differ everywhere, the same each time.
pub fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        content.extend_from_slice(&state.to_be_bytes());
    }
    content.truncate(bytes);
    content
}

#[tokio::test]
async fn the_embedded_service_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = embedded::start(folder.path()).await;
    contract::run(&client(running.addr.port())).await;
    let raw = raw::client(running.addr.port());
    raw::run(&raw).await;
    raw::frames_are_no_encoding(&raw).await;
    raw::wrong(&raw).await;
    running.shutdown().await;
}

#[tokio::test]
async fn a_real_s3_server_keeps_the_contract() {
    let Some(server) = weed::Server::start().await else { return };
    contract::run(&client(server.port)).await;
    raw::run(&raw::client(server.port)).await;
}
