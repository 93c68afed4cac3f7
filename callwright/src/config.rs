//! Configuration: environment variables, read in one place, all faults reported at once.
//!
//! What a business sets lives in PostgreSQL. This is only what the process needs to find its servers
//! and its folders. `docs/configuration.md` describes every name.

mod lines;
mod speech;

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use clock::{Clock, Setting};
use storage::StoreConfig;
use storage::objects::ObjectsConfig;
use storage::sealing::SealKey;
use workers::fail_point::DieAt;
use workers::lines::{AsteriskAddresses, SipAddresses};
use workers::providers::SpeechSetup;

use crate::metrics_listen::MetricsListen;

/// All of it. A part that a command does not use may be missing.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the servers that `up` runs, the spool and the journal.
    pub data: PathBuf,
    pub listen: SocketAddr,
    /// Where metrics and health of every process are told.
    pub metrics_listen: MetricsListen,
    /// The same of `serve`: a platform that gives a `PORT` reaches it from other machines.
    pub serve_listen: SocketAddr,
    /// Proxies before the API whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    pub database: Option<StoreConfig>,
    pub redis: Option<String>,
    /// Before every queue's name, so that installations can share a Redis.
    pub queue_prefix: String,
    pub objects: Option<ObjectsConfig>,
    pub spool: PathBuf,
    pub journal: PathBuf,
    pub clock: ClockSource,
    pub lease: Duration,
    /// How long a stopping process lets calls finish; without, as long as a call may last.
    pub drain: Option<Duration>,
    /// Calls that one dialer process carries at a time.
    pub dial_concurrency: usize,
    /// Where this process is reached by SIP and RTP; without, it dials no SIP trunk.
    pub sip: Option<SipAddresses>,
    /// Where Asterisk reaches this process; trunks whose voice comes over a WebSocket need nothing of it.
    pub asterisk: AsteriskAddresses,
    /// What this machine has for robots that hear and speak.
    pub speech: SpeechSetup,
    /// What passwords are sealed with, in hexadecimal; without, a key in the data folder.
    pub secrets_key: Option<SealKey>,
    /// For chaos: where this process is to die.
    pub die_at: DieAt,
}

/// A stopping process waits for its calls no longer than this.
pub const DRAIN_SECONDS_MAX: u64 = 10_000;

/// Where business time comes from.
#[derive(Debug, Clone)]
pub enum ClockSource {
    Setting(Setting),
    File(PathBuf),
}

impl ClockSource {
    pub fn clock(&self) -> Clock {
        match self {
            Self::Setting(setting) => Clock::with(*setting),
            Self::File(path) => Clock::from_file(path.clone()),
        }
    }
}

/// Names and texts of the environment, and what is wrong with them.
struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.get)(name).filter(|value| !value.is_empty())
    }

    /// A path, made absolute against the folder in which the process started: its children start elsewhere.
    fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.text(name).map(|path| self.absolute(path.into()))
    }

    fn absolute(&mut self, path: PathBuf) -> PathBuf {
        std::path::absolute(&path).unwrap_or_else(|error| {
            self.faults.push(format!("{}: can't be made absolute: {error}", path.display()));
            path
        })
    }

    /// A URL, which may hold a password: a fault of it never tells it.
    fn url(&mut self, name: &str, fault: impl Fn(&str) -> Option<String>) -> Option<String> {
        let url = self.text(name)?;
        self.faults.extend(fault(&url).map(|fault| format!("{name}: {fault}")));
        Some(url)
    }

    fn value<T>(&mut self, name: &str, default: T, right: &str) -> T
    where
        T: FromStr<Err: Display>,
    {
        let Some(text) = self.text(name) else { return default };
        match text.parse() {
            Ok(value) => value,
            Err(error) => {
                self.faults.push(format!("{name}: {error}; {right}"));
                default
            }
        }
    }

    /// Addresses with commas between them.
    fn addresses(&mut self, name: &str) -> Vec<IpAddr> {
        let text = self.text(name).unwrap_or_default();
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => self.faults.push(format!(
                    "{name}: {part} is no IP address; write them as 127.0.0.1, 10.0.0.7"
                )),
            }
        }
        addresses
    }

    fn number(&mut self, name: &str, default: u64, lowest: u64, highest: u64) -> u64 {
        let value = self.value(name, default, "write a whole number");
        if !(lowest..=highest).contains(&value) {
            self.faults.push(format!("{name}: {value} is not between {lowest} and {highest}"));
            return default;
        }
        value
    }
}

