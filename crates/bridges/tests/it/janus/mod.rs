//! The protocol with Janus in virtual time. What Janus says here is what Janus 1.1.2 of Debian 12 said, its session descriptions cut short.

mod faults;
mod pictures;
mod rooms;
mod scene;
mod sound;
mod storm;
