//! The assembled server on the loopback, with scripted SIP peers.

mod bench;
mod conference;
mod gateway;
mod im;
