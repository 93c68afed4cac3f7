//! The guide's scenarios, over HTTP, on real servers with the simulated line. Each reads like its page.

mod access;
mod backups;
mod bad_files;
mod bad_input;
mod batches;
mod call_order;
mod channel_variables;
mod conversation;
mod edges;
mod edits;
mod execution_logic;
mod exports;
mod first_call;
mod imports;
mod limits;
mod lines;
mod priorities;
mod records;
mod redial;
mod requests;
mod scheduled_tasks;
mod spreadsheets;
mod templates;
mod turn_taking;
