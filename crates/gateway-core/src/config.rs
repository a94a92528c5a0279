//! What the gateway must be told, and its bounds.

use convoke_types::Aor;

/// Most HTTP calls under way at once; more requests are answered 503.
pub(crate) const CALLS_MAX: usize = 1024;
/// Most HTTP calls of one user under way at once (a window holds one long `get` for each conference).
pub(crate) const CALLS_PER_USER_MAX: usize = 16;
/// How long the conference service may take, in milliseconds: longer than the longest `get` waits.
pub(crate) const CALL_DEADLINE_MS: u64 = 35_000;
/// Most conferences whose subscriber is remembered; the oldest is forgotten first. (The service repeats the subscriber in
/// its reports; this memory is for services that do not.)
pub(crate) const SUBSCRIPTIONS_MAX: usize = 4096;
/// Most commands given in words that are remembered, to not tell their sender twice.
pub(crate) const OWN_COMMANDS_MAX: usize = 1024;
/// Life of a command given in words, in seconds.
pub(crate) const WORDS_LIFE_S: u32 = 30;

/// Most devices with something to send, or lately not reached.
pub(crate) const DEVICES_MAX: usize = 10_000;
/// Most of them of one person: anybody may name any number of devices of theirs.
pub(crate) const DEVICES_PER_PERSON_MAX: usize = 64;
/// Most items that wait for one device.
pub(crate) const DEVICE_QUEUE_MAX: usize = 256;
/// Most reports in one MESSAGE.
pub(crate) const REPORTS_PER_MESSAGE: usize = 20;
/// Most bytes of words in one MESSAGE.
pub(crate) const WORDS_PER_MESSAGE_BYTES: usize = 1000;
/// Reports of talking alone go to one device this far apart, in milliseconds: two a second.
pub(crate) const TALKING_GAP_MS: u64 = 500;
/// How often one MESSAGE is tried.
pub(crate) const TRIES_MAX: u8 = 3;
/// Pause before the second try, in milliseconds; the third comes after four times as long.
pub(crate) const RETRY_MS: u64 = 1000;
/// How long a device that could not be reached gets nothing, in milliseconds, unless it speaks again.
pub(crate) const STOPPED_MS: u64 = 600_000;
/// A MESSAGE that is not answered by then is lost, in milliseconds: a little over a SIP transaction (64 × T1).
pub(crate) const SEND_DEADLINE_MS: u64 = 40_000;

/// What the gateway must be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who it is: `conference@DOMAIN`.
    pub identity: Aor,
    /// Keep the log of this traffic here: the IM server is not ours (C2).
    pub keep_log: bool,
    /// Distinguishes this run from others in message ids: random, 1 to 32 of `A-Z a-z 0-9`.
    pub instance: String,
}
