//! The guide's scenarios, over HTTP, on real servers with the simulated line. Each reads like its page.

mod access;
mod answering;
mod backups;
mod bad_files;
mod bad_input;
mod batches;
mod call_order;
mod channel_variables;
mod command_line;
mod conversation;
mod do_not_call;
mod do_not_call_files;
mod documents;
mod edges;
mod edits;
mod emptied_redis;
mod execution_logic;
mod exports;
mod failures;
mod first_call;
mod imports;
mod journal;
mod knowledge;
mod limits;
mod lines;
mod models;
mod numbers;
mod odd_files;
mod opening_hours;
mod priorities;
mod processes;
mod providers;
mod records;
mod redial;
mod rehearsals;
mod requests;
mod retention;
mod scheduled_tasks;
mod sip_trunks;
mod spreadsheets;
mod strangers;
mod templates;
mod transfers;
mod tries;
mod turn_taking;

#[path = "../../speech/tests/stand_ins/chat.rs"]
mod chat;
#[path = "../../speech/tests/stand_ins/http.rs"]
mod http;
