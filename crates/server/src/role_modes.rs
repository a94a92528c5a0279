//! The modes service beside the IM server (requirement V7): a user of its own who tells the video allocator, and nobody else, how people
//! can take part, and what may be called from here. What it says comes from the database of modes and from what is registered now.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use api::Directory;
use bytes::Bytes;
use convoke_types::limits::SOAP_MAX_BYTES;
use convoke_types::{Aor, Fault, FaultCode, Mode, ModeSource};
use im_core::Capabilities;
use runtime::driver::{CoreOutput, SipCore, drive};
use runtime::seed;
use runtime::sip::{SipTransports, TransportEvent};
use runtime::tasks::{Shutdown, Tasks};
use service_core::address::{identity, is_device_of};
use sip_proto::Target;
use soap_proto::{
    AskedPerson, KnownMode, KnownPerson, MODES_MAX, VideoAnswer, VideoOperation, VideoRequest,
    VideoResponse, clean_name, names, parse_video_request, write_video_response,
};
use store::{AccountKind, PersonMode, Store};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::im_account::{ImAccount, ImServerAddress, ServerSearch, Trust};
use crate::im_user::{Happened, ImUser, Received};
use crate::role_im;
use crate::start::StartError;

/// Answers that may wait for the core.
const INPUTS_MAX: usize = 1_024;
/// Questions that are looked into at once; more are answered 503.
const UNDER_WAY_MAX: usize = 64;

/// What it knows people by.
pub(crate) struct Sources {
    pub store: Store,
    pub directory: Directory,
    /// The IM server, for who is registered now.
    pub im: mpsc::Sender<role_im::Input>,
    /// Who may ask.
    pub allocator: Aor,
}

enum Input {
    Server(Target),
    /// An answer for the allocator.
    Answer {
        to: String,
        envelope: Bytes,
    },
    Drain,
}

enum Told {
    Asked {
        to: String,
        request: Box<VideoRequest>,
    },
    FindServer,
    Drained,
}

/// Starts it; it registers at our own IM server.
pub(crate) async fn start(
    account: &ImAccount<'_>,
    server: ImServerAddress,
    password: String,
    sources: Sources,
    tasks: &Tasks,
    carriers: &Tasks,
) -> Result<SipTransports, StartError> {
    let (transports, mut events) = account.open(&server, carriers).await?;
    let ua = account.ua(&server, &transports, password)?;
    let trust: Trust = account.trust(&server, &ua);
    let mut core = Core {
        user: ImUser::new(ua, trust, seed::seed()?),
        allocator: sources.allocator.clone(),
        outputs: VecDeque::new(),
        sent: 0,
        draining: false,
    };
    let (inputs, mut receiver) = mpsc::channel(INPUTS_MAX);
    let search = ServerSearch::start(
        "modes service",
        server,
        inputs.clone(),
        Input::Server,
        tasks,
    );
    search.ask();
    let shutdown = tasks.shutdown_token().clone();
    let stop = Shutdown::new();
    let (leaving, stopped) = (inputs.clone(), stop.clone());
    tasks.spawn("modes service drain", async move {
        tokio::select! {
            () = stopped.cancelled() => return,
            () = shutdown.cancelled() => {}
        }
        if leaving.send(Input::Drain).await.is_err() {
            stopped.cancel();
        }
    });
    let (wires, sources, group) = (transports.clone(), Arc::new(sources), tasks.clone());
    let free = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    tasks.spawn_vital("modes service", async move {
        let ended = drive(
            &mut core,
            &wires,
            &mut events,
            &mut receiver,
            &stop,
            |told, _now| match told {
                Told::Asked { to, request } => {
                    let Ok(place) = free.clone().try_acquire_owned() else {
                        tracing::warn!("too many questions for modes at once");
                        return;
                    };
                    let (sources, inputs) = (sources.clone(), inputs.clone());
                    group.spawn("modes question", async move {
                        let outcome = answer(&sources, &request).await;
                        let response = VideoResponse::to(&request.headers, outcome);
                        let envelope = write_video_response(&response).into();
                        // The core may have ended.
                        let _ = inputs.send(Input::Answer { to, envelope }).await;
                        drop(place);
                    });
                }
                Told::FindServer => search.ask(),
                Told::Drained => stop.cancel(),
            },
        )
        .await;
        stop.cancel();
        tracing::info!(?ended, "modes service ends");
    });
    Ok(transports)
}