impl Config {
    /// From the environment of the process.
    pub fn from_environment() -> Result<Self> {
        Self::read(&|name| std::env::var(name).ok())
    }

    /// From any source of names and texts.
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut reader = Reader { get, faults: Vec::new() };
        let data = match reader.path("CALLWRIGHT_DATA") {
            Some(path) => path,
            None => reader.absolute(default_data()),
        };
        let port = u16::try_from(reader.number("PORT", 8080, 0, 65_535)).unwrap_or(8080);
        let here = SocketAddr::from(([127, 0, 0, 1], port));
        let given = reader.text("PORT").is_some();
        let anywhere = if given { SocketAddr::from(([0, 0, 0, 0], port)) } else { here };
        let listen =
            reader.value("CALLWRIGHT_LISTEN", here, "write ADDRESS:PORT, as 127.0.0.1:8080");
        let named = reader.text("CALLWRIGHT_LISTEN").is_some();
        let serve_listen = if named { listen } else { anywhere };
        let database = reader
            .url("DATABASE_URL", |url| storage::reach::database_url(url).err())
            .map(|url| StoreConfig {
                hot_connections: small(reader.number("DATABASE_HOT_CONNECTIONS", 8, 2, 100)),
                api_connections: small(reader.number("DATABASE_API_CONNECTIONS", 8, 2, 100)),
                long_connections: small(reader.number("DATABASE_LONG_CONNECTIONS", 6, 2, 100)),
                ..StoreConfig::new(url)
            });
        let clock = match reader.path("CALLWRIGHT_CLOCK_FILE") {
            Some(path) => ClockSource::File(path),
            None => ClockSource::Setting(reader.value(
                "CALLWRIGHT_CLOCK",
                Setting::WALL,
                "leave it out in service",
            )),
        };
        let sip = lines::sip(&mut reader);
        let config = Self {
            spool: reader.path("CALLWRIGHT_SPOOL").unwrap_or_else(|| data.join("spool")),
            journal: reader.path("CALLWRIGHT_JOURNAL").unwrap_or_else(|| data.join("journal")),
            speech: speech::speech(&mut reader, &data),
            data,
            listen,
            metrics_listen: reader.value(
                "CALLWRIGHT_METRICS_LISTEN",
                MetricsListen::default(),
                "write ADDRESS:PORT, or ADDRESS:FIRST-LAST for the first free port, as 127.0.0.1:9100-9199",
            ),
            serve_listen,
            trusted_proxies: reader.addresses("CALLWRIGHT_TRUSTED_PROXIES"),
            database,
            redis: reader.url("REDIS_URL", |url| jobs::reach::url_fault(url).map(str::to_owned)),
            queue_prefix: reader
                .text("CALLWRIGHT_QUEUE_PREFIX")
                .unwrap_or_else(|| "callwright".into()),
            objects: objects(&mut reader),
            clock,
            lease: Duration::from_secs(reader.number("CALLWRIGHT_LEASE_SECONDS", 15, 2, 600)),
            drain: reader
                .text("CALLWRIGHT_DRAIN_SECONDS")
                .map(|_| reader.number("CALLWRIGHT_DRAIN_SECONDS", 0, 0, DRAIN_SECONDS_MAX))
                .map(Duration::from_secs),
            dial_concurrency: usize::try_from(reader.number(
                "CALLWRIGHT_DIAL_CONCURRENCY",
                500,
                1,
                10_000,
            ))?,
            asterisk: lines::asterisk(&mut reader, sip.as_ref()),
            sip,
            secrets_key: secrets_key(&mut reader),
            die_at: reader.value("CALLWRIGHT_DIE_AT", DieAt::default(), "leave it out in service"),
        };
        if reader.faults.is_empty() {
            return Ok(config);
        }
        anyhow::bail!("the configuration has faults:\n  {}", reader.faults.join("\n  "))
    }
}

