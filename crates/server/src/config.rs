//! The configuration: one TOML file, one tree of structs. Their doc comments are the words of the example file
//! (`convoke.example.toml`), which `example::text` writes.

mod describe;
pub mod example;
mod lines;
mod load;
mod secret;
mod suggest;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use describe::Key;
#[cfg(test)]
pub(crate) use load::draft_of;
pub use load::{ConfigError, Draft, draft, load, parse};
pub use secret::{Secret, SecretError};

use describe::settings;

settings! {
    /// What concerns the whole process.
    pub struct ServerSettings {
        /// The domain of all accounts: `alice@DOMAIN`.
        pub domain: String = "localhost".into();
        /// Where the database, the development certificate and the administrator's key are kept.
        pub data_dir: PathBuf = "data".into();
        /// Which parts run in this process: "im" (registrar, relay, log), "gateway" (SIP to SOAP), "conference" (focus, telephones, media), "janus" (adapter for a Janus that forwards pictures or mixes sound), "allocator" (video conferences on request). The allocator may run alone, with an IM server and video servers elsewhere and no database.
        pub roles: Vec<Part> = vec![Part::Im, Part::Gateway, Part::Conference];
        /// Seconds that calls and messages may take to end after SIGTERM.
        pub drain_s: u64 = 10;
    }
}

settings! {
    /// The IM server: where clients connect, by SIP.
    pub struct ImSettings {
        /// Addresses for SIP over UDP. Messages over 1,300 bytes do not fit there: a short text tells of chat, which waits for a connection.
        pub udp: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 5060))];
        /// Addresses for SIP over TCP.
        pub tcp: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 5060))];
        /// Addresses for SIP over TLS.
        pub tls: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 5061))];
        /// Certificate chain (PEM). Without it a self-signed one for development is made in the data directory.
        pub tls_certificate: Option<PathBuf> = None, like "\"/etc/convoke/cert.pem\"";
        /// Private key of the certificate (PEM).
        pub tls_key: Option<PathBuf> = None, like "\"/etc/convoke/key.pem\"";
        /// Most connections at once.
        pub connections_max: usize = 20_000;
        /// Most connections from one IP address.
        pub connections_per_ip_max: usize = 1_000;
        /// Longest registration that is granted, in seconds.
        pub registration_max_s: u32 = 3600;
        /// How long a connection may be silent while nobody is registered on it, in seconds.
        pub idle_s: u32 = 120;
        /// How long the log keeps messages, in days; 0: for ever. Chat that waits for its recipient stays until it is taken. The database does not shrink; its room is used again.
        pub log_days: u32 = 365;
        /// The account that conferences, sip:conf-ID@DOMAIN, are followed and entered through; it is made by itself. Empty: there is none, and nobody follows or enters conferences by SIP.
        pub conferences: String = "focus".into();
        /// The account that tells the video allocator how people can take part; it is made by itself. Empty: there is none.
        pub modes: String = "modes".into();
        /// Digest algorithms that clients are offered, best first: "sha-512-256", "sha-256", "md5". Many old telephones give up when they are offered more than "md5".
        pub digest: Vec<DigestAlgorithm> = vec![DigestAlgorithm::Sha512_256, DigestAlgorithm::Sha256, DigestAlgorithm::Md5];
    }
}

settings! {
    /// HTTP: the window, REST at /api/v1, the conference web service with its WSDL, the reporting web service, and SIP over WebSocket at /sip.
    pub struct HttpSettings {
        /// Address for HTTP. Keep it on the loopback, or behind a proxy that speaks TLS.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8060));
        /// Addresses for HTTPS, and for WebSockets under TLS, with the certificate of the IM server.
        pub tls: Vec<SocketAddr> = vec![], like "[\"0.0.0.0:8443\"]";
        /// Web origins whose pages may use REST with a token and connect by SIP over WebSocket, besides the server's own; "*": all.
        pub origins: Vec<String> = vec![], like "[\"https://intranet.example.org\"]";
        /// Networks that webhooks may reach although they are not public: this machine and private networks are refused otherwise.
        pub webhook_networks: Vec<Cidr> = vec![], like "[\"10.1.0.0/16\"]";
        /// Proxies in front of this address, whose X-Forwarded-For and X-Forwarded-Proto are believed: connections and wrong passwords then count against who is behind them.
        pub proxies: Vec<Cidr> = vec![], like "[\"127.0.0.1\"]";
        /// The base URL under which others reach this HTTP address; without it http:// and the address. Short texts to telephones lead there, if it is set.
        pub url: Option<String> = None, like "\"https://convoke.example.org\"";
    }
}

