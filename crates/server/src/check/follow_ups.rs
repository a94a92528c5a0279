//! Findings that are there only because a value could not be read: its default was judged in its place.

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
    ("im.connections_max", &["trunk.lines"]),
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
    (
        "media.port_max",
        &["media.port_min", "media_bridge.url", "trunk.lines"],
    ),
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

/// Whether a finding about `key` may only follow from what `draft` could not read.
pub(super) fn follows(key: &str, draft: &Draft) -> bool {
    let (key, any) = (key, without_labels(key));
    let looked_at = LOOKED_AT.iter().filter(|(of, _)| *of == any);
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
