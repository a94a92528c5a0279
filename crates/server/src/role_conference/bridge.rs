//! Runs telephony on its transports, between the focus and the media bridge.

use std::sync::{Arc, Weak};
use std::time::Instant;

use api::BridgePort;
use convoke_types::ConferenceId;
use convoke_types::bridge::{BridgeCommand, BridgeEvent, LegEvent};
use convoke_types::media::{MediaCommand, MediaEvent};
use convoke_types::sight::{SightCommand, SightEvent};
use media::{AsyncEvents, Engine};
use runtime::driver::{CoreOutput, SipCore, drive};
use runtime::seed;
use runtime::sip::{SipTransports, TransportEvent, TransportEvents};
use runtime::tasks::Tasks;
use sound_core::News;
use telephony::{Output, Telephony};
use tokio::sync::mpsc;

use super::mixers;
use super::sight::{self, to_sight};
use super::trunks::{self, LEGS_MAX};
use super::ua::BROWSERS_MAX;
use crate::config::Config;
use crate::start::StartError;
use crate::video_servers::{self, VideoLink};

/// Commands of the focus that may wait; a full queue stops its sequencer, and so in the end the taking of commands.
const COMMANDS_MAX: usize = 4_096;
/// Commands and media events that may wait for telephony; a full queue stops those who give them.
pub(super) const INPUTS_MAX: usize = 8_192;
/// Events of one leg that have to be told, at most: its states, its end, and some keys.
const EVENTS_PER_LEG: usize = 16;
/// Legs of telephones and of browsers, at most.
const ALL_LEGS_MAX: usize = LEGS_MAX + BROWSERS_MAX;
/// Events that may wait for the focus. The last part is kept for what has to be told: while only that is free, changes of
/// talking and silence are dropped.
const EVENTS_MAX: usize = ALL_LEGS_MAX * EVENTS_PER_LEG * 5 / 4;
const EVENTS_KEPT_FREE: usize = ALL_LEGS_MAX * EVENTS_PER_LEG;
/// Commands that may wait for the media bridge; a leg has eight at most (its keys, which are confirmed by mute and a sentence, and
/// a browser's changes have a pace).
const MEDIA_COMMANDS_MAX: usize = ALL_LEGS_MAX * 8;
/// The ends of what mixes.
pub(super) struct Media {
    commands: mpsc::Sender<MediaCommand>,
    told: MediaNews,
    /// Our own bridge, for counts.
    pub engine: Weak<Engine>,
}

/// What is told of sound.
enum MediaNews {
    /// By our own bridge, which is the only one.
    Own(Own),
    /// Of those that the configuration names.
    Bridges(mpsc::Receiver<News>),
}

impl MediaNews {
    /// `None` when nothing mixes any more.
    async fn next(&mut self) -> Option<News> {
        match self {
            MediaNews::Own(own) => own.next().await.map(News::Event),
            MediaNews::Bridges(news) => news.recv().await,
        }
    }
}

/// What our own bridge tells.
pub(super) struct Own {
    events: AsyncEvents,
    /// Failures of commands.
    refused: mpsc::Receiver<MediaEvent>,
}

impl Own {
    /// `None` when it has ended.
    pub async fn next(&mut self) -> Option<MediaEvent> {
        tokio::select! {
            event = self.events.next() => event,
            Some(event) = self.refused.recv() => Some(event),
        }
    }
}

/// Our own bridge and its ends.
pub(super) struct Started {
    pub commands: mpsc::Sender<MediaCommand>,
    pub own: Own,
    pub engine: Weak<Engine>,
}

/// How our media bridge is set up.
pub(crate) fn media_config(config: &Config) -> media::Config {
    let settings = &config.media;
    media::Config {
        threads: settings.threads,
        bind_ip: settings.bind,
        advertised_ip: settings.advertised,
        tcp_port: settings.tcp_port,
        port_range: Some((settings.port_min, settings.port_max)),
        ..media::Config::default()
    }
}

/// Starts what carries the sound: the bridges that the configuration names, or our own.
pub(super) fn start_media(config: &Config, tasks: &Tasks) -> Result<Media, StartError> {
    if config.media_bridge.is_empty() {
        let started = start_engine(config, tasks)?;
        return Ok(Media {
            commands: started.commands,
            told: MediaNews::Own(started.own),
            engine: started.engine,
        });
    }
    let (commands, receiver) = mpsc::channel(MEDIA_COMMANDS_MAX);
    let (news, engine) = mixers::open(config, receiver, tasks)?;
    Ok(Media {
        commands,
        told: MediaNews::Bridges(news),
        engine,
    })
}

