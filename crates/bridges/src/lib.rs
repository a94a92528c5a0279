//! Bridges on other machines and of other makers. `link` is the side that commands one, over the bridge protocol
//! (`convoke_types::bridge_protocol`). `adapter` is the other side of it for a server that does not speak it: Janus, whose own protocol is
//! `janus`. `sight` brings the pictures of SIP video rooms to a bridge.

pub mod adapter;
pub mod janus;
pub mod link;
pub mod program;
pub mod sight;
mod vigil;
