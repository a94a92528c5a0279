//! Conferences with pictures: what is known of each, which video server has it, and who is let in there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use conference_core::{RosterEntry, Snapshot};
use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::video::VideoGuest;
use convoke_types::{Aor, ConferenceId, LegId, ParticipantId, VideoServerName};
use sip_proto::call::CallKey;

/// Conferences that a server may still have although it should not, at most; of further ones it is not told.
const LEFT_MAX: usize = 4096;

/// How long the video allocator may take to place a conference anew whose server is lost, before another server is chosen here. It takes
/// one question to another server and one command to the conference service; where that server does not answer, it waits 3 s for it.
const PLACED_ANEW_MAX: Duration = Duration::from_secs(2);

/// A video server.
#[derive(Debug, Default)]
pub(super) struct Server {
    name: String,
    /// What it said of itself last; `None`: it is away.
    up: Option<Announcement>,
    /// Since when it is away, where it was there before.
    lost: Option<Instant>,
    /// Until when others are asked first, since it has refused a conference or said nothing to it.
    unwilling: Option<Instant>,
    /// What it may still have although it should not. While it is there, it was asked to end these and has not answered yet: until then
    /// what it says of them is of no interest, and it is asked for none of them.
    left: BTreeSet<ConferenceId>,
}

impl Server {
    /// One that is away still.
    pub(super) fn called(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// What it says of itself; false when nothing can be asked of it (any more).
    pub(super) fn announce(&mut self, said: &Announcement) -> bool {
        let serves = said.ready && said.features.contains(&Feature::Video);
        if serves {
            self.up = Some(said.clone());
            self.lost = None;
        }
        serves
    }

    pub(super) fn lose(&mut self, at: Instant) {
        if self.up.take().is_some() {
            self.lost = Some(at);
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.is_some()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the one that was chosen for the conference when it was asked for, and so prepared by somebody else before.
    pub(super) fn is_chosen(&self, now: &Snapshot) -> bool {
        now.video.as_ref().map(VideoServerName::as_str) == Some(&*self.name)
    }

    /// Others are asked first until then.
    pub(super) fn avoid(&mut self, until: Option<Instant>) {
        self.unwilling = until;
    }

    /// It should not have this conference any more.
    pub(super) fn leave(&mut self, conference: &ConferenceId) {
        if self.left.len() < LEFT_MAX {
            self.left.insert(conference.clone());
        }
    }

    /// It does not have it any more; tells whether that was waited for.
    pub(super) fn rid(&mut self, conference: &ConferenceId) -> bool {
        self.left.remove(conference)
    }

    pub(super) fn left(&self) -> &BTreeSet<ConferenceId> {
        &self.left
    }

    /// Legs that it could still carry; `None`: it is away.
    fn room(&self) -> Option<u32> {
        let up = self.up.as_ref()?;
        Some(up.capacity.saturating_sub(up.legs))
    }
}

/// Why a conference is on no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Its server was lost just now, and who chose that one looks for another until then.
    Until(Instant),
    /// In words.
    Words(&'static str),
}

/// The server that was chosen for the conference by who asked for it, while it is there and willing: what room it has is promised to
/// this conference already. Or else the one with the most room of those that are willing, or else of all. Those that were tried for it
/// already are none of them.
///
/// # Errors
/// Why there is none now.
pub(super) fn place(
    servers: &[Server],
    conference: &ConferenceId,
    room: &Room,
    at: Instant,
) -> Result<usize, NoPlace> {
    let willing = |server: &Server| server.unwilling.is_none_or(|until| until <= at);
    let up = servers.iter().enumerate().filter(|(at, server)| {
        server.is_up() && !room.tried.contains(at) && !server.left.contains(conference)
    });
    let chosen = |server: &Server| room.now.as_ref().is_some_and(|now| server.is_chosen(now));
    let mut promised = up.clone();
    if let Some((at, _)) = promised.find(|(_, server)| chosen(server) && willing(server)) {
        return Ok(at);
    }
    let now = room.now.as_ref().filter(|now| !now.pictures_lost);
    let of_choice = |server: &&Server| now.is_some_and(|now| server.is_chosen(now));
    let lost = servers
        .iter()
        .find(of_choice)
        .and_then(|server| server.lost);
    let until = lost.and_then(|since| since.checked_add(PLACED_ANEW_MAX));
    if let Some(until) = until.filter(|until| at < *until && room.tried.is_empty()) {
        return Err(NoPlace::Until(until));
    }
    let free = up.filter_map(|(at, server)| Some((server.room()?, at, willing(server))));
    // Of equals the first.
    let best = free.max_by_key(|(free, at, willing)| {
        let first = *willing && *free > 0;
        (first, *free, std::cmp::Reverse(*at))
    });
    match best {
        None => Err(NoPlace::Words("The video server is away")),
        Some((0, ..)) => Err(NoPlace::Words("The video server is full")),
        Some((_, at, _)) => Ok(at),
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

/// A conference that somebody shows or wants to see pictures in, a video room among them.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// What it is like, once that is known.
    pub now: Option<Snapshot>,
    pub readiness: Readiness,
    /// Whom its server has promised to serve.
    pub guests: Vec<VideoGuest>,
    /// Whom it is asked to serve now, and the number of that question: one at a time. The answer to another is to one that nobody waits
    /// for any more.
    pub asked: Option<(u32, Vec<VideoGuest>)>,
    /// Whom it has refused to serve last: it is not asked for the same ones again before somebody calls.
    pub refused: Option<Vec<VideoGuest>>,
    /// Servers that have refused it, or said nothing to it, since the first of those who wait has called.
    pub tried: BTreeSet<usize>,
    pub calls: BTreeSet<CallKey>,
    /// Who talked last, as those were told who carry the pictures of video rooms.
    pub speaker: Option<ParticipantId>,
    /// The legs of the video rooms that are in.
    pub video_rooms: BTreeSet<LegId>,
    /// Those of them whose pictures a moderator hides, and whose they are, as was told.
    pub hidden: BTreeSet<(LegId, ParticipantId)>,
    /// The server at which these were told last that the pictures are.
    pub told: Option<VideoServerName>,
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
            if entry.leg.state.is_in() {
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

    /// Whether its server has promised to serve this participant.
    pub(super) fn serves(&self, participant: &ParticipantId) -> bool {
        let mut guests = self.guests.iter();
        guests.any(|guest| guest.participant == *participant)
    }

    /// Whether a moderator lets nobody see this participant's pictures.
    pub(super) fn hides(&self, participant: &ParticipantId) -> bool {
        let mut roster = self.now.iter().flat_map(|now| &now.roster);
        roster.any(|entry| entry.participant.id == *participant && entry.hidden)
    }

    /// Whether video rooms are in whose pictures are to follow the conference: without a server that was chosen they were called for sound.
    pub(super) fn has_video_rooms(&self) -> bool {
        let chosen = |now: &Snapshot| now.video.is_some();
        !self.video_rooms.is_empty() && self.now.as_ref().is_some_and(chosen)
    }

    /// It is on no server.
    pub(super) fn nowhere(&mut self) {
        self.readiness = Readiness::Nowhere;
        self.guests.clear();
        self.asked = None;
        self.refused = None;
    }

    /// Everybody who is in or on the way: who has an account can show and see, by whatever way their sound goes, and so can video rooms.
    pub(super) fn guests_now(&self) -> Vec<VideoGuest> {
        let guest = |entry: &RosterEntry| {
            let shows = entry.participant.user.is_some() || entry.leg.mode.may_be_room();
            VideoGuest {
                participant: entry.participant.id.clone(),
                name: entry.participant.name.clone(),
                mode: entry.leg.mode,
                shows,
                sees: shows,
            }
        };
        let roster = self.now.iter().flat_map(|now| &now.roster);
        let there = roster.filter(|entry| !entry.leg.state.is_end());
        there.map(guest).collect()
    }

    pub(super) fn title(&self) -> String {
        let now = self.now.as_ref();
        now.map(|now| now.title.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use conference_core::ConferenceState;
    use testkit::clock::epoch;

    use super::*;

    fn server(name: &str, capacity: u32) -> Server {
        let mut server = Server::called(name.to_owned());
        server.announce(&Announcement {
            product: "Test 1".to_owned(),
            features: vec![Feature::Video],
            capacity,
            legs: 0,
            ready: true,
            refusal: None,
            why: None,
        });
        server
    }

    fn room(video: Option<&str>) -> Room {
        let now = Snapshot {
            conference: "c1".parse().unwrap(),
            title: "Budget".to_owned(),
            state: ConferenceState::Running,
            version: 1,
            owner: "p1".parse().unwrap(),
            age_ms: 0,
            locked: false,
            pictures_lost: false,
            sound_moves: 0,
            absent: Vec::new(),
            video: video.map(|name| name.parse().unwrap()),
            roster: Vec::new(),
        };
        Room {
            now: Some(now),
            ..Room::default()
        }
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
        let (c1, now) = ("c1".parse().unwrap(), epoch());
        let of = |video| place(&servers, &c1, &room(video), now);
        assert_eq!(of(None), Ok(1));
        assert_eq!(of(Some("small")), Ok(0));
        assert_eq!(of(Some("full")), Ok(2), "it is promised");
        for not_to_be_had in ["away", "unknown"] {
            assert_eq!(of(Some(not_to_be_had)), Ok(1), "{not_to_be_had}");
        }
    }

    #[test]
    fn whose_server_is_lost_waits_a_moment_for_who_chose_it() {
        let mut servers = [server("one", 9), server("two", 9)];
        let (c1, now) = ("c1".parse().unwrap(), epoch());
        servers[0].lose(now);
        let until = now + PLACED_ANEW_MAX;
        let chosen = room(Some("one"));
        assert_eq!(
            place(&servers, &c1, &chosen, now),
            Err(NoPlace::Until(until))
        );
        assert_eq!(place(&servers, &c1, &chosen, until), Ok(1));
        // Nobody looks for another where nobody has chosen, or where they did in vain, or where that is said already.
        assert_eq!(place(&servers, &c1, &room(None), now), Ok(1));
        let mut lost = room(Some("one"));
        if let Some(now) = &mut lost.now {
            now.pictures_lost = true;
        }
        assert_eq!(place(&servers, &c1, &lost, now), Ok(1));
        assert_eq!(place(&servers, &c1, &room(Some("two")), now), Ok(1));
    }

    #[test]
    fn who_refuses_is_asked_after_the_others_for_a_while() {
        let mut servers = [server("large", 9), server("small", 2)];
        let (c1, now) = ("c1".parse().unwrap(), epoch());
        let later = now + Duration::from_secs(1);
        servers[0].avoid(Some(later));
        for video in [None, Some("large")] {
            assert_eq!(place(&servers, &c1, &room(video), now), Ok(1));
            assert_eq!(place(&servers, &c1, &room(video), later), Ok(0));
        }
        // It is better than none, but not for whom it has just refused, or while it is to give the same conference up.
        servers[1].lose(now);
        assert_eq!(place(&servers, &c1, &room(None), now), Ok(0));
        let mut refused = room(None);
        refused.tried.insert(0);
        assert!(place(&servers, &c1, &refused, now).is_err());
        servers[0].leave(&c1);
        assert!(place(&servers, &c1, &room(None), later).is_err());
        assert!(servers[0].rid(&c1) && !servers[0].rid(&c1));
        assert_eq!(place(&servers, &c1, &room(None), later), Ok(0));
    }
}