/// Starts the media threads and the task that hands commands to them.
pub(super) fn start_engine(config: &Config, tasks: &Tasks) -> Result<Started, StartError> {
    let media_config = media_config(config);
    let (engine, events) = Engine::start(&media_config).map_err(|error| StartError::Part {
        part: "media",
        words: error.to_string(),
    })?;
    let events = events.into_async().map_err(|error| StartError::Part {
        part: "media",
        words: error.to_string(),
    })?;
    let (commands, receiver) = mpsc::channel(MEDIA_COMMANDS_MAX);
    let (refusals, refused) = mpsc::channel(INPUTS_MAX);
    let engine = Arc::new(engine);
    let weak = Arc::downgrade(&engine);
    let handing = media::hand_over(engine, receiver, refusals);
    tasks.spawn_vital("media commands", handing);
    Ok(Started {
        commands,
        own: Own { events, refused },
        engine: weak,
    })
}

/// What the SIP user of conferences needs for the calls of browsers.
pub(crate) struct BrowserPort {
    /// What the focus asks for and the media bridge tells.
    pub inputs: mpsc::Receiver<BrowserInput>,
    /// To the media bridge.
    pub media: mpsc::Sender<MediaCommand>,
    /// To the focus.
    pub focus: mpsc::Sender<BridgeEvent>,
    /// To the video servers.
    pub video: Vec<VideoLink>,
    /// Who talks, for video rooms.
    pub sight: mpsc::Sender<SightCommand>,
}

/// Both that and telephony hear of what may concern either, and take what is of their own legs.
pub(crate) enum BrowserInput {
    Bridge(BridgeCommand),
    Media(MediaEvent),
    MediaMoved(ConferenceId),
    MediaLost(Loss),
}

/// What mixed is gone.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    /// Of this conference; `None`: of all.
    pub conference: Option<ConferenceId>,
    /// What a person reads.
    pub words: String,
}

/// What telephony is told by others.
pub(super) enum Input {
    Bridge(BridgeCommand),
    Media(MediaEvent),
    MediaMoved {
        conference: ConferenceId,
        words: String,
    },
    MediaLost(Loss),
    Sight(SightEvent),
    SightLost,
    Trunk(telephony::Trunk),
}

/// Starts telephony; gives the focus's port to it, and that for the calls of browsers.
pub(super) fn start_telephony(
    settings: &Config,
    config: telephony::Config,
    transports: SipTransports,
    mut events: TransportEvents,
    media: Media,
    tasks: &Tasks,
) -> Result<(BridgePort, BrowserPort), StartError> {
    let targets = |trunk: &telephony::Trunk| {
        let servers = trunk.servers.iter();
        servers.map(|server| server.target.clone()).collect()
    };
    let known = config.trunks.iter();
    let known: Vec<_> = known
        .map(|trunk| (trunk.name.clone(), targets(trunk)))
        .collect();
    let mut core = Legs {
        telephony: Telephony::new(seed::seed()?, config),
    };
    let (command_sender, commands) = mpsc::channel(COMMANDS_MAX);
    let (event_sender, bridge_events) = mpsc::channel(EVENTS_MAX);
    let (inputs, mut receiver) = mpsc::channel(INPUTS_MAX);
    let (browsers, browser_inputs) = mpsc::channel(INPUTS_MAX);
    let sight = sight::start(settings, inputs.clone(), tasks)?;
    let browser_port = BrowserPort {
        sight: sight.clone(),
        inputs: browser_inputs,
        media: media.commands.clone(),
        focus: event_sender.clone(),
        video: video_servers::open(settings, tasks)?,
    };
    let passing = pass_commands(commands, inputs.clone(), browsers.clone());
    tasks.spawn_vital("bridge commands", passing);
    let shutdown = tasks.shutdown_token().clone();
    let (settings, ways, found) = (settings.clone(), transports.clone(), inputs.clone());
    tasks.spawn("trunk addresses", async move {
        let watching = trunks::watch(settings, ways, known, found);
        shutdown.unless_cancelled(watching).await;
    });
    let passing = pass_media(media.told, inputs, browsers, event_sender.clone());
    tasks.spawn_vital("media events", passing);
    let shutdown = tasks.shutdown_token().clone();
    let media_commands = media.commands;
    tasks.spawn_vital("telephony", async move {
        let stopped = drive(
            &mut core,
            &transports,
            &mut events,
            &mut receiver,
            &shutdown,
            |output, _now| match output {
                Told::Media(command) => to_media(&media_commands, command),
                Told::Sight(command) => to_sight(&sight, command),
                Told::Focus(event) => to_focus(&event_sender, event),
            },
        )
        .await;
        tracing::info!(?stopped, legs = core.telephony.len(), "telephony ends");
    });
    let port = BridgePort {
        commands: command_sender,
        events: bridge_events,
    };
    Ok((port, browser_port))
}

