//! The thread that sends and receives.

use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use anyhow::{Context, Result};
use media_core::rtp::{HEADER_BYTES, RtpPacket, RtpSender};
use rustix::event::epoll;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use super::sound::{FRAME_SAMPLES, Random, Sounds};
use super::window::{Delays, Ear, FRAME_NS, Span, Window, ms};
use super::{Answer, Ask, Config, IN_CALL, PAYLOAD_TYPE, Telephone};
use crate::machine::pin_this_thread;

/// The 20 ms are divided in so many slots; telephone *n* sends in slot *n* modulo this.
const SLOTS: usize = 20;
const SLOT_NS: i64 = FRAME_NS / 20;
/// How long after its end a window takes packets that were due in it.
const GRACE_NS: i64 = 300_000_000;
/// Slots that are made up for; older ones are left out.
const CATCH_UP_SLOTS: u64 = 500;
/// Sockets asked for at a time.
const BATCH: usize = 256;
/// Mark of the timer among the sockets.
const TIMER: u64 = u64::MAX;
/// Time between one mark's return and the next mark: so much, and a random part.
const MARK_PAUSE_NS: i64 = 110_000_000;
const MARK_PAUSE_RANDOM_NS: u32 = 70_000_000;
/// A mark that has not come back by then is missed.
const MARK_WAIT_NS: i64 = 1_000_000_000;
/// A mark may be split over two packets: what comes so soon after it is no stray.
const MARK_TAIL_NS: i64 = 45_000_000;
/// Marks for which there is room.
const MARKS_MAX: usize = 16_384;
const FRAME_STEP: u32 = 160;
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

/// What one telephone keeps about its sending.
struct Mouth {
    sender: RtpSender,
    frame: usize,
}

/// Marks on their way.
struct Marks {
    end_ns: i64,
    next_ns: i64,
    /// Who says the next.
    speaker: usize,
    /// When it was said.
    said_ns: Option<i64>,
    returned_ns: i64,
    random: Random,
    delays: Delays,
}

struct Counting {
    span: Span,
    window: Window,
}

pub(super) struct Worker {
    config: Config,
    telephones: Arc<[Telephone]>,
    asks: Receiver<Ask>,
    answers: SyncSender<Answer>,
    stop: Arc<AtomicBool>,
    epoll: OwnedFd,
    timer: OwnedFd,
    sounds: Sounds,
    mouths: Vec<Mouth>,
    ears: Vec<Ear>,
    slot: usize,
    /// When the sockets were last empty: what is read now came after that.
    emptied_ns: i64,
    counting: Option<Counting>,
    marks: Option<Marks>,
    /// Filled in beforehand, so that nothing is allocated while marks are measured.
    spare_delays: Vec<u64>,
}

