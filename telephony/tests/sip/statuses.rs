//! Calls that are not answered: every status, with and without a Q.850 cause.

use outbound::outcome::{CallResult, CalledStatus};
use serde_json::json;

use super::sipp::Sipp;
use super::world::{World, order, ringing, trunk};

/// No header at all.
const NONE: &str = "X-Nothing: here";

async fn refusal(code: u16, extra: &str, progress: u16) -> (bool, telephony::carrier::Ending) {
    let keys =
        [("code", &*code.to_string()), ("extra", extra), ("progress", &*progress.to_string())];
    let (world, sipp) = (World::new().await, Sipp::play("status", 1, &keys));
    let (events, ending) = world.dial(order(trunk(&[sipp.address], json!({})))).await;
    sipp.ends_well().await;
    (events.iter().any(ringing), ending)
}

#[tokio::test]
async fn each_status_means_what_the_table_says() {
    use CalledStatus::*;
    let mut running = tokio::task::JoinSet::new();
    for (code, status, trunk_refused) in [
        (302, CallFailed, false),
        (401, CallFailed, true),
        (402, ServiceSuspended, false),
        (403, CallRestricted, false),
        (404, InvalidNumber, false),
        (407, CallFailed, true),
        (408, NoAnswer, false),
        (410, OutOfService, false),
        (480, TemporarilyUnavailable, false),
        (484, InvalidNumber, false),
        (486, Busy, false),
        (488, CallFailed, false),
        (500, CallFailed, true),
        (502, CallFailed, true),
        (503, CallFailed, true),
        (600, Busy, false),
        (603, Busy, false),
        (604, InvalidNumber, false),
        (607, CallRestricted, false),
    ] {
        running.spawn(async move {
            let (rang, ending) = refusal(code, NONE, 183).await;
            assert!(!rang, "{code}: progress is not ringing");
            assert_eq!(ending.result, CallResult::Unanswered(status), "{code}");
            assert_eq!((ending.sip_code, ending.q850_cause), (Some(code), None));
            assert_eq!((ending.trunk_refused, ending.party), (trunk_refused, None), "{code}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_q850_cause_says_more_than_the_status() {
    use CalledStatus::*;
    let mut running = tokio::task::JoinSet::new();
    for (code, cause, status, trunk_refused) in [
        (480, 20, PowerOff, false),
        (480, 19, NoAnswer, false),
        (480, 17, Busy, false),
        (404, 1, InvalidNumber, false),
        (403, 50, ServiceSuspended, false),
        (502, 27, OutOfService, false),
        (503, 34, CallFailed, true),
        (480, 31, TemporarilyUnavailable, false),
    ] {
        running.spawn(async move {
            let reason = format!("Reason: SIP;cause={code}, Q.850;cause={cause};text=\"x\"");
            let (rang, ending) = refusal(code, &reason, 180).await;
            assert!(rang, "{code}/{cause}");
            assert_eq!(ending.result, CallResult::Unanswered(status), "{code}/{cause}");
            assert_eq!((ending.sip_code, ending.q850_cause), (Some(code), Some(cause)));
            assert_eq!(ending.trunk_refused, trunk_refused, "{code}/{cause}");
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_refusal_without_any_progress_is_a_refusal() {
    let (world, sipp) =
        (World::new().await, Sipp::play("refuses_at_once", 1, &[("code", "486"), ("extra", NONE)]));
    let (events, ending) = world.dial(order(trunk(&[sipp.address], json!({})))).await;
    assert_eq!((events.len(), ending.sip_code), (0, Some(486)));
    sipp.ends_well().await;
}