settings! {
    /// Conferences: how people are called.
    pub struct ConferenceSettings {
        /// Call the initiator first and the others once they have joined; false calls all at once.
        pub initiator_first: bool = true;
        /// The conference ends when its owner hangs up.
        pub ends_with_owner: bool = true;
        /// Any participant may add people, not only the owner and moderators.
        pub participants_may_add: bool = true;
        /// Numbers that belong to no account must press 1 before joining, so that no voicemail does. A person's telephones have a setting of their own.
        pub guard_outside: bool = true;
        /// How long a telephone rings, in seconds.
        pub ring_timeout_s: u64 = 45;
        /// Minutes without anybody talking after which a conference ends; 0: never.
        pub idle_end_min: u64 = 120;
        /// Seconds that a conference without any telephone waits for a new one.
        pub linger_s: u64 = 0;
        /// Language of spoken prompts: "en" or "de".
        pub language: String = "en".into();
        /// Most participants of one conference.
        pub participants_max: usize = 500;
        /// Most conferences at once.
        pub conferences_max: usize = 2_000;
        /// The IM server at which people follow conferences and see who is on the phone, as host or host:port; without it, ours. The account there is that of im.conferences.
        pub im_server: Option<String> = None, like "\"im.example.org:5061\"";
        /// How the IM server is reached: "tcp" or "tls".
        pub im_transport: SipTransport = SipTransport::Tcp;
        /// The conferences' own SIP address towards the IM server (TCP); port 0 lets the system choose. Must be reachable from the IM server.
        pub im_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        /// The domain at the IM server; without it, server.domain.
        pub im_domain: Option<String> = None, like "\"im.example.org\"";
        /// Password of the account there; our own IM server needs none.
        pub im_password: Option<Secret> = None, like "\"file:focus.secret\"";
        /// Networks whose P-Asserted-Identity is believed over TLS, or on the loopback: the IM server's addresses.
        pub im_trusted_servers: Vec<Cidr> = vec![Cidr::loopback_v4(), Cidr::loopback_v6()];
        /// Root certificates (PEM) that the IM server's certificate must lead to; without it the machine's own.
        pub im_tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/im-roots.pem\"]";
        /// The IM server's certificate itself (PEM), trusted whatever name it carries.
        pub im_tls_pin: Option<PathBuf> = None, like "\"/etc/convoke/im-server.pem\"";
    }
}

settings! {
    /// The gateway: the IM user through whom conferences are commanded.
    pub struct GatewaySettings {
        /// Its account at the IM server: sip:USER@DOMAIN.
        pub user: String = "conference".into();
        /// The IM server as host or host:port; without it, ours.
        pub im_server: Option<String> = None, like "\"im.example.org:5061\"";
        /// How the IM server is reached: "tcp", "tls" or "udp". Commands and reports are too long for udp.
        pub transport: SipTransport = SipTransport::Tcp;
        /// Its own SIP address (TCP), which stands in its Contact; port 0 lets the system choose. Must be reachable from the IM server.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        /// The domain at the IM server; without it, server.domain.
        pub domain: Option<String> = None, like "\"im.example.org\"";
        /// Password of its account; our own IM server needs none, the gateway then makes its own.
        pub password: Option<Secret> = None, like "\"file:gateway.secret\"";
        /// The IM server is not ours (Kamailio …): the gateway keeps the log of its traffic itself.
        pub foreign: bool = false;
        /// Networks whose P-Asserted-Identity is believed over TLS, or on the loopback: the IM server's addresses.
        pub trusted_servers: Vec<Cidr> = vec![Cidr::loopback_v4(), Cidr::loopback_v6()];
        /// Root certificates (PEM) that the IM server's certificate must lead to; without it the machine's own.
        pub tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/im-roots.pem\"]";
        /// The IM server's certificate itself (PEM), trusted whatever name it carries.
        pub tls_pin: Option<PathBuf> = None, like "\"/etc/convoke/im-server.pem\"";
        /// Secret that gateway and conference service share; without it one is made in the data directory, which both must then have.
        pub shared_secret: Option<Secret> = None, like "\"file:gateway-conference.secret\"";
        /// URL of the conference web service, when it runs elsewhere.
        pub conference_url: Option<String> = None, like "\"https://conference.example.org/soap\"";
        /// URL under which the conference service reaches this gateway's reporting web service, when it runs elsewhere.
        pub reporting_url: Option<String> = None, like "\"https://gateway.example.org/reporting\"";
    }
}

