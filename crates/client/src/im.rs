//! The client itself: connected, it sends and receives until it is closed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use convoke_types::Aor;
use runtime::driver::drive;
use runtime::sip::{self, Limits, Listener, SendError as WireError, SipTransports};
use runtime::tasks::{Shutdown, Tasks};
use runtime::{clock, probe, seed, tls};
use sip_proto::ua::{MessageError, UaConfig};
use sip_proto::{HeaderName, TokenSource, Transport, Uri};
use std::net::SocketAddr;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::config::{Config, ConnectError};
use crate::core::{Core, Input, News, Outgoing};
use crate::incoming::Incoming;

/// Messages that may wait for [`ImClient::next`]; more are answered 480.
const INBOX_MAX: usize = 1_024;
/// Messages that may wait to be sent; more wait at the caller.
const INPUTS_MAX: usize = 256;
/// How long connecting to the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long taking the registration back may take.
const CLOSE_WAIT: Duration = Duration::from_secs(3);
/// How long the client's own tasks may take to end.
const TASKS_END: Duration = Duration::from_secs(3);

/// Where the connection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Not registered yet.
    Connecting,
    /// Registered.
    Up {
        /// The device's own address (RFC 5627), if the registrar gave one.
        gruu: Option<String>,
    },
    /// Lost, or refused; it is tried again by itself.
    Down {
        /// The registrar's status, 408 or 503 of our own.
        status: u16,
        /// What happened.
        words: String,
        /// Why the server could not be reached, if it could not.
        wire: Option<WireError>,
    },
    /// Closed, by us or with the program.
    Closed,
}

/// The final answer to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// SIP status: 200 delivered, 202 taken by the server; 408 and 503 also of our own.
    pub code: u16,
    /// Its reason phrase.
    pub words: String,
}

impl Status {
    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Too many under way, or too long for UDP.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
}

/// A registered client. Clones are one.
#[derive(Debug, Clone)]
pub struct ImClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    aor: Aor,
    inputs: mpsc::Sender<Input>,
    inbox: Mutex<mpsc::Receiver<Incoming>>,
    connection: watch::Receiver<Connection>,
    /// Ends the client's own tasks.
    token: Shutdown,
}

impl ImClient {
    /// Connects and registers; done when the registrar has said yes. Afterwards the client stays registered by itself.
    /// Its tasks belong to `tasks`.
    ///
    /// # Errors
    /// See [`ConnectError`]; nothing runs on then.
    pub async fn connect(config: Config, tasks: &Tasks) -> Result<Self, ConnectError> {
        let aor = config.aor.clone();
        let server = format!("{}/{}", config.server.addr, config.server.transport);
        let own = Tasks::new(Shutdown::new());
        let (transports, mut events, ua) = open(config, &own).await?;
        let (inbox, received) = mpsc::channel(INBOX_MAX);
        let (inputs, mut from_handles) = mpsc::channel(INPUTS_MAX);
        let (told, connection) = watch::channel(Connection::Connecting);
        let mut core = Core::new(ua, seed::seed()?, inbox, clock::now());

        let parent = tasks.shutdown_token().clone();
        let ends = own.shutdown_token().clone();
        tasks.spawn(format!("im client {aor}"), async move {
            let token = own.shutdown_token().clone();
            let driving = drive(
                &mut core,
                &transports,
                &mut events,
                &mut from_handles,
                &token,
                |news, _| {
                    if matches!(news, News::Unregistered) {
                        token.cancel();
                    }
                    told.send_replace(connection_of(news));
                },
            );
            // A client that nobody holds any more ends by itself.
            parent.unless_cancelled(driving).await;
            drop(core);
            if let Err(error) = own.finish(TASKS_END).await {
                tracing::debug!(%error, "a client's connections did not end in time");
            }
            told.send_replace(Connection::Closed);
        });

        let client = Self {
            inner: Arc::new(Inner {
                aor: aor.clone(),
                inputs,
                inbox: Mutex::new(received),
                connection,
                token: ends,
            }),
        };
        match client.first_outcome().await {
            Connection::Down {
                status,
                words,
                wire,
            } => {
                client.close().await;
                Err(match (status, wire) {
                    (_, Some(error)) => ConnectError::Unreachable {
                        server,
                        words: error.to_string(),
                    },
                    (408, None) => ConnectError::Unreachable {
                        server,
                        words: "no answer".to_owned(),
                    },
                    (401 | 403 | 407, None) => ConnectError::WrongPassword(aor),
                    (404, None) => ConnectError::UnknownAccount(aor),
                    (status, None) => ConnectError::Refused { status, words },
                })
            }
            Connection::Up { .. } => Ok(client),
            Connection::Connecting | Connection::Closed => Err(ConnectError::Closed),
        }
    }

    async fn first_outcome(&self) -> Connection {
        let mut connection = self.inner.connection.clone();
        match connection
            .wait_for(|state| *state != Connection::Connecting)
            .await
        {
            Ok(state) => state.clone(),
            Err(_) => Connection::Closed,
        }
    }

    /// Our address of record.
    pub fn aor(&self) -> &Aor {
        &self.inner.aor
    }

    /// This device's own address, while registered at a registrar that gives one (RFC 5627).
    pub fn gruu(&self) -> Option<String> {
        match &*self.inner.connection.borrow() {
            Connection::Up { gruu } => gruu.clone(),
            Connection::Connecting | Connection::Down { .. } | Connection::Closed => None,
        }
    }

