//! The links to video servers that the configuration names: who has the pictures of a conference commands them by these.

use std::path::PathBuf;

use bridges::link::{Link, LinkConfig, LinkEvent, LinkSender};
use runtime::tasks::Tasks;
use runtime::tls::{self, ClientTrust};
use tokio::sync::mpsc;

use crate::config::{Config, Secret};
use crate::files::{self, BRIDGE_SECRET_FILE};
use crate::start::StartError;

/// A link to one of them.
pub(crate) struct VideoLink {
    /// As the configuration calls it.
    pub name: String,
    pub commands: LinkSender,
    pub events: mpsc::Receiver<LinkEvent>,
}

/// Opens all, in the order of the configuration; they are kept up by `tasks`.
pub(crate) fn open(config: &Config, tasks: &Tasks) -> Result<Vec<VideoLink>, StartError> {
    let opened = config.video_server.iter().map(|server| {
        let reached = Reached {
            name: &server.name,
            url: &server.url,
            secret: server.secret.as_ref(),
            tls_roots: &server.tls_roots,
        };
        let (commands, events) = Link::open(link_config(config, &reached)?, tasks);
        Ok(VideoLink {
            name: server.name.clone(),
            commands,
            events,
        })
    });
    opened.collect()
}

/// How a bridge is reached, as the configuration says.
pub(crate) struct Reached<'a> {
    /// What it is called, in words and logs.
    pub name: &'a str,
    pub url: &'a str,
    /// Without it, that of the data directory.
    pub secret: Option<&'a Secret>,
    pub tls_roots: &'a [PathBuf],
}

/// The same as the link wants it.
pub(crate) fn link_config(
    config: &Config,
    reached: &Reached<'_>,
) -> Result<LinkConfig, StartError> {
    let secret = match reached.secret {
        Some(secret) => secret.read(&config.base)?,
        None => files::secret(&config.data_dir(), BRIDGE_SECRET_FILE)?.0,
    };
    let roots = reached.tls_roots.iter().map(|path| config.path(path));
    let trust = ClientTrust {
        roots: roots.collect(),
        ..ClientTrust::default()
    };
    let tls = match reached.url.starts_with("wss:") {
        true => Some(tls::client_config(&trust)?),
        false => None,
    };
    Ok(LinkConfig {
        name: reached.name.to_owned(),
        url: reached.url.to_owned(),
        secret,
        tls,
    })
}
