//! The assembled server on the loopback, with scripted SIP peers.

mod apart;
mod bench;
mod conference;
mod gateway;
mod im;