settings! {
    /// The video allocator: the IM user through whom video conferences are asked for. It runs where server.roles names "allocator".
    pub struct AllocatorSettings {
        /// Its account at the IM server: sip:USER@DOMAIN. The IM server makes it; the conference service believes it alone when it asks for others.
        pub user: String = "video".into();
        /// The IM server as host or host:port; without it, ours.
        pub im_server: Option<String> = None, like "\"im.example.org:5061\"";
        /// How the IM server is reached: "tcp" or "tls".
        pub transport: SipTransport = SipTransport::Tcp;
        /// Its own SIP address (TCP), which stands in its Contact; port 0 lets the system choose. Must be reachable from the IM server.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 0));
        /// The domain at the IM server; without it, server.domain.
        pub domain: Option<String> = None, like "\"im.example.org\"";
        /// Password of its account; our own IM server needs none, the allocator then makes its own.
        pub password: Option<Secret> = None, like "\"file:allocator.secret\"";
        /// Networks whose P-Asserted-Identity is believed over TLS, or on the loopback: the IM server's addresses.
        pub trusted_servers: Vec<Cidr> = vec![Cidr::loopback_v4(), Cidr::loopback_v6()];
        /// Root certificates (PEM) that the IM server's certificate must lead to; without it the machine's own.
        pub tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/im-roots.pem\"]";
        /// The IM server's certificate itself (PEM), trusted whatever name it carries.
        pub tls_pin: Option<PathBuf> = None, like "\"/etc/convoke/im-server.pem\"";
        /// The base URL of the window, for links in invitations; without it invitations carry none.
        pub window_url: Option<String> = None, like "\"https://convoke.example.org\"";
    }
}

settings! {
    /// A video server, which speaks the bridge protocol itself or has an adapter that does; repeat the section for each. Allocator and conference role must both have it, under the same name.
    pub struct VideoServerSettings {
        /// Its name, in commands, logs and conferences.
        pub name: String = String::new(), like "\"janus\"";
        /// Its WebSocket address; without it, the adapter for Janus that runs in this process (role "janus").
        pub url: String = String::new(), like "\"ws://127.0.0.1:8190/bridge\"";
        /// The secret that it is commanded with; without it that of bridge.secret in the data directory, as the adapter for Janus makes it.
        pub secret: Option<Secret> = None, like "\"file:janus.secret\"";
        /// Root certificates (PEM) that its certificate must lead to, for wss; without it the machine's own.
        pub tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/video-roots.pem\"]";
    }
}

settings! {
    /// How a gateway to other networks wants to be dialled; repeat the section for each. The first that fits counts.
    pub struct GatewayRouteSettings {
        /// The mode of the addresses that it takes: "h323", "isdn", "atm" or "gateway".
        pub mode: String = String::new(), like "\"isdn\"";
        /// What their addresses begin with; empty: all.
        pub prefix: String = String::new(), like "\"+49\"";
        /// The gateway's SIP URI for an address: {number} stands for its digits, {address} for all of it, {user} and {host} for the halves around its @.
        pub template: String = String::new(), like "\"sip:{number}@gw.example.org\"";
    }
}

settings! {
    /// Sound, and the pictures of video rooms: RTP to the telephone network.
    pub struct MediaSettings {
        /// Address that RTP sockets are bound to.
        pub bind: IpAddr = IpAddr::from([127, 0, 0, 1]);
        /// Address that telephones and browsers are told to send to, if another (NAT).
        pub advertised: Option<IpAddr> = None, like "\"203.0.113.7\"";
        /// First port for RTP.
        pub port_min: u16 = 20_000;
        /// Last port for RTP; a leg needs two.
        pub port_max: u16 = 39_999;
        /// TCP port for browsers in networks that let no UDP through; without it they stay without sound. 0: any free one.
        pub tcp_port: Option<u16> = None, like "20000";
        /// Media threads; 0: one for each core.
        pub threads: usize = 0;
    }
}

