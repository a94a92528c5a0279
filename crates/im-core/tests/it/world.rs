//! The cast: one server, its store and accounts, and devices on connections or datagrams.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use im_core::{
    AccountInfo, Config, DevicePassword, Event, ImServer, KeptMessage, LoggedMessage, LookupToken,
    Output, SavedBinding, StoreFault, StoreOp, StoreToken, Stored, Token, Wall,
};
use sha2::Digest as _;
use sip_proto::auth::{Challenge, Credential, Login, answer};
use sip_proto::{FlowId, HeaderName, Message, ResponseBuilder, Source, Transport};

pub const DOMAIN: &str = "example.org";
/// The number of the password that devices use unless told otherwise.
pub const PASSWORD: i64 = 2;
/// That of another device of the same person, `another device's`.
pub const OTHER_PASSWORD: i64 = 1;
/// 2026-01-01 00:00:00 UTC.
pub const START_UNIX_MS: i64 = 1_767_225_600_000;

pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "std has no other way to make the first Instant"
    )]
    *EPOCH.get_or_init(Instant::now)
}

fn sha256(text: &str) -> [u8; 32] {
    sha2::Sha256::digest(text).into()
}

fn password(id: i64, user: &str, text: &str) -> DevicePassword {
    let credential = Credential::from_password(user, DOMAIN, text);
    DevicePassword { id, credential }
}

/// A device of somebody.
#[derive(Clone)]
pub struct Device {
    pub user: String,
    pub password: String,
    pub source: Source,
    pub instance: Option<String>,
    call_id: String,
    cseq: u32,
    nonce: Option<(Vec<Challenge>, u32)>,
    /// Sent instead of a digest.
    pub token: Option<String>,
}

impl Device {
    fn place(&self) -> Place {
        let source = &self.source;
        place(source.transport, Some(source.flow), source.remote)
    }
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.source.remote)
    }
}

type Place = (Option<FlowId>, Option<SocketAddr>);

/// A connection's other end, or an address.
fn place(transport: Transport, flow: Option<FlowId>, addr: SocketAddr) -> Place {
    match flow {
        Some(flow) if transport.is_reliable() => (Some(flow), None),
        _ => (None, Some(addr)),
    }
}

pub struct World {
    pub server: ImServer,
    pub now: Instant,
    /// What each connection or address received and has not looked at.
    inbox: HashMap<Place, Vec<Message>>,
    pub unreadable: Vec<Bytes>,
    accounts: HashMap<String, AccountInfo>,
    pub log: Vec<LoggedMessage>,
    pub delivered: BTreeMap<i64, Arc<str>>,
    pub bindings: HashMap<Arc<str>, Vec<SavedBinding>>,
    pub events: Vec<Event>,
    /// Connections that may be silent.
    pub kept: HashSet<FlowId>,
    /// False: store operations wait in `asked`.
    pub store_answers: bool,
    pub asked: Vec<(StoreToken, StoreOp)>,
    /// False: look-ups wait, with the answer as it was when they were asked.
    pub accounts_answer: bool,
    /// How many there were.
    pub lookups: usize,
    looked_up: Vec<(LookupToken, Option<AccountInfo>)>,
    next_device: u16,
    next_word: u32,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Self {
        let wall = Wall {
            at: epoch(),
            unix_ms: START_UNIX_MS,
        };
        let mut config = Config::new(DOMAIN, "192.0.2.1:5060", [7; 32], wall);
        change(&mut config);
        let mut accounts = HashMap::new();
        let people = [("alice", false), ("bob", false), ("carol", false)];
        let services = [("conference", true), ("focus", true), ("video", true)];
        for (user, service) in people.into_iter().chain(services) {
            let passwords = vec![
                password(OTHER_PASSWORD, user, "another device's"),
                password(PASSWORD, user, &format!("{user}'s password")),
            ];
            let account = AccountInfo {
                service,
                name: user.to_uppercase(),
                language: None,
                passwords,
                tokens: Vec::new(),
            };
            accounts.insert(format!("{user}@{DOMAIN}"), account);
        }
        Self {
            server: ImServer::new(config, epoch()),
            now: epoch(),
            inbox: HashMap::new(),
            unreadable: Vec::new(),
            accounts,
            log: Vec::new(),
            delivered: BTreeMap::new(),
            bindings: HashMap::new(),
            events: Vec::new(),
            kept: HashSet::new(),
            store_answers: true,
            asked: Vec::new(),
            accounts_answer: true,
            lookups: 0,
            looked_up: Vec::new(),
            next_device: 0,
            next_word: 0,
        }
    }

