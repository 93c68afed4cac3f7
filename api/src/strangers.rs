//! Keys that open nothing, by the address that they come from: past a limit none of them is looked up any more.
//!
//! Nobody guesses a key of 256 bits, but each try costs the database a look-up. Keys that worked lately are
//! remembered, and are looked up from any address: users who share an address with an attacker can go on. Each
//! process counts and remembers for itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use crate::limits::{RateConfig, Rates};
use crate::problem::Problem;

/// Look-ups that may find nothing, of one address.
pub const FAILURES: RateConfig = RateConfig { requests: 20, window: Duration::from_secs(60) };
/// Keys that are known to open something; the ones longest unused go first.
const KNOWN_MAX: usize = 10_000;
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Who fails, and whom to believe about the address of who asks.
#[derive(Debug)]
pub struct Strangers {
    failures: Rates<IpAddr>,
    known: Mutex<HashMap<[u8; 32], Instant>>,
    proxies: Vec<IpAddr>,
}

impl Strangers {
    /// `proxies`: those whose `X-Forwarded-For` is believed.
    pub fn new(proxies: Vec<IpAddr>) -> Self {
        Self { failures: Rates::new(FAILURES), known: Mutex::default(), proxies }
    }

    /// The address that a request comes from. Behind a proxy of ours it is the last one in `X-Forwarded-For` that is
    /// not a proxy of ours. The addresses before that one are not believed, as the sender may have made them up.
    pub(crate) fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.ip().to_canonical();
        if !self.proxies.contains(&peer) {
            return peer;
        }
        let lines = headers.get_all(FORWARDED_FOR);
        let named: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect();
        for name in named.into_iter().rev() {
            match name.parse::<IpAddr>().map(|address| address.to_canonical()) {
                Ok(address) if self.proxies.contains(&address) => {}
                Ok(address) => return address,
                Err(_) => return peer,
            }
        }
        peer
    }

    /// Refuse a key before it is looked up: 429 where it comes from an address with too many failures.
    pub(crate) fn admit(&self, address: IpAddr, secret: &str, now: Instant) -> Result<(), Problem> {
        let allowance = self.failures.look(network(address), now);
        if allowance.allowed || self.known().contains_key(&hash(secret)) {
            return Ok(());
        }
        let detail = format!(
            "too many keys from this address opened nothing; go on in {} s",
            allowance.seconds
        );
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", detail);
        Err(Problem { retry_after_seconds: Some(allowance.seconds), ..problem })
    }

    /// It opened something.
    pub(crate) fn opened(&self, secret: &str, now: Instant) {
        let mut known = self.known();
        let hash = hash(secret);
        if known.len() >= KNOWN_MAX && !known.contains_key(&hash) {
            let oldest = known.iter().min_by_key(|(_, used)| **used).map(|(hash, _)| *hash);
            oldest.and_then(|hash| known.remove(&hash));
        }
        known.insert(hash, now);
    }

    /// It opened nothing.
    pub(crate) fn failed(&self, address: IpAddr, secret: &str, now: Instant) {
        self.known().remove(&hash(secret));
        self.failures.take(network(address), now);
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Who has one IPv6 address mostly has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_with_too_many_failures_waits_and_keys_that_are_known_do_not() {
        let strangers = Strangers::new(Vec::new());
        let (bad, good, now) = (ip("192.0.2.1"), "cw_good", Instant::now());
        strangers.opened(good, now);
        for n in 0..FAILURES.requests {
            strangers.admit(bad, &format!("cw_{n}"), now).expect("it is looked up");
            strangers.failed(bad, &format!("cw_{n}"), now);
        }
        let refused = strangers.admit(bad, "cw_other", now).expect_err("too many");
        assert_eq!((refused.status.as_u16(), refused.retry_after_seconds), (429, Some(3)));
        strangers.admit(bad, good, now).expect("it is known");
        strangers.admit(ip("192.0.2.2"), "cw_other", now).expect("another address");
        let later = now + Duration::from_secs(3);
        strangers.admit(bad, "cw_other", later).expect("one more is looked up");
        // It was revoked.
        strangers.failed(bad, good, later);
        assert!(strangers.admit(bad, good, later).is_err());
    }

    #[test]
    fn all_addresses_of_one_ipv6_network_count_together() {
        assert_eq!(network(ip("2001:db8:1:2:3:4:5:6")), network(ip("2001:db8:1:2:ffff::1")));
        assert_ne!(network(ip("2001:db8:1:2::1")), network(ip("2001:db8:1:3::1")));
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed_and_only_for_the_address_that_it_saw_itself() {
        let of = |proxies: &[&str], peer: &str, forwarded: &[&'static str]| {
            let strangers = Strangers::new(proxies.iter().map(|proxy| ip(proxy)).collect());
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(line));
            }
            strangers.address(SocketAddr::new(ip(peer), 1), &headers).to_string()
        };
        assert_eq!(of(&[], "127.0.0.1", &["192.0.2.7"]), "127.0.0.1");
        assert_eq!(of(&["127.0.0.1"], "192.0.2.1", &["192.0.2.7"]), "192.0.2.1");
        assert_eq!(of(&["127.0.0.1"], "::ffff:127.0.0.1", &["6.6.6.6, 192.0.2.7"]), "192.0.2.7");
        let two = ["127.0.0.1", "10.0.0.9"];
        assert_eq!(of(&two, "127.0.0.1", &["6.6.6.6, 192.0.2.7", "10.0.0.9"]), "192.0.2.7");
        assert_eq!(of(&two, "127.0.0.1", &["192.0.2.7, nonsense"]), "127.0.0.1");
        assert_eq!(of(&two, "127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn known_keys_do_not_grow_without_bound() {
        let strangers = Strangers::new(Vec::new());
        let now = Instant::now();
        for n in 0..KNOWN_MAX + 5 {
            strangers.opened(&format!("cw_{n}"), now + Duration::from_secs(n as u64));
        }
        assert_eq!(strangers.known().len(), KNOWN_MAX);
        assert!(!strangers.known().contains_key(&hash("cw_0")));
    }
}
