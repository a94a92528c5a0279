//! The video allocator as a process of its own, between the IM server and a real Janus: it is asked by instant message, and reaches nothing
//! but these two.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::cut::CutLine;
use convoke_tests::netns::Bare;
use convoke_tests::peers::janus::Janus;
use convoke_tests::peers::sipp::{Sipp, Trunk};
use convoke_tests::peers::sipp_im::{Client, ImClients, Text};
use convoke_tests::peers::sipp_watch::{Watch, Watcher};
use convoke_tests::rest::{Administrator, request};
use convoke_tests::skipped;
use convoke_types::video::VideoEvent;
use convoke_types::{ConferenceId, FaultCode, Mode};
use serde_json::json;
use soap_proto::{
    Answer, Expires, Invite, Invited, Operation, Request, Requested, UtcMillis, VideoAnswer,
    VideoOperation, VideoRequest, parse_response, parse_video_response, write_request,
    write_video_request,
};
use testkit::GIVE_UP;
use testkit::peer::{Identity, SipPeer, Spoken};
use testkit::sip_text::SipText;

use super::server::Owner;

pub const DOMAIN: &str = "example.test";
/// What a device says that takes calls with pictures (RFC 3840).
pub const WITH_VIDEO: &str = ";audio;video";

/// The IM server with gateway and conferences, the adapter of a Janus, and the allocator: a process each.
pub struct Stage {
    pub allocator: Convoke,
    pub janus: Janus,
    pub adapter: Convoke,
    pub im: Convoke,
    /// Where the allocator has its two channels: those of the IM server and of the adapter, or what leads to them.
    channels: [SocketAddr; 2],
    /// These are left before the network that they lead out of.
    _lines: Vec<CutLine>,
    _network: Option<Bare>,
}

impl Stage {
    fn start() -> Self {
        Self::with(|config| config)
    }

    /// The same, with more in the configuration of the IM server and conferences.
    pub fn with(more: impl FnOnce(Config) -> Config) -> Self {
        Self::by(
            Janus::start("127.0.0.1".parse().unwrap()).unwrap(),
            None,
            more,
        )
    }

    /// Its allocator in this network, out of which nothing leads but to the two.
    fn apart(network: Bare) -> Self {
        let janus = Janus::start("127.0.0.1".parse().unwrap()).unwrap();
        Self::by(janus, Some(network), |config| config)
    }

    pub(super) fn by(
        janus: Janus,
        network: Option<Bare>,
        more: impl FnOnce(Config) -> Config,
    ) -> Self {
        let roles = |name: &str| toml::Value::from(vec![name]);
        let config = || Config::new(DOMAIN).unwrap();
        let adapter = config()
            .set("server", "roles", roles("janus"))
            .set("janus", "capacity", 200);
        let adapter = Convoke::start(janus.commanded_by(adapter, "127.0.0.1:0")).unwrap();
        let im = Convoke::start(more(config())).unwrap();
        let mut channels = [im.addr("sip_tcp").unwrap(), adapter.addr("bridge").unwrap()];
        let mut lines = Vec::new();
        if let Some(network) = &network {
            network.take_up().unwrap();
            for channel in &mut channels {
                let line = CutLine::out_of(&network.path(), *channel).unwrap();
                *channel = line.near();
                lines.push(line);
            }
        }
        let [to_im, to_adapter] = channels;
        let allocator = config()
            .set("server", "roles", roles("allocator"))
            .set("allocator", "im_server", to_im.to_string())
            .set("allocator", "password", file(&im, "allocator.password"))
            .set("allocator", "window_url", "https://convoke.example")
            .entry(
                "video_server",
                &[
                    ("name", "janus".into()),
                    ("url", format!("ws://{to_adapter}/bridge").into()),
                    ("secret", file(&adapter, "bridge.secret").into()),
                ],
            );
        let routes = [
            ("isdn", "sip:{number}@gw.example"),
            ("h323", "sip:{user}**{host}@h323.example"),
            ("atm", "sip:{address}@atm.example"),
            ("gateway", "sip:{address}@mcu.example"),
        ];
        let allocator = routes.iter().fold(allocator, |config, (mode, template)| {
            let route = [("mode", (*mode).into()), ("template", (*template).into())];
            config.entry("gateway_route", &route)
        });
        let allocator = match &network {
            None => Convoke::start(allocator),
            Some(network) => Convoke::start_in(network, allocator),
        };
        let allocator = allocator.unwrap();
        let stage = Self {
            allocator,
            janus,
            adapter,
            im,
            channels,
            _lines: lines,
            _network: network,
        };
        await_allocator(&stage.allocator);
        let registered = stage.im.program().wait_line("the modes service", |line| {
            line.text.contains("modes service registered")
        });
        registered.unwrap();
        stage
    }

