//! Gateways to other networks: which SIP URI is dialled for an address of H.323, ISDN, ATM, or one that a gateway alone understands.

use convoke_types::{Mode, NetworkAddress};
use sip_proto::Uri;

/// Why a route cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoute {
    /// No gateway is needed for this mode, or it is none.
    #[error("expected the mode h323, isdn, atm or gateway, came {0:?}")]
    Mode(String),
    /// The template has a place for nothing, or does not become a SIP URI.
    #[error(
        "expected a SIP URI with {{number}}, {{address}}, {{user}} or {{host}} in it, came {0:?}"
    )]
    Template(String),
}

/// How a gateway wants to be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRoute {
    mode: Mode,
    prefix: String,
    template: String,
}

/// What a template may have places for.
const PLACES: [&str; 4] = ["{number}", "{address}", "{user}", "{host}"];

/// Longest dial string; what does not fit leads nowhere.
const DIALLED_MAX_BYTES: usize = 250;

impl GatewayRoute {
    /// A route for addresses of this mode that begin with this prefix (empty: all).
    ///
    /// # Errors
    /// When the mode needs no gateway, or the template makes no SIP URI.
    pub fn new(mode: &str, prefix: &str, template: &str) -> Result<Self, BadRoute> {
        let known: Option<Mode> = mode.parse().ok();
        let known = known.filter(|mode| mode.is_through_gateway());
        let route = Self {
            mode: known.ok_or_else(|| BadRoute::Mode(mode.to_owned()))?,
            prefix: prefix.to_owned(),
            template: template.to_owned(),
        };
        let has_place = PLACES.iter().any(|place| template.contains(place));
        // A name that fits every mode's places.
        let tried = has_place.then(|| route.fill("room@host.example")).flatten();
        match tried {
            Some(_) => Ok(route),
            None => Err(BadRoute::Template(template.to_owned())),
        }
    }

    fn fill(&self, address: &str) -> Option<String> {
        let (user, host) = address.split_once('@').unwrap_or((address, ""));
        let needs_host = self.template.contains("{host}");
        if needs_host && (host.is_empty() || !host.bytes().all(is_host)) {
            return None;
        }
        // "+49 30…" and "49 30…" are one number in a dial string.
        let number = address.strip_prefix('+').unwrap_or(address);
        let uri = self
            .template
            .replace("{number}", &escaped(number))
            .replace("{address}", &escaped(address))
            .replace("{user}", &escaped(user))
            .replace("{host}", host);
        let read = Uri::parse(uri.as_str()).ok()?;
        let good = read.is_sip() && read.user().is_some() && !uri.contains(['{', '}']);
        // As others are told of it, and no longer than they take it.
        let scheme = uri.starts_with("sip:") || uri.starts_with("sips:");
        (good && scheme && uri.len() <= DIALLED_MAX_BYTES).then_some(uri)
    }
}

/// The SIP URI by which a gateway is asked to call an address; `None` where no route fits.
pub fn dial_string(routes: &[GatewayRoute], address: &NetworkAddress) -> Option<String> {
    let fits = |route: &&GatewayRoute| {
        route.mode == address.mode() && address.address().starts_with(&route.prefix)
    };
    routes
        .iter()
        .filter(fits)
        .find_map(|route| route.fill(address.address()))
}

fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

/// RFC 3261 §25.1, `user`: what is neither unreserved nor one of the signs that stand for themselves is escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(mode: &str, prefix: &str, template: &str) -> GatewayRoute {
        GatewayRoute::new(mode, prefix, template).unwrap()
    }

    #[test]
    fn common_gateways_are_dialled_in_their_own_way() {
        let routes = [
            // One that takes the number as the user.
            route("isdn", "+49", "sip:{number}@isdn.example"),
            // One behind a prefix, for everywhere else.
            route("isdn", "", "sip:00{number}@isdn2.example;transport=tcp"),
            // H.323: one that wants the alias and the far gatekeeper apart, for addresses with a host …
            route("h323", "", "sip:{user}**{host}@h323.example"),
            // … and for bare aliases.
            route("h323", "", "sip:{address}@h323.example"),
            route("atm", "", "sip:{address}@atm.example"),
            route("gateway", "27", "sip:{address}@gw.example:5070"),
        ];
        for (address, expected) in [
            ("isdn:+493012345", Some("sip:493012345@isdn.example")),
            (
                "isdn:+43112345",
                Some("sip:0043112345@isdn2.example;transport=tcp"),
            ),
            (
                "h323:room@far.example",
                Some("sip:room**far.example@h323.example"),
            ),
            ("h323:4711#1", Some("sip:4711%231@h323.example")),
            (
                "atm:47000580ffde0000000000010203040506070800",
                Some("sip:47000580ffde0000000000010203040506070800@atm.example"),
            ),
            ("gateway:27*4711#", Some("sip:27*4711%23@gw.example:5070")),
            ("gateway:28*1", None),
            (&*format!("h323:{}", "#".repeat(100)), None),
        ] {
            let dialled = dial_string(&routes, &address.parse().unwrap());
            assert_eq!(dialled.as_deref(), expected, "{address}");
        }
    }

    /// Each row of the page: its route leads from its address to what it says.
    #[test]
    fn the_templates_of_the_page_dial_what_it_says() {
        let page = include_str!("../../../docs/video.md");
        let (_, after) = page.split_once("## How gateways are dialled").unwrap();
        let table = after.split("\n## ").next().unwrap();
        let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
        let mut modes = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            let [_, mode, prefix, template, address, dialled] = cells[..] else {
                panic!("{row}");
            };
            let routes = [route(mode, prefix, template)];
            let found = dial_string(&routes, &address.parse().unwrap());
            assert_eq!(found.as_deref(), Some(dialled), "{row}");
            modes.push(routes[0].mode);
        }
        for mode in [Mode::Isdn, Mode::H323, Mode::Atm, Mode::Gateway] {
            assert!(modes.contains(&mode), "{mode}");
        }
    }

    #[test]
    fn nothing_in_an_address_leads_elsewhere() {
        let routes = [
            route("h323", "", "sip:{user}@{host}"),
            route("gateway", "", "sip:{address}@gw.example"),
        ];
        for (address, expected) in [
            // A host must be one.
            ("h323:a@b@evil", None),
            ("h323:a@b:99", None),
            ("h323:a", None),
            (
                "gateway:a@evil.example",
                Some("sip:a%40evil.example@gw.example"),
            ),
        ] {
            let dialled = dial_string(&routes, &address.parse().unwrap());
            assert_eq!(dialled.as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_no_route() {
        for (mode, template) in [
            ("pstn", "sip:{number}@gw.example"),
            ("fax", "sip:{number}@gw.example"),
            ("isdn", "sip:gw.example"),
            ("isdn", "tel:{number}"),
            ("isdn", "{number}"),
            ("isdn", "sip:{numbr}{number}@x"),
        ] {
            assert!(
                GatewayRoute::new(mode, "", template).is_err(),
                "{mode} {template}"
            );
        }
    }
}
