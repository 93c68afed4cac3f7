//! `callwright check-journal`: the simulated line's journal against the database, rule by rule.

mod truth;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, FixedOffset};
use clock::Clock;
use outbound::Time;
use serde_json::json;
use storage::Store;
use storage::checks;
use telephony::journal::check::{Checked, Lacking, check, newest_known, unknown};
use telephony::journal::read_all;

use super::say;
use crate::config::Config;
use crate::node::{self, Node};

pub use truth::truth;

/// How long what follows a campaign (uploads, analysis) may take.
const SETTLE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(250);
/// The exit code when no rule is broken, but the database lacks calls that the journal has, and nobody noted a
/// restore.
const LACKING: u8 = 3;

/// Compare the simulated line's journal with the database, rule by rule.
///
/// It may run while calls are up. Exit code 0: nothing was found. 1: a rule is broken. 3: no rule is broken, but
/// the database lacks the newest calls of the journal, as one does that was restored from a backup.
#[derive(Debug, clap::Args)]
pub struct CheckJournal {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The database was restored from a backup at this time (RFC 3339; left out: now). It is noted, so that
    /// later checks tell the calls that the backup lacks apart as well
    #[arg(long, value_name = "TIME", num_args = 0..=1)]
    restored: Option<Option<DateTime<FixedOffset>>>,
}

impl CheckJournal {
    pub async fn run(self, config: &Config) -> Result<ExitCode> {
        let (store, clock) = (node::store(config).await?, config.clock.clock());
        if let Some(at) = self.restored {
            note_restored(&store, &clock, at.map(|at| at.to_utc())).await?;
        }
        let report = report(&store, config, &clock).await?;
        if self.json {
            say(&serde_json::to_string_pretty(&report.as_json())?)?;
        } else {
            say(&report.as_text())?;
        }
        Ok(report.code())
    }
}

/// Note that the database was restored: what the journal has between the newest call that it knows of
/// before `at` and `at` is not judged from now on.
pub async fn note_restored(store: &Store, clock: &Clock, at: Option<Time>) -> Result<()> {
    let now = clock.now();
    let restored_at = at.unwrap_or(now);
    anyhow::ensure!(
        restored_at <= now,
        "--restored: {restored_at} is in the future; write when the database was restored, or nothing for now"
    );
    let known_until = newest_known(&truth(store, clock).await?, restored_at);
    let restored = checks::Restored { known_until, restored_at };
    Ok(checks::note_restored(store, restored, now).await?)
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    pub checked: Checked,
    entries: usize,
    records: usize,
    /// Recordings that still wait for their upload: no finding, but not yet settled.
    pub pending_recordings: u64,
}

impl Report {
    fn as_text(&self) -> String {
        let mut lines = Vec::new();
        let mut findings = self.checked.findings.iter().peekable();
        while let Some(finding) = findings.next() {
            let at = finding.at.map(|at| at.to_rfc3339()).unwrap_or_default();
            lines.push(format!("{} {} {at}", finding.rule, finding.detail).trim_end().to_owned());
            let last = findings.peek().is_none_or(|next| next.rule != finding.rule);
            let more = self.checked.more(finding.rule);
            if last && more > 0 {
                lines.push(format!("{} and {} more", finding.rule, grouped(more)));
            }
        }
        for stretch in &self.checked.lacking {
            lines.push(lacking_line(stretch));
        }
        lines.push(format!(
            "journal: {} entries, {} records, {} findings",
            grouped(self.entries as u64),
            grouped(self.records as u64),
            grouped(self.checked.total())
        ));
        lines.join("\n")
    }

    fn as_json(&self) -> serde_json::Value {
        let counts: serde_json::Map<_, _> = self
            .checked
            .counts
            .iter()
            .map(|(rule, count)| (rule.to_string(), json!(count)))
            .collect();
        json!({
            "entries": self.entries,
            "records": self.records,
            "total": self.checked.total(),
            "counts": counts,
            "findings": self.checked.findings,
            "lacking": self.checked.lacking,
        })
    }

