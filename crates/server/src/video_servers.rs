//! The links to video servers that the configuration names: who has the pictures of a conference commands them by these.

use bridges::link::{Link, LinkConfig, LinkEvent, LinkSender};
use runtime::tasks::Tasks;
use runtime::tls::{self, ClientTrust};
use tokio::sync::mpsc;

use crate::config::{Config, VideoServerSettings};
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
        let (commands, events) = Link::open(link_config(config, server)?, tasks);
        Ok(VideoLink {
            name: server.name.clone(),
            commands,
            events,
        })
    });
    opened.collect()
}

fn link_config(config: &Config, server: &VideoServerSettings) -> Result<LinkConfig, StartError> {
    let secret = match &server.secret {
        Some(secret) => secret.read(&config.base)?,
        None => files::secret(&config.data_dir(), BRIDGE_SECRET_FILE)?.0,
    };
    let roots = server.tls_roots.iter().map(|path| config.path(path));
    let trust = ClientTrust {
        roots: roots.collect(),
        ..ClientTrust::default()
    };
    let tls = match server.url.starts_with("wss:") {
        true => Some(tls::client_config(&trust)?),
        false => None,
    };
    Ok(LinkConfig {
        name: server.name.clone(),
        url: server.url.clone(),
        secret,
        tls,
    })
}