settings! {
    /// A bridge that mixes the sound of conferences in place of our own; repeat the section for each. A conference goes where there is most room, and elsewhere when its bridge is lost. [media] is then for the pictures of video rooms, which pass here all the same, for an adapter in this process, and for our own bridge.
    pub struct MediaBridgeSettings {
        /// Its name, in logs and in what people read when it is lost.
        pub name: String = String::new(), like "\"janus\"";
        /// Where it speaks the bridge protocol, as the adapter for Janus does; without it, our own bridge in this process, which is asked only while no other can be, or has room.
        pub url: String = String::new(), like "\"ws://127.0.0.1:8190/bridge\"";
        /// The secret that it is commanded with; without it that of bridge.secret in the data directory, as the adapter for Janus makes it.
        pub secret: Option<Secret> = None, like "\"file:bridge.secret\"";
        /// Root certificates (PEM) that its certificate must lead to, for wss; without it the machine's own.
        pub tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/bridge-roots.pem\"]";
    }
}

settings! {
    /// The conference role's own SIP address, where trunks send their answers.
    pub struct SipSettings {
        /// Addresses for SIP over UDP towards trunks; port 0 lets the system choose.
        pub udp: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 5070))];
        /// Addresses for SIP over TCP towards trunks.
        pub tcp: Vec<SocketAddr> = vec![SocketAddr::from(([127, 0, 0, 1], 5070))];
        /// Host or address that trunks see in Contact, if another (NAT).
        pub advertised: Option<String> = None, like "\"203.0.113.7\"";
        /// Root certificates (PEM) for trunks over TLS; without it the machine's own.
        pub tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/trunk-roots.pem\"]";
    }
}

settings! {
    /// Which numbers are dialled at all. Numbers are in international form.
    pub struct DialPlanSettings {
        /// Country code of home, without plus sign; required as soon as there is a trunk. Numbers of other countries are *abroad*.
        pub home_country: Option<String> = None, like "\"49\"";
        /// What people dial before a national number: "0" in most of Europe, "1" in North America.
        pub national_prefix: String = "0".into();
        /// What people dial before an international number: "00" in most of Europe, "011" in North America.
        pub international_prefix: String = "00".into();
        /// Prefixes abroad that may be dialled; all others are refused.
        pub abroad: Vec<String> = vec![], like "[\"+43\", \"+4144\"]";
        /// Prefixes that are never dialled, at home or abroad: premium rates.
        pub refused: Vec<String> = default_refused();
    }
}

settings! {
    /// A way into the telephone network; repeat the section for each.
    pub struct TrunkSettings {
        /// Its name, in commands, logs and records.
        pub name: String = String::new(), like "\"carrier\"";
        /// The carrier's server: host name or address.
        pub server: String = String::new(), like "\"sip.carrier.example\"";
        /// Its port; without it by DNS (RFC 3263), or 5060.
        pub port: Option<u16> = None, like "5060";
        /// "udp", "tcp" or "tls".
        pub transport: SipTransport = SipTransport::Udp;
        /// User name for the carrier's digest challenge.
        pub username: Option<String> = None, like "\"convoke\"";
        /// Password for the carrier's digest challenge.
        pub password: Option<Secret> = None, like "\"file:carrier.secret\"";
        /// Number that called people see, in international form.
        pub from_number: Option<String> = None, like "\"+4930123456\"";
        /// Domain in From and To; without it the server's name.
        pub domain: Option<String> = None, like "\"carrier.example\"";
        /// Calls started a second.
        pub calls_per_second: f64 = 1.0;
        /// Calls in progress at once.
        pub lines: usize = 10;
        /// Prefixes that go over this trunk; empty: all. The longest one wins, then the order of the trunks.
        pub prefixes: Vec<String> = vec![], like "[\"+49\"]";
        /// Domains whose SIP addresses are called over this trunk: it then leads to a gateway or to video rooms, and takes numbers only where prefixes names some. No other SIP address is ever called.
        pub sip_domains: Vec<String> = vec![], like "[\"gw.example.org\"]";
        /// The carrier's certificate itself (PEM), for "tls".
        pub tls_pin: Option<PathBuf> = None, like "\"/etc/convoke/carrier.pem\"";
    }
}

