//! The running network: the carrier on real sockets, and a handle to hear, watch and use its telephones.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use convoke_types::E164;
use runtime::driver::{SipCore, drive};
use runtime::sip::{BindError, Config as SipConfig, Listener, SipTransports};
use runtime::tasks::Tasks;
use runtime::{clock, seed};
use sip_proto::auth::Login;
use sip_proto::call::{CallKey, Local};
use sip_proto::{Transport, Uri};
use tokio::sync::{broadcast, mpsc};

use crate::behaviour::{Behaviour, Phone};
use crate::carrier::{Act, Carrier, Config as CarrierConfig, Input, Output, What};
use crate::ear::Ear;
use crate::line::{Line, Order};
use crate::microphone::Sound;
use crate::mouth::Mouth;
use crate::state::{Happening, PhoneState, States};

/// Events that a slow watcher may lag behind before it misses some.
const EVENTS_MAX: usize = 4_096;
/// Things to do that may wait for the carrier.
const INPUTS_MAX: usize = 4_096;
/// Orders that may wait for one line.
const ORDERS_MAX: usize = 32;

/// What a network is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the carrier takes calls, over UDP; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Its telephones.
    pub phones: Vec<Phone>,
    /// What callers must know; `None` lets everybody call.
    pub login: Option<Login>,
}

/// Something that a telephone did.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneEvent {
    /// Which telephone.
    pub number: E164,
    /// What it did.
    pub what: What,
}

/// Why the network did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system gives no randomness.
    #[error("the system gives no random bytes")]
    Random,
    /// The address makes no SIP URI.
    #[error("the listening address makes no SIP URI")]
    Address,
}

/// A handle to the running network. Clones are one.
#[derive(Clone)]
pub struct Network {
    udp: SocketAddr,
    inputs: mpsc::Sender<Input>,
    events: broadcast::Sender<PhoneEvent>,
    heads: Arc<HashMap<E164, (Ear, Mouth)>>,
    states: States,
}

impl Network {
    /// Starts the carrier in the group of tasks; it ends with the group.
    ///
    /// # Errors
    /// See `StartError`.
    pub async fn start(config: Config, tasks: &Tasks) -> Result<Self, StartError> {
        let listeners = vec![Listener {
            transport: Transport::Udp,
            addr: config.listen,
        }];
        let sip = SipConfig {
            listeners,
            tls_server: None,
            tls_client: None,
            limits: runtime::sip::Limits::default(),
        };
        let (transports, mut from_network) = SipTransports::bind(sip, tasks).await?;
        let udp = transports
            .local(Transport::Udp)
            .ok_or(StartError::Address)?;
        let contact =
            Uri::sip(Some("carrier"), &udp.to_string()).map_err(|_| StartError::Address)?;
        let numbers = config.phones.iter().map(|phone| phone.number.clone());
        let heads: HashMap<E164, (Ear, Mouth)> =
            numbers.map(|number| (number, Default::default())).collect();
        let states = States::new(&config.phones);
        let carrier = CarrierConfig {
            local: Local {
                via_host: udp.to_string(),
                contact,
            },
            phones: config.phones,
            login: config.login,
            seed: seed::seed().map_err(|_| StartError::Random)?,
            nonce_key: seed::seed().map_err(|_| StartError::Random)?,
        };
        let (inputs, mut orders) = mpsc::channel(INPUTS_MAX);
        let (events, _) = broadcast::channel(EVENTS_MAX);
        let network = Self {
            udp,
            inputs: inputs.clone(),
            events: events.clone(),
            heads: Arc::new(heads),
            states: states.clone(),
        };
        let edge = Edge {
            ip: udp.ip(),
            tasks: tasks.clone(),
            inputs,
            events,
            heads: network.heads.clone(),
            states,
            lines: Arc::default(),
        };
        let shutdown = tasks.shutdown_token().clone();
        tasks.spawn_vital("phones.carrier", async move {
            let mut core = Carrier::new(carrier, clock::now());
            let on_output = |output: <Carrier as SipCore>::Output, _| edge.carry_out(output);
            drive(
                &mut core,
                &transports,
                &mut from_network,
                &mut orders,
                &shutdown,
                on_output,
            )
            .await;
        });
        Ok(network)
    }

