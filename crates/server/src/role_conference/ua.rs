//! Runs conferences as a SIP user: its core on transports of its own, fed by the focus's mailbox.

use std::time::{Duration, Instant};

use api::{News, Watching};
use bridges::link::{LinkEvent, LinkSender};
use conference_ua::{ConferenceUa, Config as CoreConfig, Event, Limits, Output};
use convoke_types::ConferenceId;
use convoke_types::bridge::BridgeEvent;
use convoke_types::media::MediaCommand;
use convoke_types::sight::SightCommand;
use convoke_types::video::VideoCommand;
use runtime::clock;
use runtime::driver::{CoreOutput, SipCore, drive};
use runtime::seed;
use runtime::sip::{SipTransports, TransportEvent};
use runtime::tasks::{Shutdown, Tasks};
use sip_proto::{Target, endpoint};
use tokio::sync::mpsc;

use super::bridge::{self, BrowserInput, BrowserPort};
use super::sight::to_sight;
use crate::im_account::{ImAccount, ImServerAddress, ServerSearch};
use crate::start::StartError;

/// News that may wait for the core; while it is full the mailbox keeps the newest of each kind.
const INPUTS_MAX: usize = 1_024;
/// Most calls of browsers at once.
pub(super) const BROWSERS_MAX: usize = 10_000;
/// Most calls with pictures at once: each browser has three at most.
const PICTURES_MAX: usize = 3 * BROWSERS_MAX;
/// How long the last notifications may take when the server goes down.
const DRAIN: Duration = Duration::from_secs(4);

/// What the core is told by others.
enum Input {
    News(News),
    /// Of browsers' calls.
    Browser(BrowserInput),
    /// Of a video server, by its place.
    Video(usize, LinkEvent),
    /// The IM server is to be found there.
    Server(Target),
    /// The server goes down.
    Drain,
}

/// What the core tells others.
enum Told {
    Watch(ConferenceId),
    Unwatch(ConferenceId),
    Focus(BridgeEvent),
    Media(MediaCommand),
    Video(usize, VideoCommand),
    Sight(SightCommand),
    Event(Event),
    Drained,
}

/// Starts it; it registers as soon as the IM server is there, and again whenever it comes back. `carriers` are the tasks that end after
/// those of `tasks`.
pub(crate) async fn start(
    account: &ImAccount<'_>,
    server: ImServerAddress,
    password: String,
    watching: Watching,
    browsers: BrowserPort,
    tasks: &Tasks,
    carriers: &Tasks,
) -> Result<SipTransports, StartError> {
    let (transports, mut events) = account.open(&server, carriers).await?;
    let ua = account.ua(&server, &transports, password)?;
    let trust = account.trust(&server, &ua);
    let config = CoreConfig {
        domain: account.domain().to_owned(),
        ua,
        seed: seed::seed()?,
        endpoint: endpoint::Config::default(),
        limits: Limits {
            calls: BROWSERS_MAX,
            pictures: PICTURES_MAX,
            ..Limits::default()
        },
        video_servers: browsers
            .video
            .iter()
            .map(|link| link.name.clone())
            .collect(),
    };
    let believes = move |source: &_, own| trust.believes(source, own);
    let mut core = Core {
        ua: ConferenceUa::new(config, Box::new(believes)),
    };
    let (inputs, mut receiver) = mpsc::channel(INPUTS_MAX);
    let search = ServerSearch::start(
        "conference ua",
        server,
        inputs.clone(),
        Input::Server,
        tasks,
    );
    search.ask();
    let shutdown = tasks.shutdown_token().clone();
    let stop = Shutdown::new();
    let BrowserPort {
        inputs: calls,
        media,
        focus,
        video,
        sight,
    } = browsers;
    let mut servers: Vec<(String, LinkSender)> = Vec::new();
    for (place, link) in video.into_iter().enumerate() {
        servers.push((link.name, link.commands));
        let passing = pass_video(place, link.events, inputs.clone(), stop.clone());
        tasks.spawn("a video server's events", passing);
    }
    let calling = pass_calls(calls, inputs.clone(), stop.clone());
    tasks.spawn("browsers' calls", calling);
    let passing = pass_news(watching.clone(), inputs, shutdown, stop.clone());
    tasks.spawn("conference news", passing);
    let wires = transports.clone();
    tasks.spawn_vital("conference ua", async move {
        let stopped = drive(
            &mut core,
            &wires,
            &mut events,
            &mut receiver,
            &stop,
            |told, _now| match told {
                Told::Watch(conference) => watching.watch(conference),
                Told::Unwatch(conference) => watching.unwatch(&conference),
                Told::Focus(event) => bridge::to_focus(&focus, event),
                Told::Media(command) => bridge::to_media(&media, command),
                Told::Video(server, command) => to_video(servers.get(server), command),
                Told::Sight(command) => to_sight(&sight, command),
                Told::Event(event) => {
                    if matches!(event, Event::NotRegistered { .. }) {
                        search.ask();
                    }
                    log(&event);
                }
                Told::Drained => stop.cancel(),
            },
        )
        .await;
        stop.cancel();
        tracing::info!(?stopped, watched = core.ua.watched(), "conference ua ends");
    });
    Ok(transports)
}

