//! Scenes in virtual time: a cast of IM users, the gateway, and a conference service that says what the scene tells it.

mod admission;
mod delivery;
mod programs;
mod scene;
mod storms;
mod talking_to_people;
mod words;
