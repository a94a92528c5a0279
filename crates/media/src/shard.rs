//! A media thread: its conferences, sockets and timer.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use media_core::SampleClock;
use media_core::mixer::SlotId;
use media_core::rtp::MAX_PACKET_BYTES;
use media_core::wide::Wide;
use rtrb::{Consumer, Producer};
use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use crate::conference::Conference;
use crate::config::{Counters, StartError};
use crate::leg::{Heard, Leg};
use crate::queue::{Bell, ConferenceNumber, LegNumber, Notice, Order, Stream};
use crate::seat::Member;
use crate::web::{Arrival, Renewal, Transport, WebLeg};

/// Conferences tick in this many phases of the 20 ms, and sockets are read as often.
const PHASES: usize = 8;
/// One phase: 2.5 ms.
const PHASE_NS: i64 = 2_500_000;
/// The same in samples.
const PHASE_SAMPLES: u32 = 20;
/// Phases that are made up for when the thread was held up (100 ms); older ones are left out.
const MAX_CATCH_UP: u64 = 40;
/// Sockets asked for at a time.
const BATCH: usize = 256;
/// Packets of one browser's transport that are read in each phase: voice is one in eight phases, the rest is for handshakes.
const WEB_BUDGET: usize = 4;
/// Browsers that have not connected yet and are read in each phase: what a handshake costs (half a millisecond of signatures)
/// must not make others' voice late.
const HANDSHAKES: usize = 4;
/// Room kept in the notice queue for the answer to each order.
const ORDER_ROOM: usize = 3;
/// How soon a thread looks again whether its notices were taken: 10 ms.
const STALLED_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};
const NO_WAIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

pub(crate) struct Shard {
    pub orders: Consumer<Order>,
    pub order_bell: Bell,
    pub notices: Producer<Notice>,
    pub notice_bell: Bell,
    pub stop: Arc<AtomicBool>,
    pub counters: Arc<Counters>,
    epoll: OwnedFd,
    timer: OwnedFd,
    ticking: bool,
    /// Local time in samples, and the phase that comes next.
    clock: SampleClock,
    phase: usize,
    /// The time for the sessions of browsers; read once a phase, while there are any.
    now: Instant,
    webs: usize,
    legs: Vec<Option<Member>>,
    free_legs: Vec<usize>,
    leg_places: HashMap<LegNumber, usize>,
    conferences: Vec<Option<Box<Conference>>>,
    free_conferences: Vec<usize>,
    conference_places: HashMap<ConferenceNumber, usize>,
    phases: [Vec<usize>; PHASES],
    phase_legs: [usize; PHASES],
    connected: usize,
    /// Places of browsers' legs that have not connected and have something to say, of one phase.
    knocking: Vec<usize>,
    /// Which of them was read last.
    served: usize,
    told: bool,
}