    pub fn device(&mut self, user: &str, transport: Transport) -> Device {
        self.next_device += 1;
        let n = self.next_device;
        let flow = match transport {
            Transport::Udp => 1,
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => 100 + u64::from(n),
        };
        Device {
            user: user.to_owned(),
            password: format!("{user}'s password"),
            source: Source {
                transport,
                remote: SocketAddr::from(([198, 51, 100, 7], 40_000 + n)),
                local: SocketAddr::from(([192, 0, 2, 1], 5060)),
                flow: FlowId(flow),
            },
            instance: Some(format!("urn:uuid:00000000-0000-1000-8000-{n:012}")),
            call_id: format!("registration-{n}"),
            cseq: 0,
            nonce: None,
            token: None,
        }
    }

    /// A device that is registered.
    pub fn registered(&mut self, user: &str, transport: Transport) -> Device {
        let mut device = self.device(user, transport);
        let answer = self.register(&mut device, "", 3600);
        assert_eq!(answer.status(), Some(200), "{:?}", text(&answer));
        device
    }

    /// The same of one that says of itself what these parameters say.
    pub fn registered_as(&mut self, user: &str, transport: Transport, features: &str) -> Device {
        let mut device = self.device(user, transport);
        self.register_flow(&mut device, 1, features);
        device
    }

    /// Registers one of a device's connections.
    pub fn register_flow(&mut self, device: &mut Device, reg_id: u32, features: &str) {
        let instance = device.instance.clone().unwrap();
        let uri = device.uri();
        let contact = format!("<{uri}>;+sip.instance=\"<{instance}>\";reg-id={reg_id}{features}");
        let answer = self.register_contact(device, &contact, "");
        assert_eq!(answer.status(), Some(200), "{:?}", text(&answer));
    }

    /// Registers, through the challenge when there is one; the final answer.
    pub fn register(&mut self, device: &mut Device, headers: &str, expires_s: u32) -> Message {
        let instance = device.instance.as_ref().map_or(String::new(), |instance| {
            format!(";+sip.instance=\"<{instance}>\";reg-id=1")
        });
        let contact = format!("<{}>{instance};expires={expires_s}", device.uri());
        self.register_contact(device, &contact, headers)
    }

    pub fn register_contact(
        &mut self,
        device: &mut Device,
        contact: &str,
        headers: &str,
    ) -> Message {
        for _ in 0..2 {
            let request = self.register_request(device, contact, headers);
            let answer = self.ask(device, &request);
            if answer.status() != Some(401) || !device.take_challenge(&answer) {
                return answer;
            }
        }
        let request = self.register_request(device, contact, headers);
        self.ask(device, &request)
    }

    pub fn register_request(
        &mut self,
        device: &mut Device,
        contact: &str,
        headers: &str,
    ) -> String {
        device.cseq += 1;
        let user = device.user.clone();
        let uri = format!("sip:{DOMAIN}");
        let authorization = device.authorization("Authorization", "REGISTER", &uri);
        let via = self.via(&device.source);
        let (cseq, call_id) = (device.cseq, &device.call_id);
        format!(
            "REGISTER {uri} SIP/2.0\r\n{via}From: <sip:{user}@{DOMAIN}>;tag=r\r\n\
             To: <sip:{user}@{DOMAIN}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n\
             Max-Forwards: 70\r\nContact: {contact}\r\n{headers}{authorization}\
             Content-Length: 0\r\n\r\n"
        )
    }

    /// A MESSAGE of this device to `to` (a user of ours, or a whole URI).
    pub fn message(&mut self, device: &mut Device, to: &str, headers: &str, body: &str) -> String {
        self.message_of("text/plain", device, to, headers, body)
    }

