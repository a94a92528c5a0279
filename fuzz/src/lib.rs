//! Fuzz targets for everything that reads what the network sends.
//!
//! `cargo +nightly fuzz run sip_message fuzz/corpus/sip_message crates/sip-proto/tests/corpus/rfc4475` (from the root of the tree), or any
//! other fuzzer on `replay`, which needs no nightly: `cargo run --no-default-features --bin replay -- sip_message FILE…` (or standard input).

pub mod targets;
