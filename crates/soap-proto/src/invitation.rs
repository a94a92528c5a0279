//! The body by which people are invited (`docs/messages.md`, `urn:convoke:invitation:1`), and who is to be sent one when.

use std::collections::HashMap;
use std::fmt::Write as _;

use convoke_types::address::conference_uri;
use convoke_types::report::{Change, Report};
use convoke_types::xml::escaped;
use convoke_types::{Aor, CommandId, ConferenceId, LegState, Mode, ParticipantId};

use crate::model::{BROWSER, Snapshot};
use crate::names;
use crate::text::{clean_name, clean_words};
use crate::time::UtcMillis;

/// Its Content-Type.
pub const CONTENT_TYPE: &str = "application/vnd.convoke.invitation+xml";
/// How long an invitation may be answered, in seconds: as long as a telephone rings by default.
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

/// The body by which somebody who is called at `place` is invited by `by` into a conference as it is `now`. `id`: its own; `domain`: the
/// conference's.
pub fn to_call(
    (id, place): (&str, &str),
    by: &Aor,
    (conference, domain): (&Snapshot, &str),
    now: UtcMillis,
) -> String {
    let people = conference.participants.iter();
    let inside: Vec<&str> = people
        .clone()
        .filter(|one| one.leg.as_ref().is_some_and(|leg| leg.state.is_in()))
        .map(|one| one.name.as_str())
        .collect();
    let mut inviter = people.filter(|one| one.user.as_ref() == Some(by));
    let invitation = Invitation {
        id,
        conference: &conference.id,
        domain,
        title: &conference.title,
        rings: place != BROWSER,
        expires: UtcMillis(now.0.saturating_add(u64::from(LIFE_S) * 1_000)),
        from: (by, inviter.next().map_or("", |one| one.name.as_str())),
        inside: &inside,
        way: None,
    };
    invitation.write()
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

/// Those of one conference who are to be invited when they are called, each by the command that calls them. `T`: what is to be known then.
#[derive(Debug, Clone)]
pub struct Expected<T> {
    people: HashMap<ParticipantId, (CommandId, T)>,
}

impl<T> Default for Expected<T> {
    fn default() -> Self {
        Self {
            people: HashMap::new(),
        }
    }
}

impl<T> Expected<T> {
    /// This command is going to call somebody; it counts instead of one before.
    pub fn expect(&mut self, participant: ParticipantId, command: CommandId, known: T) {
        self.people.insert(participant, (command, known));
    }

    /// Takes a report: something when its participant is to be invited now, once. A leg keeps its command over all trunks that are tried; one
    /// of another command, or of none, is somebody else's call, or they come in by themselves.
    pub fn see(&mut self, report: &Report) -> Option<T> {
        let whom = &report.participant.as_ref()?.id;
        let (command, _) = self.people.get(whom)?;
        let is_theirs = report.command.as_ref() == Some(command);
        match report.change {
            Change::Leg { moving: true, .. } => None,
            Change::Leg { state, .. } if is_theirs => self.look(whom, state),
            Change::Leg { .. } | Change::Removed => {
                self.people.remove(whom);
                None
            }
            _ => None,
        }
    }

    /// The same from where a leg of the command is now.
    pub fn look(&mut self, participant: &ParticipantId, state: LegState) -> Option<T> {
        let called = matches!(state, LegState::Dialling | LegState::Ringing);
        let inside = state.is_in();
        if !called && !inside {
            return None;
        }
        let (_, known) = self.people.remove(participant)?;
        called.then_some(known)
    }

    /// Whether nobody is left to be invited.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use convoke_types::Role;
    use convoke_types::report::ParticipantRef;

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

    /// A state of bob's leg by a command, if by one.
    fn leg(command: Option<&str>, state: LegState) -> Report {
        Report {
            conference: "c1".parse().unwrap(),
            version: 1,
            participant: Some(ParticipantRef {
                id: "p2".parse().unwrap(),
                name: "Bob".to_owned(),
                user: Some("bob@example.org".to_owned()),
                place: "mobile".to_owned(),
                role: Role::Participant,
            }),
            change: Change::Leg {
                leg: "l2".parse().unwrap(),
                state,
                cause: None,
                moving: false,
            },
            command: command.map(|id| id.parse().unwrap()),
        }
    }

    fn expected() -> Expected<&'static str> {
        let mut expected = Expected::default();
        expected.expect("p2".parse().unwrap(), "add".parse().unwrap(), "alice");
        expected
    }

    #[test]
    fn everybody_is_invited_once_and_when_they_are_called() {
        let mut bob = expected();
        // The first trunk fails before anything rings.
        for state in [LegState::Queued, LegState::Failed, LegState::Queued] {
            assert_eq!(bob.see(&leg(Some("add"), state)), None);
        }
        assert_eq!(
            bob.see(&leg(Some("add"), LegState::Dialling)),
            Some("alice")
        );
        assert_eq!(bob.see(&leg(Some("add"), LegState::Ringing)), None);
        assert!(bob.is_empty());
        let mut bob = expected();
        assert_eq!(bob.look(&"p2".parse().unwrap(), LegState::Busy), None);
        let rings = bob.look(&"p2".parse().unwrap(), LegState::Ringing);
        assert_eq!(rings, Some("alice"));
    }

    #[test]
    fn nobody_is_invited_to_what_somebody_else_or_they_themselves_began() {
        // No line was free; later somebody else calls him again.
        let mut bob = expected();
        for (command, state) in [
            ("add", LegState::Queued),
            ("add", LegState::Failed),
            ("redial", LegState::Queued),
            ("redial", LegState::Dialling),
        ] {
            assert_eq!(bob.see(&leg(Some(command), state)), None);
        }
        assert!(bob.is_empty());
        // He comes in while he waits to be called.
        let mut bob = expected();
        assert_eq!(bob.see(&leg(Some("add"), LegState::Left)), None);
        assert_eq!(bob.see(&leg(None, LegState::Dialling)), None);
        assert!(bob.is_empty());
        // He was quicker.
        let mut bob = expected();
        assert_eq!(bob.see(&leg(Some("add"), LegState::Joined)), None);
        assert!(bob.is_empty());
    }
}
