//! The header fields Event and Subscription-State (RFC 6665 §8.2.1, §8.2.3).

use std::fmt;

use crate::message::Message;
use crate::name::HeaderName;
use crate::text::{Params, trim};

/// Longest `id` of an Event, in bytes.
const ID_MAX_BYTES: usize = 128;

/// The value of Event: the package and, when one dialog has several, which subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHeader {
    /// The package, in lower case.
    pub package: String,
    /// `id`.
    pub id: Option<String>,
}

impl EventHeader {
    /// Reads that of a message; `None` when there is none, or none that can be read.
    pub fn of(message: &Message) -> Option<Self> {
        let value = message.header(HeaderName::Event)?;
        let (package, params) = match value.find(';') {
            Some(at) => value.split_at_checked(at)?,
            None => (value, ""),
        };
        let id = Params::of(params).value_of("id");
        if trim(package).is_empty() || id.is_some_and(|id| id.is_empty() || id.len() > ID_MAX_BYTES)
        {
            return None;
        }
        Some(Self {
            package: trim(package).to_ascii_lowercase(),
            id: id.map(str::to_owned),
        })
    }
}

impl fmt::Display for EventHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{};id={id}", self.package),
            None => f.write_str(&self.package),
        }
    }
}

/// Why a subscription ended (RFC 6665 §4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was not renewed, or given up.
    Timeout,
    /// It may be asked for again at once, here or elsewhere.
    Deactivated,
    /// It is not allowed any more.
    Rejected,
    /// There is nothing of that name any more.
    NoResource,
    /// Another word, or none.
    Other,
}

impl End {
    fn word(self) -> &'static str {
        match self {
            End::Timeout => "timeout",
            End::Deactivated => "deactivated",
            End::Rejected => "rejected",
            End::NoResource => "noresource",
            End::Other => "giveup",
        }
    }
}

/// The value of Subscription-State.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// In force for so many seconds.
    Active(u32),
    /// Waits for somebody's permission, for so many seconds.
    Pending(u32),
    /// Over.
    Terminated(End),
}

impl SubscriptionState {
    /// Reads that of a NOTIFY; `None` without one that can be read.
    pub fn of(message: &Message) -> Option<Self> {
        let value = message.header(HeaderName::SubscriptionState)?;
        let (word, params) = match value.find(';') {
            Some(at) => value.split_at_checked(at)?,
            None => (value, ""),
        };
        let params = Params::of(params);
        let left = || params.clone().value_of("expires")?.parse().ok();
        Some(match trim(word).to_ascii_lowercase().as_str() {
            "active" => Self::Active(left().unwrap_or(0)),
            "pending" => Self::Pending(left().unwrap_or(0)),
            "terminated" => Self::Terminated(match params.clone().value_of("reason") {
                Some(word) => [
                    End::Timeout,
                    End::Deactivated,
                    End::Rejected,
                    End::NoResource,
                ]
                .into_iter()
                .find(|end| word.eq_ignore_ascii_case(end.word()))
                .unwrap_or(End::Other),
                None => End::Other,
            }),
            _ => return None,
        })
    }
}

impl fmt::Display for SubscriptionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active(left) => write!(f, "active;expires={left}"),
            Self::Pending(left) => write!(f, "pending;expires={left}"),
            Self::Terminated(end) => write!(f, "terminated;reason={}", end.word()),
        }
    }
}
