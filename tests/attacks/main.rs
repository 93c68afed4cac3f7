//! What was done to a running server to stop it, to get in, or to learn what is another's. One file a kind.

mod connections;
mod growth;
mod keys;
mod local_users;
mod masking;
mod masks;
mod matrix;
mod patterns;
mod requests;
mod texts;
