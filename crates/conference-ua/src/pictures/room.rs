//! Conferences with pictures: what is known of each, which video server has it, and who is let in there.

use std::collections::BTreeSet;

use conference_core::{RosterEntry, Snapshot};
use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::video::VideoGuest;
use convoke_types::{Aor, LegState, ParticipantId};
use sip_proto::call::CallKey;

/// A video server.
#[derive(Debug, Default)]
pub(super) struct Server {
    name: String,
    /// What it said of itself last; `None`: it is away.
    up: Option<Announcement>,
}

impl Server {
    /// One that is away still.
    pub(super) fn called(name: String) -> Self {
        Self { name, up: None }
    }

    /// What it says of itself; false when nothing can be asked of it (any more).
    pub(super) fn announce(&mut self, said: &Announcement) -> bool {
        let serves = said.ready && said.features.contains(&Feature::Video);
        self.up = serves.then(|| said.clone());
        serves
    }

    pub(super) fn lose(&mut self) {
        self.up = None;
    }

    /// Legs that it could still carry; `None`: it is away.
    fn room(&self) -> Option<u32> {
        let up = self.up.as_ref()?;
        Some(up.capacity.saturating_sub(up.legs))
    }
}

/// The server that was chosen for the conference when it was asked for, while it is there: what room it has is promised to this conference
/// already. Or else the one with the most room.
///
/// # Errors
/// In words.
pub(super) fn place(servers: &[Server], chosen: Option<&str>) -> Result<usize, &'static str> {
    let is_chosen =
        |server: &Server| chosen == Some(server.name.as_str()) && server.room().is_some();
    if let Some(at) = servers.iter().position(is_chosen) {
        return Ok(at);
    }
    let up = servers.iter().enumerate();
    let up = up.filter_map(|(at, server)| Some((server.room()?, at)));
    // Of equals the first.
    let best = up.max_by_key(|(room, at)| (*room, std::cmp::Reverse(*at)));
    match best {
        None => Err("The video server is away"),
        Some((0, _)) => Err("The video server is full"),
        Some((_, at)) => Ok(at),
    }
}

/// How far a conference is on its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Readiness {
    /// Nothing is asked of any.
    #[default]
    Nowhere,
    /// This server was asked to make it ready.
    Asked(usize),
    /// It is ready there.
    Ready(usize),
}

impl Readiness {
    pub(super) fn server(self) -> Option<usize> {
        match self {
            Readiness::Nowhere => None,
            Readiness::Asked(server) | Readiness::Ready(server) => Some(server),
        }
    }
}

/// A conference that somebody shows or wants to see pictures in.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// What it is like, once that is known.
    pub now: Option<Snapshot>,
    pub readiness: Readiness,
    /// Whom its server was told of.
    pub guests: Vec<VideoGuest>,
    pub calls: BTreeSet<CallKey>,
}

/// Where somebody stands in a conference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Their sound is in.
    In(ParticipantId),
    /// On the way in.
    Coming,
    /// Not there, or gone.
    Out,
}

impl Room {
    pub(super) fn standing(&self, user: &Aor) -> Standing {
        let user = user.to_string();
        let theirs = |entry: &&RosterEntry| entry.participant.user.as_deref() == Some(&*user);
        let roster = self.now.iter().flat_map(|now| &now.roster);
        let mut best = Standing::Out;
        for entry in roster.filter(theirs) {
            if matches!(entry.leg.state, LegState::Joined | LegState::Held) {
                return Standing::In(entry.participant.id.clone());
            }
            if !entry.leg.state.is_end() {
                best = Standing::Coming;
            }
        }
        best
    }

    /// Whether this participant is there still, or changes their place.
    pub(super) fn has(&self, participant: &ParticipantId) -> bool {
        let mut roster = self.now.iter().flat_map(|now| &now.roster);
        roster.any(|entry| entry.participant.id == *participant && !entry.leg.state.is_end())
    }

    /// Everybody on the roster: who has an account can show and see, by whatever way their sound goes.
    pub(super) fn guests_now(&self) -> Vec<VideoGuest> {
        let guest = |entry: &RosterEntry| {
            let account = entry.participant.user.is_some();
            VideoGuest {
                participant: entry.participant.id.clone(),
                name: entry.participant.name.clone(),
                mode: entry.leg.mode,
                shows: account,
                sees: account,
            }
        };
        let roster = self.now.iter().flat_map(|now| &now.roster);
        roster.map(guest).collect()
    }

    pub(super) fn title(&self) -> String {
        let now = self.now.as_ref();
        now.map(|now| now.title.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str, capacity: u32) -> Server {
        let mut server = Server::called(name.to_owned());
        server.announce(&Announcement {
            product: "Test 1".to_owned(),
            features: vec![Feature::Video],
            capacity,
            legs: 0,
            ready: true,
        });
        server
    }

    #[test]
    fn the_server_that_was_chosen_before_has_the_conference_as_long_as_it_can() {
        let away = Server::called("away".to_owned());
        let servers = [
            server("small", 2),
            server("large", 9),
            server("full", 0),
            away,
        ];
        assert_eq!(place(&servers, None), Ok(1));
        assert_eq!(place(&servers, Some("small")), Ok(0));
        assert_eq!(place(&servers, Some("full")), Ok(2), "it is promised");
        for not_to_be_had in ["away", "unknown"] {
            assert_eq!(
                place(&servers, Some(not_to_be_had)),
                Ok(1),
                "{not_to_be_had}"
            );
        }
    }
}
