//! Numbers into a task: they land chunk by chunk in one transaction, all of them or none.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use outbound::import::RowRules;
use storage::imports::{Import, Numbers};
use storage::{batches, enterprises, navigations, tasks, trunks};

use super::process::{Content, Summary};
use super::{Files, Halt, Progress, spill};
use crate::environment::Environment;

pub(super) async fn run(
    env: &Environment,
    import: &Import,
    numbers: &Numbers,
    progress: &Progress,
) -> Result<(), Halt> {
    let files = Files::of(env, import).await?;
    let callers = trunks::caller_ids_by_phone(&env.store, import.enterprise).await?;
    let content = Content::Numbers {
        options: numbers.options.clone(),
        rules: rules(env, import, numbers).await?,
        callers: callers.into_iter().map(|(phone, id)| (phone.digits(), id)).collect(),
    };
    let read = files.read(env, content, &progress.rows).await?;
    let whole = numbers.options.all_or_nothing;
    let error_key = files.keep_errors(env, import, read, whole).await?;
    progress.landing.store(true, Ordering::Relaxed);
    land(env, import, numbers, read, error_key.as_deref(), files.good_rows()?).await
}

async fn land(
    env: &Environment,
    import: &Import,
    numbers: &Numbers,
    read: Summary,
    error_key: Option<&str>,
    mut rows: spill::Reader,
) -> Result<(), Halt> {
    let landing = batches::Landing {
        import: import.id,
        token: import.token,
        enterprise: import.enterprise,
        task: numbers.task,
        options: &numbers.options,
        rows: read.good,
        invalid: read.invalid,
        hidden: read.hidden,
        error_key,
        actor: &import.actor,
    };
    let landed = batches::land(&env.store, landing, &mut rows, env.clock.now()).await?;
    metrics::counter!("callwright_numbers_imported_total").increment(landed.result.imported);
    for step in landed.task.steps() {
        if let Err(error) = crate::steps::push(env, &step).await {
            tracing::warn!(%error, "a timed step was not queued; the sweep takes it");
        }
    }
    Ok(())
}

/// What rows are judged by.
async fn rules(env: &Environment, import: &Import, numbers: &Numbers) -> Result<RowRules, Halt> {
    let settings = enterprises::get(&env.store, import.enterprise).await?.settings;
    let config = tasks::get(&env.store, import.enterprise, numbers.task).await?.config;
    let published =
        navigations::published_now(&env.store, import.enterprise, config.navigation).await?;
    let uses = published.iter().flat_map(|published| published.variables());
    let mut variables: BTreeSet<String> = config.variables.keys().cloned().collect();
    let mut required = BTreeSet::new();
    for variable in uses {
        variables.insert(variable.name.clone());
        if variable.required {
            required.insert(variable.name.clone());
        }
    }
    let region = config.default_region.unwrap_or(settings.default_region);
    Ok(RowRules { region, required, variables, defaults: config.variables })
}
