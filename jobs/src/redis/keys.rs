//! The keys of a queue: one hash tag, so that a queue is one slot of a Redis Cluster.

/// The keys of one queue. There are never more than these, however many jobs wait.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) queue: String,
    /// Hash: id → payload. A job exists while it has a field here.
    pub(crate) jobs: String,
    /// Hash: id → deliveries that ended in a failure, or in nothing; of such jobs only.
    pub(crate) counts: String,
    /// Sorted set of ids by when they became due, µs.
    pub(crate) ready: String,
    /// Sorted set of ids by when they will be due, ms.
    pub(crate) delayed: String,
    /// Sorted set of batches by when their lease expires, ms.
    pub(crate) leased: String,
    /// Hash: batch → a character for each of its jobs, 1 while it is in flight.
    pub(crate) held: String,
    /// Hash: batch → the ids of its jobs, as MessagePack.
    pub(crate) contents: String,
    /// Sorted set of ids by when they died, µs.
    pub(crate) dead: String,
    /// Hash: id → deliveries, reason and payload of a dead letter.
    pub(crate) graves: String,
    /// List of at most one token, that wakes an idle worker.
    pub(crate) bell: String,
}

impl Keys {
    /// Braces would end the hash tag early; they are read as underscores.
    pub(crate) fn new(prefix: &str, queue: &str) -> Self {
        let tag = format!("{{{}:{}}}", plain(prefix), plain(queue));
        let key = |what: &str| format!("{tag}:{what}");
        Self {
            queue: queue.to_owned(),
            jobs: key("jobs"),
            counts: key("counts"),
            ready: key("ready"),
            delayed: key("delayed"),
            leased: key("leased"),
            held: key("held"),
            contents: key("contents"),
            dead: key("dead"),
            graves: key("graves"),
            bell: key("bell"),
        }
    }

    /// A glob that every key of a prefix matches.
    pub(crate) fn pattern(prefix: &str) -> String {
        let mut pattern = String::from("{");
        for letter in plain(prefix).chars() {
            if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern + ":*"
    }

    /// The queue that a key of this prefix belongs to.
    pub(crate) fn queue_of<'a>(prefix: &str, key: &'a str) -> Option<&'a str> {
        let tag = key.strip_prefix('{')?.strip_prefix(plain(prefix).as_str())?;
        tag.strip_prefix(':')?.split_once('}').map(|(queue, _)| queue)
    }
}

fn plain(name: &str) -> String {
    name.replace(['{', '}'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keys_of_a_queue_share_one_hash_tag() {
        let keys = Keys::new("cw", "upload.a1");
        for key in [
            &keys.jobs,
            &keys.counts,
            &keys.ready,
            &keys.delayed,
            &keys.leased,
            &keys.held,
            &keys.contents,
            &keys.dead,
            &keys.graves,
            &keys.bell,
        ] {
            assert!(key.starts_with("{cw:upload.a1}:"), "{key}");
            assert_eq!(Keys::queue_of("cw", key), Some("upload.a1"));
            assert_eq!(Keys::queue_of("c", key), None);
        }
    }
}
