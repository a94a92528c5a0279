//! What a REGISTER asks for: Contact values with their parameters, and the Path to them.

use std::sync::Arc;

use sip_proto::text::unquote;
use sip_proto::{HeaderName, Message, NameAddr, Transport};

use crate::caps::is_true;
use crate::server::Stop;

/// Longest `+sip.instance`, in bytes.
const INSTANCE_MAX_BYTES: usize = 256;
/// Longest Contact value, in bytes.
const CONTACT_MAX_BYTES: usize = 2048;
/// Most Path values.
const PATHS_MAX: usize = 8;

/// One contact that the client wants to have or not.
pub(crate) struct Wanted {
    pub address: NameAddr,
    pub instance: Option<Arc<str>>,
    pub reg_id: Option<u32>,
    pub q_permille: u16,
    /// 0: remove it.
    pub expires_s: u32,
}

impl Wanted {
    /// Reads one Contact value.
    pub(crate) fn of(contact: &NameAddr, expires_s: u32) -> Result<Self, Stop> {
        let bad = || Stop::Refuse(400);
        if contact.as_str().len() > CONTACT_MAX_BYTES || !contact.uri().is_sip() {
            return Err(bad());
        }
        let instance = match contact.param("+sip.instance") {
            None => None,
            Some(quoted) => {
                let text = unquote(quoted);
                let bare = text.trim_start_matches('<').trim_end_matches('>');
                if bare.is_empty() || bare.len() > INSTANCE_MAX_BYTES || !bare.is_ascii() {
                    return Err(bad());
                }
                Some(Arc::from(bare))
            }
        };
        let reg_id = match contact.param("reg-id") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| bad())?),
        };
        let q_permille = match contact.param("q") {
            None => 1000,
            Some(text) => q_of(text).ok_or_else(bad)?,
        };
        // A copy of its own: the value would else keep the whole REGISTER in memory.
        let text = contact.without_param("expires").as_str().to_owned();
        Ok(Self {
            address: NameAddr::parse(text).map_err(|_| bad())?,
            instance,
            reg_id,
            q_permille,
            expires_s,
        })
    }
}

/// How a device can take part in conferences, as its Contact says (RFC 3840 §9, §10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It can be told of a conference by a message, and call it.
    pub calls: bool,
    /// With pictures.
    pub video: bool,
}

impl Capabilities {
    /// Those of a contact. A device that names no media and no methods may be anything (§5); of those only a page in a browser, which comes
    /// over a WebSocket, is known to be able to call.
    pub fn of(contact: &NameAddr, transport: Transport) -> Self {
        let has = |name: &str| contact.param(name).is_some_and(is_true);
        let says = |name: &str| contact.param(name).is_some();
        let (audio, video) = (has("audio"), has("video"));
        let methods = contact.param("methods").map(unquote);
        let both = methods.as_ref().map(|methods| {
            let all: Vec<&str> = methods.split(',').map(str::trim).collect();
            let has = |name: &str| all.iter().any(|method| method.eq_ignore_ascii_case(name));
            has("INVITE") && has("MESSAGE")
        });
        let page = transport.is_websocket();
        let says_nothing = !says("audio") && !says("video");
        Self {
            calls: both != Some(false)
                && (audio || video || both == Some(true) || (says_nothing && page)),
            video: both != Some(false) && (video || (says_nothing && page)),
        }
    }

    /// What one of two devices can.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            calls: self.calls || other.calls,
            video: self.video || other.video,
        }
    }
}

/// RFC 3261 §25.1, `qvalue`: 0 to 1 with at most three digits behind the point.
fn q_of(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

/// The Path values of a REGISTER (RFC 3327 §5.3).
pub(crate) fn path_of(message: &Message) -> Result<Vec<String>, Stop> {
    let paths: Vec<String> = message
        .addresses(HeaderName::Path)
        .map_err(|_| Stop::Refuse(400))?
        .iter()
        .map(|path| path.as_str().to_owned())
        .collect();
    if paths.len() > PATHS_MAX {
        return Err(Stop::Refuse(400));
    }
    Ok(paths)
}

/// The inverse of joining by commas.
pub(crate) fn split_path(joined: &str) -> Vec<String> {
    sip_proto::text::Elements::of(joined)
        .map(ToOwned::to_owned)
        .collect()
}
