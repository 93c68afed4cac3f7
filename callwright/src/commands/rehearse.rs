//! `callwright rehearse`: a call with a robot, typed.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::{Connection, say};
use crate::client::Api;
use crate::config::Config;

/// Talk with a scripted robot in text, as a customer would.
///
/// Type what a customer would say, a line at a time; an empty line is a silence, and the end of the input (Ctrl-D) hangs up.
#[derive(Debug, clap::Args)]
pub struct Rehearse {
    /// The robot
    robot: String,
    /// Say this instead of asking; once for each line, in order
    #[arg(long, value_name = "WORDS")]
    say: Vec<String>,
    /// A variable of the call; once for each
    #[arg(long, value_name = "NAME=VALUE")]
    variable: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Rehearse {
    pub async fn run(self, config: &Config) -> Result<()> {
        let api = self.connection.api(config)?;
        let mut call = Call {
            path: format!("robots/{}/rehearse", self.robot),
            said: self.say,
            variables: variables(&self.variable)?,
        };
        if !call.said.is_empty() || self.connection.json {
            let talk = call.so_far(&api).await?;
            if self.connection.json {
                return say(&serde_json::to_string_pretty(&talk)?);
            }
            lines(&talk).try_for_each(|line| say(&told(line)))?;
            return say(&ending(&talk));
        }
        let mut shown = 0;
        loop {
            let talk = call.so_far(&api).await?;
            let new = lines(&talk).skip(shown).filter(|line| line["speaker"] == "robot");
            new.map(told).try_for_each(|line| say(&line))?;
            shown = lines(&talk).count();
            if talk["outcome"] != "goes_on" {
                return say(&ending(&talk));
            }
            let Some(words) = typed()? else {
                return say(&format!("\n{}", ending(&talk)));
            };
            call.said.push(words);
        }
    }
}

/// What was said so far, and to whom.
struct Call {
    path: String,
    said: Vec<String>,
    variables: Map<String, Value>,
}

impl Call {
    async fn so_far(&self, api: &Api) -> Result<Value> {
        api.post(&self.path, &json!({ "said": self.said, "variables": self.variables })).await
    }
}

fn variables(given: &[String]) -> Result<Map<String, Value>> {
    let pairs = given.iter().map(|pair| {
        let (name, value) =
            pair.split_once('=').with_context(|| format!("`{pair}` is not NAME=VALUE"))?;
        Ok((name.trim().to_owned(), value.into()))
    });
    pairs.collect()
}

/// The next line that somebody types; none at the end.
fn typed() -> Result<Option<String>> {
    if std::io::stdin().is_terminal() {
        eprint!("Customer: ");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim().to_owned()))
}

fn lines(talk: &Value) -> impl Iterator<Item = &Value> {
    talk["transcript"].as_array().into_iter().flatten()
}

fn told(line: &Value) -> String {
    let who = if line["speaker"] == "robot" { "Robot" } else { "Customer" };
    format!("{who}: {}", line["text"].as_str().unwrap_or_default())
}

/// How the call stands, and what was found out.
fn ending(talk: &Value) -> String {
    let mut told = match talk["outcome"].as_str().unwrap_or_default() {
        "left" => {
            format!("The robot left by #{}#.", talk["left_by"].as_str().unwrap_or_default())
        }
        "ended" if talk["do_not_call"] == true => {
            "The call ended; the customer would never be called again.".to_owned()
        }
        "ended" => "The call ended.".to_owned(),
        _ => "The robot listens.".to_owned(),
    };
    let tags = talk["intent_tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let captures = talk["captures"].as_object().into_iter().flatten();
    let captures =
        captures.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
    for (what, found) in
        [("Intents", tags.map(str::to_owned).collect::<Vec<_>>()), ("Captures", captures.collect())]
    {
        if !found.is_empty() {
            told += &format!("\n{what}: {}", found.join(", "));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_names_with_values() {
        let read = variables(&["name=Ms. Li".into(), "when = a=b".into()]).expect("variables");
        assert_eq!(Value::Object(read), json!({"name": "Ms. Li", "when": " a=b"}));
        assert!(variables(&["name".into()]).is_err());
    }

    #[test]
    fn the_end_tells_how_the_call_stands_and_what_was_found_out() {
        let left = json!({"outcome": "left", "left_by": "Sales", "intent_tags": ["buy", "yes"], "captures": {"day": "Monday"}});
        assert_eq!(
            ending(&left),
            "The robot left by #Sales#.\nIntents: buy, yes\nCaptures: day=Monday"
        );
        assert_eq!(ending(&json!({"outcome": "goes_on"})), "The robot listens.");
        let never = json!({"outcome": "ended", "do_not_call": true});
        assert!(ending(&never).ends_with("would never be called again."));
    }
}
