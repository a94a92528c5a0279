//! Browsers' legs.

mod media;
