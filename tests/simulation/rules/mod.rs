//! The rules of `outbound`, each asked twice: the real function, and a plain formulation of SPEC beside
//! it that shares no code with it. A difference stops the run.

pub mod hours;
pub mod lines;
pub mod order;
pub mod redial;
pub mod states;
