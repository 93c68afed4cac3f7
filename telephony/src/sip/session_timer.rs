//! Session timers (RFC 4028): who refreshes, when, and when a call whose far end is gone ends. Pure.

use std::time::Duration;

/// The shortest interval that RFC 4028 allows.
pub(super) const MIN_SECONDS: u32 = 90;
/// The longest that is kept; a longer one counts as this.
const MAX_SECONDS: u32 = 86_400;

/// Who sends the refreshes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresher {
    Us,
    Them,
}

/// A session timer that both ends keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionTimer {
    pub(super) seconds: u32,
    pub(super) refresher: Refresher,
}

impl SessionTimer {
    /// When, after the last refresh, we act: refresh ourselves, or give the call up.
    pub(super) fn acts_after(self) -> Duration {
        let whole = Duration::from_secs(self.seconds.into());
        match self.refresher {
            Refresher::Us => whole / 2,
            // RFC 4028, section 10: a little before the interval ends.
            Refresher::Them => whole - Duration::from_secs(32).min(whole / 3),
        }
    }

    /// `1800;refresher=uac` in a 2xx to our own request. Without a refresher we are it. `least` is the shortest interval
    /// that is kept, in seconds.
    pub(super) fn from_response(value: &str, least: u32) -> Option<Self> {
        let (seconds, refresher) = parts(value, least)?;
        let refresher = match refresher {
            Some("uas") => Refresher::Them,
            _ => Refresher::Us,
        };
        Some(Self { seconds, refresher })
    }

    /// The same in a request of the far end. Without a refresher it is the far end.
    pub(super) fn from_request(value: &str, least: u32) -> Option<Self> {
        let (seconds, refresher) = parts(value, least)?;
        let refresher = match refresher {
            Some("uas") => Refresher::Us,
            _ => Refresher::Them,
        };
        Some(Self { seconds, refresher })
    }

    /// The header of a request of ours.
    pub(super) fn in_request(self) -> String {
        let refresher = match self.refresher {
            Refresher::Us => "uac",
            Refresher::Them => "uas",
        };
        format!("{};refresher={refresher}", self.seconds)
    }

    /// The header of our 2xx to a request of the far end.
    pub(super) fn in_response(self) -> String {
        let refresher = match self.refresher {
            Refresher::Us => "uas",
            Refresher::Them => "uac",
        };
        format!("{};refresher={refresher}", self.seconds)
    }
}

/// The interval in seconds of a `Session-Expires` or `Min-SE` header.
pub(super) fn seconds(value: &str) -> Option<u32> {
    let number: u64 = value.split(';').next()?.trim().parse().ok()?;
    u32::try_from(number).ok().or(Some(MAX_SECONDS)).map(|seconds| seconds.min(MAX_SECONDS))
}

fn parts(value: &str, least: u32) -> Option<(u32, Option<&str>)> {
    // One shorter than allowed would have us refresh without pause.
    let seconds = seconds(value)?.max(least);
    let refresher = value.split(';').skip(1).find_map(|part| {
        let (name, who) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("refresher").then(|| who.trim())
    });
    let refresher =
        refresher.map(|who| if who.eq_ignore_ascii_case("uas") { "uas" } else { "uac" });
    Some((seconds, refresher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refreshes_is_read_from_either_side() {
        let timer = |seconds, refresher| Some(SessionTimer { seconds, refresher });
        for (value, response, request) in [
            ("1800", timer(1_800, Refresher::Us), timer(1_800, Refresher::Them)),
            ("1800;refresher=uac", timer(1_800, Refresher::Us), timer(1_800, Refresher::Them)),
            ("120 ; Refresher = UAS", timer(120, Refresher::Them), timer(120, Refresher::Us)),
            ("5;refresher=uac", timer(90, Refresher::Us), timer(90, Refresher::Them)),
            ("99999999999", timer(86_400, Refresher::Us), timer(86_400, Refresher::Them)),
            ("soon", None, None),
        ] {
            assert_eq!(SessionTimer::from_response(value, MIN_SECONDS), response, "{value}");
            assert_eq!(SessionTimer::from_request(value, MIN_SECONDS), request, "{value}");
        }
    }

    #[test]
    fn we_refresh_at_half_time_and_give_up_shortly_before_the_end() {
        let acts = |seconds, refresher| SessionTimer { seconds, refresher }.acts_after().as_secs();
        assert_eq!(acts(1_800, Refresher::Us), 900);
        assert_eq!(acts(1_800, Refresher::Them), 1_768);
        assert_eq!(acts(90, Refresher::Them), 60);
    }
}
