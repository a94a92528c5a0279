//! People with a SIP client that has no sound and no camera of its own: a browser beside it does that part. It follows a conference, shows
//! and sees in it by calls, word for word as `docs/messages.md` says.

use std::collections::BTreeMap;
use std::time::Duration;

use convoke_tests::convoke::Convoke;
use convoke_tests::peers::pictures::Pictures;
use convoke_tests::rest::{Administrator, request};
use runtime::clock;
use serde_json::Value;
use testkit::GIVE_UP;
use testkit::peer::{Identity, SipPeer};
use testkit::sip_text::SipText;

pub const DOMAIN: &str = "example.test";

/// How often a record is looked at until its call is over, and the pause between.
const RECORD_LOOKS_MAX: usize = 500;
const RECORD_PAUSE: Duration = Duration::from_millis(20);

/// Somebody's record of their only call, once it is over: of two people, both of whom were in it for nine tenths of its time.
#[track_caller]
pub fn whole_record(convoke: &Convoke, user: &str, conference: &str) -> Value {
    let administrator = Administrator::of(convoke).unwrap();
    let token = administrator.signs_in(convoke, user).unwrap();
    let bearer = format!("Authorization: Bearer {token}");
    let server = convoke.addr("http").unwrap();
    let mut looks = (0..RECORD_LOOKS_MAX).map(|_| {
        let answer = request(server, "GET", "/api/v1/me/calls", &[&bearer], b"").unwrap();
        let calls = answer.json().unwrap()["calls"].clone();
        if calls[0].get("endedAt").is_none() {
            std::thread::park_timeout(RECORD_PAUSE);
        }
        calls
    });
    let over = looks.find(|calls| calls[0].get("endedAt").is_some());
    let calls = over.expect("its call is over");
    assert_eq!(calls.as_array().unwrap().len(), 1, "{calls}");
    let call = calls[0].clone();
    assert_eq!(call["conference"], conference, "{call}");
    let people = call["people"].as_array().unwrap();
    assert_eq!(people.len(), 2, "{call}");
    for one in people {
        assert_eq!(one["joined"], true, "{call}");
        let (was_in, whole) = (one["inMs"].as_i64(), call["durationMs"].as_i64());
        assert!(was_in.unwrap() * 10 > whole.unwrap() * 9, "{call}");
    }
    call
}

/// A dialog of somebody's.
struct Dialog {
    call: String,
    from: String,
    to: String,
    target: String,
    routes: Vec<String>,
    seq: u32,
}

/// Somebody.
pub struct Person {
    peer: SipPeer,
    user: String,
    conference: String,
    dialogs: BTreeMap<String, Dialog>,
    next: u32,
    /// What the conference's documents say of each participant.
    board: BTreeMap<String, String>,
    /// And of the conference as a whole, last.
    pub whole: String,
    /// The conference is over, as its last document says.
    pub over: bool,
    /// Why calls were ended by the other side, by their names.
    pub ended: BTreeMap<String, String>,
}

/// What came of an INVITE.
pub struct Came {
    pub status: u16,
    pub words: String,
    pub sdp: String,
    /// When to come again.
    pub retry_after: Option<Duration>,
}

impl Person {
    /// Registers, and follows the conference.
    pub fn enter(
        convoke: &Convoke,
        administrator: &Administrator,
        user: &str,
        conference: &str,
    ) -> Self {
        let password = administrator.device(user).unwrap();
        let server = convoke.addr("sip_tcp").unwrap();
        let identity = Identity::new(user, DOMAIN, &password);
        let mut peer = SipPeer::tcp(identity, server, user.bytes().map(u64::from).sum()).unwrap();
        assert_eq!(peer.register("").unwrap().status(), Some(200));
        let mut person = Self {
            peer,
            user: user.to_owned(),
            conference: format!("sip:conf-{conference}@{DOMAIN}"),
            dialogs: BTreeMap::new(),
            next: 0,
            board: BTreeMap::new(),
            whole: String::new(),
            over: false,
            ended: BTreeMap::new(),
        };
        let contact = person.contact();
        let extra = [
            &*contact,
            "Event: conference",
            "Accept: application/conference-info+xml",
            "Expires: 600",
        ];
        let uri = person.conference.clone();
        let answer = person.peer.request("SUBSCRIBE", &uri, &uri, &extra, b"");
        assert_eq!(answer.unwrap().status(), Some(200));
        person
    }

    fn contact(&self) -> String {
        let local = self.peer.local();
        format!("Contact: <sip:{}@{local};transport=tcp>", self.user)
    }

