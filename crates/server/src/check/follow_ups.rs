//! Findings that are there only because a value could not be read: its default was judged in its place.

use super::{Finding, Severity};
use crate::config::Draft;

/// What is looked at for a finding besides its own key.
const LOOKED_AT: &[(&str, &[&str])] = &[
    (
        "im.tcp",
        &[
            "im.udp",
            "im.tls",
            "im.conferences",
            "gateway.im_server",
            "conference.im_server",
            "server.roles",
        ],
    ),
    ("im.tls", &["im.tcp"]),
    ("im.tls_certificate", &["im.tls_key"]),
    ("im.conferences", &["gateway.user"]),
    (
        "im.modes",
        &["gateway.user", "im.conferences", "server.roles"],
    ),
    (
        "allocator.user",
        &["gateway.user", "im.conferences", "im.modes"],
    ),
    ("gateway.im_server", &["server.roles"]),
    ("gateway.conference_url", &["server.roles"]),
    ("gateway.password", &["gateway.im_server"]),
    ("gateway.listen", &["gateway.im_server"]),
    ("allocator.im_server", &["server.roles"]),
    ("allocator.password", &["allocator.im_server"]),
    ("allocator.listen", &["allocator.im_server"]),
    ("conference.im_password", &["conference.im_server"]),
    ("conference.im_listen", &["conference.im_server"]),
    ("gateway_route.template", &["trunk.sip_domains"]),
    ("http.proxies", &["http.url", "http.tls"]),
    ("http.listen", &["im.tcp", "im.tls", "sip.tcp"]),
    ("http.tls", &["im.tcp", "im.tls", "sip.tcp", "http.listen"]),
    ("media.port_max", &["media.port_min", "media_bridge.url"]),
    (
        "media.bind",
        &[
            "media_bridge.url",
            "server.roles",
            "trunk.server",
            "trunk.sip_domains",
        ],
    ),
    ("media.advertised", &["media.bind", "server.roles"]),
    ("sip.udp", &["im.udp", "trunk.server", "trunk.transport"]),
    ("sip.tcp", &["im.tcp", "im.tls"]),
    ("trunk.username", &["trunk.password"]),
    ("trunk.password", &["trunk.username"]),
    ("janus.rtp", &["media.bind"]),
    (
        "janus.listen",
        &["im.tcp", "im.tls", "sip.tcp", "http.listen", "http.tls"],
    ),
    ("video_server.url", &["server.roles"]),
];

/// What is looked at for a warning besides that: whether there is room for all lines.
const LOOKED_AT_FOR_WARNINGS: &[(&str, &[&str])] = &[
    ("im.connections_max", &["trunk.lines"]),
    ("media.port_max", &["trunk.lines"]),
];

/// Whether a finding may only follow from what `draft` could not read.
pub(super) fn follows(finding: &Finding, draft: &Draft) -> bool {
    let key = finding.key.as_str();
    let any = without_labels(key);
    let for_warnings: &[(&str, &[&str])] = match finding.severity {
        Severity::Warning => LOOKED_AT_FOR_WARNINGS,
        Severity::Note | Severity::Error => &[],
    };
    let looked_at = LOOKED_AT.iter().chain(for_warnings);
    let looked_at = looked_at.filter(|(of, _)| *of == any);
    let looked_at: Vec<&str> = looked_at.flat_map(|(_, others)| *others).copied().collect();
    draft.lost.iter().any(|lost| {
        let lost_any = without_labels(lost);
        touch(lost, key)
            || (*lost == lost_any && touch(lost, &any))
            || looked_at.iter().any(|other| touch(&lost_any, other))
    })
}

/// Whether one of two keys is the other, or the section that it stands in.
fn touch(one: &str, other: &str) -> bool {
    let holds = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    holds(one, other) || holds(other, one)
}

/// `trunk.server` of `trunk[carrier].server`.
fn without_labels(key: &str) -> String {
    match (key.find('['), key.rfind(']')) {
        (Some(from), Some(to)) => [key.get(..from), key.get(to + 1..)]
            .into_iter()
            .flatten()
            .collect(),
        _ => key.to_owned(),
    }
}
