//! `callwright seed`: an enterprise with an administrator's key; and the demo that `up` shows.

use anyhow::{Context, Result};
use chrono_tz::Tz;
use outbound::Time;
use outbound::audit::Action;
use outbound::enterprise::EnterpriseSettings;
use outbound::phone;
use serde_json::{Value, json};
use storage::audit::{COMMAND_LINE, Entry};
use storage::{Store, StoreError, enterprises, keys};

use crate::client::Api;
use crate::config::Config;
use crate::node;

/// The examples, as they lie in `examples/`.
const ROBOT: &str = include_str!("../../../examples/robot.json");
const NAVIGATION: &str = include_str!("../../../examples/navigation.json");
pub const PEOPLE: &[u8] = include_bytes!("../../../examples/reminders.xlsx");

/// The name of an administrator's key that is made here, unless another is asked for.
pub const ADMINISTRATOR: &str = "administrator";

/// Make an enterprise with an administrator's API key, which is shown once.
#[derive(Debug, clap::Args)]
pub struct Seed {
    /// Name of the enterprise
    name: String,
    /// IANA time zone
    #[arg(long, default_value = "Asia/Shanghai")]
    time_zone: Tz,
    /// ISO country code, as DE: numbers in its national form can be imported; left out: that of the time zone
    #[arg(long)]
    region: Option<String>,
    /// Calls up at a time, over all tasks; its administrators can change it
    #[arg(long, default_value_t = 100)]
    concurrency: u32,
    /// Calls up at a time that its administrators can't set more than; left out: as many as the platform allows
    #[arg(long)]
    concurrency_max: Option<u32>,
}

impl Seed {
    pub async fn run(self, config: &Config) -> Result<()> {
        let region = region(self.time_zone, self.region.as_deref())?;
        let store = node::store(config).await?;
        let settings = EnterpriseSettings {
            default_region: region.clone(),
            ..EnterpriseSettings::new(self.time_zone, self.concurrency)
        };
        settings
            .check_within(self.concurrency_max)
            .map_err(StoreError::Refused)
            .map_err(explained)?;
        let now = config.clock.clock().now();
        let key = enterprise(&store, &self.name, settings, now).await?;
        if let Some(most) = self.concurrency_max
            && let Some(made) = enterprises::find(&store, &self.name).await?
        {
            let user = system_user();
            enterprises::set_concurrency_max(&store, made.id, Some(most), &user, now)
                .await
                .map_err(explained)?;
        }
        // The key alone goes to standard output, for a script to keep.
        eprintln!(
            "made “{}”: time zone {}, region {region} for numbers in national form (`settings change` changes them)",
            self.name, self.time_zone
        );
        super::say(&key)
    }
}

/// The region that was asked for, or the time zone's.
fn region(zone: Tz, asked: Option<&str>) -> Result<String> {
    match asked {
        Some(code) => match phone::region("--region", code) {
            Some(fault) => anyhow::bail!("{} {code}: {}", fault.pointer, fault.detail),
            None => Ok(code.to_owned()),
        },
        None => phone::region_of(zone).map(str::to_owned).with_context(|| {
            format!("the time zone {zone} tells no country; name it with --region, as --region DE")
        }),
    }
}

/// Make an enterprise, and give its administrator's key.
pub async fn enterprise(
    store: &Store,
    name: &str,
    settings: EnterpriseSettings,
    now: Time,
) -> Result<String> {
    let made = enterprises::create(store, name, settings, now).await.map_err(explained)?;
    let user = system_user();
    let entry = Entry {
        enterprise: made.id,
        at: now,
        actor: COMMAND_LINE,
        source: COMMAND_LINE,
        action: Action::EnterpriseCreate,
        target: &made.id.to_string(),
        detail: json!({"name": name, "system_user": user}),
    };
    store.audit(entry).await?;
    let key = keys::create_administrator(store, made.id, ADMINISTRATOR, &user, now).await?;
    Ok(key.secret)
}

/// Who runs this process, for the audit log.
pub fn system_user() -> String {
    let id = nix::unistd::getuid();
    let known = nix::unistd::User::from_uid(id).ok().flatten();
    known.map_or_else(|| id.to_string(), |user| user.name)
}

