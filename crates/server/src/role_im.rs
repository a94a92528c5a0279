//! The IM role: the IM server's core on its transports and the store.

mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::{Change, Changed};
use convoke_types::Aor;
use im_core::{Capabilities, Config as CoreConfig, Event, ImServer, ViaHosts, Wall};
use runtime::clock;
use runtime::driver::{CoreOutput, SipCore, drive};
use runtime::seed;
use runtime::sip::{self, Listener, SipTransports, TransportEvent, TransportEvents};
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::{self, CertificateFiles};
use sip_proto::Transport;
use store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::files::TLS_DIRECTORY;
use crate::start::StartError;
use work::{StoreWork, Work};

/// Answers of the store and news of accounts that may wait for the core: more than it ever has questions under way, so
/// that none is lost.
const INPUTS_MAX: usize = 262_144;
/// How long messages under way may take when the server goes down.
const DRAIN: Duration = Duration::from_secs(2);

/// What other parts tell the core.
#[derive(Debug)]
pub(crate) enum Input {
    /// The store answered.
    Stored(
        im_core::StoreToken,
        Result<im_core::Stored, im_core::StoreFault>,
    ),
    /// An account was looked up.
    LookedUp(
        im_core::LookupToken,
        Result<Option<im_core::AccountInfo>, im_core::StoreFault>,
    ),
    /// An account changed.
    AccountChanged(Aor, Change),
    /// How these people's devices can take part in conferences now.
    Capabilities(Vec<Aor>, oneshot::Sender<Vec<Capabilities>>),
    /// The server goes down.
    Drain,
}

/// The running role.
pub(crate) struct ImRole {
    pub transports: SipTransports,
    /// The certificate that TLS shows.
    pub certificate: Option<CertificateFiles>,
    inputs: mpsc::Sender<Input>,
}

impl ImRole {
    /// Opens the listeners, restores the registrations and starts the core's task. `carriers` are the tasks that end after
    /// those of `tasks`: what is under way is answered over them.
    pub async fn start(
        config: &Config,
        store: &Store,
        tasks: &Tasks,
        carriers: &Tasks,
    ) -> Result<Self, StartError> {
        let certificate = match config.im.tls.is_empty() {
            true => None,
            false => Some(certificate(config)?),
        };
        let (transports, events) = open(config, certificate.as_ref(), carriers).await?;
        let mut core = ImServer::new(core_config(config, &transports)?, clock::now());
        let now_ms = clock::unix_ms(clock::wall());
        let saved = store.bindings(now_ms).await?;
        let restored = saved.len();
        core.restore_bindings(saved.into_iter().map(work::saved_binding), clock::now());
        tracing::info!(bound = ?transports.bound(), restored, "IM server listens");

        let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
        let work = StoreWork::start(store.clone(), inputs.clone(), tasks);
        let stop = Shutdown::new();
        let shutdown = tasks.shutdown_token().clone();
        tasks.spawn("im drain", drain(shutdown, inputs.clone(), stop.clone()));
        let running = run(core, transports.clone(), events, receiver, work, stop);
        tasks.spawn_vital("im", running);
        Ok(Self {
            transports,
            certificate,
            inputs,
        })
    }

    /// The way in for questions.
    pub fn inputs(&self) -> mpsc::Sender<Input> {
        self.inputs.clone()
    }

    /// What tells the core that an account changed.
    pub fn account_changed(&self) -> Changed {
        let inputs = self.inputs.clone();
        Arc::new(move |aor, change| {
            let input = Input::AccountChanged(aor.clone(), change);
            if inputs.try_send(input).is_err() {
                tracing::warn!(%aor, "the IM server was not told that the account changed");
            }
        })
    }
}

async fn run(
    core: ImServer,
    transports: SipTransports,
    mut events: TransportEvents,
    mut inputs: mpsc::Receiver<Input>,
    work: StoreWork,
    stop: Shutdown,
) {
    let mut core = ImCore {
        server: core,
        draining: false,
    };
    let stopped = drive(
        &mut core,
        &transports,
        &mut events,
        &mut inputs,
        &stop,
        |output, _now| match output {
            Work::Event(event) => {
                work.note(&event);
                log(&event);
            }
            Work::Keep { flow, kept } => transports.keep(flow, kept),
            Work::Store { token, op } => work.store(token, op),
            Work::Lookup { token, aor } => work.lookup(token, aor),
            Work::Drained => stop.cancel(),
        },
    )
    .await;
    stop.cancel();
    tracing::info!(
        ?stopped,
        registered = core.server.registered(),
        "IM server ends"
    );
}

