//! Everything around the allocator: the modes service, the conference service, video servers and people's devices, each as good or as
//! bad as a test wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use allocator_core::{Allocator, Config, Event, GatewayRoute, IncomingMessage, Output, ServerNews};
use bytes::Bytes;
use convoke_types::bridge_protocol::{Announcement, Feature};
use convoke_types::report::{Change, ConferenceEnd, ConferenceEndReason, ParticipantRef, Report};
use convoke_types::video::{VideoCommand, VideoEvent, VideoGuest};
use convoke_types::{
    Aor, CommandId, ConferenceId, Fault, FaultCode, LegState, Mode, ModeSource, VideoServerName,
};
use service_core::presence;
use soap_proto::{
    ConferenceState, Create, Expires, Headers, Invite, Invited, KnownMode, ReportMessage, Snapshot,
    UtcMillis, VideoAnswer, VideoOperation, VideoRequest, VideoResponse, names,
    parse_video_response, write_report, write_video_request,
};

mod services;

pub const DOMAIN: &str = "example.org";
const GRUU: &str = "sip:video@example.org;gr=urn:uuid:9";

pub fn aor(user: &str) -> Aor {
    Aor::new(user, DOMAIN).unwrap()
}
pub fn device(user: &str) -> String {
    format!("sip:{user}@{DOMAIN};gr=urn:uuid:1")
}
pub fn server(name: &str) -> VideoServerName {
    name.parse().unwrap()
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What a service does with what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Good,
    /// It does what it is asked, but its answer is lost.
    Mute,
    /// It refuses.
    Refuses,
    /// It is not registered.
    Away,
}

/// What a video server does with `Prepare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepares {
    Well,
    Never,
    Full,
    Nonsense,
    Unsuitable,
}

/// A MESSAGE to a person.
#[derive(Debug, Clone)]
pub struct Letter {
    pub to: String,
    pub content_type: String,
    pub body: Bytes,
    pub expires_s: Option<u32>,
}

impl Letter {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }
    pub fn response(&self) -> Option<VideoResponse> {
        parse_video_response(&self.body).ok()
    }
}

pub struct World {
    pub allocator: Allocator,
    pub now: Instant,
    start: Instant,
    pub modes: Service,
    pub conference: Service,
    /// What a conference service that refuses says.
    pub refusal: Fault,
    /// What the question for a state is answered with.
    pub get_fault: Option<FaultCode>,
    /// A conference answer that was lost is given when the same command comes again.
    answered: BTreeMap<CommandId, Vec<u8>>,
    pub people: BTreeMap<String, Vec<KnownMode>>,
    /// Of those who speak another language than English.
    pub languages: BTreeMap<&'static str, &'static str>,
    /// Addresses that no device is at, and what they answer.
    pub absent: BTreeMap<String, u16>,
    pub prepares: BTreeMap<VideoServerName, Prepares>,
    /// The numbers of all questions to servers.
    pub serials: Vec<u32>,
    pub up: BTreeSet<VideoServerName>,
    pub rooms: BTreeMap<(VideoServerName, ConferenceId), Vec<VideoGuest>>,
    pub running: BTreeMap<ConferenceId, (Create, Snapshot)>,
    pub ended: BTreeSet<ConferenceId>,
    pub creates: usize,
    /// No trunk leads to SIP addresses with this in them, and numbers that begin so may not be called.
    pub refused: Option<&'static str>,
    /// The modes service does not know it yet, so that only the conference service refuses it.
    pub refused_late: bool,
    /// What the conference service was told of pictures.
    pub told: Vec<(ConferenceId, Change)>,
    pub letters: Vec<Letter>,
    pub answers: Vec<(u64, u16)>,
    pub published: BTreeMap<String, String>,
    pub events: Vec<Event>,
    /// Who said what to whom, on both channels.
    pub ladder: Vec<(String, String, String)>,
    commands: u64,
    tx: u64,
    tags: u64,
}

pub fn mode(mode: Mode, here: bool) -> KnownMode {
    KnownMode {
        mode,
        address: None,
        place: (mode == Mode::Mobile).then(|| "mobile".to_owned()),
        video: mode == Mode::Computer,
        here,
        source: ModeSource::Profile,
    }
}

pub fn person(name: &str) -> Invite {
    Invite {
        who: Invited::Person(name.to_owned()),
        name: None,
        mode: None,
    }
}