async fn pass_commands(
    mut commands: mpsc::Receiver<BridgeCommand>,
    inputs: mpsc::Sender<Input>,
    browsers: mpsc::Sender<BrowserInput>,
) {
    while let Some(command) = commands.recv().await {
        let (to_telephony, to_browsers) = match &command {
            BridgeCommand::Dial { .. } | BridgeCommand::Close { .. } => (true, false),
            BridgeCommand::Admit { .. } | BridgeCommand::Refuse { .. } => (false, true),
            BridgeCommand::Release { .. }
            | BridgeCommand::Mute { .. }
            | BridgeCommand::Announce { .. } => (true, true),
        };
        if to_browsers {
            // Without an IM server no browser calls, and nobody listens.
            let _ = browsers.send(BrowserInput::Bridge(command.clone())).await;
        }
        if to_telephony && inputs.send(Input::Bridge(command)).await.is_err() {
            return;
        }
    }
}

async fn pass_media(
    mut told: MediaNews,
    inputs: mpsc::Sender<Input>,
    browsers: mpsc::Sender<BrowserInput>,
    focus: mpsc::Sender<BridgeEvent>,
) {
    loop {
        let stopped = || Loss {
            conference: None,
            words: "the media bridge has stopped".to_owned(),
        };
        let news = told.next().await;
        let ends = news.is_none();
        // As above, nobody may listen to what browsers are told.
        let for_telephony = match news {
            Some(News::Event(event)) => {
                let _ = browsers.send(BrowserInput::Media(event.clone())).await;
                let is_browsers = matches!(event, MediaEvent::OpenedWeb { .. });
                (!is_browsers).then_some(Input::Media(event))
            }
            Some(News::Mixes { conference, absent }) => {
                to_focus(&focus, BridgeEvent::Mixes { conference, absent });
                None
            }
            Some(News::Moved { conference, words }) => {
                let moved = BrowserInput::MediaMoved(conference.clone());
                let _ = browsers.send(moved).await;
                Some(Input::MediaMoved { conference, words })
            }
            Some(News::Lost { conference, words }) => {
                let conference = Some(conference);
                Some(Input::MediaLost(Loss { conference, words }))
            }
            None => Some(Input::MediaLost(stopped())),
        };
        if let Some(Input::MediaLost(loss)) = &for_telephony {
            let _ = browsers.send(BrowserInput::MediaLost(loss.clone())).await;
        }
        if let Some(input) = for_telephony
            && inputs.send(input).await.is_err()
        {
            return;
        }
        if ends {
            return;
        }
    }
}

pub(super) fn to_media(commands: &mpsc::Sender<MediaCommand>, command: MediaCommand) {
    if commands.try_send(command).is_err() {
        tracing::error!("a media command found no room");
    }
}

pub(super) fn to_focus(events: &mpsc::Sender<BridgeEvent>, event: BridgeEvent) {
    let may_drop = matches!(
        &event,
        BridgeEvent::Leg {
            event: LegEvent::Talking { .. } | LegEvent::Silent { .. } | LegEvent::Key { .. },
            ..
        }
    );
    if may_drop && events.capacity() <= EVENTS_KEPT_FREE {
        tracing::warn!("a change of talking was dropped, the focus is behind");
        return;
    }
    if events.try_send(event).is_err() {
        tracing::error!("the focus is gone");
    }
}

/// What telephony tells others.
enum Told {
    Media(MediaCommand),
    Sight(SightCommand),
    Focus(BridgeEvent),
}

/// Telephony, as the driver wants it.
struct Legs {
    telephony: Telephony,
}

impl SipCore for Legs {
    type Input = Input;
    type Output = Told;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        let telephony = &mut self.telephony;
        match event {
            TransportEvent::Message { source, message } => {
                telephony.handle_message(source, message, now);
            }
            TransportEvent::Bad { source, error } => {
                telephony.handle_malformed(source, &error, now);
            }
            TransportEvent::FlowClosed { flow } => telephony.handle_flow_closed(flow, now),
            TransportEvent::SendFailed { token, .. } => telephony.handle_send_failed(token, now),
        }
    }
    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Bridge(command) => self.telephony.handle_command(command, now),
            Input::Media(event) => self.telephony.handle_media(event, now),
            Input::Sight(event) => self.telephony.handle_sight(event, now),
            Input::SightLost => self.telephony.handle_sight_lost(now),
            Input::Trunk(trunk) => self.telephony.set_trunk(trunk),
            Input::MediaMoved { conference, words } => {
                self.telephony.handle_media_moved(&conference, &words, now);
            }
            Input::MediaLost(Loss { conference, words }) => {
                self.telephony
                    .handle_media_lost(conference.as_ref(), &words, now);
            }
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.telephony.handle_timeout(now);
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.telephony.poll_timeout()
    }
    fn poll_output(&mut self) -> Option<CoreOutput<Told>> {
        Some(match self.telephony.poll_output()? {
            Output::Send {
                target,
                bytes,
                token,
            } => CoreOutput::Send {
                target,
                bytes,
                token: Some(token),
            },
            Output::Media(command) => CoreOutput::App(Told::Media(command)),
            Output::Sight(command) => CoreOutput::App(Told::Sight(command)),
            Output::Bridge(event) => CoreOutput::App(Told::Focus(event)),
        })
    }
}
