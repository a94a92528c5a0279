//! The Janus role: an address at which the bridge protocol is spoken, and the adapter behind it.

mod capacity;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use bridges::adapter::{self, AdapterConfig};
use bridges::janus::Settings;
use runtime::seed;
use runtime::tasks::Tasks;
use runtime::tls::{self, ClientTrust};

use crate::config::{Config, Part, Secret};
use crate::files::{self, BRIDGE_SECRET_FILE};
use crate::http::{self, Connection, Proxies};
use crate::role_conference::bridge;
use crate::start::StartError;

/// Bits of a kilobit.
const KILO: u32 = 1_000;

/// Starts the role; gives where it listens.
pub(crate) async fn start(config: &Config, tasks: &Tasks) -> Result<SocketAddr, StartError> {
    let janus = &config.janus;
    let read = |secret: &Option<Secret>| {
        let secret = secret.as_ref();
        secret.map(|secret| secret.read(&config.base)).transpose()
    };
    let secret = match read(&janus.secret)? {
        Some(secret) => secret,
        None => files::secret(&config.data_dir(), BRIDGE_SECRET_FILE)?.0,
    };
    let trust = ClientTrust {
        roots: janus
            .tls_roots
            .iter()
            .map(|path| config.path(path))
            .collect(),
        ..ClientTrust::default()
    };
    let tls = match janus.url.starts_with("wss:") {
        true => Some(tls::client_config(&trust)?),
        false => None,
    };
    let adapter = AdapterConfig {
        janus_url: janus.url.clone(),
        tls,
        secret,
        settings: Settings {
            api_secret: read(&janus.api_secret)?,
            admin_key: read(&janus.admin_key)?,
            capacity: capacity::of(config).await?,
            bitrate: janus.picture_kbit.saturating_mul(KILO),
            seed: seed::seed()?,
        },
        media: media_config(config),
        beside: janus.rtp.unwrap_or(config.media.bind),
    };
    let addr = janus.listen;
    let failed = |error| StartError::Http { addr, error };
    let listener = runtime::tcp::listen(addr).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = adapter::start(adapter, tasks).map_err(|error| StartError::Part {
        part: "janus",
        words: error.to_string(),
    })?;
    let router = router.layer(middleware::from_fn(let_be_silent));
    let (places, nobody) = (Arc::default(), Proxies::new(&[]));
    http::serve(listener, None, &places, &nobody, router, tasks);
    tracing::info!(listen = %bound, janus = janus.url, "adapter for Janus");
    Ok(bound)
}

/// The adapter's media bridge. A fixed TCP port is taken by the conference role's, where that has one of its own in this process.
fn media_config(config: &Config) -> media::Config {
    let has_engine = config.runs(Part::Conference) && config.mixes();
    let settings = bridge::media_config(config);
    let is_free = |port: &u16| *port == 0 || !has_engine;
    media::Config {
        tcp_port: settings.tcp_port.filter(is_free),
        ..settings
    }
}

/// What has become a WebSocket has bounds of its own.
async fn let_be_silent(
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        connection.upgraded();
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MediaBridgeSettings;

    #[test]
    fn the_conference_roles_own_media_bridge_has_the_fixed_port_alone() {
        let mut config = Config::default();
        config.media.tcp_port = Some(20_000);
        let port = |config: &Config| media_config(config).tcp_port;
        config.server.roles = vec![Part::Conference, Part::Janus];
        assert_eq!(port(&config), None);
        config.media_bridge = vec![MediaBridgeSettings {
            url: "ws://192.0.2.1".to_owned(),
            ..MediaBridgeSettings::default()
        }];
        assert_eq!(port(&config), Some(20_000));
        config.media_bridge.clear();
        config.media.tcp_port = Some(0);
        assert_eq!(port(&config), Some(0), "any free one");
        config.media.tcp_port = Some(20_000);
        config.server.roles = vec![Part::Janus];
        assert_eq!(port(&config), Some(20_000));
    }
}