impl World {
    /// Two servers, both up; Alice, Bob and Carol at their computers, Dave with a mobile telephone alone, Erin with nothing.
    pub fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a beginning for virtual time")]
        let start = Instant::now();
        let mut world = Self {
            allocator: Allocator::new(Config {
                identity: aor("video"),
                conference: aor("conference"),
                modes: aor("modes"),
                servers: vec![server("one"), server("two")],
                gateways: vec![GatewayRoute::new("isdn", "", "sip:{number}@gw.example").unwrap()],
                window: Some("https://convoke.example".to_owned()),
                instance: "t".to_owned(),
                seed: [7; 32],
            }),
            now: start,
            start,
            modes: Service::Good,
            conference: Service::Good,
            refusal: Fault::new(FaultCode::NumberRefused, "a number of ours", "+1900"),
            get_fault: None,
            answered: BTreeMap::new(),
            people: BTreeMap::new(),
            languages: BTreeMap::new(),
            absent: BTreeMap::new(),
            serials: Vec::new(),
            prepares: BTreeMap::new(),
            up: BTreeSet::new(),
            rooms: BTreeMap::new(),
            running: BTreeMap::new(),
            ended: BTreeSet::new(),
            creates: 0,
            refused: None,
            refused_late: false,
            told: Vec::new(),
            letters: Vec::new(),
            answers: Vec::new(),
            published: BTreeMap::new(),
            events: Vec::new(),
            ladder: Vec::new(),
            commands: 0,
            tx: 0,
            tags: 0,
        };
        for name in ["alice", "bob", "carol"] {
            world
                .people
                .insert(name.to_owned(), vec![mode(Mode::Computer, true)]);
        }
        world.people.insert(
            "dave".to_owned(),
            vec![mode(Mode::Computer, false), mode(Mode::Mobile, true)],
        );
        world.people.insert("erin".to_owned(), vec![]);
        let (now, wall) = (world.now, world.wall());
        world.allocator.handle_registered(GRUU, wall, now);
        for name in ["one", "two"] {
            world.server_up(name);
        }
        world
    }

    pub fn wall(&self) -> UtcMillis {
        let passed = self.now.duration_since(self.start).as_millis();
        UtcMillis(1_800_000_000_000 + u64::try_from(passed).unwrap())
    }

    fn step(&mut self, from: &str, to: &str, what: &str) {
        self.ladder
            .push((from.to_owned(), to.to_owned(), what.to_owned()));
    }

    pub fn server_up(&mut self, name: &str) {
        let says = announcement();
        self.up.insert(server(name));
        self.allocator
            .handle_server(&server(name), ServerNews::Announced(says), self.now);
        self.pump();
    }

    pub fn server_lost(&mut self, name: &str) {
        self.up.remove(&server(name));
        let news = ServerNews::Lost("connection refused".to_owned());
        self.allocator.handle_server(&server(name), news, self.now);
        self.pump();
    }

    /// What it stands for dies with all rooms; its adapter is there and says so.
    pub fn server_crashed(&mut self, name: &str) {
        let at = server(name);
        if !self.up.remove(&at) {
            return;
        }
        let lost: Vec<ConferenceId> = self.rooms_at(name);
        self.rooms.retain(|(room, _), _| *room != at);
        for conference in lost {
            let lost = Some("the connection broke".to_owned());
            let news = ServerNews::Event(VideoEvent::Ended { conference, lost });
            self.allocator.handle_server(&at, news, self.now);
            self.pump();
        }
        let news = ServerNews::Announced(Announcement {
            ready: false,
            ..announcement()
        });
        self.allocator.handle_server(&at, news, self.now);
        self.pump();
    }

    /// The conferences that have a room there.
    pub fn rooms_at(&self, name: &str) -> Vec<ConferenceId> {
        let rooms = self.rooms.keys().filter(|(at, _)| *at == server(name));
        rooms.map(|(_, conference)| conference.clone()).collect()
    }

    /// Where the conference service says that the pictures are; `None`: they are lost.
    pub fn shown_at(&self, id: &ConferenceId) -> Option<String> {
        let (_, snapshot) = &self.running[id];
        let video = snapshot.video.as_ref().map(ToString::to_string);
        video.filter(|_| !snapshot.pictures_lost)
    }

    /// A room is prepared there, whoever wanted it; everybody who commands the server is told.
    pub fn prepared(&mut self, name: &str, id: &ConferenceId) {
        // No question of the allocator's has this number.
        self.answered(name, id, 0);
    }

    /// A room is prepared there, in answer to the question of this number.
    pub fn answered(&mut self, name: &str, id: &ConferenceId, serial: u32) {
        self.rooms.insert((server(name), id.clone()), vec![]);
        let conference = id.clone();
        let news = ServerNews::Event(VideoEvent::Prepared { conference, serial });
        self.allocator.handle_server(&server(name), news, self.now);
        self.pump();
    }

    /// A request of this person by SOAP; its command id.
    pub fn ask(&mut self, user: &str, invites: Vec<Invite>) -> CommandId {
        self.commands += 1;
        let id: CommandId = format!("cmd-{}", self.commands).parse().unwrap();
        self.ask_as(user, invites, &id);
        id
    }

    pub fn ask_as(&mut self, user: &str, invites: Vec<Invite>, id: &CommandId) {
        let title = Some("Plan".to_owned());
        self.command(user, VideoOperation::Request { title, invites }, id);
    }

    /// Everybody's way as it is now, of people whom this person might invite; what came of it.
    pub fn ask_ways(&mut self, user: &str, invites: Vec<Invite>) -> Result<VideoAnswer, Fault> {
        self.commands += 1;
        let id: CommandId = format!("cmd-{}", self.commands).parse().unwrap();
        self.command(user, VideoOperation::Ways(invites), &id);
        let responses = self.letters.iter().filter_map(Letter::response);
        let mut theirs = responses.filter(|one| one.headers.relates_to.as_ref() == Some(&id));
        theirs.next().unwrap().outcome
    }

    fn command(&mut self, user: &str, operation: VideoOperation, id: &CommandId) {
        let mut request = VideoRequest::new(operation, id.clone());
        request.headers.reply_to = Some(device(user));
        request.headers.expires = Some(Expires {
            sent: self.wall(),
            seconds: 30,
        });
        let body = write_video_request(&request).unwrap();
        self.write(&aor(user), names::CONTENT_TYPE, body.into());
    }

    pub fn say(&mut self, user: &str, words: &str) {
        self.write(&aor(user), "text/plain", words.to_owned().into());
    }

    /// A MESSAGE with an asserted identity.
    pub fn write(&mut self, from: &Aor, content_type: &str, body: Bytes) {
        self.take(from, content_type, body);
        self.pump();
    }

    fn take(&mut self, from: &Aor, content_type: &str, body: Bytes) {
        self.step(
            from.user(),
            "allocator",
            &format!("MESSAGE {}", said(content_type, &body)),
        );
        self.tx += 1;
        let message = IncomingMessage {
            tx: self.tx,
            trusted: true,
            asserted: Some(format!("<{}>", from.to_uri())),
            from: format!("<{}>;tag=1", from.to_uri()),
            content_type: Some(content_type.to_owned()),
            body,
            wall: self.wall(),
        };
        self.allocator.handle_message(message, self.now);
    }

    /// Lets time pass, with everything that is due on the way.
    pub fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.allocator.poll_timeout().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.allocator.handle_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// The answers that a command has got.
    pub fn answers_to(&self, id: &CommandId) -> Vec<Result<soap_proto::Requested, Fault>> {
        let responses = self.letters.iter().filter_map(Letter::response);
        let theirs = responses.filter(|response| response.headers.relates_to.as_ref() == Some(id));
        theirs
            .map(|response| {
                response.outcome.map(|answer| match answer {
                    VideoAnswer::Requested(requested) => requested,
                    other => panic!("{other:?} to a request"),
                })
            })
            .collect()
    }

    /// The one good answer.
    pub fn ready(&self, id: &CommandId) -> soap_proto::Requested {
        let mut answers = self.answers_to(id);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.pop().unwrap().unwrap()
    }

    /// The one refusal.
    pub fn refused(&self, id: &CommandId) -> Fault {
        let mut answers = self.answers_to(id);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.pop().unwrap().unwrap_err()
    }

    /// What somebody's address of record got.
    pub fn letters_to(&self, user: &str) -> Vec<Letter> {
        let to = aor(user).to_uri();
        self.letters
            .iter()
            .filter(|letter| letter.to == to)
            .cloned()
            .collect()
    }

    /// A change of a conference, as the conference service reports it.
    pub fn report(&mut self, id: &ConferenceId, participant: Option<usize>, change: Change) {
        let Some((_, snapshot)) = self.running.get_mut(id) else {
            return;
        };
        let participant = participant.map(|n| {
            let one = &snapshot.participants[n];
            ParticipantRef {
                id: one.id.clone(),
                name: one.name.clone(),
                user: one.user.as_ref().map(Aor::to_string),
                place: one.place.clone(),
                role: one.role,
            }
        });
        let report = Report {
            conference: id.clone(),
            version: snapshot.version + 1,
            participant,
            change,
            command: None,
        };
        snapshot.apply(&report, UtcMillis(0));
        let over = snapshot.state == ConferenceState::Ended;
        if over {
            self.ended.insert(id.clone());
            self.running.remove(id);
        }
        let message = ReportMessage {
            headers: Headers::default(),
            user: None,
            address: None,
            reports: vec![report],
        };
        let body = write_report(&message).unwrap();
        self.write(&aor("conference"), names::CONTENT_TYPE, body.into());
    }

    pub fn join(&mut self, id: &ConferenceId, n: usize) {
        let leg = format!("l{}", n + 1).parse().unwrap();
        let state = LegState::Joined;
        self.report(
            id,
            Some(n),
            Change::Leg {
                leg,
                state,
                cause: None,
                moving: false,
            },
        );
    }

    pub fn end(&mut self, id: &ConferenceId) {
        let cause = ConferenceEnd {
            reason: ConferenceEndReason::OwnerLeft,
            words: "Left.".to_owned(),
        };
        self.report(id, None, Change::Ended { cause });
    }

    /// Carries everything out until nothing more comes of it.
    pub fn pump(&mut self) {
        while let Some(output) = self.allocator.poll_output() {
            match output {
                Output::Answer { tx, status, .. } => self.answers.push((tx, status)),
                Output::SendMessage {
                    token,
                    to,
                    content_type,
                    body,
                    expires_s,
                } => {
                    let whom = to
                        .trim_start_matches("sip:")
                        .split('@')
                        .next()
                        .unwrap()
                        .to_owned();
                    self.step(
                        "allocator",
                        &whom,
                        &format!("MESSAGE {}", said(content_type, &body)),
                    );
                    let status = self.deliver(&to, content_type, &body, expires_s);
                    self.allocator
                        .handle_message_result(token, status, self.now);
                    if status == 200 && to == aor("modes").to_uri() {
                        self.modes_asked(&body);
                    } else if status == 200 && to == aor("conference").to_uri() {
                        self.conference_asked(&body);
                    }
                }
                Output::Publish {
                    token,
                    uri,
                    tag,
                    body,
                    life_s,
                } => {
                    let what = if life_s == 0 {
                        "PUBLISH, ended"
                    } else {
                        "PUBLISH presence"
                    };
                    self.step("allocator", "IM server", what);
                    self.tags += 1;
                    if life_s == 0 {
                        self.published.remove(&uri);
                    } else if let Some(body) = body {
                        self.published
                            .insert(uri, String::from_utf8(body.to_vec()).unwrap());
                    } else {
                        assert!(tag.is_some(), "nothing is renewed that is not there");
                    }
                    let tag = format!("t{}", self.tags);
                    let answer = presence::Answer {
                        status: 200,
                        tag: (life_s > 0).then_some(tag),
                        life_s: Some(life_s),
                    };
                    self.allocator.handle_published(token, answer, self.now);
                }
                Output::Video { server, command } => {
                    let words = command_name(&command);
                    self.step("allocator", "video server", words);
                    self.video(&server, command);
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn deliver(
        &mut self,
        to: &str,
        content_type: &str,
        body: &Bytes,
        expires_s: Option<u32>,
    ) -> u16 {
        let away = |service| if service == Service::Away { 480 } else { 200 };
        if to == aor("modes").to_uri() {
            return away(self.modes);
        }
        if to == aor("conference").to_uri() {
            return away(self.conference);
        }
        if let Some(status) = self.absent.get(to) {
            return *status;
        }
        self.letters.push(Letter {
            to: to.to_owned(),
            content_type: content_type.to_owned(),
            body: body.clone(),
            expires_s,
        });
        200
    }
}

fn announcement() -> Announcement {
    Announcement {
        product: "Test 1".to_owned(),
        features: vec![Feature::Video],
        capacity: 100,
        legs: 0,
        ready: true,
        refusal: None,
        why: None,
    }
}

/// What a MESSAGE carries, in a word.
fn said(content_type: &str, body: &[u8]) -> String {
    if content_type.contains("invitation") {
        return "(invitation)".to_owned();
    }
    if !content_type.starts_with("text/xml") {
        return "(words)".to_owned();
    }
    let text = String::from_utf8_lossy(body);
    let inside = text.split("<s:Body>").nth(1).unwrap_or_default();
    let name = inside
        .trim_start_matches('<')
        .split(['>', '/'])
        .next()
        .unwrap_or_default();
    format!("({})", name.split(':').next_back().unwrap_or_default())
}

fn command_name(command: &VideoCommand) -> &'static str {
    match command {
        VideoCommand::Prepare { .. } => "prepare",
        VideoCommand::End { .. } => "end",
        _ => "another command",
    }
}

fn event_name(event: &VideoEvent) -> &'static str {
    match event {
        VideoEvent::Prepared { .. } => "prepared",
        VideoEvent::Refused { .. } => "refused",
        VideoEvent::Ended { .. } => "ended",
        _ => "another event",
    }
}
