//! What the boards of running conferences show of each telephone.

use std::sync::{Arc, OnceLock};

use api::{Accounts, ConferenceService};
use convoke_types::{Aor, E164, LegState};
use server::Server;

/// The conferences of the server, once it runs: its pages are made before it.
#[derive(Clone, Default)]
pub struct Boards(Arc<OnceLock<(ConferenceService, Accounts)>>);

impl Boards {
    /// From now on the boards of this server are shown.
    pub fn follow(&self, server: &Server) {
        if let Some(service) = server.conferences.clone() {
            // It is followed once; a second time changes nothing.
            let _ = self.0.set((service, server.accounts.clone()));
        }
    }

    /// What all boards show now.
    pub(super) async fn now(&self) -> Now {
        let Some((service, accounts)) = self.0.get() else {
            return Now::default();
        };
        let mut lines = Vec::new();
        for conference in service.running() {
            for participant in conference.participants {
                if let Some(moving) = &participant.moving {
                    let at = match &participant.user {
                        Some(user) => telephone(accounts, user, &moving.place).await,
                        None => None,
                    };
                    lines.push(Line {
                        at: at.or_else(|| Where::said(&moving.place)),
                        conference: conference.title.clone(),
                        word: word(moving.leg.state, false, false),
                        since: moving.leg.since.0,
                    });
                }
                let Some(leg) = participant.leg else { continue };
                let at = match &participant.user {
                    Some(user) => telephone(accounts, user, &participant.place).await,
                    None => None,
                };
                lines.push(Line {
                    at: at
                        .or_else(|| Where::said(&participant.place))
                        .or_else(|| Where::said(&participant.name)),
                    conference: conference.title.clone(),
                    word: word(leg.state, participant.muted, participant.hand.is_some()),
                    since: leg.since.0,
                });
            }
        }
        Now(lines)
    }
}

async fn telephone(accounts: &Accounts, user: &Aor, place: &str) -> Option<Where> {
    let telephones = accounts.telephones(user).await.ok()?;
    telephones
        .into_iter()
        .find(|telephone| telephone.label.eq_ignore_ascii_case(place))
        .map(|telephone| Where::Number(telephone.number))
}

/// The word that stands at a person, with the hand before everything else.
fn word(state: LegState, muted: bool, hand: bool) -> &'static str {
    match state {
        LegState::Joined if hand => "hand",
        LegState::Joined if muted => "muted",
        _ => state.as_str(),
    }
}

/// Everything that boards show.
#[derive(Default)]
pub(super) struct Now(Vec<Line>);

struct Line {
    at: Option<Where>,
    conference: String,
    word: &'static str,
    since: u64,
}

/// Which telephone somebody is called at.
enum Where {
    Number(String),
    /// Of others' numbers a conference tells the end alone, `…07`; no two telephones of the demo end alike.
    End(String),
}

impl Where {
    fn said(words: &str) -> Option<Self> {
        let (_, end) = words.rsplit_once('…')?;
        Some(Self::End(end.to_owned()))
    }

    fn is(&self, number: &E164) -> bool {
        match self {
            Where::Number(one) => one == number.as_str(),
            Where::End(end) => number.as_str().ends_with(end.as_str()),
        }
    }
}

impl Now {
    /// The title of the conference that has a telephone on its board, the newest first, and the word there.
    pub(super) fn of(&self, number: &E164) -> Option<(String, &'static str)> {
        let theirs = self.0.iter().filter(|line| {
            let at = line.at.as_ref();
            at.is_some_and(|at| at.is(number))
        });
        let newest = theirs.max_by_key(|line| line.since)?;
        Some((newest.conference.clone(), newest.word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: Option<Where>, conference: &str, word: &'static str, since: u64) -> Line {
        Line {
            at,
            conference: conference.to_owned(),
            word,
            since,
        }
    }

    #[test]
    fn a_telephone_is_found_by_its_number_or_the_end_of_it() {
        let now = Now(vec![
            line(
                Some(Where::Number("+15550102".to_owned())),
                "Old",
                "left",
                1,
            ),
            line(
                Some(Where::Number("+15550102".to_owned())),
                "New",
                "ringing",
                2,
            ),
            line(Where::said("Number …07"), "New", "joined", 3),
            line(Where::said("browser"), "New", "joined", 3),
        ]);
        let of = |number: &str| now.of(&number.parse().unwrap());
        assert_eq!(of("+15550102"), Some(("New".to_owned(), "ringing")));
        assert_eq!(of("+15550107"), Some(("New".to_owned(), "joined")));
        assert_eq!(of("+15550101"), None);
    }

    #[test]
    fn a_hand_is_shown_before_a_mute() {
        assert_eq!(word(LegState::Joined, true, true), "hand");
        assert_eq!(word(LegState::Joined, true, false), "muted");
        assert_eq!(word(LegState::Left, true, false), "left");
    }
}