/// An input fault, told whole.
pub fn explained(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Refused(faults) => {
            let told = faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.detail));
            anyhow::anyhow!(told.collect::<Vec<_>>().join("; "))
        }
        other => other.into(),
    }
}

/// Make what a demo campaign needs, through the API as any user would; gives the task's id. What is there
/// already, as a run left it that was killed in between, is used.
pub async fn demo_task(api: &Api, name: &str) -> Result<String> {
    let mut robot: Value = serde_json::from_str(ROBOT)?;
    robot["name"] = json!(format!("{name} robot"));
    let robot = id(&made(api, "robots", "name", &robot).await?)?;
    let mut navigation: Value = serde_json::from_str(NAVIGATION)?;
    navigation["name"] = json!(format!("{name} navigation"));
    for node in navigation["nodes"].as_array_mut().into_iter().flatten() {
        if node["kind"] == "agent" {
            node["robot"] = json!(robot);
        }
    }
    let draft = made(api, "navigations", "name", &navigation).await?;
    let navigation = id(&draft)?;
    if draft["published_version"].is_null() {
        api.post(&format!("navigations/{navigation}/publish"), &json!({})).await?;
    }
    let mut callers = Vec::new();
    for (trunk, concurrency, phones) in [
        ("east", 40, ["+862155500101", "+862155500102"]),
        ("north", 30, ["+861055500101", "+861055500102"]),
    ] {
        let line = json!({"name": format!("{name} {trunk}"), "driver": "simulated",
            "concurrency": concurrency, "simulated": {"seed": 2026}});
        let trunk = id(&made(api, "trunks", "name", &line).await?)?;
        for phone in phones {
            let caller = json!({"trunk": trunk, "phone": phone});
            callers.push(id(&made(api, "caller_ids", "phone", &caller).await?)?);
        }
    }
    let call = json!({"name": format!("{name} call time"), "kind": "call",
        "ranges": [{"start": "09:00", "end": "18:00"}]});
    let call = id(&made(api, "periods", "name", &call).await?)?;
    let quiet = json!({"name": format!("{name} do-not-call time"), "kind": "do_not_call",
        "ranges": [{"start": "00:00", "end": "08:59"}, {"start": "18:01", "end": "23:59"}]});
    let quiet = id(&made(api, "periods", "name", &quiet).await?)?;
    let task = json!({
        "name": name,
        "description": "Reminds people of their test drive.",
        "concurrency": 60,
        "navigation": navigation,
        "caller_ids": callers,
        "ring_timeout_seconds": 30,
        "max_call_seconds": 300,
        "schedule": {"call_period": call, "do_not_call_period": quiet},
        "redial": {"enabled": true, "reference": "last_call", "mode": "advanced",
            "statuses": ["no_answer", "busy", "power_off", "temporarily_unavailable", "call_assistant", "call_failed"],
            "retry_seconds": [600, 1200]},
    });
    id(&api.post("tasks", &task).await?)
}

fn id(made: &Value) -> Result<String> {
    Ok(made["id"].as_str().context("the answer has no id")?.to_owned())
}

/// The one of `path` whose `field` is that of `value`, made when there is none.
async fn made(api: &Api, path: &str, field: &str, value: &Value) -> Result<Value> {
    let there = api.list(path, &[], usize::MAX).await?;
    match there.into_iter().find(|one| one[field] == value[field]) {
        Some(one) => Ok(one),
        None => api.post(path, value).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_the_zone_s_unless_it_is_given() {
        assert_eq!(region(chrono_tz::Europe::Berlin, None).unwrap(), "DE");
        assert_eq!(region(chrono_tz::Europe::Berlin, Some("AT")).unwrap(), "AT");
        let none = region(chrono_tz::UTC, None).unwrap_err().to_string();
        assert!(none.contains("--region"), "{none}");
        let wrong = region(chrono_tz::Europe::Berlin, Some("germany")).unwrap_err().to_string();
        assert!(wrong.starts_with("--region germany: must be the ISO 3166 code"), "{wrong}");
    }
}
