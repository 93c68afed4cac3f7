//! `callwright openapi`: the contract, from the code.

pub fn run() {
    println!("{}", api::openapi());
}