async fn pass_calls(
    mut calls: mpsc::Receiver<BrowserInput>,
    inputs: mpsc::Sender<Input>,
    stop: Shutdown,
) {
    loop {
        let input = tokio::select! {
            () = stop.cancelled() => return,
            input = calls.recv() => input,
        };
        let Some(input) = input else { return };
        if inputs.send(Input::Browser(input)).await.is_err() {
            return;
        }
    }
}

async fn pass_video(
    server: usize,
    mut events: mpsc::Receiver<LinkEvent>,
    inputs: mpsc::Sender<Input>,
    stop: Shutdown,
) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = events.recv() => event,
        };
        let Some(event) = event else { return };
        if inputs.send(Input::Video(server, event)).await.is_err() {
            return;
        }
    }
}

/// A command that does not get there is lost with the connection, also where the server does not keep up: its link tells of it, and what
/// was there is then known to be gone.
fn to_video(server: Option<&(String, LinkSender)>, command: VideoCommand) {
    let Some((name, commands)) = server else {
        return;
    };
    if let Err(error) = commands.video(command) {
        tracing::warn!(server = name, %error, "a video server was not told something");
    }
}

/// Hands over what the focus tells. At the shutdown, when the focus has ended, its last words first; then the core has a bounded time
/// for its own.
async fn pass_news(
    watching: Watching,
    inputs: mpsc::Sender<Input>,
    shutdown: Shutdown,
    stop: Shutdown,
) {
    loop {
        let news = tokio::select! {
            () = stop.cancelled() => return,
            () = shutdown.cancelled() => break,
            news = watching.next() => news,
        };
        if inputs.send(Input::News(news)).await.is_err() {
            return;
        }
    }
    let last = async {
        while let Some(news) = watching.try_next() {
            if inputs.send(Input::News(news)).await.is_err() {
                return;
            }
        }
        if inputs.send(Input::Drain).await.is_ok() {
            stop.cancelled().await;
        }
    };
    if clock::within(DRAIN, last).await.is_err() {
        tracing::warn!("not everybody was told that the server goes down");
    }
    stop.cancel();
}

