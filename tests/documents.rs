//! What the documents say is there: each setting, metric, command, file and make target, and what is
//! there is said.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the code of the product lies; tests are no part of it.
const ROOMS: [&str; 10] = [
    "api",
    "callwright",
    "clock",
    "jobs",
    "outbound",
    "speech",
    "storage",
    "tables",
    "telephony",
    "workers",
];
/// Names that scripts, tests and CI set for themselves.
const OWN: [&str; 3] = ["CALLWRIGHT_BENCH_", "CALLWRIGHT_CONTRACT_", "CALLWRIGHT_SERVICES"];
const SETTINGS: &str = "docs/configuration.md";
const METRICS: &str = "docs/operations/metrics.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder whose names end so, as paths from the root.
fn files(folder: &str, end: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|path| path.ends_with(end)) {
                let from_root = path.strip_prefix(root()).expect("below the root");
                found.push(from_root.display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// The code of the product, without what only its tests have.
fn code() -> Vec<(String, String)> {
    let sources = ROOMS.iter().flat_map(|room| files(&format!("{room}/src"), ".rs"));
    sources
        .map(|path| {
            let text = read(&path);
            // A module of tests ends its file; what else is for tests alone names nothing that is told here.
            let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (path, own)
        })
        .collect()
}

/// What people read: README, the documents, and the files that they are told to copy.
fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "Procfile"].map(str::to_owned).to_vec();
    paths.extend(files("docs", ".md"));
    paths.extend(files("docs", ".yml"));
    paths.extend(files("deploy", ""));
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The string literals of a source that consist of such characters.
fn literals(source: &str, fit: impl Fn(char) -> bool) -> BTreeSet<String> {
    let parts = source.split('"').filter(|part| !part.is_empty());
    parts.filter(|part| part.chars().all(&fit)).map(str::to_owned).collect()
}

/// The words of a text that consist of such characters, wherever they stand.
fn words(text: &str, fit: impl Fn(char) -> bool) -> BTreeSet<String> {
    let parts = text.split(|c: char| !fit(c)).filter(|part| !part.is_empty());
    parts.map(str::to_owned).collect()
}

fn of_a_setting(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

fn is_setting(name: &str) -> bool {
    let ours = ["CALLWRIGHT_", "DATABASE_", "REDIS_", "S3_", "OTEL_"];
    let own = OWN.iter().any(|own| name.starts_with(own));
    name == "PORT" || (ours.iter().any(|ours| name.starts_with(ours)) && !own)
}

/// The first cells of a table's rows.
fn first_cells(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
}

#[test]
fn every_setting_that_is_read_is_documented_and_every_documented_one_is_read() {
    let mut known = BTreeSet::new();
    for (_, source) in code() {
        known.extend(literals(&source, of_a_setting).into_iter().filter(|name| is_setting(name)));
    }
    let text = read(SETTINGS);
    let documented: BTreeSet<String> = first_cells(&text)
        .flat_map(|cell| words(cell, of_a_setting))
        .filter(|name| is_setting(name))
        .collect();
    assert_eq!(known, documented, "left: the code; right: {SETTINGS}");
    for (path, text) in documents() {
        for name in words(&text, of_a_setting).into_iter().filter(|name| is_setting(name)) {
            let prefix = name.ends_with('_');
            assert!(prefix || known.contains(&name), "{path} names {name}, which nothing reads");
        }
    }
}

fn of_a_metric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// `jobs_{a,b}_total{queue}` is two names.
fn spelled_out(text: &str) -> Vec<String> {
    if let Some((before, rest)) = text.split_once('{')
        && let Some((inside, after)) = rest.split_once('}')
    {
        if inside.contains(',') && !after.is_empty() {
            let each = inside.split(',').map(|word| format!("{before}{word}{after}"));
            return each.flat_map(|name| spelled_out(&name)).collect();
        }
        return vec![before.to_owned()];
    }
    vec![text.to_owned()]
}

fn is_metric(name: &str) -> bool {
    (name.starts_with("callwright_") || name.starts_with("jobs_")) && name.chars().all(of_a_metric)
}

/// The metrics that the code counts: all of their names stand in it as literals.
fn counted() -> BTreeSet<String> {
    let named = code().into_iter().flat_map(|(_, source)| literals(&source, of_a_metric));
    named.filter(|name| is_metric(name)).collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_is_counted() {
    let counted = counted();
    let text = read(METRICS);
    let documented: BTreeSet<String> = first_cells(&text)
        .flat_map(|cell| cell.split('`'))
        .flat_map(spelled_out)
        .filter(|name| is_metric(name))
        .collect();
    assert_eq!(counted, documented, "left: the code; right: {METRICS}");
    // Alert rules and runbook name no other; a histogram is three series.
    let series = |name: &str| {
        let plain = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        counted.contains(name) || plain.is_some_and(|name| counted.contains(name))
    };
    for (path, text) in documents() {
        let end = |name: &&String| name.ends_with("_total") || name.ends_with("_seconds");
        let names = words(&text, of_a_metric);
        for name in names.iter().filter(|name| is_metric(name)).filter(end) {
            assert!(series(name), "{path} names {name}, which nothing counts");
        }
    }
}

/// The fenced blocks of a document: the language, and the lines joined where one goes on.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {
                // Indented lines are a block, too.
                if let Some(line) = line.strip_prefix("    ") {
                    found.push((String::new(), line.to_owned() + "\n"));
                }
            }
        }
    }
    let joined = |(language, block): (String, String)| (language, block.replace("\\\n", " "));
    found.into_iter().map(joined).collect()
}

