//! The allocator's core and its user agent as one: SIP in and out, video servers by their links.

use std::collections::VecDeque;
use std::time::Instant;

use allocator_core::{Allocator, Event, IncomingMessage, Output, ServerNews};
use convoke_types::VideoServerName;
use convoke_types::video::VideoCommand;
use runtime::driver::{CoreOutput, SipCore};
use runtime::sip::TransportEvent;
use service_core::presence::Answer;
use sip_proto::ua::UaConfig;
use sip_proto::{HeaderName, Method, Target};

use crate::im_account::Trust;
use crate::im_user::{Happened, ImUser, Received, wall};

const PIDF: &str = "application/pidf+xml";

/// What the core is told by others.
pub(super) enum Input {
    /// The IM server is to be found there.
    Server(Target),
    /// A video server's link told something.
    Video {
        server: VideoServerName,
        news: ServerNews,
    },
    /// The server goes down.
    Drain,
}

/// What the core tells others.
pub(super) enum Told {
    /// For a video server.
    Video {
        server: VideoServerName,
        command: VideoCommand,
    },
    /// Find the IM server, or its next address.
    FindServer,
    /// Nothing is under way any more.
    Drained,
}

/// What the core is made of.
pub(super) struct CoreConfig {
    pub allocator: allocator_core::Config,
    pub ua: UaConfig,
    pub seed: [u8; 32],
    /// Whose word on identities is believed.
    pub trust: Trust,
}

pub(super) struct AllocatorCore {
    user: ImUser,
    allocator: Allocator,
    outputs: VecDeque<Told>,
    draining: bool,
}

impl AllocatorCore {
    pub fn new(config: CoreConfig) -> Self {
        Self {
            user: ImUser::new(config.ua, config.trust, config.seed),
            allocator: Allocator::new(config.allocator),
            outputs: VecDeque::new(),
            draining: false,
        }
    }

    /// Conferences that run.
    pub fn conferences(&self) -> usize {
        self.allocator.conferences()
    }

    /// Carries on until nothing more comes of what happened.
    fn pump(&mut self, now: Instant) {
        loop {
            if let Some(happened) = self.user.poll_happened() {
                self.on_user(happened, now);
            } else if let Some(output) = self.allocator.poll_output() {
                self.on_allocator(output, now);
            } else {
                break;
            }
        }
        if self.draining && self.allocator.asks_under_way() == 0 {
            if self.user.is_registered() {
                self.user.leave(now);
            } else {
                self.outputs.push_back(Told::Drained);
            }
        }
    }

    fn on_user(&mut self, happened: Happened, now: Instant) {
        match happened {
            Happened::Message(received) => self.on_message(received, now),
            Happened::Sent { token, status } => {
                self.allocator.handle_message_result(token, status, now);
            }
            Happened::Answered {
                token,
                status,
                response,
            } => {
                let answer = Answer::read(status, response.as_ref());
                self.allocator.handle_published(token, answer, now);
            }
            Happened::Registered { gruu } => {
                tracing::info!(gruu, "allocator registered");
                match gruu {
                    Some(gruu) => self.allocator.handle_registered(&gruu, wall(), now),
                    // Answers could not be told from those of others (RFC 5627 §3.2).
                    None => tracing::error!("the IM server gives no GRUU: no video conferences"),
                }
            }
            Happened::NotRegistered { status, words } => {
                tracing::warn!(status, words, "allocator not registered");
                self.allocator.handle_unregistered();
                if !self.draining {
                    self.outputs.push_back(Told::FindServer);
                }
            }
            Happened::Unregistered => self.allocator.handle_unregistered(),
        }
    }

    fn on_message(&mut self, received: Received, now: Instant) {
        tracing::info!(trusted = received.trusted, "message to the allocator");
        let message = IncomingMessage {
            tx: received.number,
            trusted: received.trusted,
            asserted: received.asserted,
            from: received.from,
            content_type: received.content_type,
            body: received.body,
            wall: received.wall,
        };
        self.allocator.handle_message(message, now);
    }

    fn on_allocator(&mut self, output: Output, now: Instant) {
        match output {
            Output::Answer { tx, status, reason } => self.user.answer(tx, status, reason, now),
            Output::SendMessage {
                token,
                to,
                content_type,
                body,
                expires_s,
            } => {
                let body = (content_type, body);
                self.user.message(token, &to, body, expires_s, now);
            }
            Output::Publish {
                token,
                uri,
                tag,
                body,
                life_s,
            } => {
                let life = life_s.to_string();
                let mut extra = vec![
                    (HeaderName::Event, "presence"),
                    (HeaderName::Expires, life.as_str()),
                ];
                extra.extend(tag.iter().map(|tag| (HeaderName::SipIfMatch, tag.as_str())));
                let body = body.map(|body| (PIDF, body));
                self.user
                    .request(token, Method::Publish, &uri, body, &extra, now);
            }
            Output::Video { server, command } => {
                self.outputs.push_back(Told::Video { server, command });
            }
            Output::Event(event) => log(&event),
        }
    }
}

fn log(event: &Event) {
    match event {
        Event::Asked {
            asker,
            conference,
            invited,
        } => tracing::info!(%asker, %conference, invited, "video conference asked for"),
        Event::NotPlaced {
            conference,
            server,
            words,
        } => tracing::warn!(%conference, %server, words, "not at this video server"),
        Event::Ready { conference, server } => {
            tracing::info!(%conference, %server, "video conference ready");
        }
        Event::Refused { conference, words } => {
            tracing::info!(%conference, words, "no video conference");
        }
        Event::PicturesLost { conference, words } => {
            tracing::warn!(%conference, words, "video conference without pictures");
        }
        Event::Moved {
            conference,
            from,
            to,
        } => {
            tracing::info!(%conference, %from, %to, "pictures of a conference are at another server");
        }
        Event::Over { conference } => tracing::info!(%conference, "video conference over"),
        Event::NotReached {
            conference,
            user,
            status,
        } => tracing::info!(%conference, %user, status, "invited and not reached"),
    }
}

impl SipCore for AllocatorCore {
    type Input = Input;
    type Output = Told;

    fn handle_transport(&mut self, event: TransportEvent, now: Instant) {
        self.user.handle_transport(event, now);
        self.pump(now);
    }
    fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Server(target) => self.user.set_server(target, now),
            Input::Video { server, news } => self.allocator.handle_server(&server, news, now),
            Input::Drain => self.draining = true,
        }
        self.pump(now);
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.user.handle_timeout(now);
        self.allocator.handle_timeout(now);
        self.pump(now);
    }
    fn poll_timeout(&mut self) -> Option<Instant> {
        let due = [self.user.poll_timeout(), self.allocator.poll_timeout()];
        due.into_iter().flatten().min()
    }
    fn poll_output(&mut self) -> Option<CoreOutput<Told>> {
        let send = self.user.poll_send();
        send.or_else(|| self.outputs.pop_front().map(CoreOutput::App))
    }
}
