//! The one table of public error codes, with the SIP and HTTP status each is answered with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong with a request, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultCode {
    /// The request is not well formed, or not valid by its schema.
    BadRequest,
    /// The operation is not one of ours.
    UnknownOperation,
    /// The SOAP envelope is not that of SOAP 1.1.
    VersionMismatch,
    /// A SOAP header has to be understood, and is none of ours.
    MustUnderstand,
    /// Nobody is authenticated.
    Unauthenticated,
    /// Authenticated, but not allowed to do this here.
    NotAllowed,
    /// No such conference, or it has ended.
    UnknownConference,
    /// No such participant in this conference.
    UnknownParticipant,
    /// No account or address-book entry of that name.
    UnknownPerson,
    /// The person has no telephone we could call.
    NoTelephone,
    /// The number is not a number, or the dial plan refuses it.
    NumberRefused,
    /// The command came after its Expires.
    Expired,
    /// The same command id came before with another content.
    CommandIdReused,
    /// The operation does not fit the state (disconnect somebody who is not connected …).
    WrongState,
    /// A limit is reached (participants, port allowance, conferences).
    LimitReached,
    /// The SOAP request has no address that replies could reach.
    NoReplyTo,
    /// Too busy now; try again later.
    Overloaded,
    /// The server is going down.
    ShuttingDown,
    /// Our fault.
    Internal,
}

impl FaultCode {
    /// Every code.
    pub const ALL: [FaultCode; 19] = [
        FaultCode::BadRequest,
        FaultCode::UnknownOperation,
        FaultCode::VersionMismatch,
        FaultCode::MustUnderstand,
        FaultCode::Unauthenticated,
        FaultCode::NotAllowed,
        FaultCode::UnknownConference,
        FaultCode::UnknownParticipant,
        FaultCode::UnknownPerson,
        FaultCode::NoTelephone,
        FaultCode::NumberRefused,
        FaultCode::Expired,
        FaultCode::CommandIdReused,
        FaultCode::WrongState,
        FaultCode::LimitReached,
        FaultCode::NoReplyTo,
        FaultCode::Overloaded,
        FaultCode::ShuttingDown,
        FaultCode::Internal,
    ];

    /// The identifier, as in SOAP faults and REST errors.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }
    /// The SIP status that answers it.
    pub fn sip_status(self) -> u16 {
        self.row().1
    }
    /// The HTTP status that answers it on REST. (SOAP 1.1 faults always travel with 500, SOAP 1.1 §6.2.)
    pub fn http_status(self) -> u16 {
        self.row().2
    }

    fn row(self) -> (&'static str, u16, u16) {
        match self {
            FaultCode::BadRequest => ("bad-request", 400, 400),
            FaultCode::UnknownOperation => ("unknown-operation", 400, 404),
            FaultCode::VersionMismatch => ("version-mismatch", 400, 400),
            FaultCode::MustUnderstand => ("must-understand", 400, 400),
            FaultCode::Unauthenticated => ("unauthenticated", 401, 401),
            FaultCode::NotAllowed => ("not-allowed", 403, 403),
            FaultCode::UnknownConference => ("unknown-conference", 404, 404),
            FaultCode::UnknownParticipant => ("unknown-participant", 404, 404),
            FaultCode::UnknownPerson => ("unknown-person", 404, 404),
            FaultCode::NoTelephone => ("no-telephone", 480, 422),
            FaultCode::NumberRefused => ("number-refused", 403, 422),
            FaultCode::Expired => ("expired", 408, 408),
            FaultCode::CommandIdReused => ("command-id-reused", 400, 409),
            FaultCode::WrongState => ("wrong-state", 491, 409),
            FaultCode::LimitReached => ("limit-reached", 486, 429),
            FaultCode::NoReplyTo => ("no-reply-to", 400, 400),
            FaultCode::Overloaded => ("overloaded", 503, 503),
            FaultCode::ShuttingDown => ("shutting-down", 503, 503),
            FaultCode::Internal => ("internal", 500, 500),
        }
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a number is not called, for programs; it goes with [`FaultCode::NumberRefused`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberRefusal {
    /// It is none.
    NoNumber,
    /// An emergency service must reach the caller's own place and line.
    Emergency,
    /// Without its country, and the server has none.
    National,
    /// A premium number or the like, by `[dialplan] refused`.
    Premium,
    /// Abroad, and no country that is permitted.
    Abroad,
    /// No line leads there.
    NoRoute,
}

impl NumberRefusal {
    /// Every reason.
    pub const ALL: [NumberRefusal; 6] = [
        NumberRefusal::NoNumber,
        NumberRefusal::Emergency,
        NumberRefusal::National,
        NumberRefusal::Premium,
        NumberRefusal::Abroad,
        NumberRefusal::NoRoute,
    ];

    /// The identifier, as in SOAP faults and REST errors.
    pub fn as_str(self) -> &'static str {
        match self {
            NumberRefusal::NoNumber => "no-number",
            NumberRefusal::Emergency => "emergency",
            NumberRefusal::National => "national",
            NumberRefusal::Premium => "premium",
            NumberRefusal::Abroad => "abroad",
            NumberRefusal::NoRoute => "no-route",
        }
    }
}

/// A refusal: the code, what would have been accepted, and what came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: expected {expected}, came {came}")]
pub struct Fault {
    /// For programs.
    pub code: FaultCode,
    /// For people: what would have been accepted.
    pub expected: String,
    /// For people: what came instead (never a secret, never a body).
    pub came: String,
    /// For programs: why a number is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<NumberRefusal>,
    /// For programs: which of those whom the request names, in its order and from 0; the initiator comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
}

impl Fault {
    /// A fault of this code.
    pub fn new(code: FaultCode, expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self {
            code,
            expected: expected.into(),
            came: came.into(),
            why: None,
            index: None,
        }
    }

    /// A number that is refused.
    pub fn number(
        why: NumberRefusal,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) -> Self {
        Self {
            why: Some(why),
            ..Self::new(FaultCode::NumberRefused, expected, came)
        }
    }

    /// The same about this one of those whom the request names.
    pub fn about(self, index: usize) -> Self {
        Self {
            index: u32::try_from(index).ok(),
            ..self
        }
    }
}
