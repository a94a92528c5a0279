//! The parts of a session description, and how they are printed.

use std::fmt;
use std::net::IpAddr;

/// Whether media flows (RFC 8866 §6.7), as said by the one who writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways; the default.
    #[default]
    SendRecv,
    /// The writer sends only.
    SendOnly,
    /// The writer receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From what the writer does.
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }
    /// Whether the writer sends.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }
    /// Whether the writer receives.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }
    /// What one who wants `self` may answer to `offered` (RFC 3264 §6.1).
    #[must_use]
    pub fn answering(self, offered: Direction) -> Direction {
        Direction::new(
            self.sends() && offered.receives(),
            self.receives() && offered.sends(),
        )
    }
    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
    /// From the attribute's name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ]
        .into_iter()
        .find(|direction| direction.as_str() == name)
    }
}

/// The `o=` line (RFC 8866 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Login of who made it; `-` where there is none.
    pub username: String,
    /// Number of the session, unique for its writer.
    pub session_id: u64,
    /// Grows by one with each change.
    pub version: u64,
    /// The writer's host: address or name.
    pub host: String,
}

/// An `a=` line: name and, after a colon, a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Before the colon.
    pub name: String,
    /// After it, if there is one.
    pub value: Option<String>,
}

impl Attribute {
    /// With a value.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.into()),
        }
    }
    /// Without one.
    pub fn flag(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
        }
    }
}

/// A session description. Lines without a field of their own are kept in `other`, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp {
    /// Who made it, and which version it is.
    pub origin: Origin,
    /// The `s=` line; `-` where it means nothing.
    pub name: String,
    /// Host of the session's `c=` line, used by each stream without one of its own.
    pub connection: Option<String>,
    /// Session-level attributes.
    pub attributes: Vec<Attribute>,
    /// Other lines of the session: type and content.
    pub other: Vec<(char, String)>,
    /// The streams.
    pub media: Vec<Media>,
}

/// An `m=` line and what follows it (RFC 8866 §5.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video` …
    pub kind: String,
    /// Where its writer receives; 0: refused or ended (RFC 3264 §6).
    pub port: u16,
    /// `RTP/AVP` and others.
    pub protocol: String,
    /// Payload types, or other formats, best first.
    pub formats: Vec<String>,
    /// Host of its own `c=` line.
    pub connection: Option<String>,
    /// Its attributes.
    pub attributes: Vec<Attribute>,
    /// Other lines: type and content.
    pub other: Vec<(char, String)>,
}

impl Sdp {
    /// The first audio stream over plain RTP that is not refused.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|media| media.is_plain_audio())
    }
    /// The address to which the stream's media shall be sent; `None` when absent or a host name.
    pub fn address_of(&self, media: &Media) -> Option<IpAddr> {
        let host = media.connection.as_ref().or(self.connection.as_ref())?;
        // What is one address in two forms is judged as one.
        let ip: IpAddr = host.parse().ok()?;
        Some(ip.to_canonical())
    }
    /// The stream's direction, or the session's, or the default.
    pub fn direction_of(&self, media: &Media) -> Direction {
        direction_in(&media.attributes)
            .or_else(|| direction_in(&self.attributes))
            .unwrap_or_default()
    }
    /// Whether the writer puts the other side on hold: `sendonly`, `inactive`, or the older address 0.0.0.0
    /// (RFC 3264 §8.4).
    pub fn is_hold(&self) -> bool {
        self.audio().is_some_and(|media| {
            !self.direction_of(media).receives()
                || self.address_of(media).is_some_and(|ip| ip.is_unspecified())
        })
    }
    /// Sets the direction of every stream.
    pub fn set_direction(&mut self, direction: Direction) {
        let is_direction = |a: &Attribute| Direction::from_name(&a.name).is_some();
        self.attributes.retain(|a| !is_direction(a));
        for media in &mut self.media {
            media.attributes.retain(|a| !is_direction(a));
            media.attributes.push(Attribute::flag(direction.as_str()));
        }
    }
}

