//! The thread that all browsers live on.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};

use anyhow::{Context, Result};
use rustix::event::epoll;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use super::peer::Peer;
use super::sound::Sounds;
use super::{Ask, Manner, Shared};
use crate::machine::pin_this_thread;
use crate::media::window::{Ear, FRAME_NS, Span, Window, ms};

/// The 20 ms are divided in so many slots; browser *n* has slot *n* modulo this.
const SLOTS: usize = 20;
const SLOT_NS: i64 = FRAME_NS / 20;
/// How long after its end a window takes packets that were due in it.
const GRACE_NS: i64 = 300_000_000;
/// Slots that are made up for; older ones are left out.
const CATCH_UP_SLOTS: u64 = 500;
/// Sockets asked for at a time.
const BATCH: usize = 256;
/// Voice packets that a session decrypts before only their headers are read.
const PROOF_PACKETS: u32 = 25;
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
const NOTHING: epoll::Event = epoll::Event {
    flags: epoll::EventFlags::empty(),
    data: epoll::EventData::new_u64(0),
};

struct Counting {
    span: Span,
    window: Window,
}

pub(super) struct Worker {
    core: usize,
    asks: Receiver<Ask>,
    answers: SyncSender<Box<Window>>,
    shared: Arc<Shared>,
    epoll: OwnedFd,
    timer: OwnedFd,
    sounds: Sounds,
    /// By number.
    peers: Vec<Option<Box<Peer>>>,
    ears: Vec<Ear>,
    slot: usize,
    emptied_ns: i64,
    counting: Option<Counting>,
}

impl Worker {
    pub(super) fn new(
        core: usize,
        asks: Receiver<Ask>,
        answers: SyncSender<Box<Window>>,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let flags = TimerfdFlags::CLOEXEC;
        Ok(Self {
            core,
            asks,
            answers,
            shared,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("no epoll")?,
            timer: timerfd_create(TimerfdClockId::Monotonic, flags).context("no timerfd")?,
            sounds: Sounds::new()?,
            peers: Vec::new(),
            ears: Vec::new(),
            slot: 0,
            emptied_ns: 0,
            counting: None,
        })
    }

    pub(super) fn run(mut self) -> Result<()> {
        pin_this_thread(self.core)?;
        let step = Timespec {
            tv_sec: 0,
            tv_nsec: SLOT_NS,
        };
        let begin = clock_gettime(ClockId::Monotonic) + step;
        let spec = Itimerspec {
            it_interval: step,
            it_value: begin,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)?;
        let mut planned_ns = nanos(begin) - SLOT_NS;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let mut count = [0; 8];
            let due = match rustix::io::read(&self.timer, &mut count) {
                Ok(_) => u64::from_ne_bytes(count),
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let skipped = due.saturating_sub(CATCH_UP_SLOTS);
            if let (Some(counting), true) = (&mut self.counting, skipped > 0) {
                counting.window.load_skipped_ms += skipped;
            }
            planned_ns += i64::try_from(skipped)? * SLOT_NS;
            for _ in skipped..due {
                planned_ns += SLOT_NS;
                self.send_slot(now_ns() - planned_ns)?;
            }
            self.note_gap();
            self.receive_all()?;
            self.emptied_ns = now_ns();
            self.take_turns(planned_ns)?;
        }
        Ok(())
    }

    fn counting_now(&mut self) -> Option<&mut Window> {
        let now = now_ns();
        let counting = self.counting.as_mut()?;
        let inside = now >= counting.span.begin_ns && now < counting.span.end_ns;
        inside.then_some(&mut counting.window)
    }

    fn send_slot(&mut self, behind_ns: i64) -> Result<()> {
        if let Some(window) = self.counting_now() {
            window.load_late_max_ms = window.load_late_max_ms.max(ms(behind_ns));
        }
        let mut sent = 0;
        for peer in self
            .peers
            .iter_mut()
            .skip(self.slot)
            .step_by(SLOTS)
            .flatten()
        {
            sent += u64::from(peer.tick(&self.sounds)?);
        }
        self.slot = (self.slot + 1) % SLOTS;
        if let Some(window) = self.counting_now() {
            window.sent += sent;
        }
        Ok(())
    }

    fn note_gap(&mut self) {
        let gap = now_ns() - self.emptied_ns;
        if let Some(window) = self.counting_now() {
            window.note_gap(gap);
        }
    }

