//! The demo's telephones over HTTP, for the page `/phones`: what each one does, live; answering, declining, keys and hanging
//! up; and its sound both ways. Part of the demo only, which listens on the loopback.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /phones/api` | server-sent events `state`: all telephones and what happened, again after every change |
//! | `POST /phones/api/{number}/{answer, decline or hangup}` | does it; nothing happens without a call that it fits |
//! | `POST /phones/api/{number}/key` | `{"key":"5"}` |
//! | `PUT /phones/api/{number}/behaviour` | what it does from its next call on, as in a file of telephones |
//! | `GET /phones/api/{number}/audio` | a WebSocket of frames of 20 ms each way: 160 samples, 16 bits, little-endian, 8 kHz |
//!
//! Whatever changes something carries `X-Convoke: 1`, which pages of other origins cannot send; WebSockets are taken from pages
//! of our own origin only; and no name but localhost leads here, for a page of anybody could give its own name our address.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRef, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use convoke_types::E164;
use futures_util::Stream;
use phones::{
    Act, Behaviour, Doing, Ear, End, Happening, Mouth, Network, PhoneEvent, PhoneState, What,
};
use runtime::clock;
use runtime::tasks::Shutdown;
use serde::{Deserialize, Serialize};
use server::Connection;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::embedded::PEOPLE;

mod board;

pub use board::Boards;

/// One frame of sound.
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: usize = 160;
/// Largest frame that is taken: the browser may send some together.
const AUDIO_MAX_BYTES: usize = 16 * 2 * FRAME_SAMPLES;
/// Largest body of a request, in bytes.
const BODY_MAX_BYTES: usize = 4 * 1024;
/// A comment so often keeps the connection of a quiet page.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Sound that is this far behind, in samples, is left out.
const BEHIND_MAX_SAMPLES: u64 = 4_000;
/// Whether a telephone hears somebody, and what its board shows, is looked at so often.
const LISTEN_EVERY: Duration = Duration::from_millis(400);
/// It does when the last 200 ms are louder than −46 dBFS.
const HEARS_SAMPLES: usize = 1_600;
const HEARS_MEAN_SQUARE: u64 = 27_000;

/// What the routes work with.
#[derive(Clone)]
struct Playground {
    network: Network,
    boards: Boards,
    shutdown: Shutdown,
}

impl FromRef<Playground> for Network {
    fn from_ref(playground: &Playground) -> Self {
        playground.network.clone()
    }
}

impl FromRef<Playground> for Shutdown {
    fn from_ref(playground: &Playground) -> Self {
        playground.shutdown.clone()
    }
}

/// The routes; what they keep open ends when `shutdown` is cancelled.
pub fn routes(network: Network, boards: Boards, shutdown: Shutdown) -> Router {
    Router::new()
        .route("/phones/api", get(follow))
        .route("/phones/api/{number}/key", post(press))
        .route("/phones/api/{number}/behaviour", put(behave))
        .route("/phones/api/{number}/audio", get(audio))
        .route("/phones/api/{number}/{act}", post(act))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn(by_local_name))
        .with_state(Playground {
            network,
            boards,
            shutdown,
        })
}

/// What the page is told: everything, each time.
#[derive(Serialize, PartialEq)]
struct Told {
    phones: Vec<Shown>,
    /// The newest first.
    log: Vec<Line>,
}

/// A telephone as the page sees it; times are milliseconds since 1970.
#[derive(Serialize, PartialEq)]
struct Shown {
    number: E164,
    name: String,
    user: Option<&'static str>,
    label: String,
    behaviour: Behaviour,
    state: &'static str,
    since: i64,
    caller: Option<Caller>,
    /// Title of the conference that calls it, or has called it and goes on.
    conference: Option<String>,
    /// The word of that conference's board.
    board: Option<&'static str>,
    hears: bool,
}

#[derive(Serialize, PartialEq)]
struct Caller {
    name: String,
}

/// One line of what happened.
#[derive(Serialize, PartialEq)]
struct Line {
    at: i64,
    number: E164,
    what: &'static str,
    key: Option<char>,
}

impl Told {
    async fn now(
        Playground {
            network, boards, ..
        }: &Playground,
    ) -> Self {
        let board = boards.now().await;
        Self {
            phones: network
                .states()
                .into_iter()
                .map(|phone| shown(network, &board, phone))
                .collect(),
            log: network.log().iter().rev().filter_map(line).collect(),
        }
    }
}

