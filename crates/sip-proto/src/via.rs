//! Via: the road that a request took and its responses go back (RFC 3261 §20.42, RFC 3581).

use crate::error::{ErrorKind, ParseError, Result};
use crate::flow::Transport;
use crate::name::HeaderName;
use crate::text::{Params, Span, Text, is_lws, is_token, trim};
use crate::uri::{host_and_port, ip_of, ipv6_of};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One Via value, kept byte for byte; cloning shares the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    text: Text,
    transport: Span,
    host: Span,
    port: Option<u16>,
    params: Span,
}

impl Via {
    /// Reads one value; white space around `/` and `:` is allowed, as the grammar has it.
    pub fn parse(text: impl Into<Text>) -> Result<Via> {
        let text: Text = text.into();
        let fault = |expected| {
            ParseError::new(
                ErrorKind::Header(HeaderName::Via),
                expected,
                text.as_bytes(),
            )
        };
        let whole = trim(&text);
        let (name, rest) = whole
            .split_once('/')
            .ok_or_else(|| fault("SIP/2.0/transport host"))?;
        let (version, rest) = rest
            .split_once('/')
            .ok_or_else(|| fault("SIP/2.0/transport host"))?;
        if !trim(name).eq_ignore_ascii_case("SIP") || trim(version) != "2.0" {
            return Err(fault("SIP/2.0"));
        }
        let (transport, rest) = trim(rest)
            .split_once(is_lws)
            .ok_or_else(|| fault("white space behind the transport"))?;
        if !is_token(transport.as_bytes()) {
            return Err(fault("a transport"));
        }
        let (sent_by, params) = match rest.find(';') {
            Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
            None => (rest, rest.get(rest.len()..).unwrap_or_default()),
        };
        let (host, port) =
            host_and_port(sent_by).ok_or_else(|| fault("a host and perhaps a port"))?;
        if Params::of(params).fault().is_some() {
            return Err(fault("well-formed parameters"));
        }
        let span = |part: &str| Span::within(&text, part);
        Ok(Via {
            transport: span(transport),
            host: span(host),
            port,
            params: span(params),
            text: text.clone(),
        })
    }

    /// A Via of our own: `SIP/2.0/transport sent-by;branch=…`, with `rport` to ask for the port (RFC 3581 §3).
    ///
    /// `sent_by` is a host with an optional port; the transport is written in capitals. Fails when either cannot stand there.
    pub fn new(transport: &str, sent_by: &str, branch: &str, rport: bool) -> Result<Via> {
        let rport = if rport { ";rport" } else { "" };
        Via::parse(format!(
            "SIP/2.0/{} {sent_by};branch={branch}{rport}",
            transport.to_ascii_uppercase()
        ))
    }

    /// The value as it was written.
    pub fn as_str(&self) -> &str {
        trim(&self.text)
    }

    /// The transport as written, such as `UDP`, `TCP`, `TLS`; compare it without regard to case.
    pub fn transport(&self) -> &str {
        self.text.at(self.transport)
    }

    /// The host of sent-by: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.text.at(self.host)
    }

    /// The host as an address; `None` when it is a name.
    pub fn host_ip(&self) -> Option<IpAddr> {
        ip_of(self.host())
    }

    /// The port of sent-by, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port of sent-by, or the transport's own, 5060 for those that we do not speak (RFC 3261 §18.2.2, RFC 7118 §5.2.4).
    pub fn port_or_default(&self) -> u16 {
        let transport = self.transport().parse::<Transport>();
        let own = transport.map_or(5060, Transport::default_port);
        self.port.unwrap_or(own)
    }

    /// Sent-by in one form for comparing: host in lower case, `:` and the port when written.
    pub fn sent_by(&self) -> String {
        let host = self.host().to_ascii_lowercase();
        self.port
            .map_or(host.clone(), |port| format!("{host}:{port}"))
    }

    /// The parameters, in order.
    pub fn params(&self) -> Params<'_> {
        Params::of(self.text.at(self.params))
    }

    /// A parameter as written; `""` for a flag.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params().value_of(name)
    }

    /// The branch; a client of RFC 2543 sends none.
    pub fn branch(&self) -> Option<&str> {
        self.param("branch").filter(|branch| !branch.is_empty())
    }

    /// Where the request came from, as its receiver saw it; IPv6 with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.param("received")?;
        ip_of(text).or_else(|| ipv6_of(text).map(IpAddr::V6))
    }

    /// `None`: no `rport`; `Some(None)`: asked for; `Some(Some(port))`: filled in (RFC 3581).
    pub fn rport(&self) -> Option<Option<u16>> {
        self.param("rport").map(|port| port.parse().ok())
    }

    /// The value as the receiver of a request has to keep it: `received` when sent-by is not the address that it came from, or
    /// `rport` was asked for, and `rport` filled in when asked for (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn stamped(&self, source: SocketAddr) -> Via {
        let source_ip = source.ip().to_canonical();
        let asked = self.rport().is_some();
        let mut out = String::from(
            self.text
                .at(Span::new(0, self.params.start()))
                .trim_end_matches(is_lws),
        );
        for (name, value) in self.params() {
            // What the sender wrote there itself counts for nothing.
            if name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport") {
                continue;
            }
            out.push(';');
            out.push_str(name);
            if let Some(value) = value {
                out.push('=');
                out.push_str(value);
            }
        }
        if asked || self.host_ip() != Some(source_ip) {
            out.push_str(&format!(";received={source_ip}"));
        }
        if asked {
            out.push_str(&format!(";rport={}", source.port()));
        }
        Via::parse(out).unwrap_or_else(|_| self.clone())
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_may_stand_where_the_grammar_has_it() {
        let via = Via::parse("SIP  /   2.0  /UDP     192.0.2.2 : 5070 ;branch=390skdjuw ; rport")
            .unwrap();
        assert_eq!(
            (via.transport(), via.host(), via.port()),
            ("UDP", "192.0.2.2", Some(5070))
        );
        assert_eq!((via.branch(), via.rport()), (Some("390skdjuw"), Some(None)));
    }

    #[test]
    fn received_is_read_with_and_without_brackets() {
        for text in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let via = Via::parse(format!(
                "SIP/2.0/UDP [2001:db8::9:1];received={text};branch=z9hG4bKas3-111"
            ))
            .unwrap();
            assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        }
    }

    #[test]
    fn faults_are_found() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/7.0/UDP h",
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/ h",
        ] {
            assert!(Via::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn stamping_tells_where_it_came_from() {
        let stamp = |via: &str, from: &str| {
            Via::parse(via)
                .unwrap()
                .stamped(from.parse().unwrap())
                .to_string()
        };
        assert_eq!(
            stamp(
                "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKx",
                "192.0.2.1:9988"
            ),
            "SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bKx;received=192.0.2.1;rport=9988"
        );
        assert_eq!(
            stamp("SIP/2.0/TCP 192.0.2.1;branch=x", "192.0.2.1:1"),
            "SIP/2.0/TCP 192.0.2.1;branch=x"
        );
        assert_eq!(
            stamp("SIP/2.0/TCP h;branch=x", "[::1]:1"),
            "SIP/2.0/TCP h;branch=x;received=::1"
        );
    }
}