    /// The same of another type.
    pub fn message_of(
        &mut self,
        kind: &str,
        device: &mut Device,
        to: &str,
        headers: &str,
        body: &str,
    ) -> String {
        let uri = if to.contains(':') {
            to.to_owned()
        } else {
            format!("sip:{to}@{DOMAIN}")
        };
        let authorization = device.authorization("Proxy-Authorization", "MESSAGE", &uri);
        let via = self.via(&device.source);
        let word = self.word();
        let (user, length) = (&device.user, body.len());
        format!(
            "MESSAGE {uri} SIP/2.0\r\n{via}From: \"Me\" <sip:{user}@{DOMAIN}>;tag=m\r\n\
             To: <{uri}>\r\nCall-ID: message-{word}\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n\
             Content-Type: {kind}\r\nX-Strange: \u{1f980} kept  as it is\r\n\
             {headers}{authorization}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    /// Sends a chat message and takes the final answer, through the challenge when there is one.
    pub fn say(&mut self, device: &mut Device, to: &str, body: &str) -> Message {
        self.say_with(device, to, "", body)
    }

    pub fn say_with(
        &mut self,
        device: &mut Device,
        to: &str,
        headers: &str,
        body: &str,
    ) -> Message {
        let request = self.message(device, to, headers, body);
        let answer = self.ask(device, &request);
        if answer.status() != Some(407) || !device.take_challenge(&answer) {
            return answer;
        }
        let request = self.message(device, to, headers, body);
        self.ask(device, &request)
    }

    /// Sends a request and takes its one answer.
    pub fn ask(&mut self, device: &Device, request: &str) -> Message {
        self.send(&device.source, request);
        let all = self.received(device);
        let (mut answers, requests): (Vec<_>, Vec<_>) =
            all.into_iter().partition(Message::is_response);
        if !requests.is_empty() {
            self.inbox.insert(device.place(), requests);
        }
        assert_eq!(answers.len(), 1, "one answer to {request}");
        answers.remove(0)
    }

    pub fn send(&mut self, source: &Source, text: &str) {
        self.send_bytes(source, Bytes::copy_from_slice(text.as_bytes()));
    }

    pub fn send_bytes(&mut self, source: &Source, bytes: Bytes) {
        match Message::parse_datagram(bytes) {
            Ok(message) => self.server.handle_message(*source, message, self.now),
            Err(error) => self.server.handle_malformed(*source, &error, self.now),
        }
        self.run();
    }

    /// What this device received since last time.
    pub fn received(&mut self, device: &Device) -> Vec<Message> {
        self.inbox.remove(&device.place()).unwrap_or_default()
    }

    /// The one request that this device received.
    pub fn request(&mut self, device: &Device) -> Message {
        let mut all = self.received(device);
        assert_eq!(all.len(), 1, "one request");
        let request = all.remove(0);
        assert!(request.is_request());
        request
    }

    /// Answers a request that a device received.
    pub fn answer(&mut self, device: &Device, request: &Message, status: u16) {
        let answer = ResponseBuilder::reply(request, status, "As It Is")
            .to_tag("device")
            .build();
        self.server.handle_message(device.source, answer, self.now);
        self.run();
    }

    pub fn close(&mut self, device: &Device) {
        self.kept.remove(&device.source.flow);
        self.server.handle_flow_closed(device.source.flow, self.now);
        self.run();
    }

    pub fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.server.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.server.handle_timeout(self.now);
            self.run();
        }
        self.now = end;
    }

    /// Answers what the store was asked while it did not answer.
    pub fn let_store_answer(&mut self) {
        for (token, op) in std::mem::take(&mut self.asked) {
            self.store(token, op);
        }
        self.run();
    }

    pub fn fail_store(&mut self, fault: StoreFault) {
        for (token, _) in std::mem::take(&mut self.asked) {
            self.server.handle_stored(token, Err(fault), self.now);
        }
        self.run();
    }

    /// The password of an account changes.
    pub fn change_password(&mut self, user: &str, password: &str) {
        let aor = format!("{user}@{DOMAIN}");
        let account = self.accounts.get_mut(&aor).unwrap();
        account.passwords = vec![self::password(3, user, password)];
        self.server.handle_account_changed(&aor);
    }

    /// A token for this account that is good for so long from now.
    pub fn mint(&mut self, user: &str, id: i64, text: &str, life: Duration) {
        let since = i64::try_from((self.now - epoch()).as_millis()).unwrap();
        let life = i64::try_from(life.as_millis()).unwrap();
        let account = self.accounts.get_mut(&format!("{user}@{DOMAIN}")).unwrap();
        account.tokens.push(Token {
            id,
            sha256: sha256(text),
            until_unix_ms: START_UNIX_MS + since + life,
        });
    }

    /// The same, and the server is told, as of a session that is renewed.
    pub fn renew(&mut self, user: &str, id: i64, text: &str, life: Duration) {
        self.mint(user, id, text, life);
        self.server
            .handle_tokens_changed(&format!("{user}@{DOMAIN}"));
        self.run();
    }

    /// A token is taken back.
    pub fn revoke_token(&mut self, user: &str, id: i64) {
        let aor = format!("{user}@{DOMAIN}");
        let account = self.accounts.get_mut(&aor).unwrap();
        account.tokens.retain(|token| token.id != id);
        self.server.handle_token_revoked(&aor, id, self.now);
        self.run();
    }

    /// A person chooses their language.
    pub fn choose_language(&mut self, user: &str, language: &str) {
        let aor = format!("{user}@{DOMAIN}");
        self.accounts.get_mut(&aor).unwrap().language = Some(language.to_owned());
        self.server.handle_account_changed(&aor);
    }

    /// A device password is taken back.
    pub fn revoke(&mut self, user: &str, id: i64) {
        let aor = format!("{user}@{DOMAIN}");
        let account = self.accounts.get_mut(&aor).unwrap();
        account.passwords.retain(|password| password.id != id);
        self.server.handle_password_revoked(&aor, id, self.now);
        self.run();
    }