impl Shard {
    pub(crate) fn new(
        orders: Consumer<Order>,
        order_bell: Bell,
        notices: Producer<Notice>,
        notice_bell: Bell,
        stop: Arc<AtomicBool>,
        counters: Arc<Counters>,
    ) -> Result<Self, StartError> {
        let failed = |what| {
            move |error: rustix::io::Errno| StartError::System {
                what,
                error: error.into(),
            }
        };
        Ok(Self {
            orders,
            order_bell,
            notices,
            notice_bell,
            stop,
            counters,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed("an epoll"))?,
            timer: timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
            )
            .map_err(failed("a timerfd"))?,
            ticking: false,
            clock: 0,
            phase: 0,
            now: instant(),
            webs: 0,
            legs: Vec::new(),
            free_legs: Vec::new(),
            leg_places: HashMap::new(),
            conferences: Vec::new(),
            free_conferences: Vec::new(),
            conference_places: HashMap::new(),
            phases: std::array::from_fn(|_| Vec::new()),
            phase_legs: [0; PHASES],
            connected: 0,
            knocking: Vec::new(),
            served: 0,
            told: false,
        })
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        while !self.stop.load(Ordering::Acquire) {
            // Without room for answers no order is taken; the queue then fills and commands are refused.
            let stalled = !self.take_orders();
            if std::mem::take(&mut self.told) {
                self.notice_bell.ring();
            }
            let (rung, due) = self.wait(stalled);
            if rung {
                self.order_bell.quiet();
            }
            if due {
                self.pass_time();
            }
        }
    }

    /// Waits for an order or the timer.
    fn wait(&self, stalled: bool) -> (bool, bool) {
        let mut fds = [
            PollFd::new(&self.timer, PollFlags::IN),
            PollFd::from_borrowed_fd(
                std::os::fd::AsFd::as_fd(&**self.order_bell.fd()),
                PollFlags::IN,
            ),
        ];
        match poll(&mut fds, stalled.then_some(&STALLED_WAIT)) {
            Ok(_) => (!fds[1].revents().is_empty(), !fds[0].revents().is_empty()),
            // Interrupted by a signal: look again.
            Err(_) => (true, false),
        }
    }

    /// Runs the phases that are due.
    fn pass_time(&mut self) {
        let mut count = [0_u8; 8];
        let Ok(8) = rustix::io::read(&self.timer, &mut count) else {
            return;
        };
        let due = u64::from_ne_bytes(count);
        Counters::add(&self.counters.timer_wakes, 1);
        if due > 1 {
            self.counters
                .latest_ms
                .fetch_max((due - 1) * 5 / 2, Ordering::Relaxed);
        }
        if due > MAX_CATCH_UP {
            Counters::add(&self.counters.skipped_ticks, due - MAX_CATCH_UP);
        }
        if self.webs > 0 {
            self.now = instant();
        }
        for _ in 0..due.min(MAX_CATCH_UP) {
            self.clock = self.clock.wrapping_add(PHASE_SAMPLES);
            self.phase = (self.phase + 1) % PHASES;
            self.read_sockets();
            self.tick_phase();
        }
    }

    fn read_sockets(&mut self) {
        let mut buffer = [0; MAX_PACKET_BYTES];
        let nothing = epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        };
        let mut ready = [nothing; BATCH];
        self.knocking.clear();
        // Each socket is read once in each phase, so a flood on one of them cannot hold up the others; the number of
        // rounds is bounded as well, since sockets with more to read come back at once.
        for _ in 0..self.connected.div_ceil(BATCH) {
            let Ok(count) = epoll::wait(&self.epoll, &mut ready[..], Some(&NO_WAIT)) else {
                break;
            };
            for event in &ready[..count] {
                let place = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                match self.legs.get(place) {
                    Some(Some(Member::Web(leg))) if leg.is_connecting() => {
                        self.knocking.push(place);
                    }
                    _ => self.read(place, &mut buffer),
                }
            }
            if count < BATCH {
                break;
            }
        }
        self.shake_hands(&mut buffer);
    }

    /// Reads some of those that have not connected yet, in turns: whoever never connects keeps nobody else from it.
    fn shake_hands(&mut self, buffer: &mut [u8; MAX_PACKET_BYTES]) {
        let mut knocking = std::mem::take(&mut self.knocking);
        knocking.sort_unstable();
        knocking.dedup();
        let next = knocking.partition_point(|place| *place <= self.served);
        knocking.rotate_left(next);
        for &place in knocking.iter().take(HANDSHAKES) {
            self.served = place;
            self.read(place, buffer);
        }
        self.knocking = knocking;
    }

    /// Reads what has come for the leg at this place.
    fn read(&mut self, place: usize, buffer: &mut [u8; MAX_PACKET_BYTES]) {
        let Some(member) = self.legs.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let mut key = match member {
            Member::Phone(leg) => match leg.receive(self.clock, buffer, &self.counters) {
                Heard::Key(key) => Some(key),
                Heard::Nothing => None,
            },
            Member::Web(leg) => {
                let at = (self.clock, self.now);
                leg.receive(at, WEB_BUDGET, buffer, &self.counters);
                leg.take_key()
            }
        };
        while let Some(pressed) = key {
            let notice = Notice::Key(member.seat().number, pressed);
            if self.notices.push(notice).is_ok() {
                self.told = true;
            } else {
                Counters::add(&self.counters.keys_dropped, 1);
            }
            key = match member {
                Member::Phone(_) => None,
                Member::Web(leg) => leg.take_key(),
            };
        }
    }

    fn tick_phase(&mut self) {
        for &place in &self.phases[self.phase] {
            if let Some(conference) = self.conferences[place].as_deref_mut() {
                self.told |= conference.tick(
                    &mut self.legs,
                    self.clock,
                    self.now,
                    &mut self.notices,
                    &self.counters,
                );
            }
        }
    }

    /// Takes orders while their answers have room; false if some had to wait.
    fn take_orders(&mut self) -> bool {
        loop {
            if self.notices.slots() < ORDER_ROOM {
                return self.orders.is_empty();
            }
            let Ok(order) = self.orders.pop() else {
                return true;
            };
            match order {
                Order::Open(leg) => self.open(leg),
                Order::Connect(leg, stream) => self.connect(leg, stream),
                Order::OpenWeb(leg, answer, wide) => self.open_web(leg, answer, wide),
                Order::Reoffer(leg, transport, answer) => self.reoffer(leg, transport, answer),
                Order::Renew(leg, renewal, answer) => self.renew(leg, *renewal, answer),
                Order::Accept(leg, arrival) => self.accept(leg, arrival),
                Order::Play(leg, player) => {
                    self.with_leg(leg, |leg, _| leg.seat_mut().play(player));
                }
                Order::Join(leg) => self.with_leg(leg, |leg, conference| {
                    leg.join();
                    if let Some(slot) = leg.seat().slot {
                        conference.mixer.set_isolated(slot, false);
                    }
                }),
                Order::Mute(leg, on) => self.with_leg(leg, |leg, conference| {
                    leg.seat_mut().muted = on;
                    if let Some(slot) = leg.seat().slot {
                        conference.mixer.set_muted(slot, on);
                    }
                }),
                Order::Close(leg) => self.close(leg),
            }
        }
    }

    fn tell(&mut self, notice: Notice) {
        if self.notices.push(notice).is_err() {
            tracing::error!("an answer found no room in the queue of media events");
        }
        self.told = true;
    }

    fn with_leg(&mut self, leg: LegNumber, act: impl FnOnce(&mut Member, &mut Conference)) {
        let Some(&place) = self.leg_places.get(&leg) else {
            return;
        };
        let Some(leg) = self.legs[place].as_mut() else {
            return;
        };
        let Some(&conference) = self.conference_places.get(&leg.seat().conference) else {
            return;
        };
        if let Some(conference) = self.conferences[conference].as_deref_mut() {
            act(leg, conference);
        }
    }

    fn open(&mut self, leg: Box<Leg>) {
        let (number, port) = (leg.seat.number, leg.port());
        self.seat(Member::Phone(leg));
        self.tell(Notice::Opened(number, port));
    }

    /// Gives a new leg its place; returns it and that of its conference.
    fn seat(&mut self, member: Member) -> (usize, usize) {
        let (number, conference) = (member.seat().number, member.seat().conference);
        let conference = self.conference_place(conference);
        if let Some(conference) = self.conferences[conference].as_deref_mut() {
            conference.opened += 1;
        }
        let place = put(&mut self.legs, &mut self.free_legs, member);
        self.leg_places.insert(number, place);
        (place, conference)
    }

    fn open_web(&mut self, leg: Box<WebLeg>, answer: String, wide: Option<Box<Wide>>) {
        let number = leg.seat.number;
        let (place, conference_place) = self.seat(Member::Web(leg));
        // A session's clock starts with it.
        self.now = instant();
        self.webs += 1;
        if let Some(conference) = self.conferences[conference_place].as_deref_mut() {
            if let Some(wide) = wide {
                conference.mixer.widen(wide);
            }
            if let (Some(Member::Web(leg)), Some(slot)) =
                (&mut self.legs[place], conference.mixer.add_wide())
            {
                leg.seat.slot = Some(slot);
                watch(&self.epoll, place, leg.socket());
                self.take_seat(place, conference_place, number, slot, false);
            }
        }
        self.tell(Notice::OpenedWeb(number, answer));
    }

    fn reoffer(&mut self, number: LegNumber, transport: Box<Transport>, answer: String) {
        let place = self.leg_places.get(&number).copied();
        let leg = place.and_then(|place| Some((place, self.legs[place].as_mut()?)));
        let Some((place, Member::Web(leg))) = leg else {
            self.tell(Notice::Retired(transport));
            return;
        };
        self.now = instant();
        watch(&self.epoll, place, transport.socket());
        if let Some(unused) = leg.reoffer(transport) {
            self.tell(Notice::Retired(unused));
        }
        self.tell(Notice::OpenedWeb(number, answer));
    }

    fn renew(&mut self, number: LegNumber, renewal: Renewal, answer: String) {
        self.now = instant();
        let place = self.leg_places.get(&number);
        let goes_on = match place.map(|&place| &mut self.legs[place]) {
            Some(Some(Member::Web(leg))) => leg.renew(renewal, self.now, &self.counters),
            _ => true,
        };
        self.tell(match goes_on {
            true => Notice::OpenedWeb(number, answer),
            // An answer would have the browser wait for a connection that never comes.
            false => Notice::Ended(number),
        });
    }

    fn accept(&mut self, number: LegNumber, arrival: Arrival) {
        let place = self.leg_places.get(&number).copied();
        let leg = place.and_then(|place| Some((place, self.legs[place].as_mut()?)));
        if let Some((place, Member::Web(leg))) = leg
            && let Some(peer) = leg.accept(&arrival.ufrag, arrival.peer)
        {
            watch(&self.epoll, place, peer.socket());
            // Its first request has been read already, so the socket may have nothing to say.
            self.now = instant();
            let (at, mut buffer) = ((self.clock, self.now), [0; MAX_PACKET_BYTES]);
            leg.receive(at, WEB_BUDGET, &mut buffer, &self.counters);
        }
    }

    /// A leg is connected: it ticks with its conference from now on.
    fn take_seat(
        &mut self,
        place: usize,
        conference_place: usize,
        number: LegNumber,
        slot: SlotId,
        is_phone: bool,
    ) {
        let Some(conference) = self.conferences[conference_place].as_deref_mut() else {
            return;
        };
        if conference.by_slot.len() <= slot.index() {
            conference.by_slot.resize(slot.index() + 1, 0);
        }
        conference.by_slot[slot.index()] = number;
        if conference.is_empty() {
            let loads = self.phase_legs.iter().enumerate();
            conference.phase = loads
                .min_by_key(|(_, legs)| **legs)
                .map_or(0, |(phase, _)| phase);
            self.phases[conference.phase].push(conference_place);
        }
        if is_phone {
            conference.phones.push(place);
        } else {
            conference.webs.push(place);
        }
        self.phase_legs[conference.phase] += 1;
        self.connected += 1;
        self.set_timer();
    }

    fn conference_place(&mut self, number: ConferenceNumber) -> usize {
        if let Some(&place) = self.conference_places.get(&number) {
            return place;
        }
        let fresh = Box::new(Conference::new());
        let place = put(&mut self.conferences, &mut self.free_conferences, fresh);
        self.conference_places.insert(number, place);
        place
    }

    fn connect(&mut self, number: LegNumber, stream: Stream) {
        let Some(&place) = self.leg_places.get(&number) else {
            return;
        };
        let Some(Member::Phone(leg)) = self.legs[place].as_mut() else {
            return;
        };
        let Some(&conference_place) = self.conference_places.get(&leg.seat.conference) else {
            return;
        };
        let Some(conference) = self.conferences[conference_place].as_deref_mut() else {
            return;
        };
        leg.connect(stream);
        if let Some(slot) = leg.seat.slot {
            conference.mixer.set_law(slot, stream.law);
            return;
        }
        let slot = conference.mixer.add(stream.law);
        conference.mixer.set_muted(slot, leg.seat.muted);
        conference.mixer.set_isolated(slot, !leg.seat.joined);
        leg.seat.slot = Some(slot);
        watch(&self.epoll, place, leg.socket());
        self.take_seat(place, conference_place, number, slot, true);
    }

    fn close(&mut self, number: LegNumber) {
        let Some(place) = self.leg_places.remove(&number) else {
            return;
        };
        let Some(mut member) = self.legs[place].take() else {
            return;
        };
        self.free_legs.push(place);
        if let Some(&conference_place) = self.conference_places.get(&member.seat().conference)
            && let Some(conference) = self.conferences[conference_place].as_deref_mut()
        {
            if let Some(slot) = member.seat().slot {
                unwatch(&self.epoll, &member);
                conference.mixer.remove(slot);
                conference.phones.retain(|&p| p != place);
                conference.webs.retain(|&p| p != place);
                self.phase_legs[conference.phase] -= 1;
                self.connected -= 1;
                if conference.is_empty() {
                    self.phases[conference.phase].retain(|&p| p != conference_place);
                }
            }
            conference.opened -= 1;
            if conference.opened == 0 {
                self.conference_places.remove(&member.seat().conference);
                self.conferences[conference_place] = None;
                self.free_conferences.push(conference_place);
            }
        }
        if let Member::Web(leg) = &mut member {
            self.webs -= 1;
            leg.close(instant(), &self.counters);
        }
        let stats = member.summary();
        self.tell(Notice::Closed(member, stats));
        self.set_timer();
    }

    /// The timer runs while a leg is connected, and only then.
    fn set_timer(&mut self) {
        let wanted = self.connected > 0;
        if wanted == self.ticking {
            return;
        }
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let spec = if wanted {
            let now = clock_gettime(ClockId::Monotonic);
            let step = Timespec {
                tv_sec: 0,
                tv_nsec: PHASE_NS,
            };
            Itimerspec {
                it_interval: step,
                it_value: now + step,
            }
        } else {
            Itimerspec {
                it_interval: zero,
                it_value: zero,
            }
        };
        match timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec) {
            Ok(_) => self.ticking = wanted,
            Err(error) => {
                let error = io::Error::from(error);
                tracing::error!(%error, "the timer of a media thread cannot be set");
            }
        }
    }
}