fn direction_in(attributes: &[Attribute]) -> Option<Direction> {
    attributes
        .iter()
        .find_map(|attribute| Direction::from_name(&attribute.name))
}

impl Media {
    /// Audio over RTP without encryption, and not refused.
    pub fn is_plain_audio(&self) -> bool {
        self.kind == "audio" && self.port != 0 && self.protocol.eq_ignore_ascii_case("RTP/AVP")
    }
    /// The value of the first attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name == name)?
            .value
            .as_deref()
    }
    /// `name/clock[/channels]` of a payload type (RFC 8866 §6.6).
    pub fn rtpmap(&self, payload_type: u8) -> Option<&str> {
        self.by_payload_type("rtpmap", payload_type)
    }
    /// Format parameters of a payload type (RFC 8866 §6.15).
    pub fn fmtp(&self, payload_type: u8) -> Option<&str> {
        self.by_payload_type("fmtp", payload_type)
    }
    /// The packet time that the writer likes to receive, in milliseconds (RFC 8866 §6.4).
    pub fn ptime_ms(&self) -> Option<u16> {
        self.attribute("ptime")?.trim().parse().ok()
    }
    /// The longest packet time that the writer takes, in milliseconds (RFC 8866 §6.5).
    pub fn maxptime_ms(&self) -> Option<u16> {
        self.attribute("maxptime")?.trim().parse().ok()
    }
    /// The formats that are RTP payload types, best first.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> {
        self.formats
            .iter()
            .filter_map(|format| format.parse().ok())
            .filter(|payload_type| *payload_type < 128)
    }

    fn by_payload_type(&self, name: &str, payload_type: u8) -> Option<&str> {
        self.attributes
            .iter()
            .filter(|attribute| attribute.name == name)
            .find_map(|attribute| {
                let (number, rest) = attribute.value.as_deref()?.split_once(' ')?;
                (number.parse() == Ok(payload_type)).then(|| rest.trim())
            })
    }
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        write!(
            f,
            "v=0\r\no={} {} {} IN {} {}\r\ns={}\r\n",
            origin.username,
            origin.session_id,
            origin.version,
            address_type(&origin.host),
            origin.host,
            self.name
        )?;
        // RFC 8866 §5 fixes the order: i u e p c b t r z k a m.
        let (before, after): (Vec<_>, Vec<_>) = self
            .other
            .iter()
            .partition(|(kind, _)| "iuep".contains(*kind));
        print_other(f, before)?;
        print_connection(f, self.connection.as_deref())?;
        print_other(f, after)?;
        print_attributes(f, &self.attributes)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {} {}", self.kind, self.port, self.protocol)?;
        for format in &self.formats {
            write!(f, " {format}")?;
        }
        f.write_str("\r\n")?;
        let (before, after): (Vec<_>, Vec<_>) =
            self.other.iter().partition(|(kind, _)| *kind == 'i');
        print_other(f, before)?;
        print_connection(f, self.connection.as_deref())?;
        print_other(f, after)?;
        print_attributes(f, &self.attributes)
    }
}

fn print_other(f: &mut fmt::Formatter<'_>, lines: Vec<&(char, String)>) -> fmt::Result {
    lines
        .into_iter()
        .try_for_each(|(kind, content)| write!(f, "{kind}={content}\r\n"))
}

fn print_connection(f: &mut fmt::Formatter<'_>, host: Option<&str>) -> fmt::Result {
    match host {
        Some(host) => write!(f, "c=IN {} {host}\r\n", address_type(host)),
        None => Ok(()),
    }
}

fn print_attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    attributes
        .iter()
        .try_for_each(|attribute| match &attribute.value {
            Some(value) => write!(f, "a={}:{value}\r\n", attribute.name),
            None => write!(f, "a={}\r\n", attribute.name),
        })
}

fn address_type(host: &str) -> &'static str {
    if host.contains(':') { "IP6" } else { "IP4" }
}