    /// The password changes while a look-up is under way, whose answer is the former account.
    pub fn change_password_late(&mut self, user: &str, password: &str) {
        assert!(!self.looked_up.is_empty());
        self.change_password(user, password);
    }

    pub fn let_accounts_answer(&mut self) {
        self.accounts_answer = true;
        for (token, account) in std::mem::take(&mut self.looked_up) {
            self.server.handle_lookup(token, Ok(account), self.now);
        }
        self.run();
    }

    pub fn fail_accounts(&mut self, fault: StoreFault) {
        for (token, _) in std::mem::take(&mut self.looked_up) {
            self.server.handle_lookup(token, Err(fault), self.now);
        }
        self.run();
    }

    fn run(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Send { target, bytes, .. } => {
                    // Answers to what could not be read repeat what could not be read.
                    let Ok(message) = Message::parse_datagram(bytes.clone()) else {
                        self.unreadable.push(bytes);
                        continue;
                    };
                    let place = place(target.transport, target.flow, target.addr);
                    self.inbox.entry(place).or_default().push(message);
                }
                Output::Store { token, op } if self.store_answers => self.store(token, op),
                Output::Store { token, op } => self.asked.push((token, op)),
                Output::Lookup { token, aor } => {
                    self.lookups += 1;
                    let account = self.accounts.get(aor.as_ref()).cloned();
                    if self.accounts_answer {
                        self.server.handle_lookup(token, Ok(account), self.now);
                    } else {
                        self.looked_up.push((token, account));
                    }
                }
                Output::Keep { flow, kept: true } => assert!(self.kept.insert(flow)),
                Output::Keep { flow, kept: false } => assert!(self.kept.remove(&flow)),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn store(&mut self, token: StoreToken, op: StoreOp) {
        let stored = match op {
            StoreOp::LogMessage(message) => {
                self.log.push(message);
                Stored::Logged(i64::try_from(self.log.len()).unwrap())
            }
            StoreOp::MarkDelivered { id, device, .. } => {
                self.delivered.entry(id).or_insert(device);
                Stored::Done
            }
            StoreOp::SaveBindings { aor, bindings } => {
                self.bindings.insert(aor, bindings);
                Stored::Done
            }
            StoreOp::FetchPending { aor, after, limit } => {
                let kept = self.log.iter().zip(1_i64..).filter(|(message, id)| {
                    message.to == aor
                        && message.keep
                        && Some(*id) > after
                        && !self.delivered.contains_key(id)
                });
                let kept = kept.take(limit).map(|(message, id)| KeptMessage {
                    id,
                    at_unix_ms: message.at_unix_ms,
                    from: message.from.clone(),
                    name: match self.accounts.get(message.from.as_ref()) {
                        Some(account) => account.name.clone(),
                        None => String::new(),
                    },
                    content_type: message.content_type.clone(),
                    body: message.body.clone(),
                });
                Stored::Pending(kept.collect())
            }
        };
        self.server.handle_stored(token, Ok(stored), self.now);
    }

    pub fn via(&mut self, source: &Source) -> String {
        let word = self.word();
        let transport = source.transport.via_word();
        format!("Via: SIP/2.0/{transport} 10.0.0.9:5060;branch=z9hG4bK{word};rport\r\n")
    }

    pub fn word(&mut self) -> u32 {
        self.next_word += 1;
        self.next_word
    }
}

impl Device {
    /// Takes a challenge; false when there is none to answer, or when the answer to the last one was refused.
    pub fn take_challenge(&mut self, answer: &Message) -> bool {
        let name = match answer.status() {
            Some(401) => HeaderName::WwwAuthenticate,
            _ => HeaderName::ProxyAuthenticate,
        };
        let challenges: Vec<Challenge> = answer
            .headers(name)
            .filter_map(|value| Challenge::parse(value).ok())
            .collect();
        let again = self.nonce.is_some() && !challenges.iter().any(|c| c.stale);
        self.nonce = Some((challenges, 0));
        !again
    }

    pub fn authorization(&mut self, name: &str, method: &str, uri: &str) -> String {
        if let Some(token) = &self.token {
            return format!("{name}: Bearer {token}\r\n");
        }
        let Some((challenges, count)) = &mut self.nonce else {
            return String::new();
        };
        *count += 1;
        let login = Login {
            username: self.user.clone(),
            password: self.password.clone(),
        };
        let value = answer(challenges, &login, method, uri, "cnonce", *count);
        value.map_or(String::new(), |value| format!("{name}: {value}\r\n"))
    }
}

pub fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.as_bytes()).into_owned()
}
