//! How often one key may call, and one address may fail: a bucket each, and the headers that tell how full it is
//! (draft-ietf-httpapi-ratelimit-headers).
//!
//! Buckets are of this process; with several `serve` processes the rate is per process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use std::hash::Hash;

use http::{HeaderMap, HeaderValue};

/// Buckets held at a time; the ones longest unused go first.
const BUCKETS_MAX: usize = 10_000;

/// A rate: so many requests in a window, all of them at once if need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateConfig {
    pub requests: u32,
    pub window: Duration,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { requests: 6_000, window: Duration::from_secs(60) }
    }
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// The buckets of all keys, or of whatever has a rate.
#[derive(Debug)]
pub struct Rates<Of> {
    config: RateConfig,
    buckets: Mutex<HashMap<Of, Bucket>>,
}

/// What one request found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub allowed: bool,
    pub left: u32,
    /// Seconds until the bucket is full again or, refused, until the next request is allowed.
    pub seconds: u64,
}

impl<Of: Copy + Eq + Hash> Rates<Of> {
    pub fn new(config: RateConfig) -> Self {
        Self { config, buckets: Mutex::new(HashMap::new()) }
    }

    fn per_second(&self) -> f64 {
        f64::from(self.config.requests) / self.config.window.as_secs_f64().max(1.0)
    }

    /// Take one request out of the bucket of `key`.
    pub fn take(&self, key: Of, now: Instant) -> Allowance {
        let (full, rate) = (f64::from(self.config.requests), self.per_second());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX && !buckets.contains_key(&key) {
            let oldest = buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(key, _)| *key);
            oldest.and_then(|key| buckets.remove(&key));
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: full, at: now });
        let gone = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.left = (bucket.left + gone * rate).min(full);
        bucket.at = now;
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        let wait = if allowed { (full - bucket.left) / rate } else { (1.0 - bucket.left) / rate };
        // Both are small and not negative.
        Allowance { allowed, left: bucket.left.max(0.0) as u32, seconds: wait.ceil() as u64 }
    }

    /// What [`Self::take`] would find, with nothing taken.
    pub fn look(&self, key: Of, now: Instant) -> Allowance {
        let (full, rate) = (f64::from(self.config.requests), self.per_second());
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let left = buckets.get(&key).map_or(full, |bucket| {
            let gone = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.left + gone * rate).min(full)
        });
        let wait = if left >= 1.0 { 0.0 } else { (1.0 - left) / rate };
        Allowance { allowed: left >= 1.0, left: left as u32, seconds: wait.ceil() as u64 }
    }

    /// `RateLimit-Policy` and `RateLimit`.
    pub fn headers(&self, allowance: Allowance, headers: &mut HeaderMap) {
        let policy =
            format!("\"default\";q={};w={}", self.config.requests, self.config.window.as_secs());
        let state = format!("\"default\";r={};t={}", allowance.left, allowance.seconds);
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_key_may_call_so_often_and_is_told_when_it_may_again() {
        let rates = Rates::new(RateConfig { requests: 2, window: Duration::from_secs(20) });
        let (key, start) = (Uuid::from_u128(1), Instant::now());
        assert_eq!(rates.take(key, start), Allowance { allowed: true, left: 1, seconds: 10 });
        assert_eq!(rates.take(key, start), Allowance { allowed: true, left: 0, seconds: 20 });
        assert_eq!(rates.take(key, start), Allowance { allowed: false, left: 0, seconds: 10 });
        assert!(rates.take(Uuid::from_u128(2), start).allowed, "another key has its own bucket");
        assert!(rates.take(key, start + Duration::from_secs(10)).allowed);
        assert!(!rates.take(key, start + Duration::from_secs(10)).allowed);
    }

    #[test]
    fn buckets_do_not_grow_without_bound() {
        let rates = Rates::new(RateConfig::default());
        let start = Instant::now();
        for key in 0..BUCKETS_MAX + 10 {
            rates.take(Uuid::from_u128(key as u128), start);
        }
        assert_eq!(rates.buckets.lock().map(|buckets| buckets.len()).ok(), Some(BUCKETS_MAX));
    }

    #[test]
    fn the_headers_name_policy_and_state() {
        let rates = Rates::<Uuid>::new(RateConfig::default());
        let mut headers = HeaderMap::new();
        rates.headers(Allowance { allowed: true, left: 5, seconds: 3 }, &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"default\";q=6000;w=60");
        assert_eq!(headers["ratelimit"], "\"default\";r=5;t=3");
    }
}
