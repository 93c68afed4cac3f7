//! The house's floors: arrows go down only, and neighbours do not meet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Floors from the top; a crate may use those of lower floors only.
const FLOORS: [&[&str]; 6] = [
    &["tests", "bench"],
    &["callwright"],
    &["api", "workers"],
    &["jobs", "storage", "tables", "telephony", "speech"],
    &["wire"],
    &["outbound", "dialog", "clock"],
];

/// Packages that only these rooms may name; `bench` runs bare workers, to measure the queue alone.
const KEPT: [(&str, &[&str]); 4] = [
    ("sqlx", &["storage"]),
    ("aws-sdk-s3", &["storage"]),
    ("apalis", &["jobs", "workers", "bench"]),
    ("apalis-core", &["jobs", "workers", "bench"]),
];

/// Rooms without time, chance and I/O.
const PURE: [&str; 3] = ["outbound", "dialog", "wire"];

/// What the pure rooms must do without.
const IMPURE: [&str; 5] = ["tokio", "sqlx", "redis", "axum", "clock"];

/// Words by which code takes the time, chance or the machine it runs on. Pure rooms are given them.
const TAKEN: [&str; 11] = [
    "Utc::now",
    "Local::now",
    "Instant::now",
    "SystemTime::now",
    "now_v7",
    "new_v4",
    "rand::",
    "getrandom",
    "std::env",
    "std::fs",
    "std::net",
];

/// The normal dependencies of each package of the workspace.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            let normal = all.filter(|dependency| dependency["kind"].is_null());
            let names =
                normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned());
            (package["name"].as_str().expect("a name").to_owned(), names.collect())
        })
        .collect()
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

#[test]
fn every_room_has_a_floor() {
    for name in dependencies().keys() {
        assert!(floor(name).is_some(), "{name} is on no floor");
    }
}

#[test]
fn arrows_go_down_only_and_neighbours_do_not_meet() {
    for (name, dependencies) in dependencies() {
        for dependency in &dependencies {
            let (Some(from), Some(to)) = (floor(&name), floor(dependency)) else { continue };
            assert!(from < to, "{name} uses {dependency}, which is not below it");
        }
    }
}

#[test]
fn servers_are_named_by_their_rooms_only() {
    for (name, dependencies) in dependencies() {
        for (package, rooms) in KEPT {
            let named = dependencies.iter().any(|dependency| dependency == package);
            assert!(!named || rooms.contains(&name.as_str()), "{name} names {package}");
        }
    }
}

#[test]
fn the_pure_rooms_know_neither_servers_nor_a_clock() {
    let dependencies = dependencies();
    for room in PURE {
        for impure in IMPURE {
            assert!(!dependencies[room].iter().any(|name| name == impure), "{room} uses {impure}");
        }
    }
}

/// The source files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            found.push(entry);
        }
    }
}

#[test]
fn the_pure_rooms_take_neither_the_time_nor_chance() {
    for room in PURE {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room).join("src");
        let mut files = Vec::new();
        sources(&folder, &mut files);
        let of_tests = |file: &Path| {
            let below = file.strip_prefix(&folder).expect("a file below the folder");
            below.components().any(|part| part.as_os_str() == "tests")
                || below.ends_with("tests.rs")
        };
        files.retain(|file| !of_tests(file));
        assert!(files.len() > 10, "{room} has {} files", files.len());
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a text");
            for word in TAKEN {
                assert!(!text.contains(word), "{} says `{word}`", file.display());
            }
        }
    }
}
