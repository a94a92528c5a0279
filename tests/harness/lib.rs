//! What end-to-end tests stand on: the real binary ([`convoke`]), programs that were not built from this repository
//! ([`peers`]), and the tones that telephones speak and hear ([`audio`]).

pub mod audio;
pub mod convoke;
pub mod peers;
