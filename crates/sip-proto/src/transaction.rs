//! The transactions of RFC 3261 §17 with the corrections of RFC 6026, as state machines over bytes: what to send again,
//! when, and when it is over. [`Endpoint`](crate::endpoint::Endpoint) holds them and matches messages to them.

pub(crate) mod client;
pub(crate) mod deadlines;
pub(crate) mod server;
pub(crate) mod table;

use std::time::Duration;

/// The timers' base values (RFC 3261 §17, table 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Estimated round trip.
    pub t1: Duration,
    /// Longest retransmission interval.
    pub t2: Duration,
    /// Longest that a message stays in the network.
    pub t4: Duration,
}

impl Timing {
    /// 64·T1: timers B, F, H, J, L and M.
    pub fn give_up(self) -> Duration {
        self.t1.saturating_mul(64)
    }
    /// The next retransmission interval: doubled up to T2 (timers E and G).
    pub fn longer(self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

/// INVITE and all others have different machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// §17.1.1 and §17.2.1.
    Invite,
    /// §17.1.2 and §17.2.2.
    Other,
}

/// A client transaction of one [`Endpoint`](crate::endpoint::Endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientTx(pub(crate) table::Id);

/// A server transaction of one [`Endpoint`](crate::endpoint::Endpoint).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerTx(pub(crate) table::Id);

/// Either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AnyTx {
    Client(ClientTx),
    Server(ServerTx),
}