fn shown(network: &Network, board: &board::Now, phone: PhoneState) -> Shown {
    let loud = |ear: Ear| ear.loudness(HEARS_SAMPLES) > HEARS_MEAN_SQUARE;
    let number = phone.number.as_str();
    let owner = PEOPLE.iter().find_map(|person| {
        let mut telephones = person.telephones.iter();
        let (label, _) = telephones.find(|(_, theirs)| *theirs == number)?;
        Some((person, *label))
    });
    let outside = phone.owner.split_once(", ");
    let (name, label) = match owner {
        Some((person, label)) => (person.name, label),
        None => outside.unwrap_or((&phone.owner, "outside")),
    };
    let (conference, board) = board.of(&phone.number).unzip();
    Shown {
        conference,
        board,
        hears: phone.doing == Doing::InCall && network.ear(&phone.number).is_some_and(loud),
        user: owner.map(|(person, _)| person.user),
        name: name.to_owned(),
        label: label.to_owned(),
        behaviour: phone.behaviour,
        state: match phone.doing {
            Doing::Idle => "idle",
            Doing::Ringing => "ringing",
            Doing::InCall => "talking",
        },
        since: clock::unix_ms(phone.since),
        caller: (!phone.caller.is_empty()).then_some(Caller { name: phone.caller }),
        number: phone.number,
    }
}

fn line(happening: &Happening) -> Option<Line> {
    let (what, key) = match &happening.what {
        What::Rings { .. } => ("ringing", None),
        What::Answered => ("answered", None),
        What::Key(key) => ("key", Some(*key)),
        What::Ended(End::Declined) => ("declined", None),
        What::Ended(End::HungUp) => ("hung-up", None),
        What::Ended(End::ByCaller) if happening.was_answered => ("ended", None),
        What::Ended(End::ByCaller) => ("cancelled", None),
        What::Refused { .. } => ("refused", None),
        What::Connected | What::Hears | What::Became(_) => return None,
    };
    Some(Line {
        at: clock::unix_ms(happening.at),
        number: happening.number.clone(),
        what,
        key,
    })
}

/// Refuses whoever calls us by another name than that of this machine to itself.
async fn by_local_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    match host.and_then(|host| host.to_str().ok()) {
        Some(host) if is_local(host) => next.run(request).await,
        _ => (StatusCode::FORBIDDEN, "expected localhost as the host\n").into_response(),
    }
}

fn is_local(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    };
    let literal = bare.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = literal.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    is_loopback || bare.eq_ignore_ascii_case("localhost")
}

