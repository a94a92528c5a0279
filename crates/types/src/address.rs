//! Where people are reached: addresses of record, telephone numbers, and the mode that tells how to get there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ConferenceId;
use crate::limits::{E164_MAX_DIGITS, E164_MIN_DIGITS};

/// What the user part of a conference's SIP address begins with; that of no account does.
pub const CONFERENCE_USER: &str = "conf-";

/// A conference's SIP URI: `sip:conf-ID@DOMAIN`.
pub fn conference_uri(conference: &ConferenceId, domain: &str) -> String {
    let mut user = String::new();
    for byte in conference.as_str().bytes() {
        match byte {
            // RFC 3261 §25.1: they would end the user part.
            b'@' | b':' => user.push_str(&format!("%{byte:02X}")),
            other => user.push(char::from(other)),
        }
    }
    format!("sip:{CONFERENCE_USER}{user}@{domain}")
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, came {came:?}")]
pub struct BadAddress {
    /// What would have been accepted.
    pub expected: &'static str,
    /// The refused text.
    pub came: String,
}

fn bad(expected: &'static str, came: &str) -> BadAddress {
    BadAddress {
        expected,
        came: came.chars().take(128).collect(),
    }
}

/// An address of record (RFC 3261 §6): one person or service of a domain, `user@domain`, lower-cased domain, without scheme.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Aor {
    user: String,
    domain: String,
}

impl Aor {
    /// Checks and joins the two halves.
    pub fn new(user: &str, domain: &str) -> Result<Self, BadAddress> {
        let user_ok = (1..=64).contains(&user.len())
            && user
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.!~*'+&=$".contains(&b));
        let domain_ok = (1..=253).contains(&domain.len())
            && domain
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
        if !user_ok || !domain_ok {
            return Err(bad("user@domain", &format!("{user}@{domain}")));
        }
        Ok(Self {
            user: user.to_owned(),
            domain: domain.to_ascii_lowercase(),
        })
    }
    /// The part before the @ sign.
    pub fn user(&self) -> &str {
        &self.user
    }
    /// The part after the @ sign.
    pub fn domain(&self) -> &str {
        &self.domain
    }
    /// `sip:user@domain`.
    pub fn to_uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }
}

impl FromStr for Aor {
    type Err = BadAddress;
    /// Accepts `user@domain`, `sip:user@domain` and `sips:user@domain`.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bare = text
            .strip_prefix("sip:")
            .or_else(|| text.strip_prefix("sips:"))
            .unwrap_or(text);
        let (user, domain) = bare
            .split_once('@')
            .ok_or_else(|| bad("user@domain", text))?;
        Self::new(user, domain)
    }
}
impl TryFrom<String> for Aor {
    type Error = BadAddress;
    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}
impl From<Aor> for String {
    fn from(aor: Aor) -> String {
        aor.to_string()
    }
}
impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.domain)
    }
}

/// A telephone number in international form (ITU-T E.164): a plus sign and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// `+` and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The digits without the plus sign.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
    /// The number as others may see it: all but the last two digits hidden.
    pub fn masked(&self) -> String {
        let digits = self.digits();
        let shown = digits.len().saturating_sub(2);
        digits
            .chars()
            .enumerate()
            .map(|(i, c)| if i < shown { '•' } else { c })
            .collect()
    }
}

impl FromStr for E164 {
    type Err = BadAddress;
    /// Accepts visual separators (space, `-`, `.`, `(`, `)`), which E.164 numbers do not contain.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let expected = "a number in international form, + and 7 to 15 digits";
        let trimmed = text.strip_prefix("tel:").unwrap_or(text).trim();
        let rest = trimmed
            .strip_prefix('+')
            .ok_or_else(|| bad(expected, text))?;
        let digits: String = rest.chars().filter(|c| !" -.()".contains(*c)).collect();
        let count_ok = (E164_MIN_DIGITS..=E164_MAX_DIGITS).contains(&digits.len());
        if !count_ok || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
            return Err(bad(expected, text));
        }
        Ok(Self(format!("+{digits}")))
    }
}
impl TryFrom<String> for E164 {
    type Error = BadAddress;
    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}
impl From<E164> for String {
    fn from(number: E164) -> String {
        number.0
    }
}
impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an address is reached (architecture, decision 14). With `Computer` the person's own client calls in; all others are dialled,
/// those from `H323` on through a gateway that speaks SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A telephone of the public network, over a trunk.
    Pstn,
    /// A mobile telephone, over a trunk.
    Mobile,
    /// A SIP address, without a trunk.
    Sip,
    /// The person's own client (a browser), which calls the conference.
    Computer,
    /// ITU-T H.323.
    H323,
    /// ISDN with H.320.
    Isdn,
    /// ATM with H.321 or H.310.
    Atm,
    /// Whatever a gateway makes of an address that it alone understands.
    Gateway,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Mode; 8] = [
        Mode::Pstn,
        Mode::Mobile,
        Mode::Sip,
        Mode::Computer,
        Mode::H323,
        Mode::Isdn,
        Mode::Atm,
        Mode::Gateway,
    ];
    /// The identifier, as in SOAP, REST and configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Pstn => "pstn",
            Mode::Mobile => "mobile",
            Mode::Sip => "sip",
            Mode::Computer => "computer",
            Mode::H323 => "h323",
            Mode::Isdn => "isdn",
            Mode::Atm => "atm",
            Mode::Gateway => "gateway",
        }
    }
    /// Whether only a gateway leads there.
    pub fn is_through_gateway(self) -> bool {
        matches!(self, Mode::H323 | Mode::Isdn | Mode::Atm | Mode::Gateway)
    }
    /// Whether a video room may be there, which shows and sees in the call of its sound.
    pub fn may_be_room(self) -> bool {
        self == Mode::Sip || self.is_through_gateway()
    }
}