fn log(event: &Event) {
    match event {
        Event::Registered { expires_s } => {
            tracing::info!(expires_s, "conferences registered");
        }
        Event::NotRegistered {
            status,
            words,
            retry_in_ms,
        } => tracing::warn!(status, words, retry_in_ms, "conferences not registered"),
        Event::Unregistered => tracing::info!("conferences unregistered"),
        Event::Subscribed {
            conference,
            watcher,
        } => tracing::debug!(%conference, watcher, "conference followed"),
        Event::Refused { address, status } => {
            tracing::debug!(%address, status, "refused to follow a conference");
        }
        Event::NoPictures { conference, words } => {
            tracing::warn!(%conference, words, "a conference is without pictures");
        }
        Event::NotSent => tracing::warn!("too many messages wait: somebody was not invited"),
        Event::NoPresence { status } => {
            tracing::warn!(
                status,
                "the IM server takes no presence: who telephones, and what goes on in conferences, is not shown"
            );
        }
    }
}

/// The core, as the driver wants it.
struct Core {
    ua: ConferenceUa,
}

impl SipCore for Core {
    type Input = Input;
    type Output = Told;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        let ua = &mut self.ua;
        match event {
            TransportEvent::Message { source, message } => ua.handle_message(source, message, now),
            TransportEvent::Bad { source, error } => ua.handle_malformed(source, &error, now),
            TransportEvent::FlowClosed { flow } => ua.handle_flow_closed(flow, now),
            TransportEvent::SendFailed { token, .. } => ua.handle_send_failed(token, now),
        }
    }
    fn handle_input(&mut self, input: Input, now: Instant) {
        let ua = &mut self.ua;
        match input {
            Input::News(News::Snapshot(snapshot)) => ua.handle_snapshot(*snapshot, now),
            Input::News(News::Over(conference)) => ua.handle_over(&conference, now),
            Input::News(News::Outline(outline)) => ua.handle_outline(&outline, now),
            Input::News(News::Gone(conference)) => ua.handle_gone(&conference, now),
            Input::News(News::Phone { user, on }) => ua.handle_phone(&user, on, now),
            Input::News(News::Letter(letter)) => ua.handle_letter(letter, now),
            Input::Browser(BrowserInput::Bridge(command)) => ua.handle_bridge(command, now),
            Input::Browser(BrowserInput::Media(event)) => ua.handle_media(event, now),
            Input::Browser(BrowserInput::MediaMoved(conference)) => {
                ua.handle_media_moved(&conference, now);
            }
            Input::Browser(BrowserInput::MediaLost(loss)) => {
                ua.handle_media_lost(loss.conference.as_ref(), &loss.words, now);
            }
            Input::Video(server, LinkEvent::Up(said) | LinkEvent::Announce(said)) => {
                ua.handle_video_announced(server, &said, now);
            }
            Input::Video(server, LinkEvent::Video(event)) => ua.handle_video(server, event, now),
            Input::Video(server, LinkEvent::Down { words }) => {
                let words = format!("The video server is lost: {words}");
                ua.handle_video_lost(server, &words, now);
            }
            // Sound has the media bridge.
            Input::Video(_, LinkEvent::Media(_)) => {}
            Input::Server(target) => ua.set_server(target, now),
            Input::Drain => ua.handle_drain(now),
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.ua.handle_timeout(now);
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.ua.poll_timeout()
    }
    fn poll_output(&mut self) -> Option<CoreOutput<Told>> {
        Some(match self.ua.poll_output()? {
            Output::Send {
                target,
                bytes,
                token,
            } => CoreOutput::Send {
                target,
                bytes,
                token: Some(token),
            },
            Output::Watch(conference) => CoreOutput::App(Told::Watch(conference)),
            Output::Unwatch(conference) => CoreOutput::App(Told::Unwatch(conference)),
            Output::Bridge(event) => CoreOutput::App(Told::Focus(event)),
            Output::Media(command) => CoreOutput::App(Told::Media(command)),
            Output::Video { server, command } => CoreOutput::App(Told::Video(server, command)),
            Output::Sight(command) => CoreOutput::App(Told::Sight(command)),
            Output::Event(event) => CoreOutput::App(Told::Event(event)),
            Output::Drained => CoreOutput::App(Told::Drained),
        })
    }
}