async fn answer(sources: &Sources, request: &VideoRequest) -> Result<VideoAnswer, Fault> {
    // It may have been a person's before it was the allocator's: then its devices are theirs.
    let asks = sources
        .directory
        .person(&sources.allocator.to_string())
        .await?;
    if asks.kind != AccountKind::Service {
        let expected = "the video allocator's account";
        return Err(Fault::new(FaultCode::NotAllowed, expected, "a person's"));
    }
    match &request.operation {
        VideoOperation::Modes(people) => known(sources, people).await.map(VideoAnswer::Modes),
        VideoOperation::Callable(callees) => {
            let may = |callee| sources.directory.is_callable(callee);
            Ok(VideoAnswer::Callable(callees.iter().map(may).collect()))
        }
        other @ (VideoOperation::Request { .. } | VideoOperation::Ways(_)) => {
            let expected = "v:modes or v:callable; video conferences are asked for elsewhere";
            let came = format!("v:{}", other.name());
            Err(Fault::new(FaultCode::UnknownOperation, expected, came))
        }
    }
}

async fn known(sources: &Sources, people: &[String]) -> Result<Vec<AskedPerson>, Fault> {
    let mut found = Vec::with_capacity(people.len());
    for asked in people {
        let known = match sources.directory.person(asked).await {
            Ok(account) => Some(account),
            Err(fault) if fault.code == FaultCode::UnknownPerson => None,
            Err(fault) => return Err(fault),
        };
        let known = match known {
            Some(account) => Some(KnownPerson {
                modes: modes(sources, &account.aor).await?,
                language: sources.directory.language_of(&account),
                user: account.aor,
                name: clean_name(&account.display_name),
            }),
            None => None,
        };
        found.push(AskedPerson {
            asked: asked.clone(),
            known,
        });
    }
    Ok(found)
}

/// What the database says, and what is registered now.
async fn modes(sources: &Sources, aor: &Aor) -> Result<Vec<KnownMode>, Fault> {
    let internal = |came: &str| Fault::new(FaultCode::Internal, "people's modes", came);
    let stored = sources.store.modes(aor).await;
    let stored = stored.map_err(|error| internal(&error.to_string()))?;
    let (tell, told) = oneshot::channel();
    let question = role_im::Input::Capabilities(vec![aor.clone()], tell);
    let asked = sources.im.send(question).await;
    asked.map_err(|_| internal("an IM server that is going down"))?;
    let now = told.await.ok().and_then(|all| all.first().copied());
    let may_call = |mode: &PersonMode| sources.directory.may_call(mode);
    Ok(together(stored, now.unwrap_or_default(), may_call))
}

/// `may_call`: whether the conference service calls there; with one whom it does not call it would create no conference at all.
fn together(
    mut stored: Vec<PersonMode>,
    now: Capabilities,
    may_call: impl Fn(&PersonMode) -> bool,
) -> Vec<KnownMode> {
    // Of who has just registered the database learns in a moment.
    if now.calls && !stored.iter().any(|one| one.mode == Mode::Computer) {
        let computer = PersonMode {
            mode: Mode::Computer,
            address: String::new(),
            place: String::new(),
            source: ModeSource::Registration,
            video: now.video,
            last_seen: 0,
        };
        stored.insert(0, computer);
    }
    let known = |one: PersonMode| {
        let is_computer = one.mode == Mode::Computer;
        let is_telephone = matches!(one.mode, Mode::Pstn | Mode::Mobile);
        let here = match is_computer {
            true => now.calls,
            false => may_call(&one),
        };
        // A telephone of the profile is called by its label.
        let by_label = is_telephone && !one.place.is_empty();
        KnownMode {
            mode: one.mode,
            address: Some(one.address).filter(|address| !address.is_empty() && !by_label),
            place: Some(one.place).filter(|place| !place.is_empty()),
            video: match is_computer {
                true => now.video,
                false => one.video,
            },
            here,
            source: one.source,
        }
    };
    stored.into_iter().map(known).take(MODES_MAX).collect()
}

struct Core {
    user: ImUser,
    allocator: Aor,
    outputs: VecDeque<Told>,
    sent: u64,
    draining: bool,
}

