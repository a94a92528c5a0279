//! Which video server gets a conference: by what it can do, by free legs, and by where its people are already.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::{ConferenceId, VideoServerName};

use crate::config::{GIVEN_UP_MAX, ROOMS_TO_END_MAX};
use crate::reasons::NotTaken;

/// What is known of one video server.
#[derive(Debug, Default)]
struct Server {
    /// What it last said of itself; `None` while it cannot be reached.
    says: Option<Announcement>,
    /// Why it cannot be reached, as far as that was told.
    down: String,
    /// Conferences that are being prepared or run there, with the legs that they may need.
    rooms: BTreeMap<ConferenceId, u32>,
    /// The numbers of the last questions about conferences: only the answers to these are waited for.
    asked: BTreeMap<ConferenceId, u32>,
    /// Conferences that are to be ended there once it can be reached again.
    to_end: BTreeSet<ConferenceId>,
}

/// All video servers, in the order of the configuration.
#[derive(Debug)]
pub(crate) struct Servers {
    order: Vec<VideoServerName>,
    servers: BTreeMap<VideoServerName, Server>,
    /// Rooms that this run gave up and told to end, the latest last: a late `Prepared` of one of them is ours to end.
    given_up: VecDeque<(VideoServerName, ConferenceId)>,
    /// The number of the last question to any of them.
    serial: u32,
}

impl Servers {
    pub fn new(names: &[VideoServerName]) -> Self {
        let server = |name: &VideoServerName| (name.clone(), Server::default());
        Self {
            order: names.to_vec(),
            servers: names.iter().map(server).collect(),
            given_up: VecDeque::new(),
            serial: 0,
        }
    }

    /// It said something of itself, so it can be reached. Gives what is to be ended there.
    pub fn announced(&mut self, name: &VideoServerName, says: Announcement) -> Vec<ConferenceId> {
        let Some(server) = self.servers.get_mut(name) else {
            return Vec::new();
        };
        server.says = Some(says);
        server.down.clear();
        std::mem::take(&mut server.to_end).into_iter().collect()
    }

    /// It cannot be reached. Gives the conferences that it had.
    pub fn lost(&mut self, name: &VideoServerName, words: &str) -> Vec<ConferenceId> {
        let Some(server) = self.servers.get_mut(name) else {
            return Vec::new();
        };
        server.says = None;
        words.clone_into(&mut server.down);
        self.rooms_of(name)
    }

    /// The conferences that it has, or is to have.
    pub fn rooms_of(&self, name: &VideoServerName) -> Vec<ConferenceId> {
        let rooms = self.servers.get(name).map(|server| &server.rooms);
        rooms
            .into_iter()
            .flat_map(|rooms| rooms.keys().cloned())
            .collect()
    }

    pub fn is_known(&self, name: &VideoServerName) -> bool {
        self.servers.contains_key(name)
    }

    pub fn is_reached(&self, name: &VideoServerName) -> bool {
        self.servers
            .get(name)
            .is_some_and(|server| server.says.is_some())
    }

    /// It can be reached, and so can what it stands for.
    pub fn is_ready(&self, name: &VideoServerName) -> bool {
        let says = self
            .servers
            .get(name)
            .and_then(|server| server.says.as_ref());
        says.is_some_and(|says| says.ready)
    }

    /// The best server for a conference that needs so many legs, of those that were not tried yet. Who already has some of its
    /// people (`near`) comes first, then who has most room, then the configuration's order.
    pub fn place(
        &self,
        legs: u32,
        is_tried: impl Fn(&VideoServerName) -> bool,
        near: &BTreeSet<VideoServerName>,
    ) -> Option<VideoServerName> {
        let fits = self.order.iter().enumerate().filter_map(|(n, name)| {
            let server = self.servers.get(name)?;
            let room = server.room()?;
            let good = room >= legs && !is_tried(name);
            good.then_some((near.contains(name), room, std::cmp::Reverse(n), name))
        });
        fits.max().map(|(_, _, _, name)| name.clone())
    }

    /// A conference is being prepared there.
    pub fn reserve(&mut self, name: &VideoServerName, conference: &ConferenceId, legs: u32) {
        if let Some(server) = self.servers.get_mut(name) {
            server.rooms.insert(conference.clone(), legs);
        }
    }

    /// It is asked to prepare a conference: the number of that question.
    pub fn ask(&mut self, name: &VideoServerName, conference: &ConferenceId) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        if let Some(server) = self.servers.get_mut(name) {
            server.asked.insert(conference.clone(), self.serial);
        }
        self.serial
    }

    /// Whether a number is that of what it was asked last about a conference; otherwise nobody waits for the answer any more.
    pub fn is_asked(&self, name: &VideoServerName, conference: &ConferenceId, serial: u32) -> bool {
        let server = self.servers.get(name);
        server.and_then(|server| server.asked.get(conference)) == Some(&serial)
    }

    /// A conference is there no more; true: the server can be told.
    pub fn release(&mut self, name: &VideoServerName, conference: &ConferenceId) -> bool {
        let Some(server) = self.servers.get_mut(name) else {
            return false;
        };
        server.rooms.remove(conference);
        server.asked.remove(conference);
        if server.says.is_none() && server.to_end.len() < ROOMS_TO_END_MAX {
            server.to_end.insert(conference.clone());
        }
        server.says.is_some()
    }

    /// A room there is to end, whatever its server says of it later.
    pub fn give_up(&mut self, name: &VideoServerName, conference: &ConferenceId) {
        if self.given_up.len() >= GIVEN_UP_MAX {
            self.given_up.pop_front();
        }
        self.given_up.push_back((name.clone(), conference.clone()));
    }

    /// Whether this run gave this room up.
    pub fn was_given_up(&self, name: &VideoServerName, conference: &ConferenceId) -> bool {
        let mut given_up = self.given_up.iter();
        given_up.any(|(at, id)| at == name && id == conference)
    }

    /// Why a conference that needs so many legs is not at one of the servers.
    pub fn why_not(
        &self,
        legs: u32,
        tried: &BTreeMap<VideoServerName, NotTaken>,
    ) -> Vec<(VideoServerName, NotTaken)> {
        let why = |name: &VideoServerName| {
            let tried = tried.get(name).cloned();
            let now = || Some(self.servers.get(name)?.why_not(legs));
            Some((name.clone(), tried.or_else(now)?))
        };
        self.order.iter().filter_map(why).collect()
    }
}