    /// Where the connection stands, and its changes.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.inner.connection.clone()
    }

    /// Sends a message and waits for its final answer (at most 64·T1, 32 s). Waits while 256 others wait to be sent.
    ///
    /// # Errors
    /// See [`SendError`]; a refusal by the server is a [`Status`].
    pub async fn message(
        &self,
        to: &Uri,
        content_type: &str,
        body: impl Into<Bytes>,
        headers: Vec<(HeaderName, String)>,
    ) -> Result<Status, SendError> {
        let (done, result) = oneshot::channel();
        let outgoing = Outgoing {
            to: to.clone(),
            content_type: content_type.to_owned(),
            body: body.into(),
            headers,
            done,
        };
        let input = Input::Message(outgoing);
        let sent = self.inner.inputs.send(input).await;
        sent.map_err(|_| SendError::Closed)?;
        result.await.map_err(|_| SendError::Closed)?
    }

    /// The next message; `None` when the client is closed and nothing waits. 1,024 may wait: while it is full, messages
    /// are answered 480 (a server keeps chat then, and control is lost). Cancel-safe.
    pub async fn next(&self) -> Option<Incoming> {
        self.inner.inbox.lock().await.recv().await
    }

    /// Takes the registration back and ends; waits at most a few seconds. Calling it again changes nothing.
    pub async fn close(&self) {
        let mut connection = self.inner.connection.clone();
        if self.inner.inputs.send(Input::Close).await.is_err() {
            return;
        }
        let in_time = clock::within(CLOSE_WAIT, is_closed(&mut connection)).await;
        if in_time.is_err() {
            tracing::debug!(aor = %self.inner.aor, "the registration was not taken back in time");
            self.inner.token.cancel();
            // The tasks are aborted after this time.
            let _ = clock::within(TASKS_END, is_closed(&mut connection)).await;
        }
    }
}

async fn is_closed(connection: &mut watch::Receiver<Connection>) {
    // An error says that the client's task is gone, which is the same.
    let _ = connection
        .wait_for(|state| *state == Connection::Closed)
        .await;
}

fn connection_of(news: News) -> Connection {
    match news {
        News::Registered { gruu } => Connection::Up { gruu },
        News::Failed {
            status,
            words,
            wire,
        } => Connection::Down {
            status,
            words,
            wire,
        },
        News::Unregistered => Connection::Down {
            status: 200,
            words: "the registration was taken back".to_owned(),
            wire: None,
        },
    }
}

type Opened = (SipTransports, sip::TransportEvents, UaConfig);

/// Opens what the client needs to reach its server and be reached.
async fn open(config: Config, tasks: &Tasks) -> Result<Opened, ConnectError> {
    let server = config.server.addr;
    let transport = config.server.transport;
    let local = || {
        let ip = probe::local_ip_towards(server);
        ip.map_err(|error| ConnectError::NoRoute { server, error })
    };
    let listeners = match (transport, config.listen) {
        (Transport::Tls | Transport::Ws | Transport::Wss, _) => vec![],
        (Transport::Udp | Transport::Tcp, Some(addr)) => vec![Listener { transport, addr }],
        (Transport::Udp | Transport::Tcp, None) => vec![Listener {
            transport,
            addr: SocketAddr::new(local()?, 0),
        }],
    };
    let tls_client = match transport {
        Transport::Tls => Some(tls::client_config(&config.trust)?),
        Transport::Udp | Transport::Tcp | Transport::Ws | Transport::Wss => None,
    };
    let opening = sip::Config {
        listeners,
        tls_server: None,
        tls_client,
        limits: Limits {
            connect_timeout: CONNECT_TIMEOUT,
            handshake_timeout: CONNECT_TIMEOUT,
            ..Limits::default()
        },
    };
    let (transports, events) = SipTransports::bind(opening, tasks).await?;
    let mut words = TokenSource::new(seed::seed()?);
    // Over TLS nobody can connect to us: the name is one that does not exist (RFC 2606 §2), as for browsers (RFC 7118 §5).
    let via_host = match transports.local(transport) {
        Some(addr) => addr.to_string(),
        None => format!("{}.invalid", words.token(12).to_ascii_lowercase()),
    };
    let uri = |text: String| {
        Uri::parse(text)
            .map_err(|error| ConnectError::Address(config.aor.clone(), error.to_string()))
    };
    let ua = UaConfig {
        aor: uri(config.aor.to_uri())?,
        contact: uri(format!(
            "sip:{}@{via_host};transport={}",
            config.aor.user(),
            transport.param_word()
        ))?,
        via_host,
        target: config.server.clone(),
        login: config.login.clone(),
        instance: match config.instance.clone() {
            Some(instance) => instance,
            None => uuid_urn(words.bytes()),
        },
        expires_s: config.expires_s,
        product: config.product.clone(),
    };
    Ok((transports, events, ua))
}

/// `urn:uuid:…` of random bits (RFC 9562 §5.4, version 4).
pub(crate) fn uuid_urn(random: [u8; 32]) -> String {
    let mut text = String::from("urn:uuid:");
    for (position, byte) in random.iter().take(16).enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let byte = match position {
            6 => (byte & 0x0f) | 0x40,
            8 => (byte & 0x3f) | 0x80,
            _ => *byte,
        };
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4() {
        assert_eq!(
            uuid_urn([0xff; 32]),
            "urn:uuid:ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_so() {
        // A port that was free a moment ago; nobody listens there.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let aor: Aor = "alice@example.org".parse().unwrap();
        let login = sip_proto::auth::Login {
            username: "alice".into(),
            password: "x".into(),
        };
        let target = sip_proto::Target::new(Transport::Tcp, addr);
        let tasks = Tasks::new(Shutdown::new());
        let error = ImClient::connect(Config::new(aor, login, target), &tasks)
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("cannot connect"), "{error}");
        tasks.finish(TASKS_END).await.unwrap();
    }
}
