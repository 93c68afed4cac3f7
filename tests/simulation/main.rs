//! What nobody thought of, and whether those who watch for it do watch. See README.md.

mod broken;
mod furniture;
mod hunt;
mod model;
mod op;
mod pure;
mod rules;
mod settle;
mod sound;
mod stage;
mod stories;

use std::cell::RefCell;
use std::time::Duration;

use hunt::Hunt;
use stage::Theatre;

#[test]
fn the_rules_hold_whatever_happens() {
    let patience = Duration::from_secs(40);
    let hunt = Hunt { kind: "rules", runs: 2_000, patience, shrink_steps_max: 4_000 };
    hunt.each(pure::run);
}

#[test]
fn storage_does_what_the_model_says() {
    let patience = Duration::from_secs(40);
    let hunt = Hunt { kind: "storage", runs: 60, patience, shrink_steps_max: 150 };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let theatre = RefCell::new(runtime.block_on(Theatre::open()));
    hunt.each(|case| runtime.block_on(theatre.borrow_mut().run(case)));
    runtime.block_on(theatre.into_inner().close());
}
