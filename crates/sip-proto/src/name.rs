//! Names: methods and header names, the known ones as variants, every other one kept as it was written.

use crate::text::is_token;
use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A token that is none of the known names (RFC 3261 §25.1: letters, digits and ``-.!%*_+`'~``).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(Cow<'static, str>);

impl Token {
    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request's method. Methods are case-sensitive (RFC 3261 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are the methods' own names")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Message,
    Subscribe,
    Notify,
    Publish,
    Refer,
    Info,
    Update,
    Prack,
    /// Any other method; made by [`Method::parse`] alone, so it is a token and none of the above.
    Extension(Token),
}

const METHODS: [(Method, &str); 14] = [
    (Method::Invite, "INVITE"),
    (Method::Ack, "ACK"),
    (Method::Bye, "BYE"),
    (Method::Cancel, "CANCEL"),
    (Method::Options, "OPTIONS"),
    (Method::Register, "REGISTER"),
    (Method::Message, "MESSAGE"),
    (Method::Subscribe, "SUBSCRIBE"),
    (Method::Notify, "NOTIFY"),
    (Method::Publish, "PUBLISH"),
    (Method::Refer, "REFER"),
    (Method::Info, "INFO"),
    (Method::Update, "UPDATE"),
    (Method::Prack, "PRACK"),
];

impl Method {
    /// Reads a method; `None` when the text is not a token.
    pub fn parse(text: &str) -> Option<Method> {
        if let Some((method, _)) = METHODS.iter().find(|(_, name)| *name == text) {
            return Some(method.clone());
        }
        is_token(text.as_bytes()).then(|| Method::Extension(Token(Cow::Owned(text.to_owned()))))
    }

    /// The method as it stands in a message.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Options => "OPTIONS",
            Method::Register => "REGISTER",
            Method::Message => "MESSAGE",
            Method::Subscribe => "SUBSCRIBE",
            Method::Notify => "NOTIFY",
            Method::Publish => "PUBLISH",
            Method::Refer => "REFER",
            Method::Info => "INFO",
            Method::Update => "UPDATE",
            Method::Prack => "PRACK",
            Method::Extension(token) => token.as_str(),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many values a header field may hold in one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One value; commas mean nothing.
    One,
    /// Comma-separated values, equal to as many lines (RFC 3261 §7.3.1).
    List,
}

macro_rules! header_names {
    ($($variant:ident $name:literal $compact:literal $shape:ident;)*) => {
        /// A header field's name, compared without regard to case or to short and long form (RFC 3261 §7.3).
        #[derive(Clone, Debug)]
        #[expect(missing_docs, reason = "the variants are the header fields' own names")]
        pub enum HeaderName {
            $($variant,)*
            /// Any other name, as it was written; made by [`HeaderName::parse`] and [`HeaderName::from_static`] alone.
            Other(Token),
        }

        /// The known names alone, small enough to stand in every line's index.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Known { $($variant,)* }

        const KNOWN: &[(Known, &str, &str)] = &[$((Known::$variant, $name, $compact),)*];

        impl HeaderName {
            pub(crate) fn known(&self) -> Option<Known> {
                match self {
                    $(HeaderName::$variant => Some(Known::$variant),)*
                    HeaderName::Other(_) => None,
                }
            }

            /// The name as we write it: the long form, or as it came when it is none of ours.
            pub fn as_str(&self) -> &str {
                match self {
                    $(HeaderName::$variant => $name,)*
                    HeaderName::Other(token) => token.as_str(),
                }
            }

            /// Whether a line of this header may hold several values, separated by commas.
            pub fn is_list(&self) -> bool {
                match self {
                    $(HeaderName::$variant => matches!(Shape::$shape, Shape::List),)*
                    HeaderName::Other(_) => false,
                }
            }
        }

        impl From<Known> for HeaderName {
            fn from(known: Known) -> HeaderName {
                match known { $(Known::$variant => HeaderName::$variant,)* }
            }
        }
    };
}

header_names! {
    Via "Via" "v" List;
    From "From" "f" One;
    To "To" "t" One;
    CallId "Call-ID" "i" One;
    CSeq "CSeq" "" One;
    MaxForwards "Max-Forwards" "" One;
    ContentLength "Content-Length" "l" One;
    ContentType "Content-Type" "c" One;
    Contact "Contact" "m" List;
    Route "Route" "" List;
    RecordRoute "Record-Route" "" List;
    Expires "Expires" "" One;
    UserAgent "User-Agent" "" One;
    Server "Server" "" One;
    Allow "Allow" "" List;
    Supported "Supported" "k" List;
    Authorization "Authorization" "" One;
    WwwAuthenticate "WWW-Authenticate" "" One;
    ProxyAuthorization "Proxy-Authorization" "" One;
    ProxyAuthenticate "Proxy-Authenticate" "" One;
    PAssertedIdentity "P-Asserted-Identity" "" List;
    PPreferredIdentity "P-Preferred-Identity" "" List;
    Require "Require" "" List;
    ProxyRequire "Proxy-Require" "" List;
    Unsupported "Unsupported" "" List;
    Path "Path" "" List;
    ServiceRoute "Service-Route" "" List;
    Event "Event" "o" One;
    AllowEvents "Allow-Events" "u" List;
    SubscriptionState "Subscription-State" "" One;
    SipEtag "SIP-ETag" "" One;
    SipIfMatch "SIP-If-Match" "" One;
    Accept "Accept" "" List;
    AcceptEncoding "Accept-Encoding" "" List;
    AcceptLanguage "Accept-Language" "" List;
    AcceptContact "Accept-Contact" "a" List;
    RejectContact "Reject-Contact" "j" List;
    RequestDisposition "Request-Disposition" "d" List;
    AlertInfo "Alert-Info" "" List;
    AuthenticationInfo "Authentication-Info" "" One;
    CallInfo "Call-Info" "" List;
    ContentDisposition "Content-Disposition" "" One;
    ContentEncoding "Content-Encoding" "e" List;
    ContentLanguage "Content-Language" "" List;
    Date "Date" "" One;
    Diversion "Diversion" "" List;
    ErrorInfo "Error-Info" "" List;
    FlowTimer "Flow-Timer" "" One;
    Geolocation "Geolocation" "" List;
    HistoryInfo "History-Info" "" List;
    Identity "Identity" "y" One;
    InReplyTo "In-Reply-To" "" List;
    Join "Join" "" One;
    MimeVersion "MIME-Version" "" One;
    MinExpires "Min-Expires" "" One;
    MinSe "Min-SE" "" One;
    Organization "Organization" "" One;
    PAssociatedUri "P-Associated-URI" "" List;
    Priority "Priority" "" One;
    Privacy "Privacy" "" One;
    RAck "RAck" "" One;
    RSeq "RSeq" "" One;
    Reason "Reason" "" List;
    ReferTo "Refer-To" "r" One;
    ReferredBy "Referred-By" "b" One;
    RemotePartyId "Remote-Party-ID" "" List;
    Replaces "Replaces" "" One;
    ReplyTo "Reply-To" "" One;
    RetryAfter "Retry-After" "" One;
    SecurityClient "Security-Client" "" List;
    SecurityServer "Security-Server" "" List;
    SecurityVerify "Security-Verify" "" List;
    SessionExpires "Session-Expires" "x" One;
    Subject "Subject" "s" One;
    TargetDialog "Target-Dialog" "" One;
    Timestamp "Timestamp" "" One;
    Warning "Warning" "" List;
}

/// Places of the look-up table: over twice as many as there are names, so that few names share one.
const SLOT_COUNT: usize = 256;
/// An empty place.
const NOTHING: u8 = u8::MAX;

/// For each place the number of a name in `KNOWN`; names that share a place stand in the next free ones.
static SLOTS: [u8; SLOT_COUNT] = slots();

/// Where a name is looked for first, whatever its case.
const fn slot_of(name: &[u8]) -> usize {
    match name {
        [] => 0,
        [one] => (*one | 0x20) as usize,
        [first, .., last] => {
            let (first, last) = ((*first | 0x20) as usize, (*last | 0x20) as usize);
            (first * 7 + last * 31 + name.len() * 13) % SLOT_COUNT
        }
    }
}

const fn slots() -> [u8; SLOT_COUNT] {
    let mut slots = [NOTHING; SLOT_COUNT];
    let mut at = 0;
    let mut number = 0;
    while at < KNOWN.len() {
        let (_, full, compact) = KNOWN[at];
        put(&mut slots, full.as_bytes(), number);
        if !compact.is_empty() {
            put(&mut slots, compact.as_bytes(), number);
        }
        at += 1;
        number += 1;
    }
    slots
}

const fn put(slots: &mut [u8; SLOT_COUNT], name: &[u8], number: u8) {
    let mut slot = slot_of(name);
    while slots[slot] != NOTHING {
        slot = (slot + 1) % SLOT_COUNT;
    }
    slots[slot] = number;
}

impl Known {
    /// Finds the known name, in either form and any case.
    pub(crate) fn find(name: &[u8]) -> Option<Known> {
        let mut slot = slot_of(name);
        while let Some((known, full, compact)) =
            SLOTS.get(slot).and_then(|at| KNOWN.get(usize::from(*at)))
        {
            let ours = if name.len() == 1 { compact } else { full };
            if ours.as_bytes().eq_ignore_ascii_case(name) {
                return Some(*known);
            }
            slot = (slot + 1) % SLOT_COUNT;
        }
        None
    }
}

impl HeaderName {
    /// Reads a name, in either form and any case; `None` when it is not a token.
    pub fn parse(name: &str) -> Option<HeaderName> {
        match Known::find(name.as_bytes()) {
            Some(known) => Some(known.into()),
            None => is_token(name.as_bytes())
                .then(|| HeaderName::Other(Token(Cow::Owned(name.to_owned())))),
        }
    }

    /// A constant name that is none of the known ones, such as `const NODE: HeaderName = HeaderName::from_static("X-Node");`.
    ///
    /// # Panics
    /// When the name is not letters, digits and `-`; in a `const` that stops the build.
    pub const fn from_static(name: &'static str) -> HeaderName {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "a header name holds at least one byte");
        let mut at = 0;
        while at < bytes.len() {
            assert!(
                bytes[at].is_ascii_alphanumeric() || bytes[at] == b'-',
                "a header name is a token"
            );
            at += 1;
        }
        HeaderName::Other(Token(Cow::Borrowed(name)))
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &HeaderName) -> bool {
        match (self.known(), other.known()) {
            (Some(a), Some(b)) => a == b,
            // A constant may spell a known name, so names are compared, not variants.
            _ => self.as_str().eq_ignore_ascii_case(other.as_str()),
        }
    }
}

impl Eq for HeaderName {}

impl Hash for HeaderName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.as_str().bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_every_form() {
        for (text, name) in [
            ("v", HeaderName::Via),
            ("VIA", HeaderName::Via),
            ("I", HeaderName::CallId),
            ("call-id", HeaderName::CallId),
            ("x", HeaderName::SessionExpires),
        ] {
            assert_eq!(HeaderName::parse(text), Some(name), "{text}");
        }
        assert_eq!(HeaderName::parse("x-foo"), HeaderName::parse("X-Foo"));
        assert_eq!(HeaderName::parse("a b"), None);
        assert_eq!(HeaderName::parse(""), None);
        const NODE: HeaderName = HeaderName::from_static("X-Node");
        assert_eq!(HeaderName::parse("x-node"), Some(NODE));
    }

    #[test]
    fn every_known_name_finds_itself() {
        for (known, full, compact) in KNOWN {
            assert_eq!(Known::find(full.as_bytes()), Some(*known));
            assert!(compact.is_empty() || Known::find(compact.as_bytes()) == Some(*known));
        }
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::parse("INVITE"), Some(Method::Invite));
        assert_eq!(
            Method::parse("invite").map(|m| m.to_string()),
            Some("invite".to_owned())
        );
        assert_ne!(Method::parse("invite"), Some(Method::Invite));
        assert_eq!(Method::parse("A B"), None);
    }
}