    /// An account with its device.
    pub fn device(&self, user: &str, contact: &str, seed: u64) -> SipPeer {
        let administrator = Administrator::of(&self.im).unwrap();
        administrator
            .person(user, &user.to_uppercase(), &[])
            .unwrap();
        self.registered(user, contact, seed)
    }

    /// A device of somebody who has an account.
    pub fn registered(&self, user: &str, contact: &str, seed: u64) -> SipPeer {
        let administrator = Administrator::of(&self.im).unwrap();
        let password = administrator.device(user).unwrap();
        let identity = Identity::new(user, DOMAIN, &password);
        let mut peer = SipPeer::tcp(identity, self.im.addr("sip_tcp").unwrap(), seed).unwrap();
        assert_eq!(peer.register(contact).unwrap().status(), Some(200));
        peer
    }
}

pub(super) fn file(of: &Convoke, name: &str) -> String {
    format!("file:{}", of.data().join(name).display())
}

/// Waits until the allocator is registered and has its video server.
fn await_allocator(allocator: &Convoke) {
    for words in ["allocator registered", "bridge is there"] {
        let told = allocator
            .program()
            .wait_line(words, |line| line.text.contains(words));
        told.unwrap();
    }
}

/// Now, by the clock that the servers have too.
fn now() -> UtcMillis {
    let wall = runtime::clock::unix_ms(runtime::clock::wall());
    UtcMillis(u64::try_from(wall).unwrap())
}

pub(super) fn in_time() -> Option<Expires> {
    Some(Expires {
        sent: now(),
        seconds: 30,
    })
}

pub(super) fn send(peer: &mut SipPeer, to: &str, body: &[u8]) -> Option<u16> {
    let uri = format!("sip:{to}@{DOMAIN}");
    let lines = ["Content-Type: text/xml; charset=utf-8"];
    peer.request("MESSAGE", &uri, &uri, &lines, body)
        .unwrap()
        .status()
}

/// The next MESSAGE, taken.
pub fn letter(peer: &mut SipPeer) -> SipText {
    let message = peer.expect("MESSAGE").unwrap();
    peer.reply(&message, 200, "OK", &[], b"").unwrap();
    message
}

/// The next MESSAGE that is what was waited for; what else is told to the same device meanwhile is taken and left.
pub(super) fn answer_of<T, E>(peer: &mut SipPeer, parse: impl Fn(&[u8]) -> Result<T, E>) -> T {
    loop {
        if let Ok(answer) = parse(&letter(peer).body) {
            return answer;
        }
    }
}

/// Asks for a video conference by SOAP; what comes of it.
pub(super) fn ask(
    peer: &mut SipPeer,
    id: &str,
    people: &[&str],
) -> Result<Requested, convoke_types::Fault> {
    let person = |name: &&str| Invited::Person((*name).to_owned());
    ask_for(peer, id, people.iter().map(person).collect())
}

