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

use hunt::Hunt;
use stage::Theatre;

#[test]
fn the_rules_hold_whatever_happens() {
    let hunt = Hunt { kind: "rules", runs: 1_000, shrink_steps_max: 4_000 };
    for seed in hunt.seeds() {
        hunt.run(seed, pure::run);
    }
}

/// The regressions and a bounded number of new runs: each takes a second or so.
#[test]
fn storage_does_what_the_model_says() {
    let hunt = Hunt { kind: "storage", runs: 40, shrink_steps_max: 150 };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let theatre = RefCell::new(runtime.block_on(Theatre::open()));
    for seed in hunt.seeds() {
        hunt.run(seed, |case| runtime.block_on(theatre.borrow_mut().run(case)));
    }
    runtime.block_on(theatre.into_inner().close());
}
