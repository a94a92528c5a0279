//! An installation with people and a trunk, behind our IM server or behind Kamailio: the same for both.

use std::collections::HashMap;
use std::net::SocketAddr;

use convoke_tests::config::Config;
use convoke_tests::convoke::Convoke;
use convoke_tests::peers::kamailio::Kamailio;
use convoke_tests::peers::sipp_im;
use convoke_tests::peers::sipp_watch::{Watch, Watcher};
use convoke_tests::rest::Administrator;
use serde_json::{Value, json};
use testkit::peer::{Identity, SipPeer};

pub const DOMAIN: &str = "example.test";
/// The passwords of gateway and conferences at Kamailio.
const GATEWAY_PASSWORD: &str = "gateway-secret";
const FOCUS_PASSWORD: &str = "focus-secret";

/// People and their telephones: at the trunk of sipp, `…01` is answered.
pub const PEOPLE: [(&str, &str); 4] = [
    ("alice", "+15550101"),
    ("bob", "+15550201"),
    ("carol", "+15550301"),
    ("dave", "+15550401"),
];

/// Whose IM server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImServer {
    /// Convoke's.
    Ours,
    /// Debian's Kamailio; the gateway registers there by TLS.
    Kamailio,
}

/// The installation.
pub struct Stage {
    pub convoke: Convoke,
    pub kamailio: Option<Kamailio>,
    passwords: HashMap<String, String>,
}

impl Stage {
    /// Everything on one machine, with one trunk, `…01` of which answers; done when the gateway is registered.
    pub fn start(server: ImServer, trunk: SocketAddr) -> Self {
        Self::configured(server, base(trunk))
    }

    /// The same from a configuration.
    pub fn configured(server: ImServer, config: Config) -> Self {
        let names = PEOPLE.map(|(user, _)| (user, format!("{user}-secret")));
        let mut accounts: Vec<(&str, &str)> = names
            .iter()
            .map(|(user, word)| (*user, word.as_str()))
            .collect();
        accounts.push(("conference", GATEWAY_PASSWORD));
        accounts.push(("focus", FOCUS_PASSWORD));
        let kamailio = match server {
            ImServer::Ours => None,
            ImServer::Kamailio => Some(Kamailio::start(DOMAIN, &accounts).unwrap()),
        };
        let config = match &kamailio {
            None => config,
            Some(theirs) => {
                let pin = theirs.certificate();
                let pin = Some(pin.as_path());
                config
                    .foreign_im(theirs.tls(), "tls", pin, "conference", GATEWAY_PASSWORD)
                    .foreign_conferences(theirs.tls(), "tls", pin, FOCUS_PASSWORD)
            }
        };
        let convoke = Convoke::start(config).unwrap();
        let administrator = Administrator::of(&convoke).unwrap();
        let mut passwords = HashMap::new();
        for (user, number) in PEOPLE {
            administrator
                .person(user, user, &[("work", number)])
                .unwrap();
            let password = match &kamailio {
                None => administrator.device(user).unwrap(),
                Some(_) => format!("{user}-secret"),
            };
            passwords.insert(user.to_owned(), password);
        }
        let stage = Self {
            convoke,
            kamailio,
            passwords,
        };
        await_gateway(&stage.convoke);
        stage
    }

    /// Kills the process and starts it again on what it left.
    pub fn crash(self) -> Self {
        let place = self.convoke.crash().unwrap();
        let convoke = Convoke::restart(place).unwrap();
        await_gateway(&convoke);
        Self { convoke, ..self }
    }

    /// Ends the process as an operator does, and starts it again.
    pub fn restart(self) -> Self {
        let (code, place) = self.convoke.stop().unwrap();
        assert_eq!(code, Some(0));
        let convoke = Convoke::restart(place).unwrap();
        await_gateway(&convoke);
        Self { convoke, ..self }
    }

    /// Where clients connect by TCP or UDP.
    pub fn sip(&self) -> SocketAddr {
        match &self.kamailio {
            None => self.convoke.addr("sip_tcp").unwrap(),
            Some(theirs) => theirs.sip(),
        }
    }

    pub fn identity(&self, user: &str) -> Identity {
        Identity::new(user, DOMAIN, &self.passwords[user])
    }

    /// A device of this person, registered by TCP.
    pub fn device(&self, user: &str, seed: u64) -> SipPeer {
        let mut peer = SipPeer::tcp(self.identity(user), self.sip(), seed).unwrap();
        assert_eq!(
            peer.register("").unwrap().status(),
            Some(200),
            "{user} registers"
        );
        peer
    }

    /// This person as a client of sipp that watches something.
    pub fn watcher(&self, user: &str, target: &str, event: &str, accept: &str) -> Watcher {
        let watch = Watch {
            user,
            password: &self.passwords[user],
            target,
            event,
            accept,
        };
        Watcher::start(self.sip(), DOMAIN, watch).unwrap()
    }

    /// Waits until conferences are registered, wherever their IM server is.
    pub fn await_conferences(&self) {
        let registered = self
            .convoke
            .program()
            .wait_line("the registration of conferences", |line| {
                line.text.contains("conferences registered")
            });
        registered.unwrap();
    }

    /// This person as a client of sipp, with the device of this number.
    pub fn client(&self, user: &str, to: &str, device: usize) -> sipp_im::Client {
        sipp_im::Client {
            user: user.to_owned(),
            password: self.passwords[user].clone(),
            to: to.to_owned(),
            device,
        }
    }

    /// The message log with its bodies, oldest first.
    pub fn log(&self) -> Vec<Value> {
        log_of(&self.convoke)
    }
}

/// The newest messages of a server's log with their bodies, oldest first.
pub fn log_of(convoke: &Convoke) -> Vec<Value> {
    let administrator = Administrator::of(convoke).unwrap();
    let path = "/api/v1/messages?limit=500&bodies=true";
    let log = administrator.call("GET", path, &json!(null)).unwrap();
    log.as_array().unwrap().clone()
}

/// A configuration with one trunk; numbers of nobody need no key to join, since sipp presses none.
pub fn base(trunk: SocketAddr) -> Config {
    let lines = [("lines", 400.into())];
    Config::new(DOMAIN)
        .unwrap()
        .set("conference", "guard_outside", false)
        .trunk("sipp", trunk, "udp", &lines)
}

/// For clients of an age that understands none of several digest challenges: sipp, and baresip with libre before 2.0.
pub fn for_old_clients(trunk: SocketAddr) -> Config {
    base(trunk).set("im", "digest", vec!["md5"])
}

/// Waits until the gateway is registered, wherever its IM server is.
pub fn await_gateway(convoke: &Convoke) {
    let registered = convoke
        .program()
        .wait_line("the gateway's registration", |line| {
            line.text.contains("gateway registered")
        });
    registered.unwrap();
}

pub fn aor(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}
