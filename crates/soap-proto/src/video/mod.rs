//! The video services (`urn:convoke:video:1`), asked by SIP MESSAGE alone: the *allocator*, whom people ask for video conferences, and
//! the *modes* service beside the IM server, which tells the allocator how people can take part.

mod decode;
mod encode;

use convoke_types::VideoServerName;
use convoke_types::{Aor, CommandId, ConferenceId, Fault, Mode, ModeSource, NetworkAddress};

use crate::headers::Headers;
use crate::names::{VIDEO_NS, WSA_NS};

pub use decode::{parse_video_request, parse_video_response};
pub use encode::{write_video_request, write_video_response};

/// Most people that one request invites.
pub const INVITES_MAX: usize = 100;
/// Most people that one `modes` asks about.
pub const MODES_PEOPLE_MAX: usize = 20;
/// Most numbers and addresses that one `callable` asks about.
pub const CALLEES_MAX: usize = 50;
/// Most modes that are told of one person.
pub const MODES_MAX: usize = 8;

/// What is asked of a video service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoRequest {
    /// Command id, reply address, expiry.
    pub headers: Headers,
    /// What is asked.
    pub operation: VideoOperation,
}

/// The operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoOperation {
    /// Of the allocator: a video conference with these people.
    Request {
        /// Its title.
        title: Option<String>,
        /// Whom to invite, 1 to [`INVITES_MAX`].
        invites: Vec<Invite>,
    },
    /// Of the allocator: in which way each of these people would be asked now, 1 to [`INVITES_MAX`]. Nobody is called, and nothing prepared.
    Ways(Vec<Invite>),
    /// Of the modes service: how these people can take part; names, or `user@domain`; 1 to [`MODES_PEOPLE_MAX`].
    Modes(Vec<String>),
    /// Of the modes service: whether these may be called from here; 1 to [`CALLEES_MAX`].
    Callable(Vec<Callee>),
}

impl VideoOperation {
    /// The local name of the request element.
    pub fn name(&self) -> &'static str {
        match self {
            VideoOperation::Request { .. } => "request",
            VideoOperation::Ways(_) => "ways",
            VideoOperation::Modes(_) => "modes",
            VideoOperation::Callable(_) => "callable",
        }
    }
}

/// Somebody to be invited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// Who it is, or only where.
    pub who: Invited,
    /// Name to show, if not the account's or the address's.
    pub name: Option<String>,
    /// The way that the asker would like for them.
    pub mode: Option<Mode>,
}

/// How a request names somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invited {
    /// A name of an account, or `user@domain`.
    Person(String),
    /// A telephone number, E.164 or as one dials it in the home country.
    Number(String),
    /// A SIP URI: a video room.
    Sip(String),
    /// An address that a gateway leads to.
    Network(NetworkAddress),
}

/// What may be called or not, whoever is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callee {
    /// A telephone number, E.164 or as one dials it in the home country.
    Number(String),
    /// A SIP URI: of a video room, or of a gateway with what it shall dial.
    Sip(String),
}

/// What a video service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoResponse {
    /// RelatesTo and so on.
    pub headers: Headers,
    /// The answer, or a SOAP Fault.
    pub outcome: Result<VideoAnswer, Fault>,
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VideoAnswer {
    /// To `request`: the conference is ready.
    Requested(Requested),
    /// To `ways`: the asker first, then the others in the order of the question.
    Ways(Vec<Guest>),
    /// To `modes`, in the order of the question.
    Modes(Vec<AskedPerson>),
    /// To `callable`, in the order of the question.
    Callable(Vec<bool>),
}

/// The conference information: where it is, and how each person takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// The conference.
    pub conference: ConferenceId,
    /// Its address, `sip:conf-ID@DOMAIN`.
    pub uri: String,
    /// The video server that has the pictures.
    pub server: VideoServerName,
    /// The page by which a browser joins.
    pub link: Option<String>,
    /// The asker first, then the invited, in the order of the request.
    pub guests: Vec<Guest>,
}

