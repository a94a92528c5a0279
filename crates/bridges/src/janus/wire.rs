//! Janus' interface as types: what is asked over its WebSocket (subprotocol `janus-protocol`), and what it tells. Requests of its VideoRoom
//! plugin stand in [`Body`], those of its AudioBridge in [`SoundBody`]; all are of versions 1.0 and later, which know connections of several
//! streams.

use serde::{Deserialize, Serialize};

/// The plugin that forwards pictures.
pub(super) const VIDEOROOM: &str = "janus.plugin.videoroom";
/// The plugin that mixes sound.
pub(super) const AUDIOBRIDGE: &str = "janus.plugin.audiobridge";

/// Codes of errors that we tell apart; each stands once, although Janus and its plugins number theirs apart.
pub(super) mod code {
    /// Wrong or no API secret.
    pub const UNAUTHORIZED: u32 = 403;
    /// VideoRoom: there is no such room.
    pub const NO_SUCH_ROOM: u32 = 426;
    /// VideoRoom: the room's number is taken.
    pub const ROOM_EXISTS: u32 = 427;
    /// VideoRoom: there is no such picture.
    pub const NO_SUCH_FEED: u32 = 428;
    /// VideoRoom: as many show themselves as may.
    pub const PUBLISHERS_FULL: u32 = 432;
    /// VideoRoom: a wrong secret, PIN or administrator's key.
    pub const ROOM_UNAUTHORIZED: u32 = 433;
    /// VideoRoom: a session description that is none.
    pub const INVALID_SDP: u32 = 437;
    /// The session is gone.
    pub const NO_SUCH_SESSION: u32 = 458;
    /// The plugin is not there.
    pub const NO_SUCH_PLUGIN: u32 = 460;
    /// AudioBridge: there is no such room.
    pub const NO_SUCH_MIX: u32 = 485;
    /// AudioBridge: the room's number is taken.
    pub const MIX_EXISTS: u32 = 486;
    /// AudioBridge: a wrong secret, PIN or administrator's key.
    pub const MIX_UNAUTHORIZED: u32 = 489;
    /// A session description that is none.
    pub const BAD_SDP: u32 = 465;
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verb {
    Info,
    Create,
    Attach,
    Detach,
    Keepalive,
    Message,
}

/// A request.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub janus: Verb,
    pub transaction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apisecret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Asks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jsep: Option<&'a Jsep>,
}

/// What a plugin is asked.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Asks<'a> {
    Rooms(&'a Body),
    Mixes(&'a SoundBody),
}

/// A session description on its way to Janus.
#[derive(Serialize)]
pub(super) struct Jsep {
    #[serde(rename = "type")]
    pub kind: JsepKind,
    pub sdp: String,
    /// Whether candidates come later: they all stand in it, since SIP carries it whole.
    pub trickle: bool,
    /// It changes a connection that is there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub update: bool,
}

/// RFC 3264's two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum JsepKind {
    Offer,
    Answer,
}

impl Jsep {
    pub(super) fn offer(sdp: String, update: bool) -> Self {
        Self {
            kind: JsepKind::Offer,
            sdp,
            trickle: false,
            update,
        }
    }

    pub(super) fn answer(sdp: String) -> Self {
        Self {
            kind: JsepKind::Answer,
            sdp,
            trickle: false,
            update: false,
        }
    }
}

/// A request to VideoRoom.
#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "request")]
pub(super) enum Body {
    /// Makes a room that ends with Janus.
    Create {
        room: u64,
        permanent: bool,
        description: String,
        secret: String,
        pin: String,
        is_private: bool,
        publishers: usize,
        bitrate: u32,
        bitrate_cap: bool,
        videocodec: &'static str,
        audiolevel_ext: bool,
        record: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        admin_key: Option<String>,
    },
    /// Changes how many may show themselves.
    Edit {
        room: u64,
        secret: String,
        new_publishers: usize,
        permanent: bool,
    },
    /// Ends a room; whoever is in is put out.
    Destroy {
        room: u64,
        secret: String,
        permanent: bool,
    },
    /// Hides one stream of somebody from all.
    Moderate {
        room: u64,
        secret: String,
        id: u64,
        mid: String,
        mute: bool,
    },
    /// Comes in to show something; with an offer.
    JoinAndConfigure {
        ptype: &'static str,
        room: u64,
        id: u64,
        display: String,
        pin: String,
    },
    /// Comes in to watch; gets an offer.
    Join {
        ptype: &'static str,
        room: u64,
        pin: String,
        use_msid: bool,
        autoupdate: bool,
        streams: Vec<Feed>,
    },
    /// Changes what one shows (with an offer), asks for a whole picture of it, or for an offer of what one watches.
    Configure {
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        keyframe: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        update: bool,
    },
    /// Changes what one watches; an empty list would be refused.
    Update {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        subscribe: Vec<Feed>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        unsubscribe: Vec<Section>,
    },
    /// Answers an offer.
    Start {},
}

