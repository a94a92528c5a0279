//! Where browsers connect: `GET /sip` becomes a WebSocket of the subprotocol `sip` (RFC 7118) and one of the IM server's
//! connections.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use runtime::sip::{SipTransports, WsFrame, WsPlace};

use super::guarded::Connection;
use super::proxies::Origin;

/// Where WebSockets are opened, under the server's URL.
pub(crate) const SIP_PATH: &str = "/sip";
/// RFC 7118 §4.1: the subprotocol that a client must name.
const SUBPROTOCOL: &str = "sip";
/// Bytes that a WebSocket's codec may hold to be written; the budget proper is that of the transports.
const WRITE_BUFFER_MAX_BYTES: usize = 2 * SipTransports::WEBSOCKET_MESSAGE_MAX;

/// Which pages may open a WebSocket here (RFC 6455 §10.2): those that this server gave, and those of the named origins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// `scheme://host[:port]` each, or `*` for all.
    named: Vec<String>,
}

impl Origins {
    pub(crate) fn new(named: &[String], url: &str) -> Self {
        let mut named = named.to_vec();
        // The path of our own URL is no part of its origin.
        let mut parts = url.splitn(4, '/');
        if let (Some(scheme), Some(_), Some(host)) = (parts.next(), parts.next(), parts.next()) {
            named.push(format!("{scheme}//{host}"));
        }
        Self { named }
    }

    /// Programs other than browsers send no Origin; no page can leave it out.
    fn admit(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let own = origin
            .split_once("://")
            .is_some_and(|(_, of)| host.is_some_and(|host| host.eq_ignore_ascii_case(of)));
        let is = |named: &String| named == "*" || named.eq_ignore_ascii_case(origin);
        own || self.named.iter().any(is)
    }
}

/// The route, for connections to these transports.
pub(crate) fn router(transports: SipTransports, origins: Origins) -> Router {
    let door = Arc::new(Door {
        transports,
        origins,
    });
    Router::new().route(SIP_PATH, any(open)).with_state(door)
}

struct Door {
    transports: SipTransports,
    origins: Origins,
}

async fn open(
    State(door): State<Arc<Door>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !door.origins.admit(&headers) {
        let words = "pages of this origin may not connect here";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let words = "expected the WebSocket subprotocol \"sip\" (RFC 7118)";
        return (StatusCode::BAD_REQUEST, words).into_response();
    }
    // Who is behind a proxy is counted, not the proxy.
    let remote = SocketAddr::new(origin.address, connection.remote.port());
    let admitted = door
        .transports
        .admit_websocket(origin.websocket(), remote, connection.local);
    let Ok(place) = admitted else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections").into_response();
    };
    let most = SipTransports::WEBSOCKET_MESSAGE_MAX;
    upgrade
        .max_message_size(most)
        .max_frame_size(most)
        .max_write_buffer_size(WRITE_BUFFER_MAX_BYTES)
        .on_upgrade(async move |socket| {
            connection.upgraded();
            serve(place, socket);
        })
}

fn serve(place: WsPlace, socket: WebSocket) {
    let (writing, reading) = socket.split();
    let reading = reading.map(|message| {
        message.map(|message| match message {
            Message::Text(text) => WsFrame::Data(text.into()),
            Message::Binary(bytes) => WsFrame::Data(bytes),
            Message::Ping(_) => WsFrame::Ping,
            Message::Pong(_) => WsFrame::Pong,
            Message::Close(_) => WsFrame::Close,
        })
    });
    let writing = writing.with(async |frame| Ok::<_, axum::Error>(message_of(frame)));
    place.serve(reading, writing);
}

/// RFC 7118 §5: a SIP message goes as text when it is UTF-8, else as binary.
fn message_of(frame: WsFrame) -> Message {
    match frame {
        WsFrame::Data(bytes) => match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        },
        WsFrame::Ping => Message::Ping(Bytes::new()),
        WsFrame::Pong => Message::Pong(Bytes::new()),
        WsFrame::Close => Message::Close(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(named: &[&str], origin: Option<&str>) -> bool {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "im.example.org:8060".parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Origins::new(&named, "https://convoke.example.org/base").admit(&headers)
    }

    #[test]
    fn pages_of_others_are_kept_out_unless_named() {
        assert!(admits(&[], None), "no browser");
        assert!(admits(&[], Some("http://im.example.org:8060")), "our own");
        assert!(admits(&[], Some("https://convoke.example.org")), "our URL");
        assert!(!admits(&[], Some("http://im.example.org")), "another port");
        assert!(!admits(&[], Some("https://evil.example")));
        assert!(!admits(&[], Some("null")));
        assert!(admits(
            &["https://intranet.example"],
            Some("https://intranet.example")
        ));
        assert!(admits(&["*"], Some("https://evil.example")));
    }
}
