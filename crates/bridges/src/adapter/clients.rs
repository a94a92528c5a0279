//! Those who command: WebSockets of the bridge protocol, let in by the bridge's secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use convoke_types::bridge_protocol::{FromBridge, SUBPROTOCOL, TEXT_MAX_BYTES, ToBridge};
use runtime::clock;
use runtime::tasks::Tasks;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::mpsc;

use super::hub::Input;
use crate::janus::Asker;

/// Where the bridge protocol is spoken.
pub const PATH: &str = "/bridge";
/// Most who command at once.
const CLIENTS_MAX: usize = 16;
/// How long one text may take to be written.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// How long they may say nothing; a link asks every second whether we are there.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What happens to one who commands.
pub(super) enum ClientEvent {
    /// There is one more; texts for them go here. Dropping the queue cuts them off, as where they do not read: what they missed they could
    /// not make up.
    Here(mpsc::Sender<Utf8Bytes>),
    /// They ask for something.
    Asks(ToBridge),
    /// They are gone.
    Gone,
}

/// One who commands, among all that there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ClientId(u64);

impl ClientId {
    /// Ourselves.
    pub(super) const NOBODY: Self = Self(0);

    /// As the protocol knows them.
    pub(super) fn asker(self) -> Asker {
        Asker(self.0)
    }

    /// Whom the protocol means.
    pub(super) fn of(asker: Asker) -> Self {
        Self(asker.0)
    }
}

struct Door {
    secret: [u8; 32],
    inputs: mpsc::Sender<Input>,
    tasks: Tasks,
    count: AtomicUsize,
    next: AtomicU64,
    texts_max: usize,
}

pub(super) fn router(
    secret: &str,
    inputs: mpsc::Sender<Input>,
    texts_max: usize,
    tasks: &Tasks,
) -> Router {
    let door = Arc::new(Door {
        secret: digest(secret.as_bytes()),
        inputs,
        tasks: tasks.clone(),
        count: AtomicUsize::new(0),
        next: AtomicU64::new(ClientId::NOBODY.0 + 1),
        texts_max,
    });
    Router::new().route(PATH, any(open)).with_state(door)
}

fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

impl Door {
    /// Compares hashes, in the same time whatever was shown.
    fn admits(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION);
        let shown = shown.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        shown.is_some_and(|shown| digest(shown).ct_eq(&self.secret).into())
    }
}

async fn open(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !door.admits(&headers) {
        return (StatusCode::UNAUTHORIZED, "expected the bridge's secret").into_response();
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let words = format!("expected the WebSocket subprotocol {SUBPROTOCOL:?}");
        return (StatusCode::BAD_REQUEST, words).into_response();
    }
    let Some(place) = Place::take(&door) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many connections").into_response();
    };
    upgrade
        .max_message_size(TEXT_MAX_BYTES)
        .max_frame_size(TEXT_MAX_BYTES)
        .on_upgrade(async move |socket| {
            let tasks = place.door.tasks.clone();
            tasks.spawn("bridge client", serve(place, socket));
        })
}

/// A place among those who command; dropping it gives it back.
struct Place {
    door: Arc<Door>,
    id: ClientId,
}

impl Place {
    fn take(door: &Arc<Door>) -> Option<Self> {
        let taken = door
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < CLIENTS_MAX).then_some(count + 1)
            });
        taken.ok()?;
        Some(Self {
            door: door.clone(),
            id: ClientId(door.next.fetch_add(1, Ordering::Relaxed)),
        })
    }

    async fn tell(&self, event: ClientEvent) -> bool {
        let input = Input::Client(self.id, event);
        self.door.inputs.send(input).await.is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.door.count.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(place: Place, mut socket: WebSocket) {
    let (queue, texts) = mpsc::channel(place.door.texts_max);
    if !place.tell(ClientEvent::Here(queue)).await {
        return;
    }
    let why = carry(&place, &mut socket, texts).await;
    tracing::info!(client = place.id.0, why, "who commanded is gone");
    place.tell(ClientEvent::Gone).await;
    // It is over either way.
    let _ = clock::within(Duration::from_secs(1), socket.send(Message::Close(None))).await;
}

/// Carries commands and events until one side ends; gives why.
async fn carry(
    place: &Place,
    socket: &mut WebSocket,
    mut texts: mpsc::Receiver<Utf8Bytes>,
) -> &'static str {
    let mut silent = clock::now() + SILENCE_MAX;
    loop {
        tokio::select! {
            message = socket.recv() => {
                let text = match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        silent = clock::now() + SILENCE_MAX;
                        continue;
                    }
                    Some(Ok(Message::Binary(_))) => return "they sent bytes",
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return "they left",
                };
                match serde_json::from_str(&text) {
                    Ok(command) => {
                        if !place.tell(ClientEvent::Asks(command)).await {
                            return "we end";
                        }
                    }
                    Err(error) => {
                        let words = format!(
                            "expected a command of {SUBPROTOCOL}; not understood at byte {}",
                            error.column()
                        );
                        let told = text_of(&FromBridge::Misunderstood { words });
                        if !write(socket, told).await {
                            return "they do not read";
                        }
                    }
                }
                silent = clock::now() + SILENCE_MAX;
            }
            text = texts.recv() => {
                let Some(text) = text else { return "cut off, or we end" };
                if !write(socket, text).await {
                    return "they do not read";
                }
            }
            () = clock::sleep_until(silent) => return "they say nothing",
        }
    }
}

async fn write(socket: &mut WebSocket, text: Utf8Bytes) -> bool {
    let sent = clock::within(WRITE_MAX, socket.send(Message::Text(text))).await;
    matches!(sent, Ok(Ok(())))
}

/// What a bridge says, as it goes out.
pub(super) fn text_of(said: &FromBridge) -> Utf8Bytes {
    // Our own types always have a text.
    serde_json::to_string(said).unwrap_or_default().into()
}
