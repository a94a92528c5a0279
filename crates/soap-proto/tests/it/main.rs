//! What the crate promises: what is written is read again; nothing from the network panics; the descriptions are fresh.

mod descriptions;
mod round_trip;
mod samples;
mod strict;
mod video;
mod video_samples;