/// A request to AudioBridge.
#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "request")]
pub(super) enum SoundBody {
    /// Makes a room that ends with Janus, and mixes at the telephone's rate.
    Create {
        room: u64,
        permanent: bool,
        secret: String,
        pin: String,
        is_private: bool,
        sampling_rate: u32,
        default_prebuffering: u8,
        allow_rtp_participants: bool,
        audiolevel_ext: bool,
        record: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        admin_key: Option<String>,
    },
    /// Ends a room; whoever is in is put out.
    Destroy {
        room: u64,
        secret: String,
        permanent: bool,
    },
    /// Comes in by plain RTP. Janus must know where to send to from the beginning: it can be told at no other time.
    Join {
        room: u64,
        id: u64,
        pin: String,
        codec: &'static str,
        muted: bool,
        rtp: RtpTo,
    },
    /// Is heard, or not.
    Configure { muted: bool },
}

/// Where Janus shall send RTP.
#[derive(Serialize)]
pub(super) struct RtpTo {
    pub ip: std::net::IpAddr,
    pub port: u16,
}

/// Somebody's picture.
#[derive(Serialize)]
pub(super) struct Feed {
    pub feed: u64,
}

/// A section of an offer that was made to somebody who watches.
#[derive(Serialize)]
pub(super) struct Section {
    pub sub_mid: String,
}

/// Anything that Janus says. Only what is read here has a field.
#[derive(Deserialize)]
pub(super) struct Reply {
    pub janus: String,
    pub transaction: Option<String>,
    pub session_id: Option<u64>,
    pub sender: Option<u64>,
    pub data: Option<Made>,
    pub error: Option<Refused>,
    pub plugindata: Option<PluginData>,
    pub jsep: Option<Described>,
    /// Of `media`: the section.
    pub mid: Option<String>,
    /// Of `media`: whether anything arrives from the browser.
    pub receiving: Option<bool>,
    /// Of `server_info`.
    pub version: Option<u32>,
    /// Of `server_info`.
    pub version_string: Option<String>,
    /// Of `server_info`.
    #[serde(rename = "accepting-new-sessions")]
    pub accepting: Option<bool>,
    /// Of `server_info`.
    pub plugins: Option<std::collections::BTreeMap<String, serde::de::IgnoredAny>>,
}

/// What was made: a session or a handle.
#[derive(Deserialize)]
pub(super) struct Made {
    pub id: u64,
}

/// An error of Janus itself.
#[derive(Deserialize)]
pub(super) struct Refused {
    pub code: u32,
    #[serde(default)]
    pub reason: String,
}

/// What a plugin says.
#[derive(Deserialize)]
pub(super) struct PluginData {
    pub data: RoomEvent,
}

/// What VideoRoom or AudioBridge says.
#[derive(Deserialize)]
pub(super) struct RoomEvent {
    pub videoroom: Option<String>,
    pub audiobridge: Option<String>,
    /// Of AudioBridge: where it receives.
    pub rtp: Option<RtpAt>,
    /// Of AudioBridge: who was put out.
    pub kicked: Option<serde_json::Value>,
    pub room: Option<u64>,
    pub error_code: Option<u32>,
    #[serde(default)]
    pub error: String,
    #[serde(default)]
    pub streams: Vec<Stream>,
    /// `"ok"`: whoever hears it is out.
    pub leaving: Option<serde_json::Value>,
}

/// Where Janus receives RTP.
#[derive(Deserialize)]
pub(super) struct RtpAt {
    pub ip: std::net::IpAddr,
    pub port: u16,
}

/// A stream that somebody shows or watches.
#[derive(Deserialize)]
pub(super) struct Stream {
    pub mid: String,
    pub feed_id: Option<u64>,
    #[serde(default)]
    pub active: bool,
}

/// A session description from Janus.
#[derive(Deserialize)]
pub(super) struct Described {
    #[serde(rename = "type")]
    pub kind: String,
    pub sdp: String,
}

impl Reply {
    /// What VideoRoom says, if it is that.
    pub(super) fn room_event(&self) -> Option<&RoomEvent> {
        self.plugindata.as_ref().map(|plugin| &plugin.data)
    }

    /// The error, of Janus or its plugin.
    pub(super) fn refused(&self) -> Option<(u32, &str)> {
        if let Some(error) = &self.error {
            return Some((error.code, &error.reason));
        }
        let event = self.room_event()?;
        event.error_code.map(|code| (code, &*event.error))
    }

    /// A session description of this kind.
    pub(super) fn described(&mut self, kind: &str) -> Option<String> {
        let jsep = self.jsep.take_if(|jsep| jsep.kind == kind)?;
        Some(jsep.sdp)
    }
}