/// The same for whomever.
pub fn ask_for(
    peer: &mut SipPeer,
    id: &str,
    people: Vec<Invited>,
) -> Result<Requested, convoke_types::Fault> {
    let invite = |who| Invite {
        who,
        name: None,
        mode: None,
    };
    let operation = VideoOperation::Request {
        title: Some("Plan".to_owned()),
        invites: people.into_iter().map(invite).collect(),
    };
    let mut request = VideoRequest::new(operation, id.parse().unwrap());
    request.headers.reply_to = peer.gruu().map(str::to_owned);
    request.headers.expires = in_time();
    let taken = send(peer, "video", &write_video_request(&request).unwrap());
    assert_eq!(taken, Some(202));
    let answer = answer_of(peer, parse_video_response);
    assert_eq!(answer.headers.relates_to, request.headers.message_id);
    answer.outcome.map(|answer| match answer {
        VideoAnswer::Requested(requested) => requested,
        other => panic!("{other:?} to a request"),
    })
}

/// Asks the conference service, by the gateway.
pub fn conference(peer: &mut SipPeer, id: &str, operation: Operation) -> Answer {
    let is_command = operation.name().is_command();
    let mut request = Request::new(operation, id.parse().unwrap());
    request.headers.reply_to = peer.gruu().map(str::to_owned);
    request.headers.expires = in_time().filter(|_| is_command);
    send(peer, "conference", &write_request(&request).unwrap());
    answer_of(peer, parse_response).outcome.unwrap()
}

fn get(peer: &mut SipPeer, conference_id: &ConferenceId) -> soap_proto::Snapshot {
    let get = Operation::Get {
        conference: conference_id.clone(),
        since: None,
        wait_ms: None,
        first: None,
    };
    match conference(peer, "get-1", get) {
        Answer::Get { conference, .. } => conference,
        other => panic!("{} was answered", other.operation()),
    }
}

/// The next presence document, taken.
fn presence(peer: &mut SipPeer) -> String {
    let notify = peer.expect("NOTIFY").unwrap();
    peer.reply(&notify, 200, "OK", &[], b"").unwrap();
    String::from_utf8(notify.body).unwrap()
}

/// The next presence document that says all of this: what was there before may be told first.
fn presence_with(peer: &mut SipPeer, words: &[&str]) -> String {
    loop {
        let shown = presence(peer);
        if words.iter().all(|words| shown.contains(words)) {
            return shown;
        }
    }
}

fn watch(peer: &mut SipPeer, uri: &str) {
    let user = &peer.identity().user.clone();
    let contact = format!("Contact: <sip:{user}@{};transport=tcp>", peer.local());
    let lines = ["Event: presence", contact.as_str(), "Expires: 600"];
    let answer = peer.request("SUBSCRIBE", uri, uri, &lines, b"").unwrap();
    assert_eq!(answer.status(), Some(200), "{}", answer.text());
}

/// Whom a process has connections to, or has asked for one, by TCP or UDP.
fn connected_to(convoke: &Convoke) -> BTreeSet<SocketAddr> {
    let pid = convoke.program().pid().unwrap();
    let links = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let targets = links.filter_map(|link| std::fs::read_link(link.ok()?.path()).ok());
    let targets: Vec<String> = targets.map(|path| path.display().to_string()).collect();
    let database = targets
        .iter()
        .find(|path| path.contains(".db") || path.contains("sqlite"));
    assert_eq!(database, None, "the allocator has no database");
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        // Where there is no IPv6 there are no tables of it.
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}"));
        for line in table.unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (remote, inode) = (peer(fields[2]), fields[9]);
            // Who listens, or sends to nobody in particular, has no peer.
            if remote.port() != 0 && targets.contains(&format!("socket:[{inode}]")) {
                found.insert(remote);
            }
        }
    }
    found
}

/// An address of `/proc/net/tcp` or `tcp6`: words of 32 bits in the machine's order, and a port.
fn peer(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let words = ip.as_bytes().chunks(8).flat_map(|word| {
        let word = u32::from_str_radix(std::str::from_utf8(word).unwrap(), 16);
        word.unwrap().to_ne_bytes()
    });
    let bytes: Vec<u8> = words.collect();
    let ip = match <[u8; 4]>::try_from(&*bytes) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(&*bytes).unwrap()).to_canonical(),
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).unwrap())
}

