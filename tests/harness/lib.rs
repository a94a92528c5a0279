//! What end-to-end tests stand on: the real binary ([`convoke`], configured by
//! [`config`]), programs that were not built from this repository
//! ([`peers`]), the tones that telephones speak and hear ([`audio`]), and drawings of what was said ([`ladder`]).

pub mod audio;
pub mod config;
pub mod convoke;
pub mod ladder;
pub mod peers;
pub mod rest;
pub mod spoilt;
