//! A person's client for the time of one command: with a device password that the administrator's key mints, and that is
//! taken back at the end.

use std::time::Duration;

use anyhow::{Context, Result};
use api::{MintedDevice, SESSION_LABEL};
use client::{Config, ImClient};
use convoke_types::Aor;
use runtime::clock;
use runtime::tasks::{Shutdown, Tasks};
use runtime::tls::PeerTrust;
use sip_proto::auth::Login;
use sip_proto::{Target, Transport};

use crate::cli::Installation;
use crate::site::{Site, reachable};
use crate::words;

/// How long taking the password back may take.
const REVOKE_WAIT: Duration = Duration::from_secs(3);
/// How long the client's tasks may take to end.
const END: Duration = Duration::from_secs(5);

/// A registered client and what it leaves behind.
pub struct Session {
    /// The server.
    pub site: Site,
    /// The client.
    pub im: ImClient,
    /// For tasks that end with the session.
    pub tasks: Tasks,
    aor: Aor,
    device: MintedDevice,
}

impl Session {
    /// Mints a device password for `user` and registers with it. `what` names the device.
    pub async fn open(installation: &Installation, user: &str, what: &str) -> Result<Self> {
        let site = Site::open(&installation.data)?;
        let aor = site.account(user).await?.user;
        let target = target(&site)?;
        let label = format!("{SESSION_LABEL}{what} ({})", std::process::id());
        let device = site.mint_device(&aor, &label).await?;
        let tasks = Tasks::new(Shutdown::new());
        match connect(&site, &aor, &device, target, &tasks).await {
            Ok(im) => Ok(Self {
                site,
                im,
                tasks,
                aor,
                device,
            }),
            Err(error) => {
                revoke(&site, &aor, device.id).await;
                Err(error)
            }
        }
    }

    /// The conference service's address.
    pub fn service(&self) -> Result<Aor> {
        let named = self.site.addresses.gateway.clone();
        named.context("the server does not say where conferences are commanded; start it again")
    }

    /// Whether this is a service that takes commands in words, and answers: conferences, or who is asked for video conferences.
    pub fn takes_commands(&self, aor: &Aor) -> Result<bool> {
        let allocator = self.site.addresses.allocator.as_ref();
        Ok(*aor == self.service()? || allocator == Some(aor))
    }

    /// Takes the registration and the password back. Chat that this device has taken is on no other, so what nobody has
    /// read yet is printed.
    pub async fn close(self) {
        self.im.close().await;
        while let Some(message) = self.im.next().await {
            if message.is_type("text/plain") {
                let from = words::one_line(message.sender());
                eprintln!("{from}: {}", words::safe(&message.text()));
            }
        }
        // Overdue connections are told in the log.
        let _ = self.tasks.finish(END).await;
        revoke(&self.site, &self.aor, self.device.id).await;
    }
}

async fn revoke(site: &Site, aor: &Aor, id: i64) {
    let why = match clock::within(REVOKE_WAIT, site.revoke_device(aor, id)).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{error:#}"),
        Err(late) => late.to_string(),
    };
    eprintln!(
        "convoke: the device password {id} of {aor} was not taken back ({why}); do it with `convoke user revoke {} {id}`",
        aor.user()
    );
}

async fn connect(
    site: &Site,
    aor: &Aor,
    device: &MintedDevice,
    target: Target,
    tasks: &Tasks,
) -> Result<ImClient> {
    let login = Login {
        username: device.username.clone(),
        password: device.password.clone(),
    };
    let mut config = Config::new(aor.clone(), login, target);
    if let Some(certificate) = &site.addresses.certificate {
        let pinned = PeerTrust::Pinned(certificate.clone());
        let name = site.addresses.domain.clone();
        config.trust.peers.insert(name, pinned);
    }
    ImClient::connect(config, tasks)
        .await
        .with_context(|| format!("{aor} cannot register"))
}

/// The server by TCP, else by TLS: SOAP does not fit into datagrams.
fn target(site: &Site) -> Result<Target> {
    let bound = &site.addresses;
    if let Some(tcp) = bound.sip_tcp.first() {
        return Ok(Target::new(Transport::Tcp, reachable(*tcp)));
    }
    let tls = bound
        .sip_tls
        .first()
        .context("the server takes clients neither by TCP nor by TLS; set im.tcp or im.tls")?;
    let mut target = Target::new(Transport::Tls, reachable(*tls));
    target.server_name = Some(bound.domain.clone());
    Ok(target)
}