#[test]
fn a_conference_is_asked_for_by_message_prepared_on_janus_and_shown_until_its_end() {
    from_request_to_end(&Stage::start());
}

/// The same where the allocator is in a network out of which nothing leads but one way to the IM server's SIP and one to the adapter: no
/// database, no other service, no name server.
#[test]
fn the_allocator_does_all_of_it_where_nothing_but_its_two_channels_can_be_reached() {
    match Bare::make("allocator") {
        Ok(network) => from_request_to_end(&Stage::apart(network)),
        Err(why) => skipped(
            "it::video::allocator::the_allocator_does_all_of_it_where_nothing_but_its_two_channels_can_be_reached",
            &format!("network namespaces cannot be made here: {why}"),
        ),
    }
}

fn from_request_to_end(stage: &Stage) {
    let reaches_two = || {
        let two = BTreeSet::from(stage.channels);
        assert_eq!(connected_to(&stage.allocator), two);
    };
    reaches_two();
    let mut owner = Owner::of(&stage.adapter);
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    let mut bob = stage.device("bob", WITH_VIDEO, 2);

    let ready = ask(&mut alice, "ask-1", &["bob"]).unwrap();
    let id = ready.conference.clone();
    let ways: Vec<Mode> = ready
        .guests
        .iter()
        .map(|guest| guest.way.as_ref().unwrap().mode)
        .collect();
    assert_eq!(ways, [Mode::Computer, Mode::Computer]);
    assert_eq!(ready.server.as_str(), "janus");
    // It is prepared on the video server: for each the camera, the screen, and all others.
    owner.until_promised(6);
    // Bob has an invitation that lets him join.
    let invitation = letter(&mut bob);
    let from = invitation.header("From").unwrap();
    assert!(from.contains("sip:video@"), "{from}");
    let kind = invitation.header("Content-Type");
    assert_eq!(kind, Some("application/vnd.convoke.invitation+xml"));
    let body = invitation.text();
    for words in [
        &format!("uri=\"sip:conf-{id}@{DOMAIN}\""),
        &"<from user=\"alice@example.test\" name=\"ALICE\"/>".to_owned(),
        &format!("link=\"https://convoke.example/join/{id}\""),
    ] {
        assert!(body.contains(words), "{words} is not in {body}");
    }
    // The conference is Alice's, and says where its pictures are.
    let state = get(&mut alice, &id);
    assert_eq!(
        state.video.as_ref().map(|name| name.as_str()),
        Some("janus")
    );
    assert_eq!(
        state.participants[0].user,
        "alice@example.test".parse().ok()
    );
    assert_eq!(state.participants[0].role, convoke_types::Role::Owner);

    // Nothing but the IM server and the video server is reached.
    reaches_two();

    // It has a presence of its own, for whoever watches, until its end.
    watch(&mut bob, &ready.uri);
    let open = ["<basic>open</basic>", "0 in, video"];
    let shown = presence_with(&mut bob, &open);
    assert!(shown.contains(&ready.uri), "{shown}");
    reaches_two();
    let end = Operation::End {
        conference: id.clone(),
    };
    conference(&mut alice, "end-1", end);
    presence_with(&mut bob, &["<basic>closed</basic>"]);
    let ended = VideoEvent::Ended {
        conference: id,
        lost: None,
    };
    owner.expect(&ended);
    reaches_two();
}