/// The commands of one line of a shell, each as its words.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => commands.last_mut().expect("a command").extend(word.take()),
            (None, '|' | '&' | ';' | '(' | ')' | '>' | '<') => {
                commands.last_mut().expect("a command").extend(word.take());
                commands.push(Vec::new());
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    commands.last_mut().expect("a command").extend(word);
    commands.retain(|words| !words.is_empty());
    commands
}

/// The words of a command from `callwright` on, behind what sets variables or runs it.
fn ours(words: &[String]) -> Option<Vec<&str>> {
    let leads = |word: &&String| word.contains('=') || ["sudo", "exec"].contains(&word.as_str());
    let command: Vec<&str> = words.iter().skip_while(leads).map(String::as_str).collect();
    let (name, rest) = command.split_first()?;
    let named = *name == "callwright" || name.ends_with("/callwright");
    (named && !rest.is_empty()).then(|| [&["callwright"], rest].concat())
}

#[test]
fn every_command_that_the_documents_tell_people_to_type_is_one_that_callwright_takes() {
    let mut seen = 0;
    for (path, text) in documents() {
        let lines = match path.as_str() {
            "Procfile" => text.replace(": ", ":\n"),
            _ => blocks(&text).into_iter().map(|(_, block)| block).collect(),
        };
        for line in lines.lines() {
            let line = line.trim().trim_start_matches("$ ").trim_start_matches("ExecStart=");
            for command in commands(line) {
                let Some(words) = ours(&command) else { continue };
                seen += 1;
                if let Err(told) = callwright::commands::takes(words.iter().copied()) {
                    panic!("{path} says `{line}`: {told}");
                }
            }
        }
        // In a sentence a command may stand without its arguments, but it must be there.
        for inline in text.split('`').skip(1).step_by(2).filter(|code| !code.contains('\n')) {
            for command in commands(inline) {
                let Some(words) = ours(&command) else { continue };
                if words[1].starts_with('<') {
                    continue;
                }
                use clap::error::ErrorKind as Kind;
                let bare = [
                    Kind::MissingRequiredArgument,
                    Kind::MissingSubcommand,
                    Kind::DisplayHelpOnMissingArgumentOrSubcommand,
                ];
                let taken = callwright::commands::takes(words.iter().copied());
                if let Err(told) = taken
                    && !bare.contains(&told.kind())
                {
                    panic!("{path} names `{inline}`: {told}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "only {seen} commands were found");
}

/// Files and folders of the repository that a document may name.
const FOLDERS: [&str; 8] =
    ["docs/", "scripts/", "examples/", "deploy/", "tests/", "bench/", "api/", ".ci/"];

#[test]
fn every_file_and_make_target_that_the_documents_name_is_there() {
    let makefile = read("Makefile");
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(':').map(|(target, _)| target))
        .filter(|target| target.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect();
    let mut missing = Vec::new();
    for (path, text) in documents() {
        let folder = Path::new(&path).parent().map(Path::to_owned).unwrap_or_default();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !file.is_empty()
                && !link.contains("://")
                && !root().join(&folder).join(file).exists()
            {
                missing.push(format!("{path}: {link}"));
            }
        }
        let code = text.split('`').skip(1).step_by(2).filter(|code| !code.contains('\n'));
        for name in code.filter_map(|code| code.split_whitespace().next()) {
            let ours = FOLDERS.iter().any(|folder| name.starts_with(folder));
            if ours && !name.contains('*') && !is_there(name) {
                missing.push(format!("{path}: {name}"));
            }
        }
        let inline = text.split('`').skip(1).step_by(2).flat_map(commands_of);
        let lines = blocks(&text).into_iter().flat_map(|(_, block)| commands_of(&block));
        for words in inline.chain(lines).filter(|words| words[0] == "make" && words.len() > 1) {
            if !targets.contains(words[1].as_str()) {
                missing.push(format!("{path}: {words:?}"));
            }
        }
    }
    assert!(missing.is_empty(), "what is not there:\n{}", missing.join("\n"));
}

/// A file or folder; or a module, which is named without `src` and its ending.
fn is_there(name: &str) -> bool {
    let module = name.split_once('/').map(|(room, rest)| format!("{room}/src/{rest}"));
    root().join(name).exists()
        || module.is_some_and(|module| {
            root().join(&module).exists() || root().join(module + ".rs").exists()
        })
}

fn commands_of(block: &str) -> Vec<Vec<String>> {
    block.lines().flat_map(|line| commands(line.trim())).collect()
}

#[test]
fn the_page_of_limits_is_what_the_code_holds_everybody_to() {
    let written = read("docs/limits.md");
    assert!(
        written == callwright::commands::limits_page(),
        "docs/limits.md is stale: run make limits"
    );
}

#[test]
fn every_alert_names_a_paragraph_of_the_runbook() {
    let text = read(METRICS);
    let titles = text.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: BTreeSet<String> =
        titles.map(|title| title.to_lowercase().replace(' ', "-")).collect();
    let rules = read("docs/operations/alerts.yml");
    let mut named = BTreeMap::new();
    for after in rules.split("runbook: ").skip(1) {
        let anchor = after.split([',', ' ', '\n', '}']).next().unwrap_or_default();
        *named.entry(anchor.to_owned()).or_insert(0) += 1;
    }
    assert!(!named.is_empty(), "no alert was found");
    for anchor in named.keys() {
        assert!(anchors.contains(anchor), "an alert names {anchor}, which is no paragraph");
    }
}

/// Whether a path of the contract, as `/v1/tasks/{task_id}/start`, is the one that a document names, with
/// `{id}` or `task_…` for what differs.
fn same_path(known: &str, named: &str) -> bool {
    let (known, named): (Vec<_>, Vec<_>) = (known.split('/').collect(), named.split('/').collect());
    let same = |(known, named): (&&str, &&str)| {
        known == named
            || (known.starts_with('{') && (named.starts_with('{') || named.contains('…')))
    };
    known.len() == named.len() && known.iter().zip(&named).all(same)
}

#[test]
fn every_path_of_the_api_that_the_documents_name_is_in_the_contract() {
    let contract: serde_json::Value =
        serde_json::from_str(&read("api/openapi.json")).expect("the contract");
    let paths = contract["paths"].as_object().expect("paths");
    let mut seen = 0;
    for (path, text) in documents() {
        for after in text.split("/v1/").skip(1) {
            let fit = |c: &char| c.is_alphanumeric() || "/_{}…".contains(*c);
            let named: String = after.chars().take_while(fit).collect();
            let named = format!("/v1/{}", named.trim_end_matches('/'));
            let there = paths.keys().any(|known| same_path(known, &named));
            // `https://…/v1/` alone says where all of them are.
            assert!(there || named == "/v1", "{path} names {named}, which the API does not have");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} paths were found");
}
