//! Phones on a SIP trunk: sipp processes that play scenarios of `telephony/tests/sipp`.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::world::eventually;

/// One scenario that waits for calls. It is ended when it is dropped.
pub struct Sipp {
    child: Child,
    pub address: SocketAddr,
    _folder: tempfile::TempDir,
}

/// A UDP port that nobody has now.
pub fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.local_addr().expect("an address").port()
}

/// How long a far end may take to end after its last call.
const PATIENCE: Duration = Duration::from_secs(60);

impl Sipp {
    /// Play a scenario for every call that comes. `keys` fill its words in brackets.
    pub async fn play(scenario: &str, keys: &[(&str, &str)]) -> Self {
        Self::start(scenario, keys, None).await
    }

    /// Play a scenario for so many calls; then it ends.
    pub async fn play_for(calls: u32, scenario: &str) -> Self {
        Self::start(scenario, &[], Some(calls)).await
    }

    /// Each call has gone as the scenario says.
    pub async fn ends_well(mut self) {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a status") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let status = tokio::time::timeout(PATIENCE, ended).await.expect("sipp ends");
        assert!(status.success(), "{status}");
    }

    async fn start(scenario: &str, keys: &[(&str, &str)], calls: Option<u32>) -> Self {
        let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../telephony/tests/sipp");
        let text = std::fs::read_to_string(scenarios.join(format!("{scenario}.xml")));
        let text = keys.iter().fold(text.expect("a scenario"), |text, (key, value)| {
            text.replace(&format!("[{key}]"), value)
        });
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("scenario.xml"), text).expect("a scenario");
        let port = free_udp_port();
        let child = Command::new("sipp")
            .current_dir(folder.path())
            .args(["-sf", "scenario.xml"])
            .args(["-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-mp", &free_udp_port().to_string(), "-cp", &free_udp_port().to_string()])
            .args(["-nostdin", "-timeout", "3600"])
            .args(calls.into_iter().flat_map(|calls| ["-m".to_owned(), calls.to_string()]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("sipp can't be started ({error}); `scripts/setup tests` installs it")
            });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        eventually("sipp to listen", || async { UdpSocket::bind(address).err() }).await;
        Self { child, address, _folder: folder }
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
