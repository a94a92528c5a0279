//! The telephone network's side of a trunk: takes the server's INVITEs and answers them for the telephones of the media
//! sender, or refuses them all. This is how a server that only dials out is driven by INVITE.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use convoke_types::media::Codec;
use runtime::driver::{CoreOutput, SipCore, drive};
use runtime::sip::{self, Listener, SipTransports, TransportEvent};
use runtime::tasks::{Shutdown, Tasks};
use runtime::{clock, seed};
use sip_proto::call::{CallEvent, CallKey, Calls, CallsConfig, Local};
use sip_proto::endpoint::{self, Endpoint, Event};
use sip_proto::sdp::{self, Direction, Sdp, SessionId, Side};
use sip_proto::{Message, Method, ResponseBuilder, Transport, Uri};
use tokio::sync::mpsc;

/// Things that may wait to be taken.
const NEWS_MAX: usize = 65_536;
/// Things to do that may wait.
const ORDERS_MAX: usize = 65_536;
/// Calls at once.
const CALLS_MAX: usize = 30_000;
/// How long tasks may take to end.
const END_MAX: Duration = Duration::from_secs(5);

/// What the trunk does with a call.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Answers at once; the telephone is the number's last digits after `prefix`, its socket the one at that place.
    Answer {
        /// What the numbers begin with.
        prefix: String,
        /// Where each telephone receives.
        sockets: Vec<SocketAddr>,
    },
    /// Refuses with this status.
    Refuse {
        /// 486, say.
        status: u16,
    },
}

/// What happened on the trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// An INVITE that begins a call came.
    Invited {
        /// When it was taken from the socket.
        at: Instant,
    },
    /// A call is answered and acknowledged.
    Connected {
        /// Which telephone.
        telephone: usize,
        /// Where the server receives its sound.
        remote: SocketAddr,
        /// When the 200 was sent.
        answered: Instant,
    },
    /// A call is over.
    Ended {
        /// Which telephone; `None` for a call that was refused.
        telephone: Option<usize>,
    },
}

/// A running trunk.
pub struct Trunk {
    addr: SocketAddr,
    orders: mpsc::Sender<Order>,
    news: mpsc::Receiver<News>,
    tasks: Tasks,
}

#[derive(Debug)]
enum Order {
    HangUp { telephone: usize },
}

