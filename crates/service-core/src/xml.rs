//! Text within documents of ours.

pub use soap_proto::invitation::escaped;
