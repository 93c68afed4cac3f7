//! The guide's scenarios, over HTTP, on real servers with the simulated line. Each reads like its page.

mod channel_variables;
mod first_call;
