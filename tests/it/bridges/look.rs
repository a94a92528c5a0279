//! What Janus itself says of what it has, asked of it past the adapter.

use std::time::Duration;

use bridges::janus::SUBPROTOCOL;
use convoke_tests::peers::janus::{API_SECRET, Janus, ROOMS_KEY};
use convoke_types::bridge_protocol::TEXT_MAX_BYTES;
use runtime::clock;
use runtime::websocket::{Heard, Wanted, WebSocket};
use serde_json::{Value, json};
use testkit::GIVE_UP;

const AUDIOBRIDGE: &str = "janus.plugin.audiobridge";
/// How long is waited before Janus is asked again whether it has done what is on its way.
const PAUSE: Duration = Duration::from_millis(20);

/// How many conferences one of its plugins has.
#[track_caller]
pub fn rooms(janus: &Janus, plugin: &str) -> usize {
    let listed = block_on(async {
        let mut asking = Asking::open(janus, plugin).await;
        let listed = asking.rooms().await;
        asking.socket.close().await;
        listed
    });
    listed.len()
}

/// Waits until it mixes for nobody.
#[track_caller]
pub fn until_no_mix(janus: &Janus) {
    block_on(async {
        let mut asking = Asking::open(janus, AUDIOBRIDGE).await;
        let gone = clock::within(GIVE_UP, async {
            while !asking.rooms().await.is_empty() {
                clock::sleep(PAUSE).await;
            }
        });
        gone.await.expect("a room stays");
        asking.socket.close().await;
    });
}

/// Waits until so many are muted in its only mix.
#[track_caller]
pub fn until_muted(janus: &Janus, count: usize) {
    block_on(async {
        let mut asking = Asking::open(janus, AUDIOBRIDGE).await;
        let room = asking.rooms().await[0]["room"].clone();
        let muted = clock::within(GIVE_UP, async {
            loop {
                let body = json!({ "request": "listparticipants", "room": room });
                let listed = asking.ask(body).await;
                let all = listed["participants"].as_array().unwrap();
                if all.iter().filter(|one| one["muted"] == true).count() == count {
                    return;
                }
                clock::sleep(PAUSE).await;
            }
        });
        let words = format!("Janus never had {count} muted");
        muted.await.expect(&words);
        asking.socket.close().await;
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

struct Asking {
    socket: WebSocket,
    session: Value,
    handle: Value,
}

impl Asking {
    async fn open(janus: &Janus, plugin: &str) -> Self {
        let wanted = Wanted {
            url: janus.url(),
            subprotocol: SUBPROTOCOL,
            bearer: None,
            tls: None,
            text_max_bytes: TEXT_MAX_BYTES,
        };
        let mut socket = WebSocket::open(&wanted).await.unwrap();
        let mut session = ask(&mut socket, json!({ "janus": "create" })).await;
        let session = session["data"]["id"].take();
        let attach = json!({ "janus": "attach", "session_id": session, "plugin": plugin });
        let mut handle = ask(&mut socket, attach).await;
        Self {
            socket,
            session,
            handle: handle["data"]["id"].take(),
        }
    }

    /// Only who knows the key sees those that are private.
    async fn rooms(&mut self) -> Vec<Value> {
        let listed = self
            .ask(json!({ "request": "list", "admin_key": ROOMS_KEY }))
            .await;
        let rooms = listed["list"].as_array();
        rooms.unwrap_or_else(|| panic!("{listed}")).clone()
    }

    async fn ask(&mut self, body: Value) -> Value {
        let request = json!({
            "janus": "message", "session_id": self.session, "handle_id": self.handle, "body": body,
        });
        let mut answer = ask(&mut self.socket, request).await;
        answer["plugindata"]["data"].take()
    }
}

async fn ask(socket: &mut WebSocket, mut request: Value) -> Value {
    request["apisecret"] = API_SECRET.into();
    request["transaction"] = "ask".into();
    socket.send(request.to_string()).await.unwrap();
    loop {
        if let Heard::Text(text) = socket.next().await.unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}