/// At the shutdown: lets messages that are being stored or relayed get their answers, within a bounded time.
async fn drain(shutdown: Shutdown, inputs: mpsc::Sender<Input>, stop: Shutdown) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = shutdown.cancelled() => {}
    }
    let told = inputs.send(Input::Drain).await.is_ok();
    if told && clock::within(DRAIN, stop.cancelled()).await.is_err() {
        tracing::info!("messages under way are not waited for any longer");
    }
    stop.cancel();
}

/// The core, as the driver wants it.
struct ImCore {
    server: ImServer,
    draining: bool,
}

impl SipCore for ImCore {
    type Input = Input;
    type Output = Work;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Message { source, message } => {
                self.server.handle_message(source, message, now);
            }
            TransportEvent::Bad { source, error } => {
                self.server.handle_malformed(source, &error, now);
            }
            TransportEvent::FlowClosed { flow } => self.server.handle_flow_closed(flow, now),
            TransportEvent::SendFailed { token, .. } => self.server.handle_send_failed(token, now),
        }
    }
    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Stored(token, result) => self.server.handle_stored(token, result, now),
            Input::LookedUp(token, result) => self.server.handle_lookup(token, result, now),
            Input::AccountChanged(aor, change) => {
                let aor = aor.to_string();
                match change {
                    Change::Revoked { device } => {
                        self.server.handle_password_revoked(&aor, device, now);
                    }
                    Change::TokenRevoked { token } => {
                        self.server.handle_token_revoked(&aor, token, now);
                    }
                    Change::TokenAdded => self.server.handle_tokens_changed(&aor),
                    Change::Other => self.server.handle_account_changed(&aor),
                }
            }
            Input::Capabilities(people, answer) => {
                let of = |aor: &Aor| self.server.capabilities(&aor.to_string(), now);
                // Whoever asked may have gone.
                let _ = answer.send(people.iter().map(of).collect());
            }
            Input::Drain => self.draining = true,
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.server.handle_timeout(now);
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.server.poll_timeout()
    }
    fn poll_output(&mut self) -> Option<CoreOutput<Work>> {
        let Some(output) = self.server.poll_output() else {
            let drained = self.draining && self.server.in_flight() == 0;
            self.draining &= !drained;
            return drained.then_some(CoreOutput::App(Work::Drained));
        };
        Some(match output {
            im_core::Output::Send {
                target,
                bytes,
                token,
            } => CoreOutput::Send {
                target,
                bytes,
                token: Some(token),
            },
            im_core::Output::Store { token, op } => CoreOutput::App(Work::Store { token, op }),
            im_core::Output::Lookup { token, aor } => CoreOutput::App(Work::Lookup { token, aor }),
            im_core::Output::Keep { flow, kept } => CoreOutput::App(Work::Keep { flow, kept }),
            im_core::Output::Event(event) => CoreOutput::App(Work::Event(event)),
        })
    }
}

async fn open(
    config: &Config,
    certificate: Option<&CertificateFiles>,
    tasks: &Tasks,
) -> Result<(SipTransports, TransportEvents), StartError> {
    let im = &config.im;
    let mut listeners = Vec::new();
    let mut add = |transport, addrs: &[SocketAddr]| {
        listeners.extend(addrs.iter().map(|addr| Listener {
            transport,
            addr: *addr,
        }));
    };
    add(Transport::Udp, &im.udp);
    add(Transport::Tcp, &im.tcp);
    add(Transport::Tls, &im.tls);
    let limits = sip::Limits {
        connections_max: im.connections_max,
        connections_per_ip_max: im.connections_per_ip_max,
        // Connections that somebody is registered on are kept; their clients may be silent until they refresh.
        idle_timeout: Duration::from_secs(u64::from(im.idle_s.max(1))),
        ..sip::Limits::default()
    };
    let tls_server = match certificate {
        Some(files) => Some(tls::server_config(files, &[])?),
        None => None,
    };
    let opened = SipTransports::bind(
        sip::Config {
            listeners,
            tls_server,
            tls_client: None,
            limits,
        },
        tasks,
    );
    Ok(opened.await?)
}