/// Reads the sockets of a leg from now on.
fn watch(epoll: &OwnedFd, place: usize, socket: impl AsFd) {
    let data = epoll::EventData::new_u64(place as u64);
    if let Err(error) = epoll::add(epoll, socket, data, epoll::EventFlags::IN) {
        tracing::error!(%error, "a leg's socket cannot be watched; nothing will be heard of it");
    }
}

fn unwatch(epoll: &OwnedFd, member: &Member) {
    let forget = |socket: std::os::fd::BorrowedFd<'_>| {
        if let Err(error) = epoll::delete(epoll, socket) {
            tracing::debug!(%error, "a leg's socket was not watched");
        }
    };
    match member {
        Member::Phone(leg) => forget(leg.socket().as_fd()),
        Member::Web(leg) => {
            for transport in leg.transports() {
                forget(transport.socket().as_fd());
                for peer in transport.peers() {
                    forget(peer.socket().as_fd());
                }
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: the sessions of browsers want the time, which nothing above this thread could hand in"
)]
fn instant() -> Instant {
    Instant::now()
}

fn put<T>(table: &mut Vec<Option<T>>, free: &mut Vec<usize>, value: T) -> usize {
    if let Some(place) = free.pop() {
        table[place] = Some(value);
        return place;
    }
    table.push(Some(value));
    table.len() - 1
}