impl Worker {
    pub(super) fn new(
        config: Config,
        telephones: Arc<[Telephone]>,
        asks: Receiver<Ask>,
        answers: SyncSender<Answer>,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("no epoll")?;
        for (leg, telephone) in telephones.iter().enumerate() {
            let data = epoll::EventData::new_u64(leg as u64);
            epoll::add(&epoll, &telephone.socket, data, epoll::EventFlags::IN)?;
        }
        let flags = TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).context("no timerfd")?;
        if config.prompt {
            let data = epoll::EventData::new_u64(TIMER);
            epoll::add(&epoll, &timer, data, epoll::EventFlags::IN)?;
        }
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let mouths = (0..telephones.len()).map(|leg| Mouth {
            sender: RtpSender::new(random.bits(), 0, random.bits()),
            frame: leg * 7,
        });
        Ok(Self {
            mouths: mouths.collect(),
            ears: vec![Ear::default(); telephones.len()],
            sounds: Sounds::new(config.talkers),
            config,
            telephones,
            asks,
            answers,
            stop,
            epoll,
            timer,
            slot: 0,
            emptied_ns: 0,
            counting: None,
            marks: None,
            spare_delays: Vec::with_capacity(MARKS_MAX),
        })
    }

    pub(super) fn run(mut self) -> Result<()> {
        pin_this_thread(self.config.core)?;
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
        while !self.stop.load(Ordering::Relaxed) {
            let due = if self.config.prompt {
                self.wait_for_anything()?
            } else {
                self.wait_for_timer()?
            };
            let skipped = due.saturating_sub(CATCH_UP_SLOTS);
            self.skip(skipped);
            planned_ns += i64::try_from(skipped)? * SLOT_NS;
            for _ in skipped..due {
                planned_ns += SLOT_NS;
                self.send_slot(now_ns() - planned_ns);
            }
            if !self.config.prompt {
                self.note_gap();
                self.receive_all()?;
            }
            self.emptied_ns = now_ns();
            if due > 0 {
                self.take_turns(planned_ns);
            }
        }
        Ok(())
    }

    /// Slots that have come due.
    fn wait_for_timer(&self) -> Result<u64> {
        let mut count = [0; 8];
        match rustix::io::read(&self.timer, &mut count) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(rustix::io::Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn wait_for_anything(&mut self) -> Result<u64> {
        let mut ready = [NOTHING; BATCH];
        let count = match epoll::wait(&self.epoll, &mut ready[..], None) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut due = 0;
        for event in ready.iter().take(count) {
            match event.data.u64() {
                TIMER => due = self.wait_for_timer()?,
                leg => self.receive(usize::try_from(leg)?),
            }
        }
        Ok(due)
    }

    fn note_gap(&mut self) {
        let now = now_ns();
        let counting = self.counting.as_mut();
        if let Some(counting) = counting.filter(|c| now >= c.span.begin_ns && now < c.span.end_ns) {
            counting.window.note_gap(now - self.emptied_ns);
        }
    }

    fn receive_all(&mut self) -> Result<()> {
        let mut ready = [NOTHING; BATCH];
        // Bounded, so that a server that sends without end cannot keep this thread from sending.
        for _ in 0..=self.telephones.len() / BATCH * 2 + 2 {
            let count = match epoll::wait(&self.epoll, &mut ready[..], Some(&NO_WAIT)) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in ready.iter().take(count) {
                self.receive(usize::try_from(event.data.u64())?);
            }
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }

    // -- sending

    fn send_slot(&mut self, behind_ns: i64) {
        let counts = self.note_behind(behind_ns);
        let mut leg = self.slot;
        self.slot = (self.slot + 1) % SLOTS;
        while let (Some(telephone), Some(mouth)) =
            (self.telephones.get(leg), self.mouths.get_mut(leg))
        {
            if telephone.state.load(Ordering::Acquire) == IN_CALL {
                let mut packet = [0; HEADER_BYTES + FRAME_SAMPLES];
                let (header, payload) = packet.split_at_mut(HEADER_BYTES);
                header.copy_from_slice(&mouth.sender.next_header(PAYLOAD_TYPE, FRAME_STEP));
                let said = marked(self.marks.as_mut(), leg);
                payload.copy_from_slice(if said {
                    self.sounds.mark()
                } else {
                    self.sounds.frame(leg, mouth.frame)
                });
                mouth.frame += 1;
                let sent = telephone.socket.send(&packet).is_ok();
                if let Some(counting) = self.counting.as_mut().filter(|_| counts) {
                    counting.window.sent += u64::from(sent);
                    counting.window.send_errors += u64::from(!sent);
                }
            }
            leg += SLOTS;
        }
    }

    /// Leaves slots out, when the thread was held up for so long that catching up would only hold it up further.
    fn skip(&mut self, slots: u64) {
        if slots == 0 {
            return;
        }
        let left = usize::try_from(slots % 20).unwrap_or(0);
        self.slot = (self.slot + left) % SLOTS;
        if let Some(counting) = &mut self.counting {
            counting.window.load_skipped_ms += slots;
        }
    }

    /// Notes how far behind its timer the sender is; whether what is sent now counts.
    fn note_behind(&mut self, behind_ns: i64) -> bool {
        let behind_ms = ms(behind_ns);
        if let Some(marks) = &mut self.marks {
            marks.delays.load_late_max_ms = marks.delays.load_late_max_ms.max(behind_ms);
        }
        let now = now_ns();
        let counting = self.counting.as_mut();
        let Some(counting) = counting.filter(|c| now >= c.span.begin_ns && now < c.span.end_ns)
        else {
            return false;
        };
        let window = &mut counting.window;
        window.load_late_max_ms = window.load_late_max_ms.max(behind_ms);
        true
    }

    // -- receiving

    fn receive(&mut self, leg: usize) {
        let (Some(telephone), Some(ear)) = (self.telephones.get(leg), self.ears.get_mut(leg))
        else {
            return;
        };
        let mut datagram = [0; 2_048];
        let Some(length) = read(&telephone.socket, &mut datagram) else {
            return;
        };
        let Ok(packet) = RtpPacket::parse(datagram.get(..length).unwrap_or_default()) else {
            return;
        };
        if packet.payload_type != PAYLOAD_TYPE || telephone.state.load(Ordering::Acquire) != IN_CALL
        {
            return;
        }
        let at_ns = now_ns();
        if let Some(counting) = &mut self.counting {
            let span = counting.span;
            if let Some(late_ns) = ear.hear(packet.sequence, self.emptied_ns, at_ns, span) {
                counting.window.note_lateness(late_ns);
            }
        }
        if let Some(marks) = &mut self.marks
            && leg == (marks.speaker + 1) % self.telephones.len()
            && self.sounds.has_mark(packet.payload)
        {
            marks.heard(at_ns, self.telephones.len());
        }
    }

    // -- between slots

    /// Takes what is asked, and answers what is over.
    fn take_turns(&mut self, planned_ns: i64) {
        if let Some(counting) = self
            .counting
            .take_if(|c| planned_ns >= c.span.end_ns + GRACE_NS)
        {
            let answer = Answer::Window(Box::new(self.sum_up(counting)));
            // The asker may have gone.
            let _ = self.answers.try_send(answer);
        }
        if let Some(marks) = &mut self.marks {
            if marks
                .said_ns
                .is_some_and(|said| planned_ns - said > MARK_WAIT_NS)
            {
                marks.said_ns = None;
                marks.delays.missed += 1;
            }
            if planned_ns >= marks.end_ns
                && marks.said_ns.is_none()
                && let Some(marks) = self.marks.take()
            {
                let _ = self.answers.try_send(Answer::Marks(marks.delays));
            }
        }
        match self.asks.try_recv() {
            Ok(Ask::Window { warm_up, length }) => {
                self.ears.fill(Ear::default());
                let begin_ns = planned_ns + nanos_of(warm_up);
                self.counting = Some(Counting {
                    span: Span {
                        begin_ns,
                        end_ns: begin_ns + nanos_of(length),
                    },
                    window: Window::new(length),
                });
            }
            Ok(Ask::Marks { length }) => {
                let delays_us = std::mem::take(&mut self.spare_delays);
                self.marks = Some(Marks {
                    end_ns: planned_ns + nanos_of(length),
                    next_ns: planned_ns + MARK_PAUSE_NS,
                    speaker: 0,
                    said_ns: None,
                    returned_ns: 0,
                    random: Random(0xD1B5_4A32_D192_ED03),
                    delays: Delays {
                        delays_us,
                        ..Delays::default()
                    },
                });
            }
            Err(_) => {}
        }
    }

    fn sum_up(&self, counting: Counting) -> Window {
        let mut window = counting.window;
        for (telephone, ear) in self.telephones.iter().zip(&self.ears) {
            if telephone.state.load(Ordering::Acquire) == IN_CALL {
                window.legs += 1;
                window.lost += ear.lost(counting.span);
            }
        }
        window.finish();
        window
    }
}

const NOTHING: epoll::Event = epoll::Event {
    flags: epoll::EventFlags::empty(),
    data: epoll::EventData::new_u64(0),
};

/// Whether this telephone says the mark now.
fn marked(marks: Option<&mut Marks>, leg: usize) -> bool {
    let Some(marks) = marks else { return false };
    let now = now_ns();
    let due = leg == marks.speaker && marks.said_ns.is_none() && now >= marks.next_ns;
    if due && now < marks.end_ns {
        marks.said_ns = Some(now);
        return true;
    }
    false
}

impl Marks {
    fn heard(&mut self, at_ns: i64, telephones: usize) {
        let Some(said) = self.said_ns.take() else {
            if at_ns - self.returned_ns > MARK_TAIL_NS {
                self.delays.strays += 1;
            }
            return;
        };
        if self.delays.delays_us.len() < self.delays.delays_us.capacity() {
            let us = u64::try_from((at_ns - said) / 1_000).unwrap_or(0);
            self.delays.delays_us.push(us);
        }
        self.returned_ns = at_ns;
        let pause = i64::from(self.random.bits() % MARK_PAUSE_RANDOM_NS);
        self.next_ns = at_ns + MARK_PAUSE_NS + pause;
        // Seven is prime to the usual numbers of telephones: all phases get their turn.
        self.speaker = (self.speaker + 7) % telephones;
    }
}

fn read(socket: &UdpSocket, datagram: &mut [u8]) -> Option<usize> {
    // An ICMP error of an earlier packet shows in the count of what is lost.
    socket.recv(datagram).ok()
}

fn now_ns() -> i64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

fn nanos(at: Timespec) -> i64 {
    at.tv_sec * 1_000_000_000 + at.tv_nsec
}

fn nanos_of(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX / 4)
}
