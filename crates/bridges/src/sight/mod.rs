//! SIP video rooms in conferences whose pictures are on a video server: a room speaks plain RTP in H.264, the server knows browsers only.
//! Between them stands, for each room, a task with two connections as a browser has them ([`end`]); it forwards packets and decodes
//! nothing. The room's picture is seen by all; it sees who talks, changed over where the other's picture begins whole ([`switch`]).
//!
//! ```text
//!  room ── RTP, RTCP ──► end ── Publish (ICE, DTLS-SRTP) ──► video server ──► everybody
//!  room ◄── RTP, RTCP ── end ◄── Watch  (ICE, DTLS-SRTP) ─── video server ◄── everybody
//! ```
//!
//! Who owns the rooms' dialogs commands by [`SightCommand`]. The video servers are commanded by the bridge protocol, over links of its own: a
//! server lets a room in once it was prepared for it, and until then is asked again each second. When a conference is moved to another
//! server, its rooms' tasks begin anew there; between them and the rooms all stays as it is.

mod end;
mod rtp;
mod session;
mod switch;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use convoke_types::sight::{Sight, SightCommand, SightEvent};
use convoke_types::video::{VideoCommand, VideoEvent};
use convoke_types::{ConferenceId, LegId, LegKey, VideoServerName};
use runtime::seed;
use runtime::tasks::{Shutdown, Tasks};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::link::{LinkEvent, LinkSender};
use end::{Beginning, End, Sockets, Told};
use session::Identity;

/// Most rooms at once.
const ROOMS_MAX: usize = 256;
/// Commands and events that wait.
const QUEUE_MAX: usize = 1_024;
/// What one room's task may be behind; what it is told beyond that is lost, and it is closed.
const TOLD_MAX: usize = 256;

/// Ports that are tried because the one after them is taken.
const PAIR_TRIES_MAX: usize = 16;

/// How it is set up.
#[derive(Debug)]
pub struct SightConfig {
    /// The address that sockets are bound to.
    pub bind: IpAddr,
    /// The address that rooms and video servers are told; the same where `None`.
    pub advertised: Option<IpAddr>,
    /// RTP takes even ports of this range, both ends included, and RTCP those after them.
    pub ports: (u16, u16),
    /// The video servers: name, and a link of its own.
    pub servers: Vec<(String, LinkSender, mpsc::Receiver<LinkEvent>)>,
}

/// Starts it in a group of tasks. What is told comes by the receiver; while nobody takes that, nothing is done.
pub fn start(
    config: SightConfig,
    tasks: &Tasks,
) -> (mpsc::Sender<SightCommand>, mpsc::Receiver<SightEvent>) {
    let (sender, commands) = mpsc::channel(QUEUE_MAX);
    let (events, receiver) = mpsc::channel(QUEUE_MAX);
    let (told, of_servers) = mpsc::channel(QUEUE_MAX);
    let mut servers = Vec::new();
    for (number, (name, link, events)) in config.servers.into_iter().enumerate() {
        servers.push(Server {
            name,
            link,
            up: false,
        });
        let stop = tasks.shutdown_token().clone();
        tasks.spawn(
            "pictures of rooms",
            pass(number, events, told.clone(), stop),
        );
    }
    let hub = Hub {
        bind: config.bind,
        advertised: config.advertised.unwrap_or(config.bind),
        ports: config.ports,
        next_port: config.ports.0,
        identity: None,
        servers,
        rooms: HashMap::new(),
        by_connection: HashMap::new(),
        given_up: Vec::new(),
        tasks: tasks.clone(),
    };
    let stop = tasks.shutdown_token().clone();
    tasks.spawn("video rooms", async move {
        stop.unless_cancelled(hub.run(commands, of_servers, events))
            .await;
    });
    (sender, receiver)
}

async fn pass(
    server: usize,
    mut events: mpsc::Receiver<LinkEvent>,
    told: mpsc::Sender<(usize, LinkEvent)>,
    stop: Shutdown,
) {
    while let Some(Some(event)) = stop.unless_cancelled(events.recv()).await {
        if told.send((server, event)).await.is_err() {
            return;
        }
    }
}

struct Server {
    name: String,
    link: LinkSender,
    up: bool,
}

/// A room's task.
struct Room {
    inbox: mpsc::Sender<Told>,
    server: usize,
    /// Its two connections to the video server.
    show: LegKey,
    see: LegKey,
}

struct Hub {
    bind: IpAddr,
    advertised: IpAddr,
    ports: (u16, u16),
    next_port: u16,
    identity: Option<Arc<Identity>>,
    servers: Vec<Server>,
    rooms: HashMap<LegKey, Room>,
    /// Rooms by their connections to video servers.
    by_connection: HashMap<LegKey, LegKey>,
    /// What is still to be told of rooms that were given up.
    given_up: Vec<SightEvent>,
    tasks: Tasks,
}

