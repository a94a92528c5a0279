//! Telephones, the conference service and what is heard: the real binary between zeep and telephones of other makes.

mod authority;
mod board;
mod commands;
mod keys;
mod ladder;
pub mod own_clients;
mod rest;
mod selftest;
mod service;
mod soak;
mod speech;
pub mod stage;
mod telephones;
mod trunk;