async fn follow(
    State(playground): State<Playground>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // Subscribed before the first state is taken, so that nothing is missed between the two.
    let following = Following {
        events: playground.network.events(),
        playground,
        told: None,
    };
    let stream = futures_util::stream::unfold(following, Following::next);
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

struct Following {
    events: Receiver<PhoneEvent>,
    playground: Playground,
    told: Option<Told>,
}

impl Following {
    /// Waits for a change, and gives everything.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            let now = Told::now(&self.playground).await;
            if self.told.as_ref() != Some(&now) {
                let event = Event::default().event("state").json_data(&now).ok()?;
                self.told = Some(now);
                return Some((Ok(event), self));
            }
            // What is heard, and what boards show, comes without an event.
            let next = clock::within(LISTEN_EVERY, self.events.recv());
            match self.playground.shutdown.unless_cancelled(next).await? {
                // Which ones were missed does not matter: every state is whole.
                Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => {}
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}

async fn act(
    State(Playground { network, .. }): State<Playground>,
    Path((number, act)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let act = match act.as_str() {
        "answer" => Act::Answer,
        "decline" => Act::Decline,
        "hangup" => Act::HangUp,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    done(&network, &number, &headers, act).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pressed {
    key: char,
}

async fn press(
    State(Playground { network, .. }): State<Playground>,
    Path(number): Path<String>,
    headers: HeaderMap,
    Json(Pressed { key }): Json<Pressed>,
) -> Response {
    if !"0123456789*#ABCD".contains(key) {
        return (StatusCode::BAD_REQUEST, "expected a key of a telephone\n").into_response();
    }
    done(&network, &number, &headers, Act::Press(key)).await
}

async fn behave(
    State(Playground { network, .. }): State<Playground>,
    Path(number): Path<String>,
    headers: HeaderMap,
    Json(behaviour): Json<Behaviour>,
) -> Response {
    match allowed(&network, &number, &headers) {
        Ok(number) => {
            network.set_behaviour(&number, behaviour).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn done(network: &Network, number: &str, headers: &HeaderMap, act: Act) -> Response {
    match allowed(network, number, headers) {
        Ok(number) => {
            network.act(&number, act).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

type Refusal = (StatusCode, &'static str);

/// The telephone of this number, for a request that our own pages and programs can make.
fn allowed(network: &Network, number: &str, headers: &HeaderMap) -> Result<E164, Refusal> {
    if !headers.contains_key("x-convoke") {
        return Err((StatusCode::FORBIDDEN, "expected the header X-Convoke\n"));
    }
    known(network, number)
}

fn known(network: &Network, number: &str) -> Result<E164, Refusal> {
    let number: Option<E164> = number.parse().ok();
    number
        .filter(|number| network.ear(number).is_some())
        .ok_or((StatusCode::NOT_FOUND, "no telephone has this number\n"))
}

async fn audio(
    State(network): State<Network>,
    State(shutdown): State<Shutdown>,
    Path(number): Path<String>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !of_our_own(&headers) {
        let words = "pages of this origin may not listen here\n";
        return (StatusCode::FORBIDDEN, words).into_response();
    }
    let number = match known(&network, &number) {
        Ok(number) => number,
        Err(refusal) => return refusal.into_response(),
    };
    let (Some(ear), Some(mouth)) = (network.ear(&number), network.mouth(&number)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    upgrade
        .max_message_size(AUDIO_MAX_BYTES)
        .max_frame_size(AUDIO_MAX_BYTES)
        .on_upgrade(async move |socket| {
            connection.upgraded();
            let talk = converse(socket, &ear, &mouth);
            shutdown.unless_cancelled(talk).await;
        })
}

/// RFC 6455 §10.2. Programs other than browsers send no Origin; no page can leave it out.
fn of_our_own(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    match (text(header::ORIGIN), text(header::HOST)) {
        (None, _) => true,
        (Some(origin), host) => origin
            .split_once("://")
            .is_some_and(|(_, of)| Some(of) == host),
    }
}

/// Passes sound both ways until the page goes. The telephone says what the page says from the page's first frame on, so that
/// somebody who only listens leaves it its own voice.
async fn converse(mut socket: WebSocket, ear: &Ear, mouth: &Mouth) {
    let mut speaker = None;
    let mut position = ear.position();
    let mut next = clock::now() + FRAME;
    loop {
        tokio::select! {
            came = socket.recv() => match came {
                Some(Ok(Message::Binary(bytes))) => {
                    let samples = bytes.chunks_exact(2).map(|pair| match pair {
                        [low, high] => i16::from_le_bytes([*low, *high]),
                        _ => 0,
                    });
                    if !speaker.get_or_insert_with(|| mouth.take()).say(samples) {
                        // Another page speaks now.
                        return;
                    }
                }
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            () = clock::sleep_until(next) => {
                next += FRAME;
                if ear.position().saturating_sub(position) > BEHIND_MAX_SAMPLES {
                    position = ear.position();
                }
                while let Some(samples) = ear.samples(position, FRAME_SAMPLES) {
                    position += FRAME_SAMPLES as u64;
                    let bytes: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
                    if socket.send(Message::Binary(bytes.into())).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_others_leads_here() {
        for local in [
            "localhost",
            "LOCALHOST:8060",
            "127.0.0.1:8060",
            "127.9.9.9",
            "[::1]:8060",
            "[::1]",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "evil.example:8060",
            "192.0.2.1",
            "localhost.evil.example",
            "",
        ] {
            assert!(!is_local(other), "{other}");
        }
    }

    #[test]
    fn the_page_is_told_who_ended_a_call() {
        for (end, was_answered, told) in [
            (End::Declined, false, "declined"),
            (End::ByCaller, false, "cancelled"),
            (End::HungUp, true, "hung-up"),
            (End::ByCaller, true, "ended"),
        ] {
            let happening = Happening {
                at: clock::wall(),
                number: "+15550100".parse().unwrap(),
                what: What::Ended(end),
                was_answered,
            };
            assert_eq!(line(&happening).unwrap().what, told);
        }
    }

    #[test]
    fn only_pages_of_our_own_listen() {
        let admits = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:8060".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            of_our_own(&headers)
        };
        assert!(admits(None));
        assert!(admits(Some("http://127.0.0.1:8060")));
        assert!(!admits(Some("http://127.0.0.1:8061")));
        assert!(!admits(Some("https://evil.example")));
        assert!(!admits(Some("null")));
    }
}