impl Trunk {
    /// Listens on a free UDP port of the loopback.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start(manner: Manner) -> Result<Self> {
        let tasks = Tasks::new(Shutdown::new());
        let config = sip::Config {
            listeners: vec![Listener {
                transport: Transport::Udp,
                addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            }],
            tls_server: None,
            tls_client: None,
            limits: sip::Limits::default(),
        };
        let (transports, mut events) = SipTransports::bind(config, &tasks).await?;
        let addr = transports.local(Transport::Udp).context("no UDP socket")?;
        let contact = Uri::sip(Some("trunk"), &addr.to_string())?;
        let local = Local {
            via_host: addr.to_string(),
            contact,
        };
        let (orders, mut to_do) = mpsc::channel(ORDERS_MAX);
        let (tell, news) = mpsc::channel(NEWS_MAX);
        let mut core = Carrier::new(local, manner, seed::seed()?);
        let shutdown = tasks.shutdown_token().clone();
        tasks.spawn_vital("load.trunk", async move {
            // Whoever does not take the news finds out by its own wait.
            let tell_it = |news, _| {
                if tell.try_send(news).is_err() {
                    tracing::warn!("news of the trunk found no room");
                }
            };
            drive(
                &mut core,
                &transports,
                &mut events,
                &mut to_do,
                &shutdown,
                tell_it,
            )
            .await;
        });
        Ok(Self {
            addr,
            orders,
            news,
            tasks,
        })
    }

    /// Where the server has to send its INVITEs.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The next thing that happened.
    ///
    /// # Errors
    /// When nothing happens within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Result<News> {
        match clock::within(limit, self.news.recv()).await {
            Ok(Some(news)) => Ok(news),
            Ok(None) => bail!("the trunk has ended"),
            Err(_) => bail!("nothing happened on the trunk within {limit:?}"),
        }
    }

    /// Hangs a telephone up.
    ///
    /// # Errors
    /// When the trunk has ended.
    pub async fn hang_up(&self, telephone: usize) -> Result<()> {
        let order = Order::HangUp { telephone };
        let sent = self.orders.send(order).await;
        sent.map_err(|_| anyhow::anyhow!("the trunk has ended"))
    }

    /// Ends all tasks.
    pub async fn stop(self) {
        if let Err(error) = self.tasks.finish(END_MAX).await {
            tracing::warn!(%error, "the trunk did not end as it should");
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Call {
    telephone: usize,
    remote: SocketAddr,
    answered: Instant,
}

struct Carrier {
    endpoint: Endpoint,
    calls: Calls,
    manner: Manner,
    active: HashMap<CallKey, Call>,
    by_telephone: HashMap<usize, CallKey>,
    sessions: u64,
    outputs: std::collections::VecDeque<CoreOutput<News>>,
}

impl Carrier {
    fn new(local: Local, manner: Manner, seed: [u8; 32]) -> Self {
        let mut config = CallsConfig::new(local, "Convoke-Load");
        config.max_calls = CALLS_MAX;
        Self {
            endpoint: Endpoint::new(seed, endpoint::Config::default()),
            calls: Calls::new(config),
            manner,
            active: HashMap::new(),
            by_telephone: HashMap::new(),
            sessions: 0,
            outputs: std::collections::VecDeque::new(),
        }
    }

    fn call_event(&mut self, call: CallKey, event: CallEvent, now: Instant) {
        match event {
            CallEvent::Incoming { invite, offer, .. } => {
                self.tell(News::Invited { at: now });
                let answered = self.answer(call, &invite, offer.as_ref(), now);
                if let Err(status) = answered {
                    let reason = if status == 486 {
                        "Busy Here"
                    } else {
                        "Not Acceptable Here"
                    };
                    // The caller may have given up meanwhile.
                    let _ = self
                        .calls
                        .reject(&mut self.endpoint, call, status, reason, now);
                }
            }
            CallEvent::Confirmed { .. } => {
                if let Some(call) = self.active.get(&call).copied() {
                    self.tell(News::Connected {
                        telephone: call.telephone,
                        remote: call.remote,
                        answered: call.answered,
                    });
                }
            }
            CallEvent::Reinvite { .. } => {
                let refused = self.calls.reject_change(
                    &mut self.endpoint,
                    call,
                    488,
                    "Not Acceptable Here",
                    now,
                );
                if let Err(error) = refused {
                    tracing::debug!(%error, "a change came too late");
                }
            }
            CallEvent::Ended(_) => {
                let telephone = self.active.remove(&call).map(|call| call.telephone);
                if let Some(telephone) = telephone {
                    self.by_telephone.remove(&telephone);
                }
                self.tell(News::Ended { telephone });
            }
            CallEvent::Trying
            | CallEvent::Ringing { .. }
            | CallEvent::Answered { .. }
            | CallEvent::Reinvited { .. }
            | CallEvent::Probed { .. }
            | CallEvent::ChangeAnswered { .. }
            | CallEvent::Info { .. } => {}
        }
    }

    /// Answers, or says with which status to refuse.
    fn answer(
        &mut self,
        call: CallKey,
        invite: &Message,
        offer: Option<&Bytes>,
        now: Instant,
    ) -> Result<(), u16> {
        let (prefix, sockets) = match &self.manner {
            Manner::Refuse { status } => return Err(*status),
            Manner::Answer { prefix, sockets } => (prefix, sockets),
        };
        let uri = invite.uri().map_err(|_| 400_u16)?;
        let user = uri.user_decoded().ok_or(404_u16)?;
        let digits = user.strip_prefix(prefix.as_str()).ok_or(404_u16)?;
        let telephone: usize = digits.parse().map_err(|_| 404_u16)?;
        let local = *sockets.get(telephone).ok_or(404_u16)?;
        let offer = Sdp::parse(offer.ok_or(488_u16)?).map_err(|_| 488_u16)?;
        self.sessions += 1;
        let session = SessionId {
            id: self.sessions,
            version: 1,
        };
        let ours = sdp::answer(&offer, local, session, &[Codec::Pcma], Direction::SendRecv)
            .map_err(|_| 488_u16)?;
        let agreed = sdp::negotiated(&offer, &ours, Side::Answerer).map_err(|_| 488_u16)?;
        let remote = agreed.remote;
        let taken = Call {
            telephone,
            remote,
            answered: now,
        };
        self.active.insert(call, taken);
        self.by_telephone.insert(telephone, call);
        let body = ours.to_string().into();
        let answered = self.calls.answer(&mut self.endpoint, call, body, now);
        answered.map_err(|_| 487)
    }

    fn tell(&mut self, news: News) {
        self.outputs.push_back(CoreOutput::App(news));
    }

    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.endpoint.poll_output() {
                match output {
                    endpoint::Output::Send {
                        target,
                        bytes,
                        token,
                    } => self.outputs.push_back(CoreOutput::Send {
                        target,
                        bytes,
                        token: Some(token),
                    }),
                    endpoint::Output::Event(event) => self.sip_event(event, now),
                }
            }
            let Some((call, event)) = self.calls.poll_event() else {
                return;
            };
            self.call_event(call, event, now);
        }
    }

    fn sip_event(&mut self, event: Event, now: Instant) {
        let left = self.calls.handle(&mut self.endpoint, event, now);
        if let Some(Event::Request { tx, message, .. }) = left {
            let (status, reason) = match message.method() {
                Some(Method::Options) => (200, "OK"),
                Some(Method::Bye) => (481, "Call/Transaction Does Not Exist"),
                _ => (405, "Method Not Allowed"),
            };
            let answer = ResponseBuilder::reply(&message, status, reason).build();
            self.endpoint.respond(tx, &answer, now);
        }
    }
}

impl SipCore for Carrier {
    type Input = Order;
    type Output = News;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        match event {
            TransportEvent::Message { source, message } => {
                self.endpoint.handle_message(source, message, now);
            }
            TransportEvent::Bad { source, error } => self.endpoint.handle_malformed(source, &error),
            TransportEvent::FlowClosed { flow } => self.endpoint.handle_flow_closed(flow, now),
            TransportEvent::SendFailed { token, .. } => {
                self.endpoint.handle_send_failed(token, now)
            }
        }
        self.settle(now);
    }

    fn handle_input(&mut self, order: Order, now: Instant) {
        let Order::HangUp { telephone } = order;
        if let Some(call) = self.by_telephone.get(&telephone) {
            self.calls.hang_up(&mut self.endpoint, *call, None, now);
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint.handle_timeout(now);
        self.calls.handle_timeout(&mut self.endpoint, now);
        self.settle(now);
    }

    fn poll_timeout(&mut self) -> Option<Instant> {
        let timeouts = [self.endpoint.poll_timeout(), self.calls.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<CoreOutput<News>> {
        self.outputs.pop_front()
    }
}