#[test]
fn a_crash_of_the_allocator_takes_the_presence_and_a_new_one_takes_it_up_again() {
    let stage = Stage::start();
    let mut owner = Owner::of(&stage.adapter);
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    let mut bob = stage.device("bob", WITH_VIDEO, 2);
    let ready = ask(&mut alice, "ask-1", &["bob"]).unwrap();
    letter(&mut bob);
    watch(&mut bob, &ready.uri);
    let open = ["<basic>open</basic>", "0 in, video"];
    presence_with(&mut bob, &open);
    let place = stage.allocator.crash().unwrap();
    presence_with(&mut bob, &["<basic>closed</basic>"]);
    let allocator = Convoke::restart(place).unwrap();
    await_allocator(&allocator);
    // With its pictures: its room, which ended with who made it, is prepared again.
    presence_with(&mut bob, &open);
    let end = Operation::End {
        conference: ready.conference.clone(),
    };
    conference(&mut alice, "end-1", end);
    let gone = |event: &VideoEvent| matches!(event, VideoEvent::Ended { conference, .. } if *conference == ready.conference);
    owner.wait("the end of its room", |event| gone(event).then_some(()));
}

#[test]
fn without_a_video_server_and_without_a_way_the_asker_is_told_why() {
    let stage = Stage::start();
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    // Erin's client only reads, and she has no telephone.
    let mut erin = stage.device("erin", "", 2);
    let fault = ask(&mut alice, "ask-1", &["erin"]).unwrap_err();
    assert_eq!(fault.code, FaultCode::NoTelephone);
    assert!(fault.came.contains("ERIN"), "{fault}");
    let told = letter(&mut erin).text();
    assert!(
        told.contains("ALICE wanted you in a video conference"),
        "{told}"
    );
    // Only the allocator is told people's modes.
    let modes = VideoOperation::Modes(vec!["bob".to_owned()]);
    let mut question = VideoRequest::new(modes, "q-1".parse().unwrap());
    question.headers.reply_to = alice.gruu().map(str::to_owned);
    let body = write_video_request(&question).unwrap();
    assert_eq!(send(&mut alice, "modes", &body), Some(403));

    let _bob = stage.device("bob", WITH_VIDEO, 3);
    stage.janus.crash().unwrap();
    stage.adapter.crash().unwrap();
    let lost = stage
        .allocator
        .program()
        .wait_line("the loss of the bridge", |line| {
            line.text.contains("bridge is not there")
        });
    lost.unwrap();
    let fault = ask(&mut alice, "ask-2", &["bob"]).unwrap_err();
    assert_eq!(fault.code, FaultCode::Overloaded);
    assert!(fault.came.contains("janus: "), "{fault}");
}

/// A Janus that only mixes is no video server, and who asks is told so.
#[test]
fn a_janus_without_videoroom_is_named_to_the_asker() {
    let stage = Stage::by(Janus::mixer().unwrap(), None, |config| config);
    let mut alice = stage.device("alice", WITH_VIDEO, 1);
    let _bob = stage.device("bob", WITH_VIDEO, 2);
    let there = stage.adapter.program().wait_line("what Janus can", |line| {
        line.text.contains("Janus is there")
    });
    let there = there.unwrap().text;
    assert!(
        there.contains("Audio") && !there.contains("Video"),
        "{there}"
    );
    let fault = ask(&mut alice, "ask-1", &["bob"]).unwrap_err();
    assert_eq!(fault.code, FaultCode::Overloaded);
    let words = "carries no pictures";
    assert!(
        fault.came.contains("janus: Janus ") && fault.came.contains(words),
        "{fault}"
    );
}