/// How one person takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// What the others see.
    pub name: String,
    /// Their account, if they have one.
    pub user: Option<Aor>,
    /// The way in, or why there is none.
    pub way: Result<Way, NoWay>,
}

/// That somebody has no way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoWay {
    /// What a person reads.
    pub words: String,
    /// Why, for programs; `None`: an allocator that does not tell it.
    pub why: Option<WhyNoWay>,
    /// The mode that it is about, if it is about one.
    pub mode: Option<Mode>,
}

/// Why somebody has no way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyNoWay {
    /// Nobody is called so, or several are.
    Unknown,
    /// No mode of theirs is known.
    NoMode,
    /// None of their clients is there, and nothing else is known.
    NotThere,
    /// What is known may not be called from here.
    NotCalled,
    /// No gateway leads to what is known.
    NoGateway,
}

impl WhyNoWay {
    /// Every reason.
    pub const ALL: [WhyNoWay; 5] = [
        WhyNoWay::Unknown,
        WhyNoWay::NoMode,
        WhyNoWay::NotThere,
        WhyNoWay::NotCalled,
        WhyNoWay::NoGateway,
    ];

    /// The identifier, as in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            WhyNoWay::Unknown => "unknown",
            WhyNoWay::NoMode => "no-mode",
            WhyNoWay::NotThere => "not-there",
            WhyNoWay::NotCalled => "not-called",
            WhyNoWay::NoGateway => "no-gateway",
        }
    }
}

/// A way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Which mode.
    pub mode: Mode,
    /// Whether a picture of theirs may be seen.
    pub shows: bool,
    /// What a person reads.
    pub words: String,
}

/// What is known of somebody who was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedPerson {
    /// As the question named them.
    pub asked: String,
    /// `None`: nobody is called so, or several are.
    pub known: Option<KnownPerson>,
}

/// An account and its modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPerson {
    /// The account.
    pub user: Aor,
    /// Name to show.
    pub name: String,
    /// BCP 47 tag of their language.
    pub language: String,
    /// Their modes, the one they like best first; at most [`MODES_MAX`].
    pub modes: Vec<KnownMode>,
}

/// One way in which somebody can take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownMode {
    /// Which mode.
    pub mode: Mode,
    /// Where, unless the mode says it all: a SIP URI, or an address of another network.
    pub address: Option<String>,
    /// The label of a telephone in their profile; its number is nobody's concern.
    pub place: Option<String>,
    /// Whether it carries pictures.
    pub video: bool,
    /// Whether it can be used now: a client is registered, a telephone can be called.
    pub here: bool,
    /// How it became known.
    pub source: ModeSource,
}

impl VideoRequest {
    /// A request with a command id and its action.
    pub fn new(operation: VideoOperation, message_id: CommandId) -> Self {
        Self {
            headers: Headers {
                message_id: Some(message_id),
                action: Some(format!("{VIDEO_NS}/{}", operation.name())),
                ..Headers::default()
            },
            operation,
        }
    }
}

impl VideoResponse {
    /// The response to a request: RelatesTo and To are set from it.
    pub fn to(request: &Headers, outcome: Result<VideoAnswer, Fault>) -> Self {
        let action = match &outcome {
            Ok(VideoAnswer::Requested(_)) => format!("{VIDEO_NS}/requested"),
            Ok(VideoAnswer::Ways(_)) => format!("{VIDEO_NS}/waysResponse"),
            Ok(VideoAnswer::Modes(_)) => format!("{VIDEO_NS}/modesResponse"),
            Ok(VideoAnswer::Callable(_)) => format!("{VIDEO_NS}/callableResponse"),
            // WS-Addressing SOAP binding §6: the action of faults that are not its own.
            Err(_) => format!("{WSA_NS}/soap/fault"),
        };
        Self {
            headers: Headers {
                relates_to: request.message_id.clone(),
                to: request.reply_to.clone(),
                action: Some(action),
                ..Headers::default()
            },
            outcome,
        }
    }
}
