//! Invitations for commands that come from no IM client: the windows of those who are called ring as they do when somebody's own client calls
//! them. Whoever commands by instant message sends them with their own client (`docs/messages.md`).

use std::collections::HashMap;

use convoke_types::letter::Letter;
use convoke_types::report::{Change, Report};
use convoke_types::{Aor, CommandId, ConferenceId, ParticipantId};
use soap_proto::invitation::{self, Expected};
use soap_proto::{Snapshot, UtcMillis};

/// Conferences in which somebody waits to be invited; those beyond are called without.
const CONFERENCES_MAX: usize = 1_000;

/// Who is to be invited, by whom.
#[derive(Debug, Default)]
pub(crate) struct Inviting {
    conferences: HashMap<ConferenceId, Expected<Aor>>,
}

impl Inviting {
    /// A command by this person calls somebody, perhaps themselves.
    pub fn expect(
        &mut self,
        conference: &ConferenceId,
        (command, by): (&CommandId, &Aor),
        (participant, user): (&ParticipantId, &Aor),
    ) {
        if user == by {
            return;
        }
        let known = self.conferences.contains_key(conference);
        if !known && self.conferences.len() >= CONFERENCES_MAX {
            tracing::warn!(%conference, "too many wait to be invited");
            return;
        }
        let expected = self.conferences.entry(conference.clone()).or_default();
        expected.expect(participant.clone(), command.clone(), by.clone());
    }

    /// Takes a report; `now` is the conference with it, `id` names a new invitation.
    pub fn see(
        &mut self,
        report: &Report,
        now: impl FnOnce() -> Option<Snapshot>,
        domain: &str,
        (id, wall): (impl FnOnce() -> Option<String>, UtcMillis),
    ) -> Option<Letter> {
        if matches!(report.change, Change::Ended { .. }) {
            self.conferences.remove(&report.conference);
            return None;
        }
        let expected = self.conferences.get_mut(&report.conference)?;
        let by = expected.see(report);
        if expected.is_empty() {
            self.conferences.remove(&report.conference);
        }
        let whom = report.participant.as_ref()?;
        let user: Aor = whom.user.as_deref()?.parse().ok()?;
        let (by, now, id) = (by?, now()?, id()?);
        Some(Letter {
            to: user,
            content_type: invitation::CONTENT_TYPE,
            body: invitation::to_call((&id, &whom.place), &by, (&now, domain), wall),
            life_s: invitation::LIFE_S,
        })
    }
}

#[cfg(test)]
mod tests {
    use convoke_types::report::ParticipantRef;
    use convoke_types::{LegState, Role};
    use soap_proto::{BROWSER, ConferenceState, LegSnapshot, ParticipantSnapshot};

    use super::*;

    fn aor(user: &str) -> Aor {
        Aor::new(user, "example.org").unwrap()
    }

    fn conference() -> ConferenceId {
        "c1".parse().unwrap()
    }

    fn leg(user: &str, place: &str, state: LegState, moving: bool) -> Report {
        Report {
            conference: conference(),
            version: 1,
            participant: Some(ParticipantRef {
                id: format!("p-{user}").parse().unwrap(),
                name: user.to_owned(),
                user: Some(aor(user).to_string()),
                place: place.to_owned(),
                role: Role::Participant,
            }),
            change: Change::Leg {
                leg: "l2".parse().unwrap(),
                state,
                cause: None,
                moving,
            },
            command: Some("k1".parse().unwrap()),
        }
    }

    /// Alice, who is in.
    fn now() -> Snapshot {
        Snapshot {
            state: ConferenceState::Running,
            participants: vec![ParticipantSnapshot {
                id: "p1".parse().unwrap(),
                name: "Alice Martin".to_owned(),
                user: Some(aor("alice")),
                place: "work".to_owned(),
                role: Role::Owner,
                muted: false,
                muted_by: None,
                hidden: false,
                talking: false,
                silent: false,
                hand: None,
                hand_since: None,
                leg: Some(LegSnapshot {
                    id: "l1".parse().unwrap(),
                    state: LegState::Joined,
                    cause: None,
                    since: UtcMillis(0),
                }),
                moving: None,
            }],
            ..Snapshot::begin(conference(), "Budget".to_owned())
        }
    }

    fn expect(inviting: &mut Inviting, user: &str) {
        let by = (&"k1".parse().unwrap(), &aor("alice"));
        let whom = (&format!("p-{user}").parse().unwrap(), &aor(user));
        inviting.expect(&conference(), by, whom);
    }

    fn see(inviting: &mut Inviting, report: &Report) -> Option<Letter> {
        let id = || Some("invitation-1".to_owned());
        let at = UtcMillis(1_795_774_500_000);
        inviting.see(report, || Some(now()), "example.org", (id, at))
    }

    #[test]
    fn who_is_called_is_invited_once_and_by_whose_command_it_was() {
        let mut inviting = Inviting::default();
        for user in ["alice", "bob"] {
            expect(&mut inviting, user);
        }
        let queued = leg("bob", "mobile", LegState::Queued, false);
        assert_eq!(see(&mut inviting, &queued), None);
        let letter = see(
            &mut inviting,
            &leg("bob", "mobile", LegState::Ringing, false),
        )
        .unwrap();
        assert_eq!((letter.to, letter.life_s), (aor("bob"), 45));
        for words in [
            "id=\"invitation-1\"",
            "title=\"Budget\"",
            "kind=\"call\"",
            "expires=\"2026-11-27T10:15:45.000Z\"",
            "<from user=\"alice@example.org\" name=\"Alice Martin\"/>",
            "<in name=\"Alice Martin\"/>",
        ] {
            assert!(letter.body.contains(words), "{words}: {}", letter.body);
        }
        let again = leg("bob", "mobile", LegState::Ringing, false);
        assert_eq!(see(&mut inviting, &again), None);
        assert!(inviting.conferences.is_empty(), "nobody is left");
    }

    #[test]
    fn nobody_is_invited_to_where_they_are_or_after_the_end() {
        let mut inviting = Inviting::default();
        expect(&mut inviting, "bob");
        // They are in elsewhere, and call themselves at another place.
        let moving = leg("bob", "home", LegState::Ringing, true);
        assert_eq!(see(&mut inviting, &moving), None);
        let joined = leg("bob", "browser", LegState::Joined, false);
        assert_eq!(see(&mut inviting, &joined), None);
        assert!(inviting.conferences.is_empty());
        expect(&mut inviting, "carol");
        let at_browser = leg("carol", BROWSER, LegState::Ringing, false);
        let letter = see(&mut inviting, &at_browser).unwrap();
        assert!(letter.body.contains("kind=\"invite\""), "{}", letter.body);
        expect(&mut inviting, "dave");
        let ended = Report {
            participant: None,
            change: Change::Ended {
                cause: convoke_types::report::ConferenceEnd {
                    reason: convoke_types::report::ConferenceEndReason::Empty,
                    words: "everybody left".to_owned(),
                },
            },
            ..leg("dave", "home", LegState::Left, false)
        };
        assert_eq!(see(&mut inviting, &ended), None);
        assert!(inviting.conferences.is_empty());
    }
}
