//! After the faults: every number is waited for, and everything is checked.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use callwright::commands::check_journal;
use callwright::config::Config;
use clock::Clock;
use storage::objects::Objects;
use storage::rows::{PAGE_MAX, Page};
use telephony::journal::check::Rule;
use telephony::journal::{Event, read_all};

use crate::run::Run;
use crate::watch::slots_equal_calls;

const LOOK: Duration = Duration::from_millis(500);

/// End the faults, wait for the end of every number, stop, and give what was found.
pub async fn judge(
    run: &mut Run,
    config: &Config,
    clock: &Clock,
    until: Instant,
) -> Result<Vec<String>> {
    let begun = Instant::now();
    run.end_faults().await?;
    run.die_out().await?;
    run.fleet.all_up()?;
    println!("all faults have ended; waiting for every number");
    let mut findings = Vec::new();
    if run.is_to_be_absent {
        findings.extend(run.absence().await?);
    }
    if run.is_to_be_busy {
        findings.extend(run.busyness().await?);
    }
    findings.extend(slots_equal_calls(&run.store, &config.journal, run.lease).await?);
    findings.extend(all_ended(run, clock, until).await?);
    findings.extend(settled(run, until).await?);
    findings.extend(imports(run).await?);
    findings.extend(recordings(run).await?);
    findings.extend(slots_equal_calls(&run.store, &config.journal, run.lease).await?);
    println!("the campaign ended {} s after the last fault", begun.elapsed().as_secs());
    run.fleet.stop().await?;
    findings.append(&mut run.fleet.broken);

    let report = check_journal::report(&run.store, config, clock).await?;
    findings.extend(report.checked.findings.iter().map(|finding| {
        let at = finding.at.map(|at| at.to_rfc3339()).unwrap_or_default();
        format!("{} {} {at}", finding.rule, finding.detail)
    }));
    // No backup was restored: what the database lacks it has lost.
    let lost = |stretch| format!("{} {stretch:?}", Rule::InviteWithoutRecord);
    findings.extend(report.checked.lacking.iter().map(lost));
    let entries = read_all(&config.journal)?;
    run.watch.after_stops(&entries);
    findings.append(&mut run.watch.findings);
    let count = |event| entries.iter().filter(|entry| entry.event == event).count();
    // It says nothing against the product, but that run proved less than it says.
    findings.extend(run.not_died().map(|point| format!("not_played nobody died at {point}")));
    summary(run, count(Event::Invite), count(Event::Answer));
    Ok(findings)
}

/// What was done, for whoever reads the run.
fn summary(run: &Run, placed: usize, answered: usize) {
    let played: Vec<String> =
        run.played.iter().map(|(word, times)| format!("{word} {times}")).collect();
    println!("faults: {}", played.join(", "));
    let died: Vec<String> = run.fleet.died_at.iter().map(ToString::to_string).collect();
    println!("died at: {}", died.join(", "));
    println!("calls: {placed} placed, {answered} answered");
    for whole in &run.watch.whole_after {
        println!("whole again {:.1} s after FLUSHALL", whole.as_secs_f64());
    }
    run.notes.iter().for_each(|note| println!("note: {note}"));
}

/// Wait until no number is left; the clock is kept in open hours.
async fn all_ended(run: &mut Run, clock: &Clock, until: Instant) -> Result<Vec<String>> {
    let all: usize = run.campaign.tasks.iter().map(|task| task.numbers).sum();
    let mut told = Instant::now();
    loop {
        run.tend().await?;
        run.campaign.open_windows().await?;
        run.start_idle().await?;
        let (open, found) = run.campaign.open().await?;
        if open == 0 && found >= all as u64 && run.watch.is_whole() {
            return Ok(Vec::new());
        }
        if Instant::now() > until {
            let found = format!("not_ended {open} of {found} numbers (of {all} imported) are open");
            return Ok(vec![found]);
        }
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            eprintln!("{open} of {found} numbers are open, at {}", clock.now());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Wait until every recording is where it belongs.
async fn settled(run: &mut Run, until: Instant) -> Result<Vec<String>> {
    let until = until.max(Instant::now() + Duration::from_secs(60));
    loop {
        run.tend().await?;
        let pending = storage::recordings::pending_count(&run.store).await?;
        if pending == 0 {
            return Ok(Vec::new());
        }
        if Instant::now() > until {
            return Ok(vec![format!("recording_missing {pending} recordings were not uploaded")]);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Every recording that is said to be ready lies in the object store, with all of its bytes.
async fn recordings(run: &Run) -> Result<Vec<String>> {
    let objects = Objects::new(&run.servers.s3);
    let mut findings = Vec::new();
    for (place, task) in run.campaign.tasks.iter().enumerate() {
        let settings = run.campaign.api(place).get("settings").await?;
        let enterprise = settings["enterprise"].as_str().unwrap_or_default().parse()?;
        let mut page = Some(Page::first(PAGE_MAX));
        while let Some(asked) = page {
            let listed =
                storage::recordings::of_task(&run.store, enterprise, task.id.parse()?, asked)
                    .await?;
            for recording in listed.rows.iter().filter(|recording| recording.state == "ready") {
                let there = objects.head(&recording.object_key).await?.map(|object| object.bytes);
                if there.is_none() || there != recording.bytes {
                    let attempt = recording.attempt;
                    findings.push(format!("recording_missing {attempt} has {there:?} bytes"));
                }
            }
            page = listed.next.map(|after| Page { limit: PAGE_MAX, after: Some(after) });
        }
    }
    Ok(findings)
}

/// Every import is done, and every row that was imported is there once.
async fn imports(run: &Run) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut landed: BTreeMap<usize, u64> = BTreeMap::new();
    for (task, id) in &run.campaign.imports {
        let import = run.campaign.api(*task).get(&format!("imports/{id}")).await?;
        if import["status"] != "done" {
            findings
                .push(format!("torn_import {id} is {}: {}", import["status"], import["problem"]));
        }
        *landed.entry(*task).or_default() += import["result"]["imported"].as_u64().unwrap_or(0);
    }
    for (place, task) in run.campaign.tasks.iter().enumerate() {
        let path = format!("tasks/{}/progress", task.id);
        let total = run.campaign.api(place).get(&path).await?["total"].as_u64().unwrap_or(0);
        if total != task.numbers as u64 {
            let landed = landed.get(&place).copied().unwrap_or(0);
            findings.push(format!(
                "torn_import {} has {total} numbers of {}; the imports report {landed}",
                task.name, task.numbers
            ));
        }
    }
    Ok(findings)
}
