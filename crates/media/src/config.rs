//! What an operator sets, and what is counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use convoke_types::media::Prompt;

/// How the bridge runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Media threads; 0 means one per core but the first (one at least).
    pub threads: usize,
    /// Whether each thread stays on a core of its own.
    pub pin: bool,
    /// Address that RTP sockets are bound to.
    pub bind_ip: IpAddr,
    /// Address that peers are told; the same as `bind_ip` when `None`.
    pub advertised_ip: Option<IpAddr>,
    /// TCP port for browsers whose network lets no UDP through (ICE-TCP, RFC 6544); 0: any free one, `None`: none.
    pub tcp_port: Option<u16>,
    /// RTP takes the even ports of this range, both ends included; any free port when `None`.
    pub port_range: Option<(u16, u16)>,
    /// Sentences that replace or add to those shipped: 16-bit samples at 8 kHz by sentence and BCP 47 tag.
    pub prompts: HashMap<(Prompt, String), Vec<i16>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: 0,
            pin: true,
            bind_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertised_ip: None,
            tcp_port: None,
            port_range: None,
            prompts: HashMap::new(),
        }
    }
}

/// Why the bridge did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refused a thread, timer or descriptor.
    #[error("expected {what}, came: {error}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// No even port lies in the range.
    #[error("expected a port range with at least one even port, came {0}–{1}")]
    PortRange(u16, u16),
}

/// Counts since the start; relaxed, since each stands for itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub malformed: AtomicU64,
    pub unexpected: AtomicU64,
    pub send_errors: AtomicU64,
    pub receive_errors: AtomicU64,
    pub skipped_ticks: AtomicU64,
    pub keys_dropped: AtomicU64,
    pub timer_wakes: AtomicU64,
    pub latest_ms: AtomicU64,
}

/// What the engine has counted since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// Datagrams that are no RTP, and none of those that browsers send either.
    pub malformed: u64,
    /// RTP packets of a payload type or source that was not negotiated, and packets to browsers' ports from strangers.
    pub unexpected: u64,
    /// Packets that the system did not take.
    pub send_errors: u64,
    /// Errors on receiving, such as refused ports told by ICMP.
    pub receive_errors: u64,
    /// Steps of 2.5 ms left out because a thread was held up for more than 100 ms.
    pub skipped_ticks: u64,
    /// Keys lost because nobody took events.
    pub keys_dropped: u64,
    /// Times that the timer woke a media thread.
    pub timer_wakes: u64,
    /// The longest that a thread was ever behind its timer, in milliseconds (steps of 2.5, rounded down).
    pub latest_ms: u64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> CountersSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CountersSnapshot {
            malformed: read(&self.malformed),
            unexpected: read(&self.unexpected),
            send_errors: read(&self.send_errors),
            receive_errors: read(&self.receive_errors),
            skipped_ticks: read(&self.skipped_ticks),
            keys_dropped: read(&self.keys_dropped),
            timer_wakes: read(&self.timer_wakes),
            latest_ms: read(&self.latest_ms),
        }
    }
}
