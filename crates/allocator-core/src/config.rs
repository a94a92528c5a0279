//! What the allocator must be told, and its bounds.

use std::time::Duration;

use convoke_types::{Aor, VideoServerName};

use crate::gateways::GatewayRoute;

/// Most requests that are worked on at once; more are answered 503.
pub(crate) const ASKS_MAX: usize = 256;
/// Most of them of one person.
pub(crate) const ASKS_PER_PERSON_MAX: usize = 8;
/// Most conferences that run.
pub(crate) const CONFERENCES_MAX: usize = 2_048;
/// Most answers that are kept for repeats.
pub(crate) const ANSWERS_MAX: usize = 1_024;
/// Most MESSAGEs that wait for their final response.
pub(crate) const SENDING_MAX: usize = 4_096;
/// Most rooms of one unreachable server that are remembered to be ended.
pub(crate) const ROOMS_TO_END_MAX: usize = 1_024;
/// Most rooms that were given up and are remembered, so that a late answer does not leave them standing.
pub(crate) const GIVEN_UP_MAX: usize = 1_024;
/// Most conferences that are to be ended and were not yet.
pub(crate) const ENDING_MAX: usize = 1_024;
/// Pause before a conference that could not be ended is ended again.
pub(crate) const END_PAUSE: Duration = Duration::from_secs(30);
/// How often that is tried: for ten minutes.
pub(crate) const END_TRIES: u8 = 20;

/// How long the modes service may take.
pub(crate) const MODES_WAIT: Duration = Duration::from_secs(5);
/// How long a video server may take to prepare a conference.
pub(crate) const PREPARE_WAIT: Duration = Duration::from_secs(3);
/// How long the conference service may take to answer, before it is asked once more.
pub(crate) const CREATE_WAIT: Duration = Duration::from_secs(6);
/// How often it is asked: a repeat has the same id and gets the first answer.
pub(crate) const CREATE_TRIES: u8 = 2;
/// How long a MESSAGE may take to be answered: a little over a SIP transaction (64 × T1).
pub(crate) const SEND_WAIT: Duration = Duration::from_secs(40);
/// Life of our own commands, in seconds.
pub(crate) const COMMAND_LIFE_S: u32 = 30;
/// How long an invitation may be answered, in seconds.
pub(crate) const INVITATION_LIFE_S: u32 = 120;

/// What the allocator must be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who it is: `video@DOMAIN`.
    pub identity: Aor,
    /// Whom it asks for conferences: the gateway's account.
    pub conference: Aor,
    /// Whom it asks for people's modes.
    pub modes: Aor,
    /// The video servers, in the order in which they are preferred.
    pub servers: Vec<VideoServerName>,
    /// The ways through gateways.
    pub gateways: Vec<GatewayRoute>,
    /// The window's base URL, for links.
    pub window: Option<String>,
    /// Distinguishes this run from others in ids: random, 1 to 32 of `A-Z a-z 0-9`.
    pub instance: String,
    /// Secret randomness, drawn once per start.
    pub seed: [u8; 32],
}
