//! Bounds of the focus. What happens at each stands beside it.

use std::time::Duration;

/// Most conferences at once; one more is answered with `limit-reached`.
pub const CONFERENCES_MAX: usize = 10_000;
/// Most participants on one roster; a command that would exceed it adds nobody and is answered with `limit-reached`.
pub const PARTICIPANTS_MAX: usize = 10_000;
/// Reports kept per conference for `get` with a version; older ones are dropped and `get` answers with the snapshot alone.
pub const REPORTS_KEPT: usize = 1_000;
/// Outputs that may wait for `poll_output`; while more wait, commands are answered with `overloaded`.
/// (Bridge events are never refused: each adds a bounded number of outputs per live leg.)
pub const OUTPUTS_MAX: usize = 100_000;
/// Most trunks; further ones in the configuration are not used.
pub const TRUNKS_MAX: usize = 64;
/// Most lines of one trunk; a larger number counts as this one.
pub const LINES_MAX: u32 = 10_000;

/// Without any free line for this long, a leg fails (`no-line`).
pub const NO_LINE_WAIT: Duration = Duration::from_secs(30);
/// How long a released leg may take to end; then it is ended as `failed`, reason `bridge`.
pub const RELEASE_WAIT: Duration = Duration::from_secs(40);
/// When a conference ends: how long the owner's leg waits for the others to have ended before it is released too.
pub const OWNER_RELEASE_WAIT: Duration = Duration::from_secs(5);
/// What a bridge may take beyond the ring time before the focus itself cancels a leg that nobody answered
/// (two servers of a trunk that are silent for 5 s each, then an INVITE without any answer, which lives 32 s: timer B, RFC 3261 §17.1.1.2).
pub const SETUP_GRACE: Duration = Duration::from_secs(45);
/// How long a leg may stay between its answer and the mix (negotiation, voicemail guard) before the focus releases it.
pub const JOIN_WAIT: Duration = Duration::from_secs(120);
/// How long a client that was admitted may take until it is in the mix before the focus releases its leg.
pub const ADMIT_WAIT: Duration = Duration::from_secs(35);
/// How long after a star the key that makes it a code may come; later it means nothing.
pub const KEY_CODE_WAIT: Duration = Duration::from_secs(3);
/// Shortest time between two codes of one leg; a sooner one means nothing. (Nobody types as fast, a program might.)
pub const KEY_CODES_GAP: Duration = Duration::from_millis(250);
/// Most changes of talking that are reported in any `TALKING_WINDOW` of one conference; later ones wait, and those that
/// are undone meanwhile are never reported.
pub const TALKING_CHANGES_MAX: usize = 5;
/// See `TALKING_CHANGES_MAX`.
pub const TALKING_WINDOW: Duration = Duration::from_secs(1);

/// Default of `Policy::idle_end`.
pub const IDLE_END: Duration = Duration::from_secs(2 * 60 * 60);
/// Longest `Policy::idle_end`; a longer one counts as this.
pub const IDLE_END_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest `Policy::linger`; a longer one counts as this.
pub const LINGER_MAX: Duration = Duration::from_secs(60 * 60);
/// Shortest ring time; a shorter one counts as this.
pub const RING_TIMEOUT_MIN: Duration = Duration::from_secs(5);
/// Longest ring time; a longer one counts as this (a proxy gives up after three minutes: timer C, RFC 3261 §16.6).
pub const RING_TIMEOUT_MAX: Duration = Duration::from_secs(180);

/// Default rate of a trunk, in calls per second.
pub const CALLS_PER_SECOND: f64 = 1.0;
/// Slowest rate of a trunk; a slower one (or none) counts as this.
pub const CALLS_PER_SECOND_MIN: f64 = 0.01;
/// Fastest rate of a trunk; a faster one counts as this.
pub const CALLS_PER_SECOND_MAX: f64 = 1_000.0;
/// Default number of lines of a trunk.
pub const LINES: u32 = 10;
