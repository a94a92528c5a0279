//! What the focus is told once: trunks, routes, the default policy, limits.

use std::time::Duration;

use convoke_types::limits::RING_TIMEOUT_MS;

use crate::limits;

/// Everything the focus needs to know from the start.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The trunks, at most `limits::TRUNKS_MAX`.
    pub trunks: Vec<TrunkConfig>,
    /// Which numbers go over which trunks. Without any route every number may go over every trunk, in the order of `trunks`.
    pub routes: Vec<Route>,
    /// The policy of conferences that do not override it.
    pub policy: Policy,
    /// Most conferences at once, at most `limits::CONFERENCES_MAX`.
    pub conferences_max: usize,
    /// Most participants of one conference, at most `limits::PARTICIPANTS_MAX`.
    pub participants_max: usize,
}

impl Config {
    /// These trunks, in this order, for every number; all else by default.
    pub fn new(trunks: Vec<TrunkConfig>) -> Self {
        Self {
            trunks,
            routes: Vec::new(),
            policy: Policy::default(),
            conferences_max: limits::CONFERENCES_MAX,
            participants_max: limits::PARTICIPANTS_MAX,
        }
    }
}

/// One trunk as far as pacing goes.
#[derive(Debug, Clone, PartialEq)]
pub struct TrunkConfig {
    /// Its name, as in `Dial` and in records.
    pub name: String,
    /// New calls per second, evenly spaced (a bucket of one token), between `limits::CALLS_PER_SECOND_MIN` and `_MAX`.
    pub calls_per_second: f64,
    /// Calls in progress at once, 1 to `limits::LINES_MAX`.
    pub lines: u32,
    /// SIP addresses of these domains go over it: it leads to a gateway or to video rooms.
    pub domains: Vec<String>,
}

impl TrunkConfig {
    /// A trunk with the default rate (1 call a second) and lines (10).
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            calls_per_second: limits::CALLS_PER_SECOND,
            lines: limits::LINES,
            domains: Vec::new(),
        }
    }
}

/// Numbers that begin with `prefix` go over these trunks; the longest prefix wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// A beginning of a number in international form (`+49`); empty for all numbers.
    pub prefix: String,
    /// Trunks in order of preference. A leg takes the first that has a free line and may dial now; when a trunk fails before
    /// the telephone rings, the participant is called again (a new leg) over one that was not tried.
    /// Names that are not configured are skipped; with none left the number is refused.
    pub trunks: Vec<String>,
}

/// How a conference behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Call everybody at once instead of the initiator first.
    pub call_all_at_once: bool,
    /// What happens when the owner's leg ends.
    pub on_owner_left: OnOwnerLeft,
    /// Whether a participant (not only owner and moderators) may add and call people.
    pub participants_may_add: bool,
    /// The conference ends by an error when nobody has spoken for this long since somebody joined; zero: never.
    pub idle_end: Duration,
    /// How long a conference without any leg waits for a new one before it ends as empty.
    pub linger: Duration,
    /// How long a telephone may ring.
    pub ring_timeout: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            call_all_at_once: false,
            on_owner_left: OnOwnerLeft::End,
            participants_may_add: true,
            idle_end: limits::IDLE_END,
            linger: Duration::ZERO,
            ring_timeout: Duration::from_millis(RING_TIMEOUT_MS),
        }
    }
}

/// What happens when the owner's leg ends, or never gets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOwnerLeft {
    /// The conference ends.
    End,
    /// The moderator who has been on the roster longest and is in the call becomes owner, the former owner a moderator;
    /// without one, the conference ends.
    HandOver,
}

/// What a conference wants different from `Config::policy`; `None` leaves the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyOverrides {
    /// See `Policy`.
    pub call_all_at_once: Option<bool>,
    /// See `Policy`.
    pub on_owner_left: Option<OnOwnerLeft>,
    /// See `Policy`.
    pub participants_may_add: Option<bool>,
    /// See `Policy`.
    pub idle_end: Option<Duration>,
    /// See `Policy`.
    pub linger: Option<Duration>,
    /// See `Policy`.
    pub ring_timeout: Option<Duration>,
}

impl PolicyOverrides {
    /// The default with these changes, each brought within its limits.
    pub fn over(&self, default: &Policy) -> Policy {
        Policy {
            call_all_at_once: self.call_all_at_once.unwrap_or(default.call_all_at_once),
            on_owner_left: self.on_owner_left.unwrap_or(default.on_owner_left),
            participants_may_add: self
                .participants_may_add
                .unwrap_or(default.participants_may_add),
            idle_end: self
                .idle_end
                .unwrap_or(default.idle_end)
                .min(limits::IDLE_END_MAX),
            linger: self
                .linger
                .unwrap_or(default.linger)
                .min(limits::LINGER_MAX),
            ring_timeout: self
                .ring_timeout
                .unwrap_or(default.ring_timeout)
                .clamp(limits::RING_TIMEOUT_MIN, limits::RING_TIMEOUT_MAX),
        }
    }
}