impl Server {
    /// Legs for which there is room; `None`: it is not to be used.
    fn room(&self) -> Option<u32> {
        let says = self.says.as_ref()?;
        let usable = says.ready && says.features.contains(&Feature::Video);
        // What was promised and has not come yet is counted with what is there.
        let promised = self
            .rooms
            .values()
            .fold(0_u32, |sum, legs| sum.saturating_add(*legs));
        let taken = says.legs.max(promised);
        usable.then(|| says.capacity.saturating_sub(taken))
    }

    fn why_not(&self, legs: u32) -> NotTaken {
        let Some(says) = &self.says else {
            return NotTaken::Away(self.down.clone());
        };
        // Of one that is of no use it is not told what it has.
        if let Some(not_ready) = NotTaken::of(says) {
            return not_ready;
        }
        let product = says.product.clone();
        match says.features.contains(&Feature::Video) {
            true => NotTaken::NoRoom {
                product,
                room: self.room().unwrap_or(0),
                legs,
            },
            false => NotTaken::NoPictures(product),
        }
    }
}

#[cfg(test)]
mod tests {
    use convoke_types::video::Refusal;

    use super::*;

    fn name(text: &str) -> VideoServerName {
        text.parse().unwrap()
    }
    fn says(capacity: u32, legs: u32) -> Announcement {
        Announcement {
            product: "Test 1".to_owned(),
            features: vec![Feature::Video],
            capacity,
            legs,
            ready: true,
            refusal: None,
            why: None,
        }
    }
    fn id(text: &str) -> ConferenceId {
        text.parse().unwrap()
    }

    #[test]
    fn room_features_nearness_and_order_choose() {
        let mut servers = Servers::new(&[name("a"), name("b"), name("c")]);
        let (untried, nobody) = (|_: &VideoServerName| false, BTreeSet::new());
        assert_eq!(servers.place(2, untried, &nobody), None);
        servers.announced(&name("a"), says(10, 0));
        servers.announced(&name("b"), says(10, 0));
        assert_eq!(servers.place(2, untried, &nobody), Some(name("a")));
        servers.announced(&name("a"), says(10, 6));
        assert_eq!(servers.place(2, untried, &nobody), Some(name("b")));
        let near = BTreeSet::from([name("a")]);
        assert_eq!(servers.place(2, untried, &near), Some(name("a")));
        assert_eq!(
            servers.place(5, untried, &near),
            Some(name("b")),
            "no room there"
        );
        let tried = BTreeMap::from([(name("b"), NotTaken::Late)]);
        assert_eq!(servers.place(5, |one| tried.contains_key(one), &near), None);
        // Promised legs count although nobody has come yet.
        servers.reserve(&name("b"), &id("x"), 9);
        assert_eq!(servers.place(2, untried, &nobody), Some(name("a")));
        let audio = Announcement {
            features: vec![Feature::Audio],
            ..says(99, 0)
        };
        servers.announced(&name("c"), audio);
        let old = || "Test 1 is too old".to_owned();
        for (refusal, expected) in [
            (None, NotTaken::NotReady(old())),
            (
                Some(Refusal::Unsuitable),
                NotTaken::Refused(Refusal::Unsuitable, old()),
            ),
        ] {
            let away = Announcement {
                ready: false,
                refusal,
                why: Some(old()),
                ..says(99, 0)
            };
            servers.announced(&name("b"), away);
            let told = servers.why_not(50, &BTreeMap::new());
            assert_eq!(told[1], (name("b"), expected));
        }
        assert_eq!(servers.place(2, untried, &nobody), Some(name("a")));
        let product = || "Test 1".to_owned();
        let no_room = NotTaken::NoRoom {
            product: product(),
            room: 4,
            legs: 50,
        };
        assert_eq!(
            servers.why_not(50, &tried),
            [
                (name("a"), no_room),
                (name("b"), NotTaken::Late),
                (name("c"), NotTaken::NoPictures(product())),
            ]
        );
    }

    #[test]
    fn what_could_not_be_ended_is_ended_when_the_server_is_back() {
        let mut servers = Servers::new(&[name("a")]);
        servers.announced(&name("a"), says(10, 0));
        servers.reserve(&name("a"), &id("x"), 2);
        assert_eq!(servers.lost(&name("a"), "gone"), [id("x")]);
        assert!(!servers.release(&name("a"), &id("x")));
        assert_eq!(servers.announced(&name("a"), says(10, 0)), [id("x")]);
        assert!(servers.announced(&name("a"), says(10, 0)).is_empty());
    }
}