impl Hub {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<SightCommand>,
        mut of_servers: mpsc::Receiver<(usize, LinkEvent)>,
        events: mpsc::Sender<SightEvent>,
    ) {
        loop {
            tokio::select! {
                command = commands.recv() => {
                    let Some(command) = command else { return };
                    let told = self.obey(command).await;
                    if let Some(event) = told && events.send(event).await.is_err() {
                        return;
                    }
                }
                Some((server, event)) = of_servers.recv() => self.server_says(server, event),
            }
            for event in std::mem::take(&mut self.given_up) {
                if events.send(event).await.is_err() {
                    return;
                }
            }
        }
    }

    async fn obey(&mut self, command: SightCommand) -> Option<SightEvent> {
        match command {
            SightCommand::Open { leg, sight } => Some(match self.open(&leg, sight).await {
                Ok(local) => SightEvent::Opened { leg, local },
                Err(words) => {
                    tracing::warn!(conference = %leg.conference, words, "a video room has no pictures");
                    SightEvent::Failed { leg, words }
                }
            }),
            SightCommand::Connect { leg, params } => {
                self.tell(&leg, Told::Connect(params));
                None
            }
            SightCommand::Server { conference, server } => {
                self.move_to(&conference, &server);
                None
            }
            SightCommand::Speaker {
                conference,
                participant,
            } => {
                for leg in self.rooms_of(&conference) {
                    self.tell(&leg, Told::Speaker(participant.clone()));
                }
                None
            }
            SightCommand::Hide {
                conference,
                participant,
                on,
            } => {
                for leg in self.rooms_of(&conference) {
                    self.tell(&leg, Told::Hide(participant.clone(), on));
                }
                None
            }
            SightCommand::Close { leg } => {
                self.close(&leg);
                None
            }
        }
    }

    /// Reserves ports for a room, and starts its task; gives where it is to send.
    async fn open(&mut self, leg: &LegKey, sight: Sight) -> Result<SocketAddr, String> {
        if self.rooms.contains_key(leg) {
            return Err("it is there already".to_owned());
        }
        if self.rooms.len() >= ROOMS_MAX {
            return Err(format!("there are {ROOMS_MAX} video rooms already"));
        }
        let server = self.known(&sight.server)?;
        let connection = |what: &str| -> Result<LegKey, String> {
            let name: Result<LegId, _> = format!("{}-{what}", leg.leg).parse();
            Ok(LegKey {
                conference: leg.conference.clone(),
                leg: name.map_err(|error| error.to_string())?,
            })
        };
        let (show, see) = (connection("shows")?, connection("sees")?);
        let sockets = self.sockets().await.map_err(|error| error.to_string())?;
        let at = |socket: &UdpSocket| {
            let port = socket.local_addr().map_err(|error| error.to_string())?;
            Ok::<_, String>(SocketAddr::new(self.advertised, port.port()))
        };
        let local = at(&sockets.rtp)?;
        let reached = [at(&sockets.show)?, at(&sockets.see)?];
        let identity = match &self.identity {
            Some(identity) => identity.clone(),
            None => Arc::new(Identity::make().ok_or("no certificate could be made")?),
        };
        self.identity = Some(identity.clone());
        let [a, b, c, d, ..] = seed::seed().map_err(|error| error.to_string())?;
        let (inbox, receiver) = mpsc::channel(TOLD_MAX);
        let begun = Beginning {
            identity,
            sockets,
            at: reached,
            show: show.clone(),
            see: see.clone(),
            participant: sight.participant,
            link: self.servers[server].link.clone(),
            server_up: self.servers[server].up,
            ssrc: u32::from_be_bytes([a, b, c, d]),
        };
        let stop = self.tasks.shutdown_token().clone();
        self.tasks.spawn("video room", async move {
            stop.unless_cancelled(End::new(begun).run(receiver)).await;
        });
        for connection in [&show, &see] {
            self.by_connection.insert(connection.clone(), leg.clone());
        }
        let room = Room {
            inbox,
            server,
            show,
            see,
        };
        self.rooms.insert(leg.clone(), room);
        Ok(local)
    }

    fn known(&self, name: &VideoServerName) -> Result<usize, String> {
        let mut servers = self.servers.iter();
        let server = servers.position(|server| server.name == name.as_str());
        server.ok_or_else(|| format!("no video server {name} is known"))
    }

    /// The pictures of a conference are elsewhere from now on.
    fn move_to(&mut self, conference: &ConferenceId, name: &VideoServerName) {
        let server = match self.known(name) {
            Ok(server) => server,
            Err(words) => {
                return tracing::warn!(%conference, words, "video rooms stay where they are");
            }
        };
        for leg in self.rooms_of(conference) {
            let room = self.rooms.get_mut(&leg);
            let Some(room) = room.filter(|room| room.server != server) else {
                continue;
            };
            room.server = server;
            let Server { link, up, .. } = &self.servers[server];
            let told = Told::Moved(link.clone(), *up);
            self.tell(&leg, told);
        }
    }

    fn close(&mut self, leg: &LegKey) {
        let Some(room) = self.rooms.remove(leg) else {
            return;
        };
        for connection in [room.show, room.see] {
            self.by_connection.remove(&connection);
            // Where the server is not there, nothing is left there either.
            let closed = VideoCommand::Close { leg: connection };
            if self.servers[room.server].up
                && let Err(error) = self.servers[room.server].link.video(closed)
            {
                tracing::debug!(%error, "a video server was not told something");
            }
        }
    }

    /// Tells a room's task; one that does not keep up is given up, and its sound goes on without pictures.
    fn tell(&mut self, leg: &LegKey, told: Told) {
        let Some(room) = self.rooms.get(leg) else {
            return;
        };
        if room.inbox.try_send(told).is_err() {
            tracing::error!(conference = %leg.conference, "a video room's task does not keep up, or is gone");
            self.close(leg);
            self.given_up.push(SightEvent::Failed {
                leg: leg.clone(),
                words: "its pictures were given up".to_owned(),
            });
        }
    }

    fn rooms_of(&self, conference: &ConferenceId) -> Vec<LegKey> {
        let legs = self.rooms.keys();
        legs.filter(|leg| leg.conference == *conference)
            .cloned()
            .collect()
    }

    /// Those of them that are at a server.
    fn rooms_at(&self, conference: &ConferenceId, server: usize) -> Vec<LegKey> {
        let mut rooms = self.rooms_of(conference);
        rooms.retain(|leg| self.rooms[leg].server == server);
        rooms
    }

    fn server_says(&mut self, server: usize, event: LinkEvent) {
        match event {
            LinkEvent::Up(_) => self.server_is(server, true),
            LinkEvent::Down { .. } => self.server_is(server, false),
            LinkEvent::Video(event) => self.video(server, event),
            LinkEvent::Announce(_) | LinkEvent::Media(_) => {}
        }
    }

    fn server_is(&mut self, server: usize, up: bool) {
        if std::mem::replace(&mut self.servers[server].up, up) == up {
            return;
        }
        let there = |(_, room): &(&LegKey, &Room)| room.server == server;
        let legs: Vec<LegKey> = self
            .rooms
            .iter()
            .filter(there)
            .map(|(leg, _)| leg.clone())
            .collect();
        for leg in legs {
            self.tell(&leg, Told::Server(up));
        }
    }

    fn video(&mut self, server: usize, event: VideoEvent) {
        let leg = match &event {
            VideoEvent::Answered { leg, .. }
            | VideoEvent::Offered { leg, .. }
            | VideoEvent::Failed { leg, .. }
            | VideoEvent::Closed { leg } => leg,
            VideoEvent::Visible { leg, .. } => {
                // What others show or no longer show; one's own picture is left out of what one sees.
                for room in self.rooms_at(&leg.conference, server) {
                    self.tell(&room, Told::Look);
                }
                return;
            }
            VideoEvent::Ended { conference, .. } => {
                for room in self.rooms_at(conference, server) {
                    self.tell(&room, Told::Video(event.clone()));
                }
                return;
            }
            VideoEvent::Prepared { .. }
            | VideoEvent::Refused { .. }
            | VideoEvent::Connected { .. } => return,
        };
        // The connections of a room have the same names at each server: what one says that it was at before is of others.
        let at = |leg: &&LegKey| {
            self.rooms
                .get(leg)
                .is_some_and(|room| room.server == server)
        };
        if let Some(room) = self.by_connection.get(leg).filter(at).cloned() {
            self.tell(&room, Told::Video(event));
        }
    }

    /// An even port with the one after it for the room (RFC 3550 §11), and two more for the video server.
    async fn sockets(&mut self) -> io::Result<Sockets> {
        for _ in 0..PAIR_TRIES_MAX {
            let rtp = self.even().await?;
            let after = rtp.local_addr()?.port().saturating_add(1);
            match UdpSocket::bind((self.bind, after)).await {
                Ok(rtcp) => {
                    return Ok(Sockets {
                        rtp,
                        rtcp,
                        show: self.even().await?,
                        see: self.even().await?,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AddrInUse))
    }

    /// The next even port that is free: in turn, so that a port rests as long as possible.
    async fn even(&mut self) -> io::Result<UdpSocket> {
        let (low, high) = self.ports;
        for _ in low..=high {
            let port = self.next_port;
            self.next_port = match port.checked_add(1) {
                Some(next) if next <= high => next,
                _ => low,
            };
            if !port.is_multiple_of(2) {
                continue;
            }
            match UdpSocket::bind((self.bind, port)).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                bound => return bound,
            }
        }
        Err(io::Error::from(io::ErrorKind::AddrInUse))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use runtime::clock;

    use super::*;

    pub fn key(leg: &str) -> LegKey {
        LegKey {
            conference: "c1".parse().unwrap(),
            leg: leg.parse().unwrap(),
        }
    }

    /// One that has a room, of whose task nobody takes more than one thing.
    fn hub(inbox: mpsc::Sender<Told>) -> Hub {
        let tasks = Tasks::new(Shutdown::new());
        let (link, _sent) = LinkSender::standing();
        let (show, see) = (key("l1-shows"), key("l1-sees"));
        let connections = [&show, &see].map(|one| (one.clone(), key("l1")));
        Hub {
            bind: Ipv4Addr::LOCALHOST.into(),
            advertised: Ipv4Addr::LOCALHOST.into(),
            ports: (0, 0),
            next_port: 0,
            identity: None,
            servers: vec![
                Server {
                    name: "janus".into(),
                    link: link.clone(),
                    up: true,
                },
                Server {
                    name: "other".into(),
                    link,
                    up: false,
                },
            ],
            by_connection: connections.into(),
            rooms: HashMap::from([(
                key("l1"),
                Room {
                    inbox,
                    server: 0,
                    show,
                    see,
                },
            )]),
            given_up: Vec::new(),
            tasks,
        }
    }

    #[tokio::test]
    async fn a_room_that_is_given_up_is_told() {
        let (inbox, _receiver) = mpsc::channel(1);
        let (commands, to_hub) = mpsc::channel(8);
        let (of_servers, from_servers) = mpsc::channel(8);
        let (events, mut told) = mpsc::channel(8);
        let running = hub(inbox).run(to_hub, from_servers, events);
        let asking = async {
            for _ in 0..3 {
                let speaker = SightCommand::Speaker {
                    conference: "c1".parse().unwrap(),
                    participant: "p1".parse().unwrap(),
                };
                commands.send(speaker).await.unwrap();
            }
            let failed = clock::within(Duration::from_secs(5), told.recv()).await;
            let Ok(Some(SightEvent::Failed { leg, .. })) = failed else {
                panic!("{failed:?}");
            };
            assert_eq!(leg, key("l1"));
            drop((commands, of_servers));
        };
        tokio::join!(running, asking);
        assert_eq!(told.recv().await, None, "it is told once");
    }

    #[tokio::test]
    async fn a_room_follows_its_conference_and_hears_no_more_of_the_server_where_it_was() {
        let (inbox, mut told) = mpsc::channel(8);
        let mut hub = hub(inbox);
        let (conference, participant): (ConferenceId, _) =
            ("c1".parse().unwrap(), "p1".parse().unwrap());
        for server in ["janus", "nobody", "other", "other"] {
            let (conference, server) = (conference.clone(), server.parse().unwrap());
            let moved = SightCommand::Server { conference, server };
            assert_eq!(hub.obey(moved).await, None);
        }
        let first = told.try_recv();
        assert!(matches!(first, Ok(Told::Moved(_, false))), "{first:?}");
        assert!(told.try_recv().is_err(), "it is told once");

        let visible = VideoEvent::Visible {
            leg: key("v1"),
            participant,
            on: true,
        };
        let closed = VideoEvent::Closed {
            leg: key("l1-shows"),
        };
        let ended = VideoEvent::Ended {
            conference,
            lost: None,
        };
        for event in [closed.clone(), visible.clone(), ended] {
            hub.server_says(0, LinkEvent::Video(event));
        }
        let words = "gone".into();
        hub.server_says(0, LinkEvent::Down { words });
        assert!(told.try_recv().is_err());

        for event in [closed, visible] {
            hub.server_says(1, LinkEvent::Video(event));
        }
        let [closed, look] = [told.try_recv(), told.try_recv()];
        assert!(
            matches!(closed, Ok(Told::Video(VideoEvent::Closed { .. }))),
            "{closed:?}"
        );
        assert!(matches!(look, Ok(Told::Look)), "{look:?}");
    }
}
