//! Calls through Kamailio: over TCP and TLS, with 407 and Record-Route, hung up by either side.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use outbound::outcome::{CallResult, HangupParty, cause};
use outbound::trunk::TrunkConfig;
use serde_json::json;
use telephony::carrier::{Carrier, CarrierError, Command as Ask};

use super::sipp::{Sipp, free_port};
use super::world::{World, answered, order, rest, trunk, until};

const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "sip.example.com";

/// A Kamailio that passes calls on to one phone. It is ended when it is dropped.
struct Kamailio {
    child: Child,
    tcp: SocketAddr,
    tls: SocketAddr,
    certificates: String,
    folder: tempfile::TempDir,
}

impl Kamailio {
    fn before(phone: &Sipp) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        certificates(path);
        let (port, tls_port) = (free_port(), free_port());
        for file in ["kamailio.cfg", "tls.cfg"] {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kamailio").join(file);
            let text = std::fs::read_to_string(from).expect("a configuration");
            let text = text
                .replace("[folder]", &path.display().to_string())
                .replace("[tls_port]", &tls_port.to_string())
                .replace("[port]", &port.to_string())
                .replace("[phone_port]", &phone.address.port().to_string());
            std::fs::write(path.join(file), text).expect("a configuration");
        }
        let log = std::fs::File::create(path.join("log")).expect("a log");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "8"])
            .arg("-f")
            .arg(path.join("kamailio.cfg"))
            .arg("-Y")
            .arg(path)
            .arg("-w")
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("Kamailio can't be started ({error}); `scripts/setup tests` installs it")
            });
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let certificates = std::fs::read_to_string(path.join("ca.pem")).expect("a certificate");
        let (tcp, tls) = (address(port), address(tls_port));
        let kamailio = Self { child, tcp, tls, certificates, folder };
        let started = Instant::now();
        while TcpStream::connect(kamailio.tls).is_err() || TcpStream::connect(kamailio.tcp).is_err()
        {
            assert!(started.elapsed() < PATIENCE, "Kamailio does not listen: {}", kamailio.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        kamailio
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The trunk that it is, over TCP or TLS.
    fn trunk(&self, transport: &str) -> TrunkConfig {
        let mut sip = json!({ "transport": transport, "user": "clara", "password": "hush" });
        let host = if transport == "tls" {
            sip["server_name"] = json!(NAME);
            sip["certificates"] = json!(self.certificates);
            self.tls
        } else {
            self.tcp
        };
        trunk(&[host], sip)
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // Its main process ends the others.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

/// An authority, a certificate of it for [`NAME`], and one for another name.
fn certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let made = Command::new("openssl")
            .current_dir(folder)
            .args(arguments.split(' '))
            .stderr(Stdio::null())
            .status()
            .unwrap_or_else(|error| {
                panic!("openssl can't be started ({error}); `scripts/setup tests` installs it")
            });
        assert!(made.success(), "openssl {arguments}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    for (file, name) in [("sip", NAME), ("other", "other.example.com")] {
        let extensions = format!("subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(folder.join("ext"), extensions).expect("a file");
        openssl(&format!("req {key} -keyout {file}.key -out {file}.csr -subj /CN={name}"));
        openssl(&format!(
            "x509 -req -in {file}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out {file}.pem"
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_through_a_proxy_ends_by_either_side() {
    let mut running = tokio::task::JoinSet::new();
    for transport in ["tcp", "tls"] {
        running.spawn(async move {
            let (world, phone) = (World::new().await, Sipp::play("answers", 2, &[]));
            let proxy = Kamailio::before(&phone);
            for _ in 0..2 {
                let mut call = world.gate.originate(order(proxy.trunk(transport))).await.unwrap();
                until(&mut call, answered).await;
                call.send(Ask::HangUp { cause: cause::TASK_ENDED }).await;
                let (_, ending) = rest(&mut call).await;
                assert_eq!(ending.result, CallResult::Answered, "{transport}");
            }
            phone.ends_well().await;
        });
        running.spawn(async move {
            let (world, phone) = (World::new().await, Sipp::play("hangs_up", 1, &[]));
            let proxy = Kamailio::before(&phone);
            let (_, ending) = world.dial(order(proxy.trunk(transport))).await;
            assert_eq!(ending.party, Some(HangupParty::Customer), "{transport}: {}", proxy.log());
            phone.ends_well().await;
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_far_end_that_is_not_who_it_should_be_gets_no_call() {
    let (world, phone) = (World::new().await, Sipp::play("answers", 1, &[]));
    let proxy = Kamailio::before(&phone);
    let right = proxy.trunk("tls");
    let with = |change: fn(&mut outbound::trunk::SipTrunk)| {
        let mut trunk = right.clone();
        change(trunk.sip.as_mut().unwrap());
        trunk
    };
    // Another name, of which it has no certificate; and no authority that vouches for it.
    for wrong in [
        with(|sip| sip.server_name = Some("third.example.com".to_owned())),
        with(|sip| sip.certificates = None),
    ] {
        let placed = world.gate.originate(order(wrong)).await.map(drop);
        assert!(matches!(placed, Err(CarrierError::Refused(_))), "{placed:?}");
    }
    drop(phone);
}
