//! What nobody thought of, and whether those who watch for it do watch.

mod broken;
