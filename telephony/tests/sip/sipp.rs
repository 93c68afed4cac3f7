//! A sipp process that plays one scenario of `tests/sipp` as the far end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long sipp may take to listen, and to end after its last call.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the far end is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Udp,
    Tcp,
}

/// One scenario that waits for calls. It is ended when it is dropped.
pub struct Sipp {
    child: Child,
    pub address: SocketAddr,
    scenario: String,
    folder: tempfile::TempDir,
}

/// Ports that the system gives nobody by itself, and how many of them a process of tests has.
const PORTS_FROM: u32 = 10_000;
const PORTS_EACH: u32 = 2_000;
/// sipp takes several ports beside the one that it is told for audio.
const BLOCK: u32 = 10;

/// The first of ten ports that are given to nobody else: sipp and Kamailio share ports with whoever lets them, and then
/// each hears half.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = PORTS_FROM + std::process::id() % 6 * PORTS_EACH;
    loop {
        let port = own + NEXT.fetch_add(BLOCK, Ordering::Relaxed) % PORTS_EACH;
        let port = u16::try_from(port).expect("a port");
        let address = (Ipv4Addr::LOCALHOST, port);
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
}

/// A scenario with its words in brackets filled. sipp itself fills none in the first line of a message.
fn filled(scenario: &str, keys: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp");
    let text = std::fs::read_to_string(folder.join(format!("{scenario}.xml"))).expect("a scenario");
    keys.iter().fold(text, |text, (key, value)| text.replace(&format!("[{key}]"), value))
}

impl Sipp {
    /// Play a scenario for so many calls. `keys` fill its words in brackets.
    pub fn play(scenario: &str, calls: u32, keys: &[(&str, &str)]) -> Self {
        Self::play_by(By::Udp, scenario, calls, keys)
    }

    pub fn play_by(by: By, scenario: &str, calls: u32, keys: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("scenario.xml");
        std::fs::write(file, filled(scenario, keys)).expect("a scenario");
        let port = free_port();
        let mut command = Command::new("sipp");
        command
            .current_dir(folder.path())
            .args(["-sf", "scenario.xml"])
            .args(["-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-mp", &(port + 4).to_string(), "-cp", &(port + 1).to_string()])
            .args(["-m", &calls.to_string(), "-nostdin", "-trace_err"])
            .args(std::env::var("SIPP_TRACE").ok().map(|_| "-trace_msg"))
            .args(["-timeout", "60", "-t", if by == By::Udp { "u1" } else { "t1" }])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("sipp can't be started ({error}); `scripts/setup tests` installs it")
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut sipp = Self { child, address, scenario: scenario.to_owned(), folder };
        sipp.wait_until_it_listens(by);
        sipp
    }

    fn wait_until_it_listens(&mut self, by: By) {
        let started = Instant::now();
        // To try the port would take it from sipp at the wrong moment. The kernel's list has it as `0100007F:2710`.
        let table = if by == By::Udp { "/proc/net/udp" } else { "/proc/net/tcp" };
        let own = format!("0100007F:{:04X} ", self.address.port());
        let listens = || std::fs::read_to_string(table).expect("the kernel's list").contains(&own);
        while !listens() {
            let is_up = self.child.try_wait().expect("a status").is_none();
            let in_time = is_up && started.elapsed() < PATIENCE;
            assert!(in_time, "{} does not listen: {}", self.scenario, self.errors());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Wait until it has had its calls, each as its scenario says.
    pub async fn ends_well(mut self) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            let (scenario, errors) = (&self.scenario, self.errors());
            assert!(started.elapsed() < PATIENCE, "{scenario} waits for something: {errors}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert!(status.success(), "{}: {status}; {}", self.scenario, self.errors());
    }

    /// What it has written down of what went wrong.
    fn errors(&self) -> String {
        let files = std::fs::read_dir(self.folder.path()).expect("a folder");
        let errors = files.filter_map(Result::ok).map(|file| std::fs::read_to_string(file.path()));
        errors.filter_map(Result::ok).filter(|text| !text.starts_with("<?xml")).collect()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
