//! The guide's scenarios, over HTTP, on real servers with the simulated line. Each reads like its page.

mod access;
mod bad_files;
mod bad_input;
mod batches;
mod channel_variables;
mod conversation;
mod execution_logic;
mod exports;
mod first_call;
mod imports;
mod priorities;
mod records;
mod requests;
mod scheduled_tasks;
mod templates;
mod redial;
mod backups;
mod call_order;
mod edges;
mod edits;
mod limits;
mod lines;
