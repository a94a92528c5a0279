//! What the media threads tell, in the words of the port.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use convoke_types::media::MediaEvent;
use rtrb::Consumer;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use tokio::io::unix::AsyncFd;

use crate::engine::Shared;
use crate::queue::{Bell, Notice};

/// Events of all media threads; to be emptied steadily. While it is not, commands are refused as overload.
#[derive(Debug)]
pub struct Events {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queues: Vec<Consumer<Notice>>,
    pub(crate) bell: Bell,
    pub(crate) turn: usize,
}

impl Events {
    /// The next event, if there is one at the moment.
    pub fn try_next(&mut self) -> Option<MediaEvent> {
        if let Some(event) = self.shared.directory().own_events.pop_front() {
            return Some(event);
        }
        let count = self.queues.len();
        for i in 0..count {
            // Threads take turns, so that a busy one does not hold up the others' events.
            let index = (self.turn + i) % count;
            while let Ok(notice) = self.queues[index].pop() {
                if let Some(event) = self.shared.translate(notice) {
                    self.turn = index + 1;
                    return Some(event);
                }
            }
        }
        None
    }

    /// Waits for the next event, for threads outside tokio; `None` when the time is over or the engine has ended.
    pub fn wait(&mut self, longest: Duration) -> Option<MediaEvent> {
        let limit = Timespec {
            tv_sec: i64::try_from(longest.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: longest.subsec_nanos().into(),
        };
        loop {
            if let Some(event) = self.try_next() {
                return Some(event);
            }
            if self.shared.ended() {
                return None;
            }
            let fd: &OwnedFd = self.bell.fd();
            let mut fds = [PollFd::new(fd, PollFlags::IN)];
            match poll(&mut fds, Some(&limit)) {
                Ok(0) => return self.try_next(),
                Ok(_) | Err(_) => self.bell.quiet(),
            }
        }
    }

    /// For use on tokio; call inside a runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the descriptor.
    pub fn into_async(self) -> std::io::Result<AsyncEvents> {
        #[expect(
            deprecated,
            reason = "its replacement is unsafe; the Arc keeps the same descriptor open as long as it is watched"
        )]
        let fd = AsyncFd::with_interest(Arc::clone(self.bell.fd()), tokio::io::Interest::READABLE)?;
        Ok(AsyncEvents { events: self, fd })
    }
}

/// [`Events`] to be awaited.
#[derive(Debug)]
pub struct AsyncEvents {
    events: Events,
    fd: AsyncFd<Arc<OwnedFd>>,
}

impl AsyncEvents {
    /// The next event; `None` when the engine has ended. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<MediaEvent> {
        loop {
            if let Some(event) = self.events.try_next() {
                return Some(event);
            }
            if self.events.shared.ended() {
                return None;
            }
            let Ok(mut ready) = self.fd.readable().await else {
                return None;
            };
            self.events.bell.quiet();
            ready.clear_ready();
        }
    }

    /// The next event, if there is one at the moment.
    pub fn try_next(&mut self) -> Option<MediaEvent> {
        self.events.try_next()
    }
}

impl Shared {
    /// Numbers to names; `None` for legs that are gone.
    fn translate(&self, notice: Notice) -> Option<MediaEvent> {
        let mut directory = self.directory();
        Some(match notice {
            Notice::Opened(leg, port) => MediaEvent::Opened {
                leg: directory.name(leg)?,
                local: SocketAddr::new(self.advertised_ip, port),
            },
            Notice::OpenedWeb(leg, answer) => MediaEvent::OpenedWeb {
                leg: directory.name(leg)?,
                answer,
            },
            Notice::Ended(leg) => MediaEvent::Failed {
                leg: directory.name(leg)?,
                words: "expected an offer of a fresh transport: the one that is there has ended"
                    .to_owned(),
            },
            Notice::Lost(leg, on) => MediaEvent::Lost {
                leg: directory.name(leg)?,
                on,
            },
            Notice::Retired(transport) => {
                directory.forget(&transport.ufrag);
                drop(directory);
                drop(transport);
                return None;
            }
            Notice::Joined(leg) => MediaEvent::Joined {
                leg: directory.name(leg)?,
            },
            Notice::PromptDone(leg) => MediaEvent::PromptDone {
                leg: directory.name(leg)?,
            },
            Notice::Key(leg, key) => MediaEvent::Key {
                leg: directory.name(leg)?,
                key,
            },
            Notice::Talking(leg, on) => MediaEvent::Talking {
                leg: directory.name(leg)?,
                on,
            },
            Notice::Silent(leg, on) => MediaEvent::Silent {
                leg: directory.name(leg)?,
                on,
            },
            Notice::Closed(closed, stats) => {
                let leg = directory.remove(closed.seat().number)?;
                drop(directory);
                // Frees the leg and closes its socket, so the port is free before anybody hears of it.
                drop(closed);
                MediaEvent::Closed { leg, stats }
            }
        })
    }
}