/// The configured certificate, or one for development.
pub(crate) fn certificate(config: &Config) -> Result<CertificateFiles, StartError> {
    if let (Some(chain), Some(key)) = (&config.im.tls_certificate, &config.im.tls_key) {
        return Ok(CertificateFiles {
            chain: config.path(chain),
            key: config.path(key),
        });
    }
    let mut names = vec![config.server.domain.clone(), "localhost".to_owned()];
    let tls = config.im.tls.iter().chain(&config.http.tls);
    let bound = tls.map(SocketAddr::ip);
    names.extend(
        bound
            .filter(|ip| !ip.is_unspecified())
            .map(|ip| ip.to_string()),
    );
    names.dedup();
    let directory = config.data_dir().join(TLS_DIRECTORY);
    tracing::warn!(directory = %directory.display(), "TLS shows a self-signed certificate, for development");
    Ok(tls::development_certificate(&directory, &names)?)
}

fn core_config(config: &Config, transports: &SipTransports) -> Result<CoreConfig, StartError> {
    let wall = Wall {
        at: clock::now(),
        unix_ms: clock::unix_ms(clock::wall()),
    };
    let domain = &config.server.domain;
    let host = |transport| via_host(domain, transports.local(transport));
    let mut core = CoreConfig::new(domain, domain, seed::seed()?, wall);
    core.via = ViaHosts {
        udp: host(Transport::Udp),
        tcp: host(Transport::Tcp),
        tls: host(Transport::Tls),
        ws: via_host(domain, Some(config.http.listen)),
    };
    core.conferences = Some(config.im.conferences.clone()).filter(|user| !user.is_empty());
    core.allocator = Some(config.allocator.user.clone()).filter(|user| !user.is_empty());
    // RFC 8898 §4: an https URI.
    let url = config.http.url.as_deref();
    core.token_server = url
        .filter(|url| url.starts_with("https://"))
        .map(|url| format!("{}/api/v1/session", url.trim_end_matches('/')));
    core.window = url.map(str::to_owned);
    core.language = config.conference.language.clone();
    core.digest.algorithms = config.im.digest.iter().copied().map(Into::into).collect();
    core.limits.max_expires_s = config.im.registration_max_s;
    core.limits.default_expires_s = core
        .limits
        .default_expires_s
        .min(config.im.registration_max_s);
    Ok(core)
}

/// Where responses reach us: the bound address, or our domain when bound to all of the machine's.
pub(crate) fn via_host(domain: &str, bound: Option<SocketAddr>) -> String {
    match bound {
        Some(addr) if addr.ip().is_unspecified() => format!("{domain}:{}", addr.port()),
        Some(addr) => addr.to_string(),
        None => domain.to_owned(),
    }
}

fn log(event: &Event) {
    match event {
        Event::Registered {
            aor,
            transport,
            remote,
            expires_s,
            new,
            can: _,
        } => {
            if *new {
                tracing::info!(%aor, %transport, %remote, expires_s, "registered");
            } else {
                tracing::debug!(%aor, %transport, %remote, expires_s, "registration renewed");
            }
        }
        Event::Unregistered { aor, why } => tracing::info!(%aor, ?why, "unregistered"),
        Event::WrongPassword {
            address,
            user,
            banned,
        } => tracing::warn!(%address, user, banned, "wrong password"),
        Event::WrongToken {
            address,
            user,
            banned,
        } => tracing::info!(%address, user, banned, "wrong token, or one that is over"),
        Event::Refused { address, status } => tracing::debug!(%address, status, "refused"),
        Event::Relayed {
            id,
            from,
            to,
            control,
            call_id,
            devices,
        } => match call_id {
            Some(request) => {
                tracing::info!(request, id, %from, %to, devices, "control message relayed");
            }
            None => tracing::debug!(id, %from, %to, control, devices, "message relayed"),
        },
        Event::Delivered { id, kept } => {
            tracing::debug!(id, kept, "message delivered");
        }
        Event::Undelivered { id, status } => {
            tracing::debug!(id, status, "message not delivered");
        }
        Event::ToldOfKept { id } => {
            tracing::debug!(id, "told of a message too large for a datagram");
        }
        Event::StoreFailed { fault } => {
            tracing::error!(?fault, "the store did not do what was asked")
        }
    }
}
