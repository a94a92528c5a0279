//! Words that every part of Convoke shares: identifiers, addresses, leg states, end causes, the public error codes,
//! and the data that crosses the ports between parts. No behaviour beyond parsing and printing; no clock, no I/O.

pub mod address;
pub mod bridge;
pub mod bridge_protocol;
pub mod fault;
pub mod ids;
pub mod leg;
pub mod letter;
pub mod limits;
pub mod media;
pub mod report;
pub mod sight;
pub mod video;
pub mod xml;

pub use address::{Address, Aor, E164, Mode, ModeSource, NetworkAddress};
pub use fault::{Fault, FaultCode, NumberRefusal};
pub use ids::loggable;
pub use ids::{CommandId, ConferenceId, LegId, LegKey, ParticipantId, RequestId, VideoServerName};
pub use leg::{Cause, EndReason, LegState, MutedBy, Role};
