//! A configuration for tests: loopback, ports of the system's choice, and an RTP range that nobody else here uses.

use std::net::SocketAddr;
use std::path::Path;

use testkit::ports::{self, Ports};
use toml::{Table, Value};

/// RTP ports of one server under test; a leg needs two.
const RTP_PORTS: u16 = 128;

/// A configuration in the making; keys are as in `convoke.example.toml`.
pub struct Config {
    table: Table,
    rtp: Ports,
}

impl Config {
    /// Every part on loopback for `domain`, home country 1, no trunk yet.
    pub fn new(domain: &str) -> anyhow::Result<Self> {
        let rtp = ports::reserve_run(RTP_PORTS)?;
        let anywhere = || Value::from(vec!["127.0.0.1:0"]);
        let config = Self {
            table: Table::new(),
            rtp,
        }
        .set("server", "domain", domain)
        .set("im", "udp", anywhere())
        .set("im", "tcp", anywhere())
        .set("im", "tls", anywhere())
        .set("http", "listen", "127.0.0.1:0")
        .set("sip", "udp", anywhere())
        .set("sip", "tcp", anywhere())
        .set("dialplan", "home_country", "1")
        .set("dialplan", "national_prefix", "1")
        .set("dialplan", "international_prefix", "011");
        let (first, last) = (i64::from(config.rtp.first()), i64::from(config.rtp.last()));
        Ok(config
            .set("media", "port_min", first)
            .set("media", "port_max", last))
    }

    /// Sets one key of a section.
    #[must_use]
    pub fn set(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let entry = self
            .table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = entry {
            table.insert(key.to_owned(), value.into());
        }
        self
    }

    /// Adds a trunk; `more` are further keys of its section, such as `username`.
    #[must_use]
    pub fn trunk(
        mut self,
        name: &str,
        server: SocketAddr,
        transport: &str,
        more: &[(&str, Value)],
    ) -> Self {
        let mut trunk = Table::new();
        trunk.insert("name".to_owned(), name.into());
        trunk.insert("server".to_owned(), server.ip().to_string().into());
        trunk.insert("port".to_owned(), i64::from(server.port()).into());
        trunk.insert("transport".to_owned(), transport.into());
        trunk.insert("calls_per_second".to_owned(), 100.0.into());
        trunk.extend(
            more.iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        let list = self
            .table
            .entry("trunk")
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(trunks) = list {
            trunks.push(Value::Table(trunk));
        }
        self
    }

    /// Adds a video server that speaks the bridge protocol there, with the secret of our data directory.
    #[must_use]
    pub fn video_server(self, name: &str, at: SocketAddr) -> Self {
        let url = format!("ws://{at}/bridge");
        self.entry(
            "video_server",
            &[("name", name.into()), ("url", url.into())],
        )
    }

    /// Adds a section that may be there many times, such as `[[video_server]]`.
    #[must_use]
    pub fn entry(mut self, list: &str, keys: &[(&str, Value)]) -> Self {
        let entry: Table = keys
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        let list = self
            .table
            .entry(list)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(entries) = list {
            entries.push(Value::Table(entry));
        }
        self
    }

    /// Puts the gateway behind an IM server that is not ours, with this account there. Ours does not run then.
    #[must_use]
    pub fn foreign_im(
        self,
        server: SocketAddr,
        transport: &str,
        pin: Option<&Path>,
        user: &str,
        password: &str,
    ) -> Self {
        let config = self
            .set(
                "server",
                "roles",
                Value::from(vec!["gateway", "conference"]),
            )
            .set("gateway", "im_server", server.to_string())
            .set("gateway", "transport", transport)
            .set("gateway", "user", user)
            .set("gateway", "password", password)
            .set("gateway", "foreign", true);
        match pin {
            Some(pin) => config.set("gateway", "tls_pin", pin.to_string_lossy().into_owned()),
            None => config,
        }
    }

    /// Puts conferences behind an IM server that is not ours, with this password of the account `focus` there.
    #[must_use]
    pub fn foreign_conferences(
        self,
        server: SocketAddr,
        transport: &str,
        pin: Option<&Path>,
        password: &str,
    ) -> Self {
        let config = self
            .set("conference", "im_server", server.to_string())
            .set("conference", "im_transport", transport)
            .set("conference", "im_password", password);
        match pin {
            Some(pin) => {
                let pin = pin.to_string_lossy().into_owned();
                config.set("conference", "im_tls_pin", pin)
            }
            None => config,
        }
    }

    /// The file's text, and the ports that it must keep reserved while it is used.
    pub(crate) fn finish(self) -> (String, Ports) {
        (self.table.to_string(), self.rtp)
    }
}

#[test]
fn a_configuration_has_its_sections_and_trunks() {
    let (text, rtp) = Config::new("example.test")
        .unwrap()
        .trunk(
            "a",
            "127.0.0.1:5090".parse().unwrap(),
            "udp",
            &[("username", "trunk".into())],
        )
        .trunk("b", "127.0.0.1:5091".parse().unwrap(), "tcp", &[])
        .foreign_im(
            "127.0.0.1:5061".parse().unwrap(),
            "tls",
            Some(Path::new("/x.pem")),
            "gw",
            "pw",
        )
        .finish();
    let table: Table = text.parse().unwrap();
    assert_eq!(table["trunk"].as_array().unwrap().len(), 2);
    assert_eq!(table["trunk"][0]["username"].as_str(), Some("trunk"));
    assert_eq!(table["gateway"]["foreign"].as_bool(), Some(true));
    assert_eq!(
        table["media"]["port_min"].as_integer(),
        Some(i64::from(rtp.first()))
    );
}
