//! A simulated telephone network on real sockets: a SIP carrier with telephones that ring, answer and speak, are busy, do
//! not answer, decline, go to voicemail, or hang up after a while. The demo, the self-test and tests use it; it shares the
//! SIP and RTP code of the server, so proof against foreign peers is a matter of other tests.

mod behaviour;
mod carrier;
mod ear;
mod line;
mod microphone;
mod mouth;
mod network;
mod state;

pub use behaviour::{Answer, Behaviour, Law, Phone, Says, Voice, demo_network};
pub use carrier::{Act, End, What};
pub use ear::Ear;
pub use mouth::{Mouth, Speaker};
pub use network::{Config, Network, PhoneEvent, StartError};
pub use state::{Doing, Happening, PhoneState};
