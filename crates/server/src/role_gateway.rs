//! The gateway role: the gateway's core with its SIP user agent, its calls to the conference service and its reporting
//! service.

mod core;
mod outside;
mod reporting;
mod setup;

use std::time::Duration;

use runtime::clock;
use runtime::driver::drive;
use runtime::sip::SipTransports;
use runtime::tasks::{Shutdown, Tasks};
use store::Store;
use tokio::sync::mpsc;

use self::core::{GatewayCore, Input, Told};
use crate::config::Config;
use crate::im_account::{ImAccount, ImServerAddress};
use crate::start::StartError;
use outside::Outside;

pub(crate) use reporting::{PATH as REPORTING_PATH, router};

/// Results, reports and news that may wait for the core. Calls, log entries and reports under way are fewer.
const INPUTS_MAX: usize = 16_384;
/// How long what is under way may take to reach its devices when the server goes down.
const DRAIN: Duration = Duration::from_secs(4);

/// Where the gateway finds others.
pub(crate) struct Surroundings {
    /// The IM server.
    pub im_server: ImServerAddress,
    /// URL of the conference service.
    pub conference_url: String,
    /// The secret shared with it.
    pub shared_secret: String,
    /// The gateway's password at the IM server.
    pub password: String,
}

/// The running role.
pub(crate) struct GatewayRole {
    pub transports: SipTransports,
    inputs: mpsc::Sender<Input>,
}

impl GatewayRole {
    /// Starts the gateway; it registers as soon as the IM server is there, and again whenever it comes back. `carriers` are
    /// the tasks that end after those of `tasks`: what is under way goes out over them.
    pub async fn start(
        config: &Config,
        store: &Store,
        around: Surroundings,
        tasks: &Tasks,
        carriers: &Tasks,
    ) -> Result<Self, StartError> {
        let account = ImAccount::gateway(config);
        let (transports, mut events) = account.open(&around.im_server, carriers).await?;
        let settings = setup::core_config(config, &account, &around, &transports)?;
        let mut core = GatewayCore::new(settings);
        let (inputs, mut receiver) = mpsc::channel(INPUTS_MAX);
        let outside = Outside::start(store, around, inputs.clone(), tasks)?;
        let stop = Shutdown::new();
        let wires = transports.clone();
        tasks.spawn(
            "gateway drain",
            drain(tasks.shutdown_token().clone(), inputs.clone(), stop.clone()),
        );
        tasks.spawn_vital("gateway", async move {
            let stopped = drive(
                &mut core,
                &wires,
                &mut events,
                &mut receiver,
                &stop,
                |told, _now| match told {
                    Told::Drained => stop.cancel(),
                    told => outside.carry_out(told),
                },
            )
            .await;
            stop.cancel();
            tracing::info!(?stopped, "gateway ends");
        });
        Ok(Self { transports, inputs })
    }

    /// The way in for reports.
    pub fn inputs(&self) -> mpsc::Sender<Input> {
        self.inputs.clone()
    }
}

/// At the shutdown: lets what is under way reach its devices, then takes the registration back, within a bounded time.
async fn drain(shutdown: Shutdown, inputs: mpsc::Sender<Input>, stop: Shutdown) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = shutdown.cancelled() => {}
    }
    if inputs.send(Input::Drain).await.is_err() {
        return;
    }
    let ended = clock::within(DRAIN, stop.cancelled()).await;
    if ended.is_err() {
        tracing::warn!("messages that were under way when the server went down are given up");
        stop.cancel();
    }
}
