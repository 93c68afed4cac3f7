//! stub
pub mod sdp;