impl Core {
    fn pump(&mut self, now: Instant) {
        while let Some(happened) = self.user.poll_happened() {
            match happened {
                Happened::Message(received) => self.on_message(&received, now),
                Happened::Registered { .. } => tracing::info!("modes service registered"),
                Happened::NotRegistered { status, words } => {
                    tracing::warn!(status, words, "modes service not registered");
                    if !self.draining {
                        self.outputs.push_back(Told::FindServer);
                    }
                }
                Happened::Unregistered | Happened::Sent { .. } | Happened::Answered { .. } => {}
            }
        }
        if self.draining {
            match self.user.is_registered() {
                true => self.user.leave(now),
                false => self.outputs.push_back(Told::Drained),
            }
        }
    }

    fn on_message(&mut self, received: &Received, now: Instant) {
        let (status, reason) = match self.admit(received) {
            Ok((to, request)) => {
                let request = Box::new(request);
                self.outputs.push_back(Told::Asked { to, request });
                (200, "OK")
            }
            Err(refusal) => refusal,
        };
        self.user.answer(received.number, status, reason, now);
    }

    /// The allocator's account alone, as our own IM server asserts it (architecture, decision 6).
    fn admit(&self, received: &Received) -> Result<(String, VideoRequest), (u16, &'static str)> {
        let asserted = received.asserted.as_deref().and_then(identity);
        let asks = asserted.filter(|_| received.trusted);
        if asks.as_ref() != Some(&self.allocator) || identity(&received.from) != asks {
            return Err((403, "Told To The Video Allocator Alone"));
        }
        if received.body.len() > SOAP_MAX_BYTES {
            return Err((413, "Message Too Large"));
        }
        let request =
            parse_video_request(&received.body).map_err(|_| (400, "Not A Question For Modes"))?;
        let to = request.headers.reply_to.clone();
        let to = to.filter(|to| is_device_of(to, &self.allocator));
        Ok((to.ok_or((400, "No Address For The Answer"))?, request))
    }
}

impl SipCore for Core {
    type Input = Input;
    type Output = Told;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        self.user.handle_transport(event, now);
        self.pump(now);
    }
    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Server(target) => self.user.set_server(target, now),
            Input::Answer { to, envelope } => {
                self.sent = self.sent.wrapping_add(1);
                let body = (names::CONTENT_TYPE, envelope);
                self.user.message(self.sent, &to, body, None, now);
            }
            Input::Drain => self.draining = true,
        }
        self.pump(now);
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.user.handle_timeout(now);
        self.pump(now);
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.user.poll_timeout()
    }
    fn poll_output(&mut self) -> Option<CoreOutput<Told>> {
        let send = self.user.poll_send();
        send.or_else(|| self.outputs.pop_front().map(CoreOutput::App))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(mode: Mode, address: &str) -> PersonMode {
        PersonMode {
            mode,
            address: address.to_owned(),
            place: String::new(),
            source: ModeSource::ByHand,
            video: false,
            last_seen: 1,
        }
    }

    fn shown(modes: &[KnownMode]) -> Vec<(Mode, bool)> {
        modes.iter().map(|one| (one.mode, one.here)).collect()
    }

    #[test]
    fn who_has_just_registered_can_be_had_at_their_computer() {
        let now = Capabilities {
            calls: true,
            video: true,
        };
        let known = together(vec![], now, |_| true);
        assert_eq!(shown(&known), [(Mode::Computer, true)]);
        assert!(known[0].video && known[0].source == ModeSource::Registration);
        // What is stored keeps its place, and nothing doubles.
        let both = || vec![stored(Mode::Pstn, "+15550101"), stored(Mode::Computer, "")];
        let known = together(both(), now, |_| true);
        assert_eq!(shown(&known), [(Mode::Pstn, true), (Mode::Computer, true)]);
        // Who is not registered is not there.
        let known = together(both(), Capabilities::default(), |_| true);
        assert_eq!(shown(&known), [(Mode::Pstn, true), (Mode::Computer, false)]);
        assert!(together(vec![], Capabilities::default(), |_| true).is_empty());
    }

    #[test]
    fn what_may_not_be_called_is_known_as_not_to_be_had() {
        let modes = vec![
            stored(Mode::Pstn, "+1900"),
            stored(Mode::Mobile, "+15550101"),
        ];
        let home = |mode: &PersonMode| mode.address != "+1900";
        let known = together(modes, Capabilities::default(), home);
        assert_eq!(shown(&known), [(Mode::Pstn, false), (Mode::Mobile, true)]);
    }
}
