//! The body by which people are invited (`docs/messages.md`, `urn:convoke:invitation:1`), and who is to be sent one when.

use std::fmt::Write as _;

use convoke_types::address::conference_uri;
use convoke_types::{Aor, ConferenceId, LegState, Mode};

use crate::names;
use crate::text::{clean_name, clean_words};
use crate::time::UtcMillis;

/// Its Content-Type.
pub const CONTENT_TYPE: &str = "application/vnd.convoke.invitation+xml";
/// How long an invitation may be answered, in seconds: as long as a telephone rings.
pub const LIFE_S: u32 = 45;
/// Most names of people who are in; the schema's limit.
const INSIDE_MAX: usize = 50;
const NS: &str = "urn:convoke:invitation:1";

/// What an invitation says.
#[derive(Debug, Clone, Copy)]
pub struct Invitation<'a> {
    /// Its own id; an answer names it.
    pub id: &'a str,
    /// Into which conference.
    pub conference: &'a ConferenceId,
    /// The conference's domain.
    pub domain: &'a str,
    /// The conference's title.
    pub title: &'a str,
    /// Their telephone rings as well.
    pub rings: bool,
    /// Until when it may be answered.
    pub expires: UtcMillis,
    /// Who invites, and by which name.
    pub from: (&'a Aor, &'a str),
    /// The names of those who are in.
    pub inside: &'a [&'a str],
    /// To a video conference: the reader's way in.
    pub way: Option<WayIn<'a>>,
}

/// By which way somebody takes part in a video conference.
#[derive(Debug, Clone, Copy)]
pub struct WayIn<'a> {
    /// The communication mode.
    pub mode: Mode,
    /// The page by which a browser joins.
    pub link: Option<&'a str>,
    /// The same for people.
    pub words: &'a str,
}

impl Invitation<'_> {
    /// The body.
    pub fn write(&self) -> String {
        let kind = if self.rings { "call" } else { "invite" };
        let (user, name) = self.from;
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<invitation xmlns=\"{NS}\" id=\"{}\" conference=\"{}\" uri=\"{}\" \
             title=\"{}\" kind=\"{kind}\" expires=\"{}\">\n <from user=\"{}\" name=\"{}\"/>\n",
            escaped(self.id),
            self.conference,
            escaped(&conference_uri(self.conference, self.domain)),
            escaped(&clean_name(self.title)),
            self.expires,
            escaped(&user.to_string()),
            escaped(&clean_name(name)),
        );
        for name in self.inside.iter().take(INSIDE_MAX) {
            let _ = writeln!(out, " <in name=\"{}\"/>", escaped(&clean_name(name)));
        }
        if let Some(WayIn { mode, link, words }) = self.way {
            let _ = write!(
                out,
                " <v:way xmlns:v=\"{}\" mode=\"{mode}\"",
                names::VIDEO_NS
            );
            if let Some(link) = link {
                let _ = write!(out, " link=\"{}\"", escaped(link));
            }
            let _ = writeln!(out, ">{}</v:way>", escaped(&clean_words(words)));
        }
        out.push_str("</invitation>\n");
        out
    }
}

/// Text as it stands in an element or an attribute; what XML 1.0 may not hold becomes a space.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// Those of one conference who are to be invited when they are called.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    people: Vec<Aor>,
}

impl Expected {
    /// This person is going to be called.
    pub fn expect(&mut self, user: Aor) {
        if !self.people.contains(&user) {
            self.people.push(user);
        }
    }

    /// Takes the state of somebody's leg: true when they are to be invited now, once. Who is in before that needs no invitation.
    pub fn see(&mut self, user: &Aor, state: LegState) -> bool {
        let called = matches!(state, LegState::Dialling | LegState::Ringing);
        let inside = matches!(state, LegState::Joined | LegState::Held);
        let Some(at) = self.people.iter().position(|one| one == user) else {
            return false;
        };
        if called || inside {
            self.people.swap_remove(at);
        }
        called
    }

    /// Whether nobody is left to be invited.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_written_as_documented() {
        let conference: ConferenceId = "9c51e0b2d7a84f36".parse().unwrap();
        let alice: Aor = "alice@example.org".parse().unwrap();
        let mut invitation = Invitation {
            id: "i1",
            conference: &conference,
            domain: "example.org",
            title: "Q&A",
            rings: true,
            expires: UtcMillis(1_795_774_545_000),
            from: (&alice, "Alice \"A\" Martin"),
            inside: &["Alice Martin", "<Bob>"],
            way: None,
        };
        assert_eq!(
            invitation.write(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<invitation xmlns=\"urn:convoke:invitation:1\" id=\"i1\" \
             conference=\"9c51e0b2d7a84f36\" uri=\"sip:conf-9c51e0b2d7a84f36@example.org\" title=\"Q&amp;A\" kind=\"call\" \
             expires=\"2026-11-27T10:15:45.000Z\">\n <from user=\"alice@example.org\" name=\"Alice &quot;A&quot; Martin\"/>\n \
             <in name=\"Alice Martin\"/>\n <in name=\"&lt;Bob&gt;\"/>\n</invitation>\n"
        );
        invitation.way = Some(WayIn {
            mode: Mode::Computer,
            link: Some("https://x/?a&b"),
            words: "Join",
        });
        assert!(invitation.write().ends_with(
            " <v:way xmlns:v=\"urn:convoke:video:1\" mode=\"computer\" link=\"https://x/?a&amp;b\">Join</v:way>\n</invitation>\n"
        ));
    }

    #[test]
    fn everybody_is_invited_once_and_when_they_are_called() {
        let aor = |user: &str| Aor::new(user, "example.org").unwrap();
        let mut expected = Expected::default();
        for user in ["bob", "carol", "bob"] {
            expected.expect(aor(user));
        }
        assert!(!expected.see(&aor("bob"), LegState::Queued));
        assert!(!expected.see(&aor("alice"), LegState::Ringing));
        assert!(expected.see(&aor("bob"), LegState::Dialling));
        assert!(!expected.see(&aor("bob"), LegState::Ringing));
        // Carol came in by herself.
        assert!(!expected.see(&aor("carol"), LegState::Joined));
        assert!(expected.is_empty());
    }
}
