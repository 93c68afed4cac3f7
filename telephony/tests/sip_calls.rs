//! SIP calls to far ends that sipp plays, one process a scenario, on loopback.
//!
//! Each test asks two things: what the line tells of the call, and whether the far end saw what its scenario says (a
//! sipp whose scenario was not kept to ends with an error).

#![allow(clippy::unwrap_used)]

#[path = "sip/answers.rs"]
mod answers;
#[path = "sip/hosts.rs"]
mod hosts;
#[path = "sip/in_dialog.rs"]
mod in_dialog;
#[path = "sip/kamailio.rs"]
mod kamailio;
#[path = "sip/sipp.rs"]
mod sipp;
#[path = "sip/socket.rs"]
mod socket;
#[path = "sip/statuses.rs"]
mod statuses;
#[path = "sip/world.rs"]
mod world;