impl FromStr for Mode {
    type Err = BadAddress;
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let mut all = Self::ALL.into_iter();
        all.find(|mode| mode.as_str() == text).ok_or_else(|| {
            bad(
                "pstn, mobile, sip, computer, h323, isdn, atm or gateway",
                text,
            )
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a mode became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModeSource {
    /// A device registered it (RFC 3840).
    Registration,
    /// From the telephones of their profile.
    Profile,
    /// They took part in a conference so.
    Conference,
    /// Somebody wrote it down.
    ByHand,
}

impl ModeSource {
    /// Every source.
    pub const ALL: [ModeSource; 4] = [
        ModeSource::Registration,
        ModeSource::Profile,
        ModeSource::Conference,
        ModeSource::ByHand,
    ];
    /// The identifier.
    pub fn as_str(self) -> &'static str {
        match self {
            ModeSource::Registration => "registration",
            ModeSource::Profile => "profile",
            ModeSource::Conference => "conference",
            ModeSource::ByHand => "by-hand",
        }
    }
}

impl FromStr for ModeSource {
    type Err = BadAddress;
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.as_str() == text)
            .ok_or_else(|| bad("registration, profile, conference or by-hand", text))
    }
}

/// Longest address of another network, in characters.
const NETWORK_ADDRESS_MAX: usize = 128;

/// An address of a network that a gateway leads to: `h323:room@example.org`, `isdn:+493012345`, `atm:47…` or `gateway:27*4711`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkAddress {
    mode: Mode,
    address: String,
}

impl NetworkAddress {
    /// Which network.
    pub fn mode(&self) -> Mode {
        self.mode
    }
    /// What stands behind the colon.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl FromStr for NetworkAddress {
    type Err = BadAddress;
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let expected = "h323:, isdn:, atm: or gateway: and an address of that network";
        let refused = || bad(expected, text);
        let (scheme, address) = text.split_once(':').ok_or_else(refused)?;
        let mode: Mode = scheme.to_ascii_lowercase().parse().map_err(|_| refused())?;
        let all = |allowed: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || allowed.contains(c);
            !address.is_empty() && address.chars().all(fits)
        };
        let digits = address.strip_prefix('+').unwrap_or(address);
        let is_number =
            (3..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let fits = match mode {
            // ITU-T H.323 Annex O has user@host beside aliases and dialled digits.
            Mode::H323 => all("._~+-@:#*"),
            Mode::Isdn => is_number,
            // A number, or an ATM end system address (ISO 8348) of 20 octets.
            Mode::Atm => {
                is_number || (address.len() == 40 && address.bytes().all(|b| b.is_ascii_hexdigit()))
            }
            Mode::Gateway => all("._+-@#*"),
            Mode::Pstn | Mode::Mobile | Mode::Sip | Mode::Computer => false,
        };
        if !fits || address.len() > NETWORK_ADDRESS_MAX {
            return Err(refused());
        }
        Ok(Self {
            mode,
            address: address.to_owned(),
        })
    }
}
impl TryFrom<String> for NetworkAddress {
    type Error = BadAddress;
    fn try_from(text: String) -> Result<Self, BadAddress> {
        text.parse()
    }
}
impl From<NetworkAddress> for String {
    fn from(address: NetworkAddress) -> String {
        address.to_string()
    }
}
impl fmt::Display for NetworkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.mode, self.address)
    }
}

/// Something that can be called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// A telephone number, routed to a trunk by the dial plan.
    Number(E164),
    /// A SIP URI, called directly.
    Sip(String),
    /// The person's own clients: they call the conference, nobody calls them. Everybody has this one address, so it tells
    /// nobody from another.
    Client,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Number(number) => number.fmt(f),
            Address::Sip(uri) => f.write_str(uri),
            Address::Client => f.write_str("client"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_separators_and_keep_their_plus() {
        assert_eq!(
            "+1 (555) 010-7".parse::<E164>().unwrap().as_str(),
            "+15550107"
        );
        for refused in [
            "15550107",
            "+",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+1555o107",
        ] {
            assert!(refused.parse::<E164>().is_err(), "{refused}");
        }
    }

    #[test]
    fn addresses_of_other_networks_fit_theirs() {
        for taken in [
            "h323:room@video.example",
            "h323:4711",
            "isdn:+493012345678",
            "atm:47000580ffde0000000000010203040506070800",
            "atm:+493012345678",
            "gateway:27*4711#",
        ] {
            assert_eq!(taken.parse::<NetworkAddress>().unwrap().to_string(), taken);
        }
        assert_eq!(
            "ISDN:123".parse::<NetworkAddress>().unwrap().mode(),
            Mode::Isdn
        );
        for refused in [
            "isdn:",
            "isdn:12",
            "isdn:+49 30",
            "isdn:room",
            "atm:47",
            "atm:zz",
            "h323:a b",
            "h323:<x>",
            "gateway:\"",
            "sip:a@b",
            "pstn:+4930",
            "4711",
        ] {
            assert!(refused.parse::<NetworkAddress>().is_err(), "{refused}");
        }
        assert!(
            format!("h323:{}", "x".repeat(129))
                .parse::<NetworkAddress>()
                .is_err()
        );
        for mode in Mode::ALL {
            assert_eq!(mode.as_str().parse::<Mode>().unwrap(), mode);
        }
    }

    #[test]
    fn an_address_of_record_needs_both_halves() {
        assert_eq!(
            "sip:alice@Example.ORG".parse::<Aor>().unwrap().to_string(),
            "alice@example.org"
        );
        for refused in ["alice", "@x", "alice@", "al ice@x", "alice@x>y"] {
            assert!(refused.parse::<Aor>().is_err(), "{refused}");
        }
    }
}