settings! {
    /// The adapter for Janus: with the role "janus", a Janus nearby forwards pictures (VideoRoom) and mixes sound (AudioBridge) for whoever commands it by the bridge protocol. Telephones send their sound to the adapter, at the addresses of [media].
    pub struct JanusSettings {
        /// Address at which the bridge protocol is spoken: ws://ADDRESS/bridge.
        pub listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8190));
        /// The secret that whoever commands must show; without it one is made in the data directory (bridge.secret), which they must then have.
        pub secret: Option<Secret> = None, like "\"file:bridge.secret\"";
        /// Janus' WebSocket API.
        pub url: String = "ws://127.0.0.1:8188".into();
        /// The secret that its API wants (api_secret in janus.jcfg).
        pub api_secret: Option<Secret> = None, like "\"file:janus-api.secret\"";
        /// The key that it wants of those who make rooms (admin_key in janus.plugin.videoroom.jcfg and janus.plugin.audiobridge.jcfg).
        pub admin_key: Option<Secret> = None, like "\"file:janus-rooms.secret\"";
        /// Root certificates (PEM) that its certificate must lead to, for wss; without it the machine's own.
        pub tls_roots: Vec<PathBuf> = vec![], like "[\"/etc/convoke/janus-roots.pem\"]";
        /// Address at which Janus reaches the adapter's RTP sockets, if not media.bind; needed where that is 0.0.0.0.
        pub rtp: Option<IpAddr> = None, like "\"127.0.0.1\"";
        /// Connections that Janus may carry at once; each who shows and watches is promised three (camera, screen, all others), each who only speaks has one. Without it, what its cores bear is measured once, for two seconds, and kept in the data directory (forwarding.json).
        pub capacity: Option<u32> = None, like "200";
        /// Cores that it has for that, where no capacity is written.
        pub cores: u32 = 1;
        /// Most kilobits a second of one picture.
        pub picture_kbit: u32 = 1_000;
    }
}