    /// Waits until the documents say this.
    #[track_caller]
    pub fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        loop {
            for request in self.peer.take_inbox() {
                self.serve(&request);
            }
            if is(self) {
                return;
            }
            match self.peer.receive_within(GIVE_UP) {
                Ok(message) if message.status().is_none() => self.serve(&message),
                Ok(_) => {}
                Err(error) => panic!("{}: no {what}: {error}; {:?}", self.user, self.board),
            }
        }
    }

    /// Listens for so long, whatever comes.
    pub fn listen(&mut self, limit: Duration) {
        let end = clock::now() + limit;
        loop {
            let left = end.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            match self.peer.receive_within(left) {
                Ok(message) if message.status().is_none() => self.serve(&message),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// Whose sound is in: their participants, in order.
    pub fn joined(&self) -> Vec<&str> {
        let joined = self
            .board
            .iter()
            .filter(|(_, said)| said.contains("state=\"joined\""));
        joined
            .map(|(participant, _)| participant.as_str())
            .collect()
    }

    /// What is shown, by labels, in order.
    pub fn labels(&self) -> Vec<&str> {
        self.media("sendonly")
    }

    /// What might be shown and is not, by labels, in order.
    pub fn blind(&self) -> Vec<&str> {
        self.media("inactive")
    }

    fn media(&self, status: &str) -> Vec<&str> {
        let media = self
            .board
            .values()
            .flat_map(|said| said.split("<media ").skip(1));
        let media = media.filter(|media| between(media, "<status>", "</status>") == status);
        let mut labels: Vec<&str> = media
            .map(|media| between(media, "<label>", "</label>"))
            .collect();
        labels.sort_unstable();
        labels
    }

    fn serve(&mut self, request: &SipText) {
        self.peer.reply(request, 200, "OK", &[], b"").unwrap();
        match request.method() {
            Some("NOTIFY") => self.told(&String::from_utf8_lossy(&request.body)),
            Some("BYE") => {
                let call = request.header("Call-ID").unwrap_or_default();
                let of = self.dialogs.iter().find(|(_, dialog)| dialog.call == call);
                if let Some((name, _)) = of {
                    let (name, reason) = (name.clone(), request.header("Reason"));
                    self.dialogs.remove(&name);
                    self.ended
                        .insert(name, reason.unwrap_or_default().to_owned());
                }
            }
            _ => {}
        }
    }

    fn told(&mut self, document: &str) {
        let about = between(document, "<conference-info", ">");
        if about.contains("state=\"full\"") {
            self.board.clear();
        }
        self.over |= about.contains("state=\"deleted\"");
        if document.contains("<c:conference ") {
            between(document, "<c:conference ", "/>").clone_into(&mut self.whole);
        }
        for user in document.split("<user entity=").skip(1) {
            let participant = between(user, "participant=", "\"").to_owned();
            if between(user, "state=\"", "\"") == "deleted" {
                self.board.remove(&participant);
            } else {
                let said = user.split("</user>").next().unwrap_or_default();
                self.board.insert(participant, said.to_owned());
            }
        }
    }

    /// Calls the conference, or changes the call of this name. An INVITE without an offer is acknowledged by `acknowledge` alone.
    pub fn invite(&mut self, name: &str, offer: Option<&str>) -> Came {
        let uri = self.conference.clone();
        let (n, from) = (self.next, format!("<sip:{}@{DOMAIN}>", self.user));
        self.next += 1;
        let fresh = Dialog {
            call: format!("{}-{n}-{}", self.user, self.peer.local().port()),
            from: format!("{from};tag={n}"),
            to: format!("<{uri}>"),
            target: uri,
            routes: Vec::new(),
            seq: 0,
        };
        self.dialogs.entry(name.to_owned()).or_insert(fresh);
        let branch = self.send(name, "INVITE", None, offer);
        let response = self.response(name, "INVITE");
        let status = response.status().unwrap_or_default();
        let dialog = self.dialogs.get_mut(name).unwrap();
        if status < 300 {
            response.header("To").unwrap().clone_into(&mut dialog.to);
            between(response.header("Contact").unwrap(), "<", ">").clone_into(&mut dialog.target);
            if dialog.routes.is_empty() {
                dialog.routes = response.all("Record-Route").map(str::to_owned).collect();
                dialog.routes.reverse();
            }
            if offer.is_some() {
                self.send(name, "ACK", None, None);
            }
        } else {
            // Of this INVITE alone, with the To of its failure (RFC 3261 §17.1.1.3).
            let to = response.header("To").unwrap().to_owned();
            let before = std::mem::replace(&mut dialog.to, to);
            self.send(name, "ACK", Some(&branch), None);
            self.dialogs.get_mut(name).unwrap().to = before;
            if self.dialogs[name].routes.is_empty() {
                self.dialogs.remove(name);
            }
        }
        let start = response.start.splitn(3, ' ').nth(2).unwrap_or_default();
        Came {
            status,
            words: start.to_owned(),
            retry_after: response
                .header("Retry-After")
                .and_then(|text| Some(Duration::from_secs(text.trim().parse().ok()?))),
            sdp: String::from_utf8_lossy(&response.body).into_owned(),
        }
    }

    /// Calls as [`Person::invite`] does, and comes again as it is told where that was too soon.
    #[track_caller]
    pub fn invite_in_time(&mut self, name: &str, offer: Option<&str>) -> Came {
        loop {
            let came = self.invite(name, offer);
            match (came.status, came.retry_after) {
                (500, Some(pause)) => self.listen(pause),
                (200, _) => return came,
                (status, _) => panic!("{status} {}", came.words),
            }
        }
    }

    /// Acknowledges the offer of a 200, with the answer.
    pub fn acknowledge(&mut self, name: &str, answer: &str) {
        self.send(name, "ACK", None, Some(answer));
    }

    pub fn hang_up(&mut self, name: &str) {
        self.send(name, "BYE", None, None);
        assert_eq!(self.response(name, "BYE").status(), Some(200));
        self.dialogs.remove(name);
    }

    /// Shows the browser's camera.
    #[track_caller]
    pub fn show(&mut self, browser: &mut Pictures) {
        self.show_by(browser, "show");
    }

    /// The same by a connection of the browser that has this name: it may serve several people.
    #[track_caller]
    pub fn show_by(&mut self, browser: &mut Pictures, name: &str) {
        let offer = browser.offer(name).unwrap();
        let came = self.invite_in_time("show", Some(&offer));
        browser.answered(name, &came.sdp).unwrap();
    }

    /// Sees what there is to see now: the sections of the labels.
    #[track_caller]
    pub fn look(&mut self, browser: &mut Pictures) -> BTreeMap<String, String> {
        self.look_by(browser, "watch")
    }

    /// The same by a connection of the browser that has this name.
    #[track_caller]
    pub fn look_by(&mut self, browser: &mut Pictures, name: &str) -> BTreeMap<String, String> {
        let came = self.invite_in_time("watch", None);
        let answer = browser.answer_to(name, &came.sdp).unwrap();
        self.acknowledge("watch", &answer);
        let sections = came.sdp.split("\r\nm=").skip(1);
        let labelled = sections.filter(|section| section.contains("a=label:"));
        labelled
            .map(|section| {
                let label = between(section, "a=label:", "\r\n").to_owned();
                (label, between(section, "a=mid:", "\r\n").to_owned())
            })
            .collect()
    }

    fn response(&mut self, name: &str, method: &str) -> SipText {
        let seq = format!("{} {method}", self.dialogs[name].seq);
        let call = self.dialogs[name].call.clone();
        loop {
            let message = self.peer.receive_within(GIVE_UP).unwrap();
            match message.status() {
                None => self.serve(&message),
                Some(200..)
                    if message.header("CSeq") == Some(&*seq)
                        && message.header("Call-ID") == Some(&*call) =>
                {
                    return message;
                }
                Some(_) => {}
            }
        }
    }

    fn send(
        &mut self,
        name: &str,
        method: &str,
        branch: Option<&str>,
        body: Option<&str>,
    ) -> String {
        let (contact, local) = (self.contact(), self.peer.local());
        let dialog = self.dialogs.get_mut(name).unwrap();
        if method != "ACK" {
            dialog.seq += 1;
        }
        self.next += 1;
        let fresh = format!("z9hG4bK{}{}{}", self.user, local.port(), self.next);
        let branch = branch.unwrap_or(&fresh).to_owned();
        let Dialog {
            call,
            from,
            to,
            target,
            routes,
            seq,
        } = dialog;
        let routes: String = routes
            .iter()
            .map(|route| format!("Route: {route}\r\n"))
            .collect();
        let body = body.unwrap_or_default();
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let text = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch={branch};rport\r\nMax-Forwards: 70\r\n{routes}\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\nCSeq: {seq} {method}\r\n{contact}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.peer.send_raw(text.as_bytes()).unwrap();
        branch
    }
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let after = text.split_once(begin).map_or("", |(_, after)| after);
    after.split(end).next().unwrap_or_default()
}
