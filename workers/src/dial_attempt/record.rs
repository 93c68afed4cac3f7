//! After a call: its recording goes into the spool, its record into the database.

use chrono::TimeZone;
use dialog::answerer::Answerer;
use dialog::conversation::Report;
use dialog::transcript::Speaker;
use jobs::Delivery;
use outbound::outcome::{AnsweredBy, RobotResult};
use outbound::record::CallRecord;
use outbound::recording::RecordingFormat;
use outbound::trunk::Driver;
use storage::attempts::DialOrder;
use storage::finish::{Finished, NewConversation, NewRecording};
use telephony::recording::{self, Side, Span};

use crate::call::Account;
use crate::environment::Environment;
use crate::fail_point::FailPoint;
use crate::ledger::{EndedCall, FinishedCall, FollowOnCall};
use crate::work::Failure;

/// Write down what came of a call. What comes back is the call that follows on.
pub(super) async fn finish(
    env: &Environment,
    order: DialOrder,
    call_id: String,
    account: Account,
    delivery: &Delivery,
) -> Result<Option<FollowOnCall>, Failure> {
    let attempt = order.attempt;
    let recording = match (&account.report, order.recording) {
        (Some(report), Some(format)) => record_call(env, &order, report, &account, format).await,
        _ => None,
    };
    env.settings.die_at.pass(FailPoint::Recorded);
    let conversation = match &account.report {
        Some(report) => Some(NewConversation {
            transcript: serde_json::to_value(&report.transcript)?,
            log: serde_json::to_value(&report.log)?,
        }),
        None => None,
    };
    let mut record = record_of(&order, call_id, &account);
    record.recording_state = recording.as_ref().map(|_| "pending".to_owned());
    let result = record.result;
    let finished = Finished {
        attempt,
        token: order.token,
        record,
        trunk_refused: account.ending.trunk_refused,
        conversation,
        recording,
    };
    // Whoever lost the job's lease has no place to go on in.
    let goes_on = env.goes_on() && !delivery.lease_lost.is_cancelled();
    let ending = EndedCall { finished, goes_on: goes_on.then(|| delivery.clone()) };
    let ended = env.ledger.finish(ending).await?;
    let FinishedCall { done, next, pushed } = ended;
    if done.written {
        metrics::counter!("callwright_calls_finished_total", "result" => result.word())
            .increment(1);
    } else {
        metrics::counter!("callwright_calls_lost_total").increment(1);
        tracing::warn!(%attempt, "the call's lease was lost; nothing was written");
    }
    if next.is_none() {
        // The job ends here. It is acknowledged only after the jobs that follow from it are pushed.
        pushed.wait().await;
    }
    Ok(next)
}

/// Write the recording into the spool, as WAV: its upload makes of it what it is kept as.
///
/// One that is not there has its upload all the same. The disk may be busy, and be done with it by then; and where it is
/// lost, the upload says so in the record.
async fn record_call(
    env: &Environment,
    order: &DialOrder,
    report: &Report,
    account: &Account,
    format: RecordingFormat,
) -> Option<NewRecording> {
    let attempt = order.attempt;
    let path = env.spool.path(attempt);
    let length_ms = (account.ending.at - account.answered_at?).num_milliseconds();
    let length_ms = u64::try_from(length_ms).unwrap_or(0);
    let spans = spans(report);
    let driver = order.line.driver;
    let written = tokio::task::spawn_blocking(move || match driver {
        Driver::Simulated => recording::write(&path, &spans, length_ms),
        // It was recorded while it was up.
        Driver::Sip | Driver::Asterisk => recording::of(&path),
    });
    let written = written.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    let duration_ms = match written {
        Ok(recorded) => recorded.duration_ms,
        Err(error) => {
            tracing::error!(%error, %attempt, "the recording is not there");
            length_ms
        }
    };
    let object_key = storage::objects::keys::recording(
        order.facts.enterprise,
        order.facts.task,
        attempt,
        account.started_at,
        format,
    );
    Some(NewRecording {
        spool: env.spool.id().to_owned(),
        object_key,
        duration_ms: i64::try_from(duration_ms).unwrap_or(i64::MAX),
    })
}