settings! {
    /// What is written to the standard error.
    pub struct LogSettings {
        /// "text" or "json".
        pub format: LogFormat = LogFormat::Text;
        /// "error", "warn", "info", "debug" or "trace", also for a part alone: "info,runtime=debug". Bodies, PINs and passwords are never written.
        pub level: String = "info".into();
    }
}

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[server]`
    pub server: ServerSettings,
    /// `[im]`
    pub im: ImSettings,
    /// `[http]`
    pub http: HttpSettings,
    /// `[conference]`
    pub conference: ConferenceSettings,
    /// `[gateway]`
    pub gateway: GatewaySettings,
    /// `[allocator]`
    pub allocator: AllocatorSettings,
    /// `[[video_server]]`
    pub video_server: Vec<VideoServerSettings>,
    /// `[[media_bridge]]`
    pub media_bridge: Vec<MediaBridgeSettings>,
    /// `[[gateway_route]]`
    pub gateway_route: Vec<GatewayRouteSettings>,
    /// `[sip]`
    pub sip: SipSettings,
    /// `[media]`
    pub media: MediaSettings,
    /// `[dialplan]`
    pub dialplan: DialPlanSettings,
    /// `[[trunk]]`
    pub trunk: Vec<TrunkSettings>,
    /// `[janus]`
    pub janus: JanusSettings,
    /// `[log]`
    pub log: LogSettings,
    /// The directory that relative paths start from: that of the file.
    #[serde(skip)]
    pub base: PathBuf,
}

impl Config {
    /// A path of the configuration, seen from the file's directory.
    pub fn path(&self, path: &std::path::Path) -> PathBuf {
        self.base.join(path)
    }
    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.path(&self.server.data_dir)
    }
    /// Whether a part runs in this process.
    pub fn runs(&self, part: Part) -> bool {
        self.server.roles.contains(&part)
    }
    /// Whether sound is mixed by our own media bridge, always or while no other can.
    pub(crate) fn mixes(&self) -> bool {
        let mut bridges = self.media_bridge.iter();
        self.media_bridge.is_empty() || bridges.any(|bridge| bridge.url.is_empty())
    }
    /// Whether video rooms are called from here with pictures, which pass through this process wherever the sound is mixed.
    pub(crate) fn calls_rooms(&self) -> bool {
        let mut trunks = self.trunk.iter();
        self.runs(Part::Conference)
            && !self.video_server.is_empty()
            && trunks.any(|trunk| !trunk.sip_domains.is_empty())
    }
    /// Every section: its header, and its keys.
    pub fn sections() -> Vec<describe::Section> {
        use describe::Section;
        vec![
            Section::table::<ServerSettings>("server"),
            Section::table::<ImSettings>("im"),
            Section::table::<HttpSettings>("http"),
            Section::table::<ConferenceSettings>("conference"),
            Section::table::<GatewaySettings>("gateway"),
            Section::table::<AllocatorSettings>("allocator"),
            Section::list::<VideoServerSettings>("video_server"),
            Section::list::<GatewayRouteSettings>("gateway_route"),
            Section::table::<SipSettings>("sip"),
            Section::table::<MediaSettings>("media"),
            Section::list::<MediaBridgeSettings>("media_bridge"),
            Section::table::<DialPlanSettings>("dialplan"),
            Section::list::<TrunkSettings>("trunk"),
            Section::table::<JanusSettings>("janus"),
            Section::table::<LogSettings>("log"),
        ]
    }
}

/// A part that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Registrar, relay, kept messages, log.
    Im,
    /// SIP MESSAGE to SOAP and back.
    Gateway,
    /// Focus, telephone dialogs, media, conference web service.
    Conference,
    /// Adapter for a Janus.
    Janus,
    /// Video conferences on request.
    Allocator,
}

/// A transport by its name in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SipTransport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Streams under TLS.
    Tls,
}

impl From<SipTransport> for sip_proto::Transport {
    fn from(transport: SipTransport) -> Self {
        match transport {
            SipTransport::Udp => sip_proto::Transport::Udp,
            SipTransport::Tcp => sip_proto::Transport::Tcp,
            SipTransport::Tls => sip_proto::Transport::Tls,
        }
    }
}

/// A digest algorithm by its name in the file (RFC 8760 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestAlgorithm {
    /// The strongest.
    #[serde(rename = "sha-512-256")]
    Sha512_256,
    /// In between.
    #[serde(rename = "sha-256")]
    Sha256,
    /// What every telephone knows.
    #[serde(rename = "md5")]
    Md5,
}

impl From<DigestAlgorithm> for sip_proto::auth::Algorithm {
    fn from(algorithm: DigestAlgorithm) -> Self {
        match algorithm {
            DigestAlgorithm::Sha512_256 => sip_proto::auth::Algorithm::Sha512_256,
            DigestAlgorithm::Sha256 => sip_proto::auth::Algorithm::Sha256,
            DigestAlgorithm::Md5 => sip_proto::auth::Algorithm::Md5,
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// An IP network, `192.0.2.0/24`; a bare address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// 127.0.0.0/8
    pub const fn loopback_v4() -> Self {
        Self {
            address: IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)),
            bits: 8,
        }
    }
    /// ::1/128
    pub const fn loopback_v6() -> Self {
        Self {
            address: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            bits: 128,
        }
    }
    /// Whether an address lies in the network. IPv4 written as IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        fn left(bits: u128, width: u32, keep: u8) -> u128 {
            bits.checked_shr(width.saturating_sub(u32::from(keep)))
                .unwrap_or(0)
        }
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let (net, ip) = (u128::from(net.to_bits()), u128::from(ip.to_bits()));
                left(net, 32, self.bits) == left(ip, 32, self.bits)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                left(net.to_bits(), 128, self.bits) == left(ip.to_bits(), 128, self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
    /// The address before the slash and the number after it.
    pub fn parts(&self) -> (IpAddr, u8) {
        (self.address, self.bits)
    }
}

impl TryFrom<String> for Cidr {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected a network like 192.0.2.0/24 or an address like 192.0.2.7, came {text:?}"
            )
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.as_str(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong())?,
            None => most,
        };
        if bits > most {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}
impl From<Cidr> for String {
    fn from(cidr: Cidr) -> String {
        format!("{}/{}", cidr.address, cidr.bits)
    }
}

/// Premium-rate ranges of the countries most often abused in toll fraud, and satellite networks: nobody dials them by accident.
fn default_refused() -> Vec<String> {
    [
        "+1900", "+49900", "+43900", "+41900", "+44909", "+33899", "+870", "+881", "+882", "+883",
        "+979",
    ]
    .map(String::from)
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let check = |net: &str, ip: &str, expected: bool| {
            let net = Cidr::try_from(net.to_owned()).unwrap();
            assert_eq!(net.contains(ip.parse().unwrap()), expected, "{net:?} {ip}");
        };
        check("192.0.2.0/24", "192.0.2.200", true);
        check("192.0.2.0/24", "192.0.3.1", false);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "::ffff:192.0.2.7", true);
        check("0.0.0.0/0", "203.0.113.1", true);
        check("::/0", "203.0.113.1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        for refused in [
            "192.0.2.0/33",
            "192.0.2/24",
            "example.org",
            "::1/129",
            "1.2.3.4/",
        ] {
            assert!(Cidr::try_from(refused.to_owned()).is_err(), "{refused}");
        }
    }
}