/// Clients, a watcher and telephones of another make: sipp is all of them.
#[test]
fn people_with_other_clients_ask_in_words_are_invited_and_take_part_by_telephone() {
    let trunk = Sipp::start(Trunk {
        calls: 2,
        ..Trunk::default()
    })
    .unwrap();
    let gateway = Sipp::start(Trunk::default()).unwrap();
    let stage = Stage::with(|config| {
        let leads = ("sip_domains", vec!["gw.example"].into());
        config
            .trunk("gateway", gateway.addr(), "udp", &[leads])
            .set("im", "digest", vec!["md5"])
            .set("conference", "guard_outside", false)
            .trunk("sipp", trunk.addr(), "udp", &[("lines", 400.into())])
    });
    let administrator = Administrator::of(&stage.im).unwrap();
    let sip = stage.im.addr("sip_tcp").unwrap();
    let client = |user: &str, to: &str, device: usize| Client {
        user: user.to_owned(),
        password: administrator.device(user).unwrap(),
        to: to.to_owned(),
        device,
    };
    for (user, number) in [
        ("alice", "+15550101"),
        ("bob", "+15550201"),
        ("carol", "+15550301"),
    ] {
        administrator
            .person(user, user, &[("work", number)])
            .unwrap();
    }
    // Bob's is a mobile telephone.
    let mobile =
        json!([{ "label": "pocket", "number": "+15550201", "kind": "mobile", "default": true }]);
    administrator
        .call("PUT", "/api/v1/users/bob/telephones", &mobile)
        .unwrap();
    let says = |client: Client, words: &str| {
        let text = Text {
            content_type: "text/plain".to_owned(),
            body: words.to_owned(),
        };
        ImClients::start(sip, DOMAIN, &[client], &[text]).unwrap()
    };
    let heard = |messages: &[Spoken], user: &str, words: &str| {
        let incoming = ImClients::incoming(messages, user);
        incoming
            .into_iter()
            .find(|message| message.text().contains(words))
    };

    let mut bob = says(client("bob", "video", 2), "help");
    bob.wait("what can be said", |messages| {
        heard(messages, "bob", "video bob").is_some()
    })
    .unwrap();
    let mut alice = says(client("alice", "video", 1), "video bob isdn:+493012301");
    let messages = alice
        .wait("that it is ready", |messages| {
            heard(messages, "alice", "is ready").is_some()
        })
        .unwrap();
    let ready = heard(&messages, "alice", "is ready").unwrap().text();
    assert!(ready.contains("Your telephone (work) rings."), "{ready}");
    assert!(
        ready.contains("bob: is called on the telephone (pocket)"),
        "{ready}"
    );
    let token = administrator.signs_in(&stage.im, "bob").unwrap();
    let token = format!("Authorization: Bearer {token}");
    let http = stage.im.addr("http").unwrap();
    let modes = request(http, "GET", "/api/v1/me/modes", &[&token], b"");
    let modes = modes.unwrap().json().unwrap();
    let of_telephone = modes
        .as_array()
        .unwrap()
        .iter()
        .find(|mode| mode["address"] == "+15550201");
    assert_eq!(of_telephone.unwrap()["mode"], "mobile", "{modes}");
    let dialled =
        "isdn:+493012301: is called by ISDN, through the gateway as sip:493012301@gw.example";
    assert!(ready.contains(dialled), "{ready}");
    // Bob's client takes the invitation; his telephone rings as well.
    let messages = bob
        .wait("the invitation", |messages| {
            heard(messages, "bob", "<invitation").is_some()
        })
        .unwrap();
    let invitation = heard(&messages, "bob", "<invitation").unwrap().text();
    assert!(invitation.contains("kind=\"call\""), "{invitation}");
    let uri = invitation
        .split("uri=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();

    // Carol watches the conference: both telephones and who is behind the gateway are in, then it is over.
    let password = administrator.device("carol").unwrap();
    let watch = Watch {
        user: "carol",
        password: &password,
        target: uri,
        event: "presence",
        accept: "application/pidf+xml",
    };
    let mut carol = Watcher::start(sip, DOMAIN, watch).unwrap();
    let last = |told: &[SipText], words: &str| {
        told.last()
            .is_some_and(|notify| notify.text().contains(words))
    };
    carol
        .wait("that three are in", |told| last(told, "3 in, "))
        .unwrap();
    let _end = says(client("alice", "conference", 3), "end");
    carol
        .wait("that it is over", |told| {
            last(told, "<basic>closed</basic>")
        })
        .unwrap();
    trunk.finish(GIVE_UP).unwrap();
    gateway.finish(GIVE_UP).unwrap();
}
