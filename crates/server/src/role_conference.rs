//! The conference role: the conference service with its focus, the telephone dialogs, and the media bridge.
//!
//! ```text
//!  ConferenceService ──BridgeCommand──► Telephony ──MediaCommand──► media::Engine
//!    (focus, answers,                    (SIP legs)                   (threads, RTP)
//!     records, reports) ◄──BridgeEvent──            ◄──MediaEvent──
//!           │  ▲                                                          │  ▲
//!           │  └─────── Arrived, Admit … ──► ConferenceUa ◄──the same──────┴──┘
//!           └──Watching──► (browsers' calls, who follows conferences, who is on the phone)
//! ```

pub(crate) mod bridge;
mod mixers;
pub(crate) mod plan;
mod sight;
mod trunks;
pub(crate) mod ua;

use std::net::SocketAddr;
use std::sync::Weak;

use api::{ConferenceService, ReportingService, Webhooks};
use runtime::sip::{self, Listener, SipTransports};
use runtime::tasks::Tasks;
use sip_proto::Transport;
use store::Store;

use crate::config::Config;
use crate::start::StartError;

pub(crate) use trunks::PRODUCT;

/// Who is told what happens, beside those who ask.
pub(crate) struct Told {
    /// Clients, by the gateway.
    pub reporting: Option<ReportingService>,
    /// Programs.
    pub webhooks: Webhooks,
}

/// The running role.
pub(crate) struct ConferenceRole {
    pub service: ConferenceService,
    /// Towards trunks.
    pub transports: SipTransports,
    /// For counts.
    pub media: Weak<media::Engine>,
    /// For the calls of browsers; once.
    pub browsers: Option<bridge::BrowserPort>,
}

impl ConferenceRole {
    /// Starts media, telephony and the service. `carriers` are the tasks that end after those of `tasks`: conferences are
    /// ended over them.
    pub async fn start(
        config: &Config,
        store: &Store,
        told: Told,
        tasks: &Tasks,
        carriers: &Tasks,
    ) -> Result<Self, StartError> {
        let transports_config = sip::Config {
            listeners: listeners(config),
            tls_server: None,
            tls_client: trunks::tls_client(config)?,
            limits: sip::Limits::default(),
        };
        let (transports, events) = SipTransports::bind(transports_config, carriers).await?;
        let telephony = trunks::telephony_config(config, &transports).await?;
        tracing::info!(bound = ?transports.bound(), trunks = telephony.trunks.len(), "telephony listens");
        let media = bridge::start_media(config, carriers)?;
        let engine = media.engine.clone();
        let (port, browsers) = bridge::start_telephony(
            config,
            telephony,
            transports.clone(),
            events,
            media,
            carriers,
        )?;
        let service = ConferenceService::start(tasks, plan::service(config, store, told), port);
        Ok(Self {
            service,
            transports,
            media: engine,
            browsers: Some(browsers),
        })
    }
}

fn listeners(config: &Config) -> Vec<Listener> {
    let of = |transport, addrs: &[SocketAddr]| -> Vec<Listener> {
        let listener = |addr: &SocketAddr| Listener {
            transport,
            addr: *addr,
        };
        addrs.iter().map(listener).collect()
    };
    let mut listeners = of(Transport::Udp, &config.sip.udp);
    listeners.extend(of(Transport::Tcp, &config.sip.tcp));
    listeners
}
