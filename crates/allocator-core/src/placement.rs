//! Which video server gets a conference: by what it can do, by free legs, and by where its people are already.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::{ConferenceId, VideoServerName};
use service_core::words::Language;

use crate::config::{GIVEN_UP_MAX, ROOMS_TO_END_MAX};

/// What is known of one video server.
#[derive(Debug, Default)]
struct Server {
    /// What it last said of itself; `None` while it cannot be reached.
    says: Option<Announcement>,
    /// Why it cannot be reached.
    down: Option<String>,
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
        server.down = None;
        std::mem::take(&mut server.to_end).into_iter().collect()
    }

    /// It cannot be reached. Gives the conferences that it had.
    pub fn lost(&mut self, name: &VideoServerName, words: &str) -> Vec<ConferenceId> {
        let Some(server) = self.servers.get_mut(name) else {
            return Vec::new();
        };
        server.says = None;
        server.down = Some(words.to_owned());
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

    /// Why a conference that needs so many legs is not at one of the servers, for people.
    pub fn why_not(
        &self,
        legs: u32,
        tried: &BTreeMap<VideoServerName, String>,
        language: Language,
    ) -> String {
        let why = |name: &VideoServerName| {
            let server = self.servers.get(name);
            let words = match (tried.get(name), server) {
                (Some(words), _) => words.clone(),
                (None, Some(server)) => server.why_not(legs, language),
                (None, None) => String::new(),
            };
            format!("{name}: {words}")
        };
        let all: Vec<String> = self.order.iter().map(why).collect();
        match all.is_empty() {
            true => language
                .choose(
                    "no video server is configured",
                    "es ist kein Videoserver eingerichtet",
                )
                .to_owned(),
            false => all.join("; "),
        }
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

    fn why_not(&self, legs: u32, language: Language) -> String {
        let Some(says) = &self.says else {
            let down = self.down.as_deref();
            let silent = language.choose("it does not answer", "er antwortet nicht");
            return down.unwrap_or(silent).to_owned();
        };
        // Of one that is of no use it is not told what it has.
        if let Some(words) = says.not_ready() {
            return words;
        }
        let product = &says.product;
        if !says.features.contains(&Feature::Video) {
            return language.choose(
                format!("{product} carries no pictures"),
                format!("{product} trägt keine Bilder"),
            );
        }
        let room = self.room().unwrap_or(0);
        language.choose(
            format!("{product} has room for {room} of {legs} pictures"),
            format!("{product} hat Platz für {room} von {legs} Bildern"),
        )
    }
}

#[cfg(test)]
mod tests {
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
        let tried = BTreeMap::from([(name("b"), "full".to_owned())]);
        assert_eq!(servers.place(5, |one| tried.contains_key(one), &near), None);
        // Promised legs count although nobody has come yet.
        servers.reserve(&name("b"), &id("x"), 9);
        assert_eq!(servers.place(2, untried, &nobody), Some(name("a")));
        let audio = Announcement {
            features: vec![Feature::Audio],
            ..says(99, 0)
        };
        servers.announced(&name("c"), audio);
        for why in [None, Some("Test 1 is too old")] {
            let away = Announcement {
                ready: false,
                why: why.map(str::to_owned),
                ..says(99, 0)
            };
            servers.announced(&name("b"), away);
            let expected = format!("b: {}", why.unwrap_or("Test 1 is not ready"));
            let told = servers.why_not(50, &BTreeMap::new(), Language::English);
            assert!(told.contains(&expected), "{told}");
        }
        assert_eq!(servers.place(2, untried, &nobody), Some(name("a")));
        let why = servers.why_not(50, &tried, Language::English);
        assert!(why.contains("a: Test 1 has room for 4 of 50"), "{why}");
        assert!(
            why.contains("b: full") && why.contains("c: Test 1 carries no pictures"),
            "{why}"
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
