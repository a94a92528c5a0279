//! Identifiers: each is a string of its own type, bounded and restricted to characters that are safe in SIP URIs, XML and logs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::ID_MAX_CHARS;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {ID_MAX_CHARS} of A-Z a-z 0-9 . _ ~ : + - @, came {came:?}")]
pub struct BadId {
    /// The refused text, cut to a loggable length.
    pub came: String,
}

fn check(text: &str) -> Result<(), BadId> {
    let fits = (1..=ID_MAX_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._~:+-@".contains(&b));
    if fits {
        Ok(())
    } else {
        Err(BadId {
            came: text.chars().take(ID_MAX_CHARS).collect(),
        })
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of the identifier.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> { check(text)?; Ok(Self(text.to_owned())) }
        }
        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> { check(&text)?; Ok(Self(text)) }
        }
        impl From<$name> for String { fn from(id: $name) -> String { id.0 } }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    };
}

id!(
    /// One conference, for its whole life; also the user part of its SIP address (`sip:conf-ID@DOMAIN`).
    ConferenceId
);
id!(
    /// One person (or bare number) on a conference's roster: `p1`, `p2` … in the order they were added.
    ParticipantId
);
id!(
    /// One attempt to connect a participant: `l1`, `l2` … A redial is a new leg.
    LegId
);
id!(
    /// The client's own id for a command (the WS-Addressing MessageID); a repeat within ten minutes gets the first answer.
    CommandId
);
id!(
    /// One id that follows a request through every part's log.
    RequestId
);
id!(
    /// One video server, as the configurations of the allocator and of the conference role both call it.
    VideoServerName
);

/// A leg, named across conferences.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LegKey {
    /// The conference the leg belongs to.
    pub conference: ConferenceId,
    /// The leg within it.
    pub leg: LegId,
}

impl fmt::Display for LegKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.conference, self.leg)
    }
}

/// A text from outside as it may stand in a fault or a log: at most 64 characters, controls replaced.
pub fn loggable(text: &str) -> String {
    text.chars()
        .take(64)
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
