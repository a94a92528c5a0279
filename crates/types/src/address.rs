//! Where people are reached: addresses of record, telephone numbers, and the mode that tells how to get there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{E164_MAX_DIGITS, E164_MIN_DIGITS};

/// What the user part of a conference's SIP address begins with; that of no account does.
pub const CONFERENCE_USER: &str = "conf-";

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

/// How an address is reached (architecture, decision 14). `Pstn`, `Mobile` and `Sip` are dialled; with `Computer` the person's
/// own client calls in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