    fn code(&self) -> ExitCode {
        if self.checked.total() > 0 {
            return ExitCode::FAILURE;
        }
        if self.checked.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(LACKING) }
    }
}

fn lacking_line(stretch: &Lacking) -> String {
    let after = match stretch.after {
        Some(after) => format!("from {} to", after.to_rfc3339()),
        None => "until".to_owned(),
    };
    let stretch_is = if stretch.noted {
        "the database was restored from a backup"
    } else {
        "the database is older than the journal, as after a restore from a backup \
         (then note it: `callwright check-journal --restored`; else these calls were lost)"
    };
    let (until, calls) = (stretch.until.to_rfc3339(), grouped(stretch.calls));
    format!("lacking {calls} calls {after} {until}: {stretch_is}")
}

/// `4,312`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut said = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// Check once what follows the campaign has settled.
pub async fn until_clean(config: &Config, node: &Node) -> Result<ExitCode> {
    let settled = async {
        while storage::recordings::pending_count(&node.store).await? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok::<_, storage::StoreError>(())
    };
    match tokio::time::timeout(SETTLE, settled).await {
        Ok(settled) => settled?,
        Err(_) => anyhow::bail!("recordings still wait for their upload"),
    }
    let report = report(&node.store, config, &node.clock).await?;
    say(&report.as_text())?;
    Ok(report.code())
}

/// Read database and journal, and compare them.
///
/// Calls may be up. The database is read first, so that the journal has the whole of every call that has a
/// record. The journal then may have calls that began after the snapshot: they are left out, once the
/// database was asked for them again and knows them.
pub async fn report(store: &Store, config: &Config, clock: &Clock) -> Result<Report> {
    let truth = truth(store, clock).await?;
    let mut entries = read_all(&config.journal)?;
    let newer = checks::existing(store, &unknown(&entries, &truth)).await?;
    entries.retain(|entry| !newer.contains(&entry.attempt));
    let pending_recordings = storage::recordings::pending_count(store).await?;
    Ok(Report {
        checked: check(&entries, &truth),
        entries: entries.len(),
        records: truth.records.len(),
        pending_recordings,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use telephony::journal::check::{Finding, Rule};

    use super::*;

    fn finding(rule: Rule) -> Finding {
        Finding { rule, detail: "is wrong".into(), at: None }
    }

    #[test]
    fn all_findings_are_counted_where_only_the_first_are_listed() {
        let rules = [Rule::StrayNumber, Rule::Miscount];
        let counts = BTreeMap::from([(rules[0], 4_412), (rules[1], 1)]);
        let checked =
            Checked { findings: rules.map(finding).to_vec(), counts, lacking: Vec::new() };
        let report = Report { checked, entries: 1_000_000, records: 20, pending_recordings: 0 };
        let text = report.as_text();
        assert!(
            text.contains("stray_number is wrong\nstray_number and 4,312 more\nmiscount"),
            "{text}"
        );
        assert!(text.ends_with("journal: 1,000,000 entries, 20 records, 4,413 findings"), "{text}");
        let json = report.as_json();
        assert_eq!(
            (&json["total"], &json["counts"]["stray_number"]),
            (&json!(4_413), &json!(4_412))
        );
        assert_eq!(report.code(), ExitCode::FAILURE);
    }

    #[test]
    fn a_stretch_that_a_backup_lacks_has_an_exit_code_of_its_own_until_it_is_noted() {
        let at = DateTime::UNIX_EPOCH;
        let report = |noted| {
            let stretch = Lacking { after: Some(at), until: at, calls: 1_234, noted };
            let checked = Checked { lacking: vec![stretch], ..Checked::default() };
            Report { checked, entries: 1, records: 1, pending_recordings: 0 }
        };
        assert_eq!(report(false).code(), ExitCode::from(LACKING));
        assert_eq!(report(true).code(), ExitCode::SUCCESS);
        let text = report(true).as_text();
        assert!(
            text.starts_with("lacking 1,234 calls from 1970-01-01T00:00:00+00:00 to"),
            "{text}"
        );
        assert_eq!(report(false).as_json()["lacking"][0]["calls"], 1_234);
    }
}