    fn receive_all(&mut self) -> Result<()> {
        let mut ready = [NOTHING; BATCH];
        // Bounded, so that a server that sends without end cannot keep this thread from sending.
        for _ in 0..=self.peers.len() / BATCH * 2 + 2 {
            let count = match epoll::wait(&self.epoll, &mut ready[..], Some(&NO_WAIT)) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in ready.iter().take(count) {
                self.receive(usize::try_from(event.data.u64())?)?;
            }
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }

    fn receive(&mut self, number: usize) -> Result<()> {
        let Some(peer) = self.peers.get_mut(number).and_then(Option::as_deref_mut) else {
            return Ok(());
        };
        let mut datagram = [0; 2_048];
        // An ICMP error of an earlier packet shows in the count of what is lost.
        let Ok((length, from)) = peer.socket.recv_from(&mut datagram) else {
            return Ok(());
        };
        let packet = datagram.get(..length).unwrap_or_default();
        let at_ns = now_ns();
        let voice = voice_sequence(packet);
        if voice.is_none() || peer.proved < PROOF_PACKETS {
            let was = peer.connected;
            peer.take(from, packet)?;
            if peer.connected && !was {
                self.shared.connected.fetch_add(1, Ordering::AcqRel);
            }
        }
        if let (Some(sequence), Manner::Listens, Some(counting), Some(ear)) = (
            voice,
            peer.manner,
            &mut self.counting,
            self.ears.get_mut(number),
        ) && let Some(late_ns) = ear.hear(sequence, self.emptied_ns, at_ns, counting.span)
        {
            counting.window.note_lateness(late_ns);
        }
        Ok(())
    }

    /// Takes what is asked, and answers what is over.
    fn take_turns(&mut self, planned_ns: i64) -> Result<()> {
        let over = |c: &mut Counting| planned_ns >= c.span.end_ns + GRACE_NS;
        if let Some(counting) = self.counting.take_if(over) {
            let window = Box::new(self.sum_up(counting));
            // The asker may have gone.
            let _ = self.answers.try_send(window);
        }
        // A few at a time, since each begins a handshake.
        for _ in 0..8 {
            match self.asks.try_recv() {
                Ok(Ask::Add { number, peer }) => {
                    let data = epoll::EventData::new_u64(number as u64);
                    epoll::add(&self.epoll, &peer.socket, data, epoll::EventFlags::IN)?;
                    if self.peers.len() <= number {
                        self.peers.resize_with(number + 1, || None);
                        self.ears.resize(number + 1, Ear::default());
                    }
                    if let Some(place) = self.peers.get_mut(number) {
                        *place = Some(peer);
                    }
                }
                Ok(Ask::Remove(number)) => {
                    let peer = self.peers.get_mut(number).and_then(Option::take);
                    if peer.is_some_and(|peer| peer.connected) {
                        self.shared.connected.fetch_sub(1, Ordering::AcqRel);
                    }
                }
                Ok(Ask::Window { warm_up, length }) => {
                    self.ears.fill(Ear::default());
                    let nanos = |span: std::time::Duration| i64::try_from(span.as_nanos());
                    let begin_ns = planned_ns + nanos(warm_up)?;
                    self.counting = Some(Counting {
                        span: Span {
                            begin_ns,
                            end_ns: begin_ns + nanos(length)?,
                        },
                        window: Window::new(length),
                    });
                }
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Legs are all browsers; who talks is not asked what he heard, since that is nothing.
    fn sum_up(&self, counting: Counting) -> Window {
        let mut window = counting.window;
        for (peer, ear) in self.peers.iter().zip(&self.ears) {
            let Some(peer) = peer.as_ref().filter(|peer| peer.connected) else {
                continue;
            };
            window.legs += 1;
            if peer.manner == Manner::Listens {
                window.lost += ear.lost(counting.span);
            }
        }
        window.finish();
        window
    }
}

/// The sequence number of an RTP packet of Opus, by its header, which is in clear.
fn voice_sequence(packet: &[u8]) -> Option<u16> {
    match packet {
        [first, second, high, low, ..] if first >> 6 == 2 && second & 0x7F == 111 => {
            Some(u16::from_be_bytes([*high, *low]))
        }
        _ => None,
    }
}

fn now_ns() -> i64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

fn nanos(at: Timespec) -> i64 {
    at.tv_sec * 1_000_000_000 + at.tv_nsec
}