fn objects(reader: &mut Reader<'_>) -> Option<ObjectsConfig> {
    let fault = |url: &str| storage::objects::reach::endpoint_fault(url).map(str::to_owned);
    let endpoint = reader.url("S3_ENDPOINT", fault)?;
    let mut needed = |name: &str| {
        let value = reader.text(name);
        if value.is_none() {
            reader.faults.push(format!("{name}: is missing; it goes with S3_ENDPOINT"));
        }
        value.unwrap_or_default()
    };
    let (bucket, access_key, secret_key) =
        (needed("S3_BUCKET"), needed("S3_ACCESS_KEY"), needed("S3_SECRET_KEY"));
    Some(ObjectsConfig {
        region: reader.text("S3_REGION").unwrap_or_else(|| "us-east-1".into()),
        public_endpoint: reader.text("S3_PUBLIC_ENDPOINT"),
        endpoint,
        bucket,
        access_key,
        secret_key,
    })
}

fn secrets_key(reader: &mut Reader<'_>) -> Option<SealKey> {
    let text = reader.text("CALLWRIGHT_SECRETS_KEY")?;
    let key = SealKey::from_hex(&text);
    if key.is_none() {
        // The key itself is not told.
        let fault = "CALLWRIGHT_SECRETS_KEY: must be 64 hexadecimal digits, as `openssl rand -hex 32` writes them";
        reader.faults.push(fault.into());
    }
    key
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// `./data`; for root a folder that the database's own user can reach.
fn default_data() -> PathBuf {
    if nix::unistd::geteuid().is_root() { "/var/lib/callwright".into() } else { "data".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_folder_is_the_one_below_where_the_process_started() {
        let config = Config::read(&|name| (name == "CALLWRIGHT_DATA").then(|| "some/data".into()));
        let config = config.expect("it has no faults");
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(config.data, here.join("some/data"));
        assert_eq!(config.spool, here.join("some/data/spool"));
        let alone = Config::read(&|_| None).expect("it has no faults");
        assert!(alone.data.is_absolute() && alone.journal.is_absolute(), "{alone:?}");
    }

    #[test]
    fn a_port_alone_opens_serve_to_other_machines_and_never_up() {
        for (port, address, serve, up) in [
            (None, None, "127.0.0.1:8080", "127.0.0.1:8080"),
            (Some("5000"), None, "0.0.0.0:5000", "127.0.0.1:5000"),
            (Some("5000"), Some("127.0.0.1:6000"), "127.0.0.1:6000", "127.0.0.1:6000"),
        ] {
            let get = |name: &str| match name {
                "PORT" => port.map(str::to_owned),
                "CALLWRIGHT_LISTEN" => address.map(str::to_owned),
                _ => None,
            };
            let config = Config::read(&get).expect("right");
            assert_eq!(config.serve_listen.to_string(), serve);
            assert_eq!(config.listen.to_string(), up);
        }
    }

    #[test]
    fn all_faults_of_the_configuration_are_told_at_once() {
        let get = |name: &str| {
            let value = match name {
                "PORT" => "70000",
                "CALLWRIGHT_CLOCK" => "noon",
                "S3_ENDPOINT" => "http://127.0.0.1:9000",
                "DATABASE_URL" => "mysql://clara:hush@127.0.0.1/calls",
                "REDIS_URL" => ":hush@127.0.0.1:6379",
                "CALLWRIGHT_SECRETS_KEY" => "hush",
                "CALLWRIGHT_SIP_LISTEN" => "0.0.0.0:5060",
                "CALLWRIGHT_VOICE_PORTS" => "10-20",
                "CALLWRIGHT_ASTERISK_LISTEN" => "0.0.0.0:9092",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let said = Config::read(&get).expect_err("it has faults").to_string();
        for part in [
            "PORT: 70000",
            "CALLWRIGHT_CLOCK",
            "DATABASE_URL: is not the URL",
            "REDIS_URL: is not the URL",
            "S3_BUCKET",
            "S3_ACCESS_KEY",
            "S3_SECRET_KEY",
            "CALLWRIGHT_SECRETS_KEY: must be 64 hexadecimal digits",
            "CALLWRIGHT_SIP_LISTEN: far ends are told this address",
            "CALLWRIGHT_VOICE_PORTS: is no range of ports",
            "CALLWRIGHT_ASTERISK_LISTEN: Asterisk is told this address",
        ] {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
        assert!(!said.contains("hush"), "{said}");
    }
}
