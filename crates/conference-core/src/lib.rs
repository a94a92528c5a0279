//! The focus: what a conference is and does, without clock, socket or thread.
//!
//! Commands and bridge events go in with the time they came at; replies, reports, bridge commands and call records come
//! out in an order that matters. Who may do what is one table ([`authority`]); how a leg lives is one machine ([`leg`]).

pub mod authority;
mod causes;
pub mod command;
mod conference;
pub mod config;
mod context;
pub mod event_package;
mod focus;
pub mod leg;
pub mod limits;
pub mod record;
mod talking;
mod timers;
mod trunks;

pub use command::{
    Actor, Changes, Command, ConferenceState, Create, Destination, LegView, MovingView, Operation,
    Output, Party, PictureKind, PictureView, Reply, RosterEntry, Snapshot,
};
pub use conference::Outline;
pub use config::{Config, OnOwnerLeft, Policy, PolicyOverrides, Route, TrunkConfig};
pub use focus::Focus;
pub use record::LegRecord;