    /// Where the carrier takes calls.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.udp
    }

    /// What happens on the telephones from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<PhoneEvent> {
        self.events.subscribe()
    }

    /// The ear of a telephone; `None` if there is no such number.
    #[must_use]
    pub fn ear(&self, number: &E164) -> Option<Ear> {
        self.heads.get(number).map(|(ear, _)| ear.clone())
    }

    /// The mouthpiece of a telephone; `None` if there is no such number.
    #[must_use]
    pub fn mouth(&self, number: &E164) -> Option<Mouth> {
        self.heads.get(number).map(|(_, mouth)| mouth.clone())
    }

    /// What every telephone is and does now, in the order of the configuration.
    #[must_use]
    pub fn states(&self) -> Vec<PhoneState> {
        self.states.all()
    }

    /// What happened last on the telephones, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Happening> {
        self.states.log()
    }

    /// A telephone does something else from its next call on; nothing happens if there is no such number.
    pub async fn set_behaviour(&self, number: &E164, behaviour: Behaviour) {
        let number = number.clone();
        // The carrier is gone only when everything ends.
        let _ = self.inputs.send(Input::Behave { number, behaviour }).await;
    }

    /// Does something with a telephone; nothing happens when it has no call that this fits.
    pub async fn act(&self, number: &E164, act: Act) {
        // The carrier is gone only when everything ends.
        let _ = self
            .inputs
            .send(Input::Act {
                number: number.clone(),
                act,
            })
            .await;
    }
}

/// Carries the carrier's outputs out: lines are tasks with sockets.
struct Edge {
    ip: IpAddr,
    tasks: Tasks,
    inputs: mpsc::Sender<Input>,
    events: broadcast::Sender<PhoneEvent>,
    heads: Arc<HashMap<E164, (Ear, Mouth)>>,
    states: States,
    lines: Arc<Mutex<HashMap<CallKey, mpsc::Sender<Order>>>>,
}

impl Edge {
    fn carry_out(&self, output: Output) {
        match output {
            Output::OpenLine {
                call,
                number,
                sound,
            } => self.open(call, &number, sound),
            Output::Line { call, order } => {
                let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(line) = lines.get(&call)
                    && line.try_send(order).is_err()
                {
                    tracing::warn!("a simulated telephone's line is full of orders");
                }
            }
            Output::CloseLine { call } => {
                self.lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&call);
            }
            Output::Event { call, number, what } => {
                tracing::debug!(%number, ?what, "simulated telephone");
                self.states.see(call, &number, &what);
                // Nobody need watch.
                let _ = self.events.send(PhoneEvent { number, what });
            }
        }
    }

    fn open(&self, call: CallKey, number: &E164, sound: Sound) {
        let (orders, to_do) = mpsc::channel(ORDERS_MAX);
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(call, orders);
        let (ip, inputs) = (self.ip, self.inputs.clone());
        let head = self.heads.get(number).cloned().unwrap_or_default();
        self.tasks
            .spawn(format!("phones.line.{number}"), async move {
                let opened = match random() {
                    Some(seed) => Line::open(ip, head, sound, seed).await.ok(),
                    None => None,
                };
                let local = opened.as_ref().map(|(_, local)| *local);
                if inputs.send(Input::LineOpen { call, local }).await.is_err() {
                    return;
                }
                if let Some((line, _)) = opened {
                    // A key that finds the queue full is lost, as on a bad line.
                    line.run(to_do, |heard| {
                        drop(inputs.try_send(Input::Heard { call, heard }))
                    })
                    .await;
                }
            });
    }
}

fn random() -> Option<[u8; 10]> {
    let seed = seed::seed().ok()?;
    seed.first_chunk::<10>().copied()
}