fn spans(report: &Report) -> Vec<Span> {
    let lines = report.transcript.iter().map(|line| Span {
        side: match line.speaker {
            Speaker::Customer => Side::Customer,
            Speaker::Robot => Side::Robot,
        },
        from_ms: line.start_ms,
        to_ms: line.end_ms,
        text: line.text.clone(),
    });
    lines.collect()
}

fn record_of(order: &DialOrder, call_id: String, account: &Account) -> CallRecord {
    let ending = &account.ending;
    let result = ending.result.for_cause(&ending.cause);
    let mut record = order.facts.record(order.attempt, result, account.started_at, ending.at);
    record.call_id = call_id;
    record.cause = ending.cause.clone();
    record.sip_code = ending.sip_code;
    record.q850_cause = ending.q850_cause;
    // The guide leaves the hang-up party blank when nobody answered.
    record.hangup_party = ending.party.filter(|_| record.answered());
    record.ringing_at = account.ringing_at;
    record.answered_at = account.answered_at;
    if let Some(report) = &account.report {
        let after = |ms: u64| {
            let ms = i64::try_from(ms).unwrap_or(0);
            account.answered_at.map(|at| at + chrono::TimeDelta::milliseconds(ms))
        };
        record.robot_entered_at = report.robot_entered_ms.and_then(after);
        record.robot_ended_at = report.robot_ended_ms.and_then(after);
        record.robot_name = report.robot_name.clone();
        record.robot_answer_result = report.robot_result.map(robot_result);
        record.turns = report.turns;
        record.interruptions = report.interruptions;
        record.transferred = report.transferred;
        record.intent_tags = report.intent_tags.clone();
        record.opening_hangup_seconds = report.opening_hangup_seconds;
        record.process_hangup_point = report.process_hangup_point.clone();
        record.captures = report.captures.clone();
        let said = report.callback_local.map(|local| by_the_clock_of(order.hours.zone, local));
        record.callback_at = said.or_else(|| report.callback_ms.and_then(after));
        record.answered_by = report.answered_by.map(answered_by);
        record.agent_phone = account.agent_phone;
        if let Some(person) = &report.person {
            record.agent_id.clone_from(&person.employee_number);
            record.agent_name.clone_from(&person.name);
        }
    }
    record
}

/// A time on the customer's clock. In the hour that is skipped when summer time begins, it is the same time after it; in
/// the hour that comes twice, the first.
fn by_the_clock_of(zone: chrono_tz::Tz, local: chrono::NaiveDateTime) -> outbound::Time {
    let hour = chrono::TimeDelta::hours(1);
    let at = zone.from_local_datetime(&local).earliest();
    let at = at.or_else(|| zone.from_local_datetime(&(local + hour)).earliest());
    at.map_or_else(|| local.and_utc(), |at| at.with_timezone(&chrono::Utc))
}

const fn answered_by(who: Answerer) -> AnsweredBy {
    match who {
        Answerer::Person => AnsweredBy::Person,
        Answerer::Machine => AnsweredBy::Machine,
        Answerer::Assistant => AnsweredBy::Assistant,
        Answerer::Screening => AnsweredBy::Screening,
        Answerer::Unknown => AnsweredBy::Unknown,
    }
}

const fn robot_result(result: dialog::conversation::RobotResult) -> RobotResult {
    match result {
        dialog::conversation::RobotResult::Answered => RobotResult::Answered,
        dialog::conversation::RobotResult::NotAnswered => RobotResult::NotAnswered,
        dialog::conversation::RobotResult::Error => RobotResult::Error,
        dialog::conversation::RobotResult::Overloaded => RobotResult::Overloaded,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Asia::Shanghai, Europe::Berlin};

    use super::*;

    #[test]
    fn a_callback_is_at_the_customers_clock_also_where_an_hour_is_skipped_or_comes_twice() {
        for (zone, local, at) in [
            (Shanghai, "2026-12-02T15:00:00", "2026-12-02T07:00:00Z"),
            (Berlin, "2026-03-29T01:59:00", "2026-03-29T00:59:00Z"),
            (Berlin, "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"),
            (Berlin, "2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
            (Berlin, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
            (Berlin, "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
        ] {
            let found = by_the_clock_of(zone, local.parse().expect("a local time"));
            assert_eq!(found, at.parse::<outbound::Time>().expect("a time"), "{zone} {local}");
        }
    }
}
