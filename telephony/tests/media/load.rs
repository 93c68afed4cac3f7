//! Many calls at a time.

use std::time::{Duration, Instant};

use telephony::media::Plane;
use telephony::media::measure::talking_pairs;

use crate::peer::config;
use crate::until;

#[tokio::test]
async fn all_calls_keep_the_same_pace_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let plane = Plane::start(config()).unwrap();
    let started = Instant::now();
    let sessions = talking_pairs(&plane, 20, Some(folder.path())).unwrap();
    let sent = || sessions.iter().map(|(session, _)| session.counts().packets_sent);
    until("each has sent a hundred frames", || sent().min() >= Some(100)).await;
    assert!(started.elapsed() > Duration::from_millis(1_900), "{:?}", started.elapsed());
    let (least, most) = (sent().min().unwrap_or(0), sent().max().unwrap_or(0));
    assert!(most - least <= 10, "{least} to {most}");
    for (session, _) in &sessions {
        let counts = session.counts();
        // The rest is under way, more of it where the machine is busy.
        assert!(counts.packets_received + 40 >= counts.packets_sent, "{counts:?}");
        assert_eq!((counts.packets_lost, counts.packets_garbage), (0, 0), "{counts:?}");
    }
    for (session, _) in sessions {
        session.close().await.unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 40);
    let counts = plane.counts();
    assert_eq!(counts.lateness.frames.iter().sum::<u64>(), counts.shards.frames_sent);
}

/// `CALLS=200 cargo test --release -p telephony --test media -- --ignored --nocapture measure`
#[tokio::test]
#[ignore = "a measurement"]
async fn measure_many_calls() {
    let calls: usize = std::env::var("CALLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let folder = tempfile::tempdir().unwrap();
    let mut config = config();
    if std::env::var("REALTIME").is_ok() {
        config.scheduling = telephony::media::Scheduling::RealTime;
    }
    let plane = Plane::start(config).unwrap();
    let empty_kb = resident_kb();
    let sessions = talking_pairs(&plane, calls / 2, Some(folder.path())).unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, started) = (plane.counts(), Instant::now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let (after, seconds) = (plane.counts(), started.elapsed().as_secs_f64());
    let frames = (after.shards.frames_sent - before.shards.frames_sent) as f64;
    let cpu_us = (after.shards.cpu_us - before.shards.cpu_us) as f64;
    println!("calls {calls}  frames {frames}  cpu {:.1} % of a core", cpu_us / seconds / 10_000.0);
    println!("cpu per call-second {:.3} ms", cpu_us / 1_000.0 / calls as f64 / seconds);
    for bound in [1, 2, 5, 10, 20] {
        let late = after.lateness.later_than(bound) - before.lateness.later_than(bound);
        println!("later than {bound} ms: {:.3} %", late as f64 / frames * 100.0);
    }
    println!("memory per call {} kB", (resident_kb() - empty_kb) / calls as u64);
    let (mut lost, mut concealed) = (0, 0);
    for (session, _) in sessions {
        let counts = session.close().await.unwrap().counts;
        lost += counts.packets_lost;
        concealed += counts.frames_concealed;
    }
    println!("packets lost {lost}  frames concealed {concealed}");
    println!("skipped {}  voice shed {}", after.shards.frames_skipped, after.shards.voice_shed);
}

/// Memory of this process.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
